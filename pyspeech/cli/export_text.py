"""``pyspeech export-text``: what was recognised, for other programs and for subtitles."""

import logging
from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)
SUBTITLES = ("srt", "vtt")
log = logging.getLogger(__name__)


@click.command("export-text")
@click.argument("decode_dir", type=PATH)
@click.argument("out", type=OUTPUT, required=False)
@click.option(
    "--format",
    "kind",
    required=True,
    type=click.Choice(["ctm", "json", *SUBTITLES]),
    help="ctm and json are one file; srt and vtt a folder with a file for each utterance.",
)
def export_text(decode_dir: Path, out: Path | None, kind: str) -> None:
    """Write the words of DECODE_DIR/hyps.jsonl with their times to OUT, or ctm and json to standard output.

    ctm and json hold the confidences, too, where the words come from lattices.
    """
    if out is None and kind in SUBTITLES:
        raise click.UsageError(f"--format {kind} writes a folder; name it: OUT")
    from pyspeech.decoding.read_hypotheses import read_timed_transcripts
    from pyspeech.files import write_text
    from pyspeech.formats.ctm_json import ctm_text, json_text
    from pyspeech.formats.per_utterance import file_name, write_files
    from pyspeech.formats.subtitles import make_cues, srt_text, vtt_text

    transcripts = read_timed_transcripts(decode_dir)
    if out is None:
        click.echo(ctm_text(transcripts) if kind == "ctm" else json_text(transcripts), nl=False)
        return
    if kind in SUBTITLES:
        as_text = srt_text if kind == "srt" else vtt_text
        files = ((file_name(each.id, f".{kind}"), as_text(make_cues(each))) for each in transcripts)
        write_files(out, files, "these subtitles")
    else:
        write_text(out, ctm_text(transcripts) if kind == "ctm" else json_text(transcripts))
    log.info(f"{out}: {len(transcripts)} utterances")
