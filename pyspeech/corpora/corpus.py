"""What a recipe has to say about its corpus, and the command line it gets for it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import click
from lhotse import AudioSource, MonoCut, Recording, SupervisionSegment
from lhotse.cut import Cut, MixedCut

from pyspeech.command_line import run
from pyspeech.corpora.channels import check_channel, on_channel
from pyspeech.corpora.download import download_archive, git_clone
from pyspeech.corpora.left_out import leave_out, told_once
from pyspeech.corpora.splits import TRAIN, kind_of
from pyspeech.data.audio_files import DURATION_TOLERANCE, CannotRead
from pyspeech.data.audio_reading import read_header
from pyspeech.data.manifests import write_manifest
from pyspeech.errors import UserError
from pyspeech.transcripts import manifest_name

__all__ = ["corpus_cli", "download_archive", "git_clone", "recording_of", "stand_ins", "utterance"]

PATH = click.Path(path_type=Path)
SHORTEST_SECONDS = 0.025  # of an utterance: the usual window of features
FAULT = "fault"  # custom field of a stand-in
# Whether :func:`utterance` gives a stand-in for a file that cannot be read. A recipe's generator could not go on after
# an error, and a recipe is not to know which files of which split may be missing.
_stand_ins = ContextVar("stand_ins", default=False)


def corpus_cli(
    cuts: Callable[[Path, str], Iterable[MonoCut]],
    splits: Sequence[str] | Callable[[Path], Sequence[str]] = ("train", "dev", "test"),
    download: Callable[[Path], None] | None = None,
) -> None:
    """Run ``prepare.py download CORPUS`` or ``prepare.py manifests CORPUS OUT``.

    Of train, and no other split, a few utterances whose audio cannot be read are left out (:mod:`.left_out`).

    Args:
        cuts: Yields every utterance of one split of a corpus, in a fixed order.
        splits: Names of the splits, or what finds them in a corpus; one manifest each.
        download: Fetches or makes the corpus in a folder; safe to call twice. Without it there is nothing to fetch.
    """

    @click.group()
    def cli() -> None: ...

    if download is not None:

        @cli.command("download", help="Fetch the corpus into CORPUS.")
        @click.argument("corpus", type=PATH)
        def download_command(corpus: Path) -> None:
            download(corpus)

    @cli.command("manifests", help="Write OUT/<split>.jsonl.gz for every split.")
    @click.argument("corpus", type=PATH)
    @click.argument("out", type=PATH)
    def manifests_command(corpus: Path, out: Path) -> None:
        if not corpus.is_dir():
            fetch = "" if download is None else "run stage 0, or "
            raise UserError(f"no corpus at {corpus}; {fetch}give its folder with --corpus-dir")
        corpus = corpus.resolve()
        written = [out / f"{split}.jsonl.gz" for split in (splits(corpus) if callable(splits) else splits)]
        for path in written:
            split = manifest_name(path)
            with stand_ins(kind_of(split) == TRAIN):
                counts = write_manifest(leave_out(cuts(corpus, split), split, _usable), path)
            click.echo(f"{path}: {counts.utterances} utterances, {counts.seconds / 3600:.2f} hours", err=True)
        for path in sorted(set(out.glob("*.jsonl.gz")) - set(written)):  # later stages take every manifest there is
            path.unlink()
            click.echo(f"{path}: removed, the corpus has no such split any more", err=True)

    with told_once():
        run(cli)


@contextmanager
def stand_ins(allowed: bool) -> Iterator[None]:
    """Say whether :func:`utterance` gives a stand-in for a file that cannot be read, rather than an error."""
    before = _stand_ins.set(allowed)
    try:
        yield
    finally:
        _stand_ins.reset(before)


def utterance(
    path: Path,
    text: str,
    speaker: str,
    id: str = "",  # noqa: A002 -- as lhotse names it
    start: float = 0.0,
    seconds: float | None = None,
    channel: str = "",
) -> Cut:
    """One cut for one utterance: a whole file, or ``seconds`` of it from ``start``.

    ``id`` is the name of the file without its ending unless it is given. ``channel`` is the number of one, from 0 on,
    or "mix" for the average of all; of several, the first is taken unless it is given.

    Raises:
        UserError: the file is not audio, holds less than its header says, ends before the utterance does, or has no
            such channel.
    """
    check_channel(channel)
    try:
        recording = recording_of(path)
    except CannotRead as error:
        if not _stand_ins.get():
            raise
        recording = Recording(id or path.stem, [AudioSource("file", [0], str(path))], 1, 0, 0.0)
        return MonoCut(recording.id, 0.0, 0.0, 0, recording=recording, custom={FAULT: str(error)})
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


def _usable(cut: Cut) -> Cut:
    if not isinstance(cut, MixedCut) and (fault := (cut.custom or {}).get(FAULT)) is not None:
        raise CannotRead(fault)
    if cut.has_recording and round(cut.duration, 8) < SHORTEST_SECONDS:
        raise CannotRead(
            f"utterance '{cut.id}' lasts {1000 * cut.duration:g} ms, less than one window of "
            f"{1000 * SHORTEST_SECONDS:g} ms; leave it out, or mend its times"
        )
    return cut
