"""Manifests that lhotse's or icefall's preparation wrote: recordings with supervisions, or cuts."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar

from lhotse import CutSet, MonoCut, MultiCut, Recording, RecordingSet, SupervisionSegment, SupervisionSet
from lhotse.cut import Cut
from lhotse.utils import fastcopy, to_list

from pyspeech.corpora.left_out import tell_left_out
from pyspeech.corpora.sources.dividing import Task
from pyspeech.corpora.sources.layout import all_splits, cut_of, locate, members, named_splits
from pyspeech.corpora.sources.reading import read
from pyspeech.entries import LARGEST
from pyspeech.errors import UserError
from pyspeech.speeds import speed_of

# librispeech_recordings_train-clean-5.jsonl.gz, supervisions.json, cuts_train.jsonl.gz
NAME = re.compile(r"(?:(?P<corpus>.+?)_)?(?P<kind>recordings|supervisions|cuts)(?:_(?P<part>.+?))?\.jsonl?(?:\.gz)?")
# What the fields of lhotse's recordings, sources, supervisions and cuts must be, of which it checks nothing.
WORD, WORD_OR_NONE, NUMBER, COUNT = (str,), (str, NoneType), (int, float), (int,)
FIELDS: dict[str, tuple[type, ...]] = {
    "id": WORD,
    "recording_id": WORD,
    "text": WORD_OR_NONE,
    "speaker": WORD_OR_NONE,
    "start": NUMBER,
    "duration": NUMBER,
    "sampling_rate": COUNT,
    "num_samples": COUNT,
}
READ_FROM = ("file", "memory")  # lhotse also reads from commands and addresses, which a file must not make us do

AnyItem = TypeVar("AnyItem")


@dataclass(frozen=True)
class LhotseManifests:
    """A folder of manifests, one set for each split or one set to be divided; every supervision is an utterance.

    Where a split has recordings and supervisions, its cuts are left alone. Of cuts, copies at other speeds are left
    out, which training makes itself, and stored features are dropped: nothing tells what they were computed with.
    Audio is taken from the first channel of each supervision.

    Args:
        task: What is held out goes by it; without texts it is verification.
    """

    task: Task = "recognition"

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits, train first; dev and test are held out of train where there is none.

        Tells on stderr of manifests that are left out.
        """
        manifests = _manifests(corpus)
        used = {path for kinds in manifests.values() for path in kinds.values()}
        others = [path.name for path in sorted(corpus.iterdir()) if NAME.fullmatch(path.name) and path not in used]
        tell_left_out(corpus, others, "manifests that are of no split, or one of a pair")
        return all_splits(manifests)

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Every supervision of one split, in the order of its manifest.

        Raises:
            UserError: naming the file, and the utterance whose audio is not found, is mixed, or would be a command's.
        """
        manifests = _manifests(corpus)
        spoken = list(_utterances(manifests.get(split, manifests["train"])))
        if split == "train" or split not in manifests:
            spoken = members(spoken, split, manifests, self.task)
        files = _Files(corpus)
        yield from read(
            spoken, split, lambda each: cut_of(files.of(each.recording), each, each.channel, each.start, each.seconds)
        )


@dataclass(frozen=True)
class _Utterance:
    id: str
    text: str
    speaker: str
    recording: Recording
    channel: int
    start: float
    seconds: float


class _Files:
    """Recordings with the paths that their files are found at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Recording] = {}

    def of(self, recording: Recording) -> Recording:
        if recording.id not in self._known:
            sources = [self._source(source, recording.id) for source in recording.sources]
            self._known[recording.id] = fastcopy(recording, sources=sources)
        return self._known[recording.id]

    def _source(self, source: Any, name: str) -> Any:  # noqa: ANN401 -- lhotse's AudioSource
        if source.type not in READ_FROM:
            raise UserError(
                f"recording '{name}' is read from a {source.type} ('{source.source}'), not from a file; "
                "store its audio in a file"
            )
        if source.type != "file" or os.path.isfile(source.source):  # noqa: PTH113 -- of a name that is too long it says no
            return source
        path = locate(source.source, self._folder)
        if not os.path.isfile(path):  # noqa: PTH113
            raise UserError(
                f"recording '{name}': no file {source.source}, from {self._folder} or above; fetch it again"
            )
        return fastcopy(source, source=str(path))


def _manifests(corpus: Path) -> dict[str, dict[str, Path]]:
    """The manifests of each split, by their kind."""
    parts: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(corpus.iterdir()) if corpus.is_dir() else []:
        if match := NAME.fullmatch(path.name):
            kinds = parts[match["part"] or ""]
            if match["kind"] in kinds:
                raise UserError(f"{path} and {kinds[match['kind']].name} are of one split; keep one of them there")
            kinds[match["kind"]] = path
    usable = {part: kinds for part, kinds in parts.items() if "cuts" in kinds or len(kinds) > 1}
    if not usable:
        raise UserError(
            f"no lhotse manifests in {corpus}: looked for *recordings_train.jsonl.gz with "
            "*supervisions_train.jsonl.gz, or cuts_train.jsonl.gz"
        )
    return {split: usable[part] for split, part in named_splits(usable).items()}


def _utterances(kinds: dict[str, Path]) -> Iterator[_Utterance]:
    if "recordings" not in kinds or "supervisions" not in kinds:
        cuts = _load(kinds["cuts"], CutSet.from_file)
        for cut in cuts:
            yield from _within(cut, kinds["cuts"])
        silent = [cut.id for cut in cuts if isinstance(cut, MonoCut | MultiCut) and not cut.supervisions]
        tell_left_out(kinds["cuts"], silent, "cuts without a supervision")
        return
    recordings = {recording.id: recording for recording in _load(kinds["recordings"], RecordingSet.from_file)}
    supervisions = _load(kinds["supervisions"], SupervisionSet.from_file)
    silent = sorted(recordings.keys() - {supervision.recording_id for supervision in supervisions})
    tell_left_out(kinds["recordings"], silent, "recordings without a supervision")
    for supervision in supervisions:
        if supervision.recording_id not in recordings:
            raise UserError(
                f"{kinds['supervisions']}: '{supervision.id}' is of recording '{supervision.recording_id}', "
                f"which {kinds['recordings'].name} does not hold; make both again"
            )
        yield _utterance(supervision, recordings[supervision.recording_id], supervision.start, supervision.duration)


def _within(cut: Cut, path: Path) -> Iterator[_Utterance]:
    """The utterances of a cut, as much of each as the cut holds."""
    if not isinstance(cut, MonoCut | MultiCut) or not cut.has_recording:
        what = "has no recording" if isinstance(cut, MonoCut | MultiCut) else f"is a {type(cut).__name__}"
        raise UserError(f"{path}: cut '{cut.id}' {what}; give cuts of recordings that are not mixed or padded")
    if speed_of(cut.to_dict()) != 1.0:
        return
    for supervision in cut.supervisions:
        start, end = max(0.0, supervision.start), min(cut.duration, supervision.end)
        yield _utterance(supervision, cut.recording, round(cut.start + start, 8), round(end - start, 8))


def _utterance(supervision: SupervisionSegment, recording: Recording, start: float, seconds: float) -> _Utterance:
    return _Utterance(
        id=supervision.id,
        text=supervision.text or "",
        speaker=supervision.speaker or "",
        recording=recording,
        channel=to_list(supervision.channel)[0],
        start=start,
        seconds=seconds,
    )


def _load(path: Path, read: Callable[[Path], Iterable[AnyItem]]) -> list[AnyItem]:
    try:
        items = list(read(path))  # lhotse reads lines when they are asked for
    except Exception as error:  # what lhotse raises on lines that are something else is of many kinds
        raise UserError(f"cannot read {path}: {error or type(error).__name__}; make it again") from error
    if not items:
        raise UserError(f"{path} is empty; make it again")
    for item in items:
        _check(item, path)
    return items


def _check(item: Any, path: Path) -> None:  # noqa: ANN401 -- what lhotse makes of a line
    """Make sure of the types of what is used of an item, which lhotse takes as they come."""
    if not isinstance(item, Recording | SupervisionSegment | MonoCut | MultiCut):
        return  # a cut of another kind, which is refused as that
    for name, value in vars(item).items():
        if name in FIELDS and not (isinstance(value, FIELDS[name]) and _is_sane(value)):
            raise _wrong(item, path, name, value)
    channels = to_list(getattr(item, "channel", 0))
    if not channels or any(type(channel) is not int for channel in channels):
        raise _wrong(item, path, "channel", channels)
    for source in getattr(item, "sources", ()):
        if not isinstance(source.type, str) or (source.type == "file" and not isinstance(source.source, str)):
            raise _wrong(item, path, "source", source.source)
    for part in (getattr(item, "recording", None), *getattr(item, "supervisions", ())):
        if part is not None:
            _check(part, path)


def _is_sane(value: object) -> bool:
    """Whether a number is one, and no larger than any can be; NaN is not."""
    return not isinstance(value, bool | int | float) or (not isinstance(value, bool) and -LARGEST < value < LARGEST)


def _wrong(item: object, path: Path, name: str, value: object) -> UserError:
    return UserError(f"{path}: '{getattr(item, 'id', '')}' has {value!r:.60} as its {name}; make it again")
