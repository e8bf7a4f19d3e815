"""``pyspeech export-text``: what was recognised or said, for other programs and for subtitles."""

import logging
from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)
PLAIN, TIMED, SUBTITLES = ("text", "trn", "stm"), ("ctm", "json"), ("srt", "vtt")
log = logging.getLogger(__name__)


@click.command("export-text")
@click.argument("source", type=PATH)
@click.argument("out", type=OUTPUT, required=False)
@click.option(
    "--format",
    "kind",
    required=True,
    type=click.Choice([*PLAIN, *TIMED, *SUBTITLES]),
    help="text (Kaldi), trn and stm (sclite), ctm and json are one file; srt and vtt a folder with a file for each "
    "utterance.",
)
@click.option("--n", type=click.IntRange(min=1), help="text: so many best word sequences of each lattice, as ID-1, ...")
@click.option("--tokens", is_flag=True, help="ctm: the phones, characters or pieces, not the words.")
def export_text(source: Path, out: Path | None, kind: str, n: int | None, tokens: bool) -> None:
    """Write the words of the decode SOURCE to OUT, or what is one file to standard output.

    ctm and json hold the confidences, too, where the words come from lattices. SOURCE may be a manifest: what was said
    in it, as text, trn or stm, to score with other tools.
    """
    if out is None and kind in SUBTITLES:
        raise click.UsageError(f"--format {kind} writes a folder; name it: OUT")
    if n is not None and kind != "text":
        raise click.UsageError("--n goes with --format text")
    if tokens and kind != "ctm":
        raise click.UsageError("--tokens goes with --format ctm")
    if source.is_file() and (n is not None or kind not in PLAIN):
        raise click.UsageError(f"{source} is a file; of a manifest there are --format text, trn and stm, without --n")
    from pyspeech.files import write_text

    if kind in SUBTITLES:
        assert out is not None
        log.info(f"{out}: {_write_subtitles(source, out, kind)} utterances")
        return
    text, count = _plain(source, kind, n) if kind in PLAIN else _timed(source, kind, tokens)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        log.info(f"{out}: {count} {'word sequences' if n else 'utterances'}")


def _plain(source: Path, kind: str, n: int | None) -> tuple[str, int]:
    from pyspeech.formats.transcript_text import FORMATS, best_of_lattices, recognised
    from pyspeech.transcripts import read_transcripts

    if source.is_file():
        transcripts = list(read_transcripts(source))
    else:
        transcripts = recognised(source) if n is None else best_of_lattices(source, n)
    return FORMATS[kind](transcripts), len(transcripts)


def _timed(decode_dir: Path, kind: str, tokens: bool) -> tuple[str, int]:
    from pyspeech.decoding.read_hypotheses import read_timed_transcripts
    from pyspeech.formats.ctm_json import ctm_text, json_text

    transcripts = read_timed_transcripts(decode_dir, "token" if tokens else "word")
    return ctm_text(transcripts) if kind == "ctm" else json_text(transcripts), len(transcripts)


def _write_subtitles(decode_dir: Path, out: Path, kind: str) -> int:
    from pyspeech.decoding.read_hypotheses import read_timed_transcripts
    from pyspeech.formats.per_utterance import file_name, write_files
    from pyspeech.formats.subtitles import make_cues, srt_text, vtt_text

    as_text = srt_text if kind == "srt" else vtt_text
    transcripts = read_timed_transcripts(decode_dir)
    return write_files(
        out, ((file_name(each.id, f".{kind}"), as_text(make_cues(each))) for each in transcripts), "these subtitles"
    )
