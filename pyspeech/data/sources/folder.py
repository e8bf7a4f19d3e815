"""A corpus without a table: the folders of its audio files, or texts beside them, say what they hold."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from lhotse import MonoCut

from pyspeech.data.audio_files import NOT_READ
from pyspeech.data.sources.dividing import Task, divided
from pyspeech.data.sources.reading import Entry, cut_of_file, lines_of, on_disk, read, with_ids
from pyspeech.data.splits import DEV, KINDS, TEST, TRAIN, in_order, kind_of, split_name, usual_name
from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.lang.reading import Unsure
from pyspeech.lang.words import words_of

AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".sph")  # what libsndfile reads
TEXTS = (".txt", ".lab")
LISTS = {"validation_list.txt": DEV, "testing_list.txt": TEST}  # of Speech Commands (arXiv:1804.03209)
TAKE = "_nohash_"  # there, between the speaker and the number of the take


@dataclass(frozen=True)
class Folder:
    """Audio files below a folder, of which those and the folders that start with "." or "_" are left alone.

    Top folders that are called train and dev or test, or another usual name of these (``test_clean``), are the splits,
    and then others beside them too. So are the lists of Speech Commands (``validation_list.txt``,
    ``testing_list.txt``). What of dev and test there is none of is held out of train, see
    :func:`pyspeech.data.sources.dividing.divided`.

    Args:
        task: "classification": the top folder, within that of the split if any, is the label, ``yes/a.wav``.
            "verification": it is the speaker, ``id10001/session/00001.wav``.
            "recognition": ``a.txt`` or ``a.lab`` beside ``a.wav`` is what was said; where there are several top
            folders, they are the speakers.
        root: Path below the corpus to begin at: "wav" for VoxCeleb.
        language: Texts become the words of :func:`pyspeech.lang.words.words_of` it; None keeps them as they are.
    """

    task: Task
    root: str = ""
    language: str | None = None

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits, train first.

        Tells on stderr of audio that is left out as it cannot be read, and what of texts is not surely said as it is.
        """
        tell_not_read(corpus.absolute() / self.root)
        unsure = Unsure()
        entries = self._entries(corpus, unsure)
        for line in unsure.lines():
            click.echo(f"{corpus.absolute() / self.root}: {line}", err=True)
        return in_order(entry.split for entry in entries)

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Yield the utterances of one split in the order of their paths."""
        return read([entry for entry in self._entries(corpus) if entry.split == split], split, cut_of_file)

    def _entries(self, corpus: Path, unsure: Unsure | None = None) -> list[Entry]:
        words = str.split if self.language is None else words_of(self.language, unsure)
        root = existing(corpus.absolute() / self.root, "folder of audio")
        paths = audio_paths(root)
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
        if self.task == "recognition" and len({entry.speaker for entry in entries}) == 1:
            entries = [replace(entry, speaker="") for entry in entries]  # "wavs" is no speaker
        return divided(with_ids(entries), self.task)

    def _entry(self, path: Path, split: str, top: str, words: Callable[[str], list[str]]) -> Entry:
        if self.task == "recognition":
            text, fault = _text_beside(path)
            return Entry(path, " ".join(words(text)), top, split=split, fault=fault)
        fault = "" if top else "lies in no folder that would name its label or speaker"
        if self.task == "verification":
            return Entry(path, speaker=top, split=split, fault=fault)
        speaker = path.stem.partition(TAKE)[0] if TAKE in path.stem else ""
        return Entry(path, top, speaker, split=split, fault=fault)


def audio_paths(root: Path) -> list[Path]:
    """Paths from ``root`` on, in order; a folder may be a link, which ``rglob`` would pass over, but is seen once."""
    return _paths(root, AUDIO)


def tell_not_read(root: Path) -> None:
    """Tell on stderr how many files below ``root`` are audio that cannot be read, if there are any."""
    if paths := _paths(root, NOT_READ):
        kinds = ", ".join(sorted({path.suffix.lower() for path in paths}))
        click.echo(
            f"{root}: left out {len(paths)} files of a kind that is not read ({kinds}), such as {paths[0]}; "
            "convert them to .wav or .flac, as ffmpeg does",
            err=True,
        )


def _paths(root: Path, endings: Collection[str]) -> list[Path]:
    found: list[Path] = []
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        paths = (Path(folder, name) for name in files if name[0] != ".")
        found += [path.relative_to(root) for path in paths if path.suffix.lower() in endings]
    return sorted(found)


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
            if not (found := [path for path in paths if root / path in listed]):
                raise UserError(f"{root / name} names no audio file of {root}; mend or remove it")
            splits.update(dict.fromkeys(found, split))
    return splits


def _text_beside(path: Path) -> tuple[str, str]:
    """Pair (text, fault): one of them is empty."""
    for file in map(path.with_suffix, TEXTS):
        if file.is_file():
            try:
                return " ".join(lines_of(file)), ""
            except UserError as error:
                return "", f"cannot be used: {error}"
    return "", f"has no text beside it ({' or '.join(TEXTS)})"
