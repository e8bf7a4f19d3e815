"""The manifests of a corpus, from what a recipe says of its utterances."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lhotse import AudioSource, MonoCut, Recording, SupervisionSegment
from lhotse.cut import Cut

from pyspeech.corpora.channels import check_channel, on_channel
from pyspeech.corpora.left_out import leave_out
from pyspeech.corpora.row import Row
from pyspeech.data.audio_files import DURATION_TOLERANCE, CannotRead
from pyspeech.data.audio_reading import read_header
from pyspeech.data.manifests import write_manifest
from pyspeech.errors import UserError
from pyspeech.transcripts import manifest_name

SHORTEST_SECONDS = 0.025  # of an utterance: the usual window of features

log = logging.getLogger(__name__)


def write_manifests(
    rows: Callable[[Path, str], Iterable[Row | Cut]], splits: Sequence[str], corpus: Path, out: Path
) -> None:
    """Write ``<out>/<split>.jsonl.gz`` for every split of a corpus, and remove those of other splits.

    Of train, and no other split, a few utterances whose audio cannot be read are left out (:mod:`.left_out`).

    Args:
        rows: Yields every utterance of one split of a corpus, in a fixed order; cuts are taken as they are.
        splits: Their names; one manifest each.
        corpus: Its folder.
        out: Folder of the manifests, which holds no others.
    """
    written = [out / f"{split}.jsonl.gz" for split in splits]
    for path in written:
        split = manifest_name(path)
        counts = write_manifest(leave_out(rows(corpus, split), split, _usable), path)
        log.info("%s: %d utterances, %.2f hours", path, counts.utterances, counts.seconds / 3600)
    for path in sorted(set(out.glob("*.jsonl.gz")) - set(written)):  # later stages take every manifest there is
        path.unlink()
        log.info("%s: removed, the corpus has no such split any more", path)


def cut_of_row(row: Row) -> Cut:
    """The cut of an utterance.

    Raises:
        UserError: as :func:`utterance`.
    """
    return utterance(**vars(row))


def utterance(
    path: Path,
    text: str,
    speaker: str,
    id: str = "",  # noqa: A002 -- as lhotse names it
    start: float = 0.0,
    seconds: float | None = None,
    channel: str = "",
) -> Cut:
    """One cut for one utterance: a whole file, or a part of it; see :class:`.Row`.

    Raises:
        UserError: the file is not audio, holds less than its header says, ends before the utterance does, or has no
            such channel.
    """
    check_channel(channel)
    recording = recording_of(path)
    id_ = id or recording.id
    length = recording.duration - start if seconds is None else seconds
    if start < 0 or length <= 0 or start + length > recording.duration + DURATION_TOLERANCE:
        raise UserError(
            f"utterance '{id_}' is {start} to {start + length:.3f} seconds of {path}, "
            f"which holds {recording.duration:.3f}; mend its times"
        )
    length = min(length, recording.duration - start)
    first = recording.channel_ids[0]
    supervision = SupervisionSegment(id_, recording.id, 0.0, length, first, text=text, speaker=speaker)
    return on_channel(MonoCut(id_, start, length, first, supervisions=[supervision], recording=recording), channel)


def recording_of(path: Path) -> Recording:
    """A whole audio file.

    Raises:
        CannotRead: it is not audio, or holds none, or less than its header says.
    """
    header = read_header(path)
    if not header.num_samples:
        raise CannotRead(f"{path} holds no audio; remove it from the corpus or fetch it again")
    source = AudioSource("file", list(range(header.channels)), str(path))
    return Recording(path.stem, [source], header.sampling_rate, header.num_samples, header.duration)


def _usable(item: Row | Cut) -> Cut:
    cut = cut_of_row(item) if isinstance(item, Row) else item
    if cut.has_recording and round(cut.duration, 8) < SHORTEST_SECONDS:
        raise CannotRead(
            f"utterance '{cut.id}' lasts {1000 * cut.duration:g} ms, less than one window of "
            f"{1000 * SHORTEST_SECONDS:g} ms; leave it out, or mend its times"
        )
    return cut
