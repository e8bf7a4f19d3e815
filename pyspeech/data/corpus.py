"""What a recipe has to say about its corpus, and the command line it gets for it."""

import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click
from lhotse import MonoCut, Recording, SupervisionSegment
from lhotse.utils import resumable_download

from pyspeech.data.manifests import write_manifest
from pyspeech.errors import UserError
from pyspeech.files import complete

PATH = click.Path(path_type=Path)
WAV_DATA_UNKNOWN = (0, 0xFFFFFFFF)  # what programs that stream WAV write in place of the size


def corpus_cli(
    splits: Sequence[str],
    download: Callable[[Path], None],
    cuts: Callable[[Path, str], Iterable[MonoCut]],
) -> None:
    """Run ``prepare.py download CORPUS`` or ``prepare.py manifests CORPUS OUT``.

    Args:
        splits: Names of the splits; one manifest each.
        download: Fetches or makes the corpus in a folder; safe to call twice.
        cuts: Yields every utterance of one split, in a fixed order.
    """

    @click.group()
    def cli() -> None: ...

    @cli.command("download", help="Fetch the corpus into CORPUS.")
    @click.argument("corpus", type=PATH)
    def download_command(corpus: Path) -> None:
        download(corpus)

    @cli.command("manifests", help="Write OUT/<split>.jsonl.gz for every split.")
    @click.argument("corpus", type=PATH)
    @click.argument("out", type=PATH)
    def manifests_command(corpus: Path, out: Path) -> None:
        if not corpus.is_dir():
            raise UserError(f"no corpus at {corpus}; run stage 0, or give its folder with --corpus-dir")
        for split in splits:
            path = out / f"{split}.jsonl.gz"
            counts = write_manifest(cuts(corpus.resolve(), split), path)
            click.echo(f"{path}: {counts.utterances} utterances, {counts.seconds / 3600:.2f} hours", err=True)

    try:
        cli()
    except UserError as error:
        sys.exit(f"error: {error}")


def utterance(path: Path, text: str, speaker: str) -> MonoCut:
    """One cut for one file that holds one utterance.

    Raises:
        UserError: the file is not audio, or holds less than its header says.
    """
    _refuse_cut_short(path)
    try:
        recording = Recording.from_file(path)
    except Exception as error:  # each audio backend raises its own kinds
        raise UserError(f"cannot read {path} as audio: {error}") from error
    if not recording.num_samples:
        raise UserError(f"{path} holds no audio; remove it from the corpus or fetch it again")
    cut = recording.to_cut()
    cut.id = recording.id
    cut.supervisions = [
        SupervisionSegment(recording.id, recording.id, 0.0, recording.duration, text=text, speaker=speaker)
    ]
    assert isinstance(cut, MonoCut)
    return cut


def download_archive(url: str, folder: Path) -> None:
    """Fetch a tar archive beside ``folder`` and unpack its one top folder as ``folder``, unless that is there already.

    An interrupted download goes on where it stopped.
    """
    if folder.exists():
        return
    archive = folder.with_name(url.rsplit("/", 1)[1])
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        resumable_download(url, filename=archive)
        with tarfile.open(archive) as tar, complete(folder) as partial:
            tar.extractall(partial, filter=_below_the_top)  # noqa: S202 -- the filter keeps it within
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(
            f"cannot download {url} into {folder}: {error}; fetch it another way and give its folder with --corpus-dir"
        ) from error


def git_clone(url: str, folder: Path) -> None:
    """Clone the newest state of a repository, unless ``folder`` is there already."""
    if folder.exists():
        return
    try:
        with complete(folder) as partial:
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, str(partial)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"cannot clone {url} into {folder}; fetch it another way and give its folder with --corpus-dir"
        ) from error


def _below_the_top(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    name = member.name.removeprefix("./").partition("/")[2]
    return tarfile.data_filter(member.replace(name=name, deep=False), path) if name else None


def _refuse_cut_short(path: Path) -> None:
    # Decoders take a WAV file that was cut short for a shorter one; only its header still tells.
    try:
        with path.open("rb") as stream:
            if stream.read(4) != b"RIFF":
                return
            stream.seek(12)
            while len(header := stream.read(8)) == 8:
                size = int.from_bytes(header[4:], "little")
                if header[:4] == b"data":
                    found = path.stat().st_size - stream.tell()
                    if size not in WAV_DATA_UNKNOWN and found < size:
                        raise UserError(
                            f"{path} is cut short: its header promises {size} bytes of audio, "
                            f"{found} are there; fetch it again"
                        )
                    return
                stream.seek(size + size % 2, 1)
        raise UserError(f"{path} is cut short: it ends within its header; fetch it again")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
