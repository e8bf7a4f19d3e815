"""VoxCeleb as its makers pack it (https://www.robots.ox.ac.uk/~vgg/data/voxceleb): ``<speaker>/<session>/<n>.wav``."""

import glob
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lhotse import MonoCut

from pyspeech.corpora.corpus import utterance
from pyspeech.corpora.left_out import tell
from pyspeech.corpora.sources.reading import lines_of, read
from pyspeech.corpora.splits import DEV, KINDS, TEST, TRAIN, divide
from pyspeech.errors import UserError
from pyspeech.speakers.trials import read_trials

META, TRIALS = "vox1_meta.csv", "veri_test.txt"
SPEAKER, SET = "VoxCeleb1 ID", "Set"  # columns of META, between tabs
SETS = {"dev": TRAIN, "test": TEST}  # its makers' dev is what trains
DEV_SPEAKERS, ONE_IN = (
    20,
    25,
)  # of those that train, so many at least (but no more than a third), or one in so many, are dev
VOXCELEB2 = ("dev/wav", "dev/aac", "wav", "aac")  # where both zips are unpacked, aac holds its test speakers
ENDINGS = (".wav", ".flac")
FETCH = (
    "ask its makers for VoxCeleb1 (https://www.robots.ox.ac.uk/~vgg/data/voxceleb), unpack vox1_dev_wav.zip and "
    f"vox1_test_wav.zip there, and put {META} and {TRIALS} beside"
)


@dataclass(frozen=True)
class VoxCeleb:
    """VoxCeleb1, and the dev part of VoxCeleb2 where it is given; no speaker is in two splits.

    test: the speakers whose ``Set`` in ``vox1_meta.csv`` is test, or without that file those of ``veri_test.txt``.
    dev: one in 25 of all other speakers of VoxCeleb1, twenty at least, of fewer than sixty a third; whole, by a hash of
    their names.
    train: all others, and those of VoxCeleb2.

    Audio of VoxCeleb1, .wav or .flac, lies below ``wav``, or where each archive has its own folder below that
    (``vox1_dev_wav/wav``, ``vox1_test_wav/wav``). An id is what lists of trials call the file:
    ``id10270/5r0dWxy17C8/00001.wav``.

    Args:
        voxceleb2: Folder of VoxCeleb2, whose audio lies below ``dev/wav`` or ``dev/aac``, or ``wav`` or ``aac``.
    """

    voxceleb2: str = ""

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits; tells on stderr what of the corpus is not there.

        Raises:
            UserError: naming what is missing altogether, and where to get it.
        """
        speakers = _speakers(_files(corpus))
        sets = _sets(corpus, speakers)
        if not (corpus / META).is_file():
            tell(f"{corpus} has no {META}: the speakers of {TRIALS} are test, all others train")
        elif absent := sorted(sets.keys() - speakers):
            tell(f"{corpus} has no audio of {len(absent)} speakers of {META}, such as {absent[0]}")
        return KINDS

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Yield the utterances of one split in the order of their ids, those of VoxCeleb2 last.

        Raises:
            UserError: audio or lists are missing, or VoxCeleb2 has to be converted or shares speakers with VoxCeleb1.
        """
        files = _files(corpus)
        splits = _divided(files, _sets(corpus, _speakers(files)))
        wanted = [(root, name) for root, name in files if splits[_speaker(name)] == split]
        if self.voxceleb2 and split == TRAIN:
            wanted += _more_files(Path(self.voxceleb2), splits.keys())
        return read(wanted, split, lambda file: _cut(*file))


_File = tuple[Path, str]  # a folder of speakers, and the path below it: a million of them take little memory


def _cut(root: Path, name: str) -> MonoCut:
    return utterance(root / name, text="", speaker=_speaker(name), id=f"{_stem(name)}.wav")


def _files(corpus: Path) -> list[_File]:
    """All audio of VoxCeleb1."""
    roots = [root for root in (corpus / "wav", *sorted(corpus.glob("*/wav"))) if root.is_dir()]
    files: dict[str, _File] = {}
    for root in roots:
        for name in _names(root):
            other, _ = files.setdefault(_stem(name), (root, name))
            if other != root:
                raise UserError(f"{_stem(name)}.wav is in {other} and in {root}; move one of the two folders away")
    if not files:
        raise UserError(f"{corpus} holds no wav/<speaker>/<session>/<n>.wav; {FETCH}")
    return [files[stem] for stem in sorted(files)]


def _more_files(folder: Path, taken: Collection[str]) -> list[_File]:
    """All audio of VoxCeleb2's dev part; those of ``taken`` are speakers of VoxCeleb1."""
    roots = [folder / name for name in VOXCELEB2 if (folder / name).is_dir()]
    names = _names(roots[0]) if roots else []
    if not names:
        raise UserError(f"{folder} holds no dev/aac/<speaker>/<session>/<n>.wav; give the folder of VoxCeleb2")
    if both := sorted({_speaker(name) for name in names}.intersection(taken)):
        raise UserError(
            f"{len(both)} speakers of {roots[0]} are of VoxCeleb1 too, such as {both[0]}; give the folder of VoxCeleb2"
        )
    return [(roots[0], name) for name in names]


def _names(root: Path) -> list[str]:
    """Paths of the audio files from ``root`` on, in order; .wav where the same is there as .flac."""
    found = sorted(glob.glob("*/*/*", root_dir=root))  # noqa: PTH207 -- a million paths are much, strings are little
    readable = {_stem(name): name for name in found if name.endswith(ENDINGS)}  # .wav comes later than .flac
    aac = [name for name in found if name.endswith(".m4a") and _stem(name) not in readable]
    if aac:
        raise UserError(
            f"{len(aac)} files of {root} are AAC, such as {aac[0]}, which cannot be read here; put a .wav or .flac "
            "beside each: ffmpeg -i 00001.m4a -ac 1 -ar 16000 00001.wav"
        )
    return list(readable.values())


def _sets(corpus: Path, present: Collection[str]) -> dict[str, str]:
    """``train`` or ``test`` for every speaker of VoxCeleb1; ``present`` are those that have audio."""
    if (corpus / META).is_file():
        sets = dict(_rows(corpus / META))
        if strangers := sorted(set(present) - sets.keys()):
            raise UserError(
                f"{corpus / META} lacks {len(strangers)} speakers that have audio, such as {strangers[0]}; "
                "fetch the whole list, or move them away"
            )
    elif (corpus / TRIALS).is_file():
        trials = read_trials(corpus / TRIALS)
        sets = dict.fromkeys(present, TRAIN)
        sets.update((_speaker(name), TEST) for trial in trials for name in (trial.left, trial.right))
    else:
        raise UserError(f"{corpus} has neither {META} nor {TRIALS}, which say who is of test; fetch them")
    for name, split in SETS.items():
        if split not in {sets[speaker] for speaker in present}:
            raise UserError(f"{corpus} has no audio of any {name} speaker; unpack vox1_{name}_wav.zip there")
    return sets


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs (speaker, train or test) of ``vox1_meta.csv``."""
    columns, *rows = [[word.strip() for word in line.split("\t")] for line in lines_of(path)] or [[]]
    for number, row in enumerate(rows, 2):
        values = dict(zip(columns, row, strict=False))
        if not values.get(SPEAKER) or values.get(SET) not in SETS:
            raise UserError(
                f"{path}, line {number}: expected '{SPEAKER}' and '{SET}', dev or test, between tabs as its first line "
                f"names them, found '{' '.join(row)}'; fetch the file again"
            )
        yield values[SPEAKER], SETS[values[SET]]


def _divided(files: Iterable[_File], sets: dict[str, str]) -> dict[str, str]:
    """The split of every speaker; dev are some that train, of two utterances and more, as its trials need."""
    counts = Counter(_speaker(name) for _, name in files)
    able = [speaker for speaker, count in counts.items() if sets[speaker] == TRAIN and count > 1]
    return sets | divide(able, (DEV,), min(DEV_SPEAKERS, max(2, len(able) // 3)), ONE_IN)


def _speakers(files: Iterable[_File]) -> set[str]:
    return {_speaker(name) for _, name in files}


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122


def _speaker(name: str) -> str:
    return name.partition("/")[0]
