"""Trials of speaker verification: pairs of utterances, and whether one speaker said both.

A line of a list is ``1 idA idB`` (target) or ``0 idA idB`` (non-target), as VoxCeleb
(https://www.robots.ox.ac.uk/~vgg/data/voxceleb/) has it.
"""

import bisect
import itertools
import random
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.files import write_text
from pyspeech.text_files import read_text
from pyspeech.transcripts import read_transcripts

NON_TARGETS = 10  # for each target trial
AUDIO_ENDING = re.compile(r"\.(wav|flac|mp3|ogg|opus|sph|m4a|aac)$", re.IGNORECASE)
MOST = 20  # utterances of a speaker, whose pairs grow with their square


@dataclass(frozen=True)
class Trial:
    """Two utterances by their ids; a target trial is of one speaker."""

    target: bool
    left: str
    right: str


def read_speakers(manifest: Path) -> dict[str, str]:
    """Return the speaker of each utterance of a manifest by its id.

    Raises:
        UserError: an utterance without a speaker, or an id that comes twice.
    """
    speakers: dict[str, str] = {}
    for transcript in read_transcripts(manifest):
        if not transcript.speaker:
            raise UserError(f"{manifest}, cut '{transcript.id}' has no speaker; give every utterance one")
        if transcript.id in speakers:
            raise UserError(f"{manifest}: two utterances are called {transcript.id}; give each its own id")
        speakers[transcript.id] = transcript.speaker
    return speakers


def make_trials(
    speakers: Mapping[str, str], non_targets: int = NON_TARGETS, seed: int = 0, most: int = MOST
) -> list[Trial]:
    """Pair utterances: all pairs of one speaker, and for each of them ``non_targets`` of different speakers.

    Args:
        speakers: Speaker of each utterance by its id. Their order does not matter.
        non_targets: How many trials of different speakers for each of one speaker; all there are, where they are fewer.
        seed: Decides which.
        most: How many utterances of a speaker are paired, where there are more; ``seed`` draws them too.

    Returns:
        Target trials first, each part in the order of speakers and ids.

    Raises:
        UserError: no two utterances are of one speaker, or all are.
    """
    draw = random.Random(seed)  # noqa: S311 -- no secret
    every = sorted(speakers, key=lambda id_: (speakers[id_], id_))
    groups = [list(group) for _, group in itertools.groupby(every, key=speakers.__getitem__)]
    groups = [sorted(draw.sample(group, most)) if len(group) > most else group for group in groups]
    ids = list(itertools.chain.from_iterable(groups))
    targets = [Trial(True, *pair) for group in groups for pair in itertools.combinations(group, 2)]
    if not targets or len(groups) < 2:
        raise UserError(
            f"{len(ids)} utterances of {len(groups)} speakers; trials need two speakers, and one with two utterances"
        )
    # Partners of an utterance are all that stand after its speaker's: their pairs are numbered without listing them.
    ends = [end for group, end in zip(groups, itertools.accumulate(map(len, groups)), strict=True) for _ in group]
    after = list(itertools.accumulate(len(ids) - end for end in ends))
    count = min(non_targets * len(targets), after[-1])
    numbers = draw.sample(range(after[-1]), count)
    return targets + [_non_target(number, ids, ends, after) for number in sorted(numbers)]


def _non_target(number: int, ids: list[str], ends: list[int], after: list[int]) -> Trial:
    left = bisect.bisect_right(after, number)
    return Trial(False, ids[left], ids[ends[left] + number - (after[left - 1] if left else 0)])


def check_trials(trials: Iterable[Trial], speakers: Mapping[str, str], path: Path, manifest: Path) -> None:
    """Check the list at ``path`` against the utterances of ``manifest`` and their ``speakers``.

    Raises:
        UserError: naming the first utterance that the manifest lacks and how many it does, or a trial whose label its
            speakers contradict.
    """
    lacking: dict[str, int] = {}
    for number, trial in enumerate(trials, 1):
        left, right = speakers.get(trial.left), speakers.get(trial.right)
        for id_, speaker in ((trial.left, left), (trial.right, right)):
            if speaker is None:
                lacking.setdefault(id_, number)
        if left is not None and right is not None and (left == right) != trial.target:
            raise UserError(
                f"{path}, line {number}: {trial.left} and {trial.right} are said to be of "
                f"{'one speaker' if trial.target else 'two speakers'}, in {manifest} they are of {left} and {right}; "
                "mend the list"
            )
    if lacking:
        id_, number = next(iter(lacking.items()))
        raise UserError(
            f"{path}, line {number}: {manifest} has no utterance '{id_}'; so it is with {len(lacking)} utterances of "
            "the list; give the list that belongs to the corpus, or the whole corpus"
        )


def by_ids(trials: Iterable[Trial], ids: Collection[str]) -> Iterator[Trial]:
    """Yield ``trials`` by the ``ids`` of utterances, where they name them by the paths of their audio.

    A path is the utterance whose id is its end, with or without the ending of the file, with hyphens for slashes as
    tables and folders of audio are given ids, with backslashes, or with accents encoded in another way (NFC, NFD). What
    no utterance or several could be stays as it is.
    """
    known = frozenset(ids)
    keys: dict[str, str | None] = {}
    for id_ in known:
        key = "-".join(_parts(id_))
        keys[key] = None if key in keys else id_
    resolved: dict[str, str] = {}

    def id_of(name: str) -> str:
        if name not in resolved:
            parts = _parts(name)
            ends = ("-".join(parts[start:]) for start in range(len(parts)))
            resolved[name] = name if name in known else next((keys[end] for end in ends if end in keys), None) or name
        return resolved[name]

    for trial in trials:
        yield Trial(trial.target, id_of(trial.left), id_of(trial.right))


def _parts(name: str) -> list[str]:
    stem = AUDIO_ENDING.sub("", unicodedata.normalize("NFC", name).replace("\\", "/"))
    return [part for part in stem.split("/") if part not in ("", ".")]


def write_trials(trials: Iterable[Trial], path: Path) -> None:
    """Write a list of trials.

    Raises:
        UserError: an id with white space, which the format cannot hold.
    """
    lines = []
    for trial in trials:
        for id_ in (trial.left, trial.right):
            if not id_ or id_.split() != [id_]:
                raise UserError(
                    f"the id '{id_}' is empty or has a space, which a list of trials cannot hold; rename it"
                )
        lines.append(f"{int(trial.target)} {trial.left} {trial.right}\n")
    write_text(path, "".join(lines))


def read_trials(path: Path) -> Iterator[Trial]:
    """Yield the trials of a list.

    Raises:
        UserError: it is missing or empty, or a line is no trial, naming it.
    """
    empty = True
    for number, line in enumerate(read_text(path, "list of trials"), 1):
        words = line.split()
        if len(words) != 3 or words[0] not in ("0", "1"):
            raise UserError(f"{path}, line {number}: expected '1 idA idB' or '0 idA idB', found '{line.strip()}'")
        empty = False
        yield Trial(words[0] == "1", words[1], words[2])
    if empty:
        raise UserError(f"{path} holds no trial; make it again with pyspeech trials")
