"""A corpus without a table: the folders of its audio files, or texts beside them, say what they hold."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lhotse import MonoCut

from pyspeech.corpora.corpus import recording_of
from pyspeech.corpora.left_out import tell, tell_left_out
from pyspeech.corpora.sources.dividing import Task, placed
from pyspeech.corpora.sources.reading import (
    Entry,
    cut_of_file,
    lines_of,
    on_disk,
    read,
    tell_marks,
    with_speakers,
)
from pyspeech.corpora.splits import DEV, KINDS, TEST, TRAIN, in_order, kind_of, split_name, usual_name
from pyspeech.data.audio_files import AUDIO, NOT_READ
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.lang.marks import marks_of
from pyspeech.lang.reading import Unsure
from pyspeech.lang.words import words_of

TEXTS = (".txt", ".lab")
LISTS = {"validation_list.txt": DEV, "testing_list.txt": TEST}  # of Speech Commands (arXiv:1804.03209)
TWO_NUMBERS = re.compile(r"\s*(\d+)\s+(\d+)\s+(?=\S)")
SAMPLE_NUMBERS, TIMIT_HZ, MOST_OF_IT = "two sample numbers", 16000, 0.8
TIMED = re.compile(r"\s*\d+(?:\.\d+)?[\s,;]+\d+(?:\.\d+)?(?:[\s,;]|$)")  # as HTK's and Audacity's labels
TAKE = "_nohash_"  # there, between the speaker and the number of the take


@dataclass(frozen=True)
class Folder:
    """Audio files below a folder, of which those and the folders that start with "." or "_" are left alone.

    Top folders that are called train and dev or test, or another usual name of these (``test_clean``), are the splits,
    and then others beside them too. So are the lists of Speech Commands (``validation_list.txt``,
    ``testing_list.txt``). What of dev and test there is none of is held out of train, see
    :func:`pyspeech.corpora.sources.dividing.divided`.

    Args:
        task: "classification": the top folder, within that of the split if any, is the label, ``yes/a.wav``.
            "verification": it is the speaker, ``id10001/session/00001.wav``.
            "recognition": ``a.txt`` or ``a.lab`` beside ``a.wav`` is what was said, without the two sample numbers
            before a text of TIMIT; where there are several top folders, they are the speakers.
        root: Path below the corpus to begin at: "wav" for VoxCeleb.
        language: Texts become the words of :func:`pyspeech.lang.words.words_of` it; None keeps them as they are.
        channel: Of recordings with several, the number of one, "mix" for their average, "each" for one utterance a
            channel; the first if empty.
    """

    task: Task
    root: str = ""
    language: str | None = None
    channel: str = ""

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits, train first.

        Tells on stderr what is left out of audio and of texts, and what of texts is not surely said as it is.
        """
        root = corpus.absolute() / self.root
        tell_not_read(root)
        if self.task == "recognition":
            _tell_texts_alone(root)
        unsure = Unsure()
        entries = self._all(root, unsure)
        tell_marks(root, entries)
        for line in unsure.lines():
            tell(f"{root}: {line}")
        return in_order(entry.split for entry in placed(entries, self.task))

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Yield the utterances of one split in the order of their paths."""
        return read(
            [entry for entry in self._entries(corpus) if entry.split == split], split, cut_of_file, self.channel
        )

    def _entries(self, corpus: Path) -> list[Entry]:
        return placed(self._all(corpus.absolute() / self.root), self.task)

    def _all(self, root: Path, unsure: Unsure | None = None) -> list[Entry]:
        words = str.split if self.language is None else words_of(self.language, unsure)
        paths = audio_paths(existing(root, "folder of audio"))
        if not paths:
            raise UserError(f"{root} holds no audio file; looked for {', '.join(AUDIO)}")
        folders = _split_folders(paths)
        splits = _lists(root, paths)
        entries = []
        for path in paths:
            split, below = splits.get(path, ""), path.parts
            if folders and len(below) > 1:
                split, below = split_name(below[0]), below[1:]
            entries.append(self._entry(root / path, split, below[0] if len(below) > 1 else "", words))
        return with_speakers(entries) if self.task == "recognition" else entries

    def _entry(self, path: Path, split: str, top: str, words: Callable[[str], list[str]]) -> Entry:
        if self.task == "recognition":
            text, fault = _text_beside(path)
            marks = () if self.language is None else tuple(marks_of(text))
            numbers = None if self.language is None else TWO_NUMBERS.match(text)
            if numbers and _are_samples(path, *map(int, numbers.groups())):
                text, marks = text[numbers.end() :], (*marks, SAMPLE_NUMBERS)
            return Entry(path, " ".join(words(text)), top, split=split, fault=fault, marks=marks)
        fault = "" if top else "lies in no folder that would name its label or speaker"
        if self.task == "verification":
            return Entry(path, speaker=top, split=split, fault=fault)
        speaker = path.stem.partition(TAKE)[0] if TAKE in path.stem else ""
        return Entry(path, top, speaker, split=split, fault=fault)


def _tell_texts_alone(root: Path) -> None:
    """Tell of texts in folders of audio that have no audio beside them."""
    audio = {path.with_suffix("") for path in _paths(root, (*AUDIO, *NOT_READ))}
    folders = {stem.parent for stem in audio}
    texts = [path for path in _paths(root, TEXTS) if path.parent in folders and path.with_suffix("") not in audio]
    tell_left_out(root, list(map(str, texts)), "texts without audio beside them")


def audio_paths(root: Path) -> list[Path]:
    """Paths from ``root`` on, in order; a folder may be a link, which ``rglob`` would pass over, but is seen once."""
    return _paths(root, AUDIO)


def tell_not_read(root: Path) -> None:
    """Tell on stderr how many files below ``root`` are audio that cannot be read, if there are any."""
    if paths := _paths(root, NOT_READ):
        kinds = ", ".join(sorted({path.suffix.lower() for path in paths}))
        advice = "convert them to .wav or .flac, as ffmpeg does"
        tell_left_out(root, list(map(str, paths)), f"files of a kind that is not read ({kinds})", advice)
    if root.is_dir():
        hidden = [each for each in sorted(root.iterdir()) if each.name[0] in "._" and each.is_dir()]
        audio = [str(each.relative_to(root) / path) for each in hidden for path in _paths(each, AUDIO)]
        tell_left_out(root, audio, "files of audio in folders that begin with . or _")


def _paths(root: Path, endings: Collection[str]) -> list[Path]:
    matching: list[Path] = []
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        paths = (Path(folder, name) for name in files if name[0] != ".")
        matching += [path.relative_to(root) for path in paths if path.suffix.lower() in endings]
    return sorted(matching)


def _split_folders(paths: Sequence[Path]) -> bool:
    """Whether top folders are splits. One called "train" among other labels is not: trains have a sound, too."""
    tops = {path.parts[0] for path in paths if len(path.parts) > 1}
    kinds = {kind_of(top) for top in tops} & set(KINDS)
    return TRAIN in kinds and (len(kinds) > 1 or {usual_name(top) for top in tops} == {TRAIN})


def _lists(root: Path, paths: Sequence[Path]) -> dict[Path, str]:
    """The splits of the paths that Speech Commands' lists name."""
    splits: dict[Path, str] = {}
    for name, split in LISTS.items():
        if (root / name).is_file():
            listed = {on_disk(line, root) for line in lines_of(root / name)}
            if not (named := [path for path in paths if root / path in listed]):
                raise UserError(f"{root / name} names no audio file of {root}; mend or remove it")
            splits.update(dict.fromkeys(named, split))
    return splits


def _text_beside(path: Path) -> tuple[str, str]:
    """Pair (text, fault): one of them is empty."""
    for file in map(path.with_suffix, (*TEXTS, *map(str.upper, TEXTS))):
        if file.is_file():
            try:
                lines = [line for line in lines_of(file) if line.strip()]
            except UserError as error:
                return "", f"cannot be used: {error}"
            if len(lines) > 1 and all(map(TIMED.match, lines)):
                return "", f"cannot be used: {file} holds times with its texts; give a table with columns of times"
            return " ".join(lines), ""
    return "", f"has no text beside it ({' or '.join(TEXTS)})"


@lru_cache(1 << 14)
def _are_samples(path: Path, start: int, end: int) -> bool:
    """Whether two numbers are of most of the samples in ``path``, or were before it was resampled from TIMIT's rate."""
    try:
        recording = recording_of(path)
    except UserError:  # which is told when it is read
        return False
    shares = [(end - start) / rate / recording.duration for rate in (recording.sampling_rate, TIMIT_HZ)]
    return any(MOST_OF_IT <= share <= 1 / MOST_OF_IT for share in shares)
