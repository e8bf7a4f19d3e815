"""``pyspeech score``: figures that can be trusted."""

import logging
from collections.abc import Sequence
from pathlib import Path

import click

from pyspeech.cli.options import NamingGroup
from pyspeech.cli.output import OUTPUT
from pyspeech.scoring.accuracy import accuracy_line, accuracy_text, report_accuracy
from pyspeech.scoring.rare_report import rare_line, rare_text, report_rare_words
from pyspeech.scoring.report import report_decode, report_text, wer_line
from pyspeech.scoring.wer import Score, shortened
from pyspeech.speakers.identification import ENROL
from pyspeech.speakers.identification_report import identification_line, identification_text, report_identification
from pyspeech.speakers.verification import report_verification, verification_line, verification_text

PATH = click.Path(path_type=Path)
TERMINAL_ROWS = 10
log = logging.getLogger(__name__)


@click.group(cls=NamingGroup)
def score() -> None:
    """Score a decode, predictions or a verification against its references."""


@score.command()
@click.argument("manifest", type=PATH)
@click.argument("decode_dir", type=PATH)
def wer(manifest: Path, decode_dir: Path) -> None:
    """Word error rate of DECODE_DIR/hyps.jsonl against the utterances of MANIFEST.

    Writes score.json, report.txt and per_utterance.txt (aligned) to DECODE_DIR/score. An utterance without a
    hypothesis counts as deletions. The last line is the figure, with its 95% bootstrap interval over utterances.
    """
    report = report_decode(manifest, decode_dir)
    warn_of_missing(report.score)
    click.echo(report_text(report, TERMINAL_ROWS) + wer_line(report))


@score.command("rare-words")
@click.argument("manifest", type=PATH)
@click.argument("decode_dir", type=PATH)
@click.option("--words", type=PATH, required=True, metavar="LIST", help="One word or phrase a line.")
def rare_words(manifest: Path, decode_dir: Path, words: Path) -> None:
    """Word error rate on the words of a list (B-WER) and on all others (U-WER).

    Writes rare_words.json and rare_words.txt to DECODE_DIR/score. Tells recall also by how often the training text
    holds a word, where DECODE_DIR/train_words.tsv says. The last line holds the figures, each with its 95% bootstrap
    interval over utterances.
    """
    report = report_rare_words(manifest, decode_dir, words)
    warn_of_missing(report.score)
    click.echo(rare_text(report) + rare_line(report))


@score.command()
@click.argument("manifest", type=PATH)
@click.argument("folder", metavar="PREDICTIONS", type=PATH)
def accuracy(manifest: Path, folder: Path) -> None:
    """Accuracy of PREDICTIONS/predictions.jsonl against the labels of MANIFEST.

    Writes score.json and report.txt (confusions) to PREDICTIONS/score. An utterance without a prediction counts as
    wrong. The last line is the figure, with its 95% bootstrap interval over utterances.
    """
    report = report_accuracy(manifest, folder)
    _warn("prediction, counted as wrong", report.missing)
    click.echo(accuracy_text(report, TERMINAL_ROWS) + accuracy_line(report))


@score.command()
@click.argument("folder", metavar="VERIFICATION", type=PATH)
def verification(folder: Path) -> None:
    """Error rates and costs of VERIFICATION/scores.tsv: EER, minDCF, min Cllr; of calibrated scores actDCF and Cllr.

    Writes score.json, report.txt and the DET curve det.png to VERIFICATION/score. The last line is the equal error
    rate. Each figure has its 95% bootstrap interval over speakers, who are those that the target trials tell.
    """
    report = report_verification(folder)
    if report.without_picture:
        log.warning(f"warning: no picture: {report.without_picture}")
    click.echo(verification_text(report) + verification_line(report))


@score.command()
@click.argument("embeddings", type=PATH)
@click.option(
    "--tune", required=True, type=PATH, metavar="DEV_EMBEDDINGS", help="Of other people; choose the threshold."
)
@click.option("--out", required=True, type=OUTPUT, help="Folder to write.")
@click.option(
    "--utterances",
    type=click.IntRange(min=1),
    default=ENROL,
    show_default=True,
    metavar="N",
    help="Utterances to enrol of each person, the first by id; one is always left to identify.",
)
def identification(embeddings: Path, tune: Path, out: Path, utterances: int) -> None:
    """How often the speakers of EMBEDDINGS are identified, and those who are not enrolled taken for others.

    Writes score.json and report.txt to the folder of --out. The last line is the figure, with its 95% bootstrap
    interval over people.
    """
    report = report_identification(embeddings, tune, out, utterances)
    click.echo(identification_text(report, TERMINAL_ROWS) + identification_line(report))


def warn_of_missing(scored: Score) -> None:
    """Name the utterances without a hypothesis, on standard error."""
    _warn("hypothesis, counted as deletions", scored.missing)


def _warn(what: str, missing: Sequence[str]) -> None:
    if missing:
        log.warning(f"warning: no {what} ({len(missing)}): {shortened(missing, 20)}")
