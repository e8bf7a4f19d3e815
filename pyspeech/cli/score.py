"""``pyspeech score``: figures that can be trusted."""

from pathlib import Path

import click

from pyspeech.scoring.report import report_decode, report_text, wer_line
from pyspeech.scoring.wer import shortened

PATH = click.Path(path_type=Path)
TERMINAL_ROWS = 10


@click.group()
def score() -> None:
    """Score a decode against its references."""


@score.command()
@click.argument("manifest", type=PATH)
@click.argument("decode_dir", type=PATH)
def wer(manifest: Path, decode_dir: Path) -> None:
    """Word error rate of DECODE_DIR/hyps.jsonl against the utterances of MANIFEST.

    Writes score.json, report.txt and per_utterance.txt (aligned) to DECODE_DIR/score. An utterance without a
    hypothesis counts as deletions. The last line is the figure, with its 95% bootstrap interval over utterances.
    """
    report = report_decode(manifest, decode_dir)
    if missing := report.score.missing:
        click.echo(f"warning: no hypothesis, counted as deletions ({len(missing)}): {shortened(missing, 20)}", err=True)
    click.echo(report_text(report, TERMINAL_ROWS) + wer_line(report))
