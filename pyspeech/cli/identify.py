"""``pyspeech identify``: who of the enrolled people speaks."""

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyspeech.cli.options import FiniteFloat
from pyspeech.corpora.description.figures import printable
from pyspeech.errors import UserError

if TYPE_CHECKING:
    from pyspeech.inference.enrolment import Identified

PATH = click.Path(path_type=Path)
log = logging.getLogger(__name__)


@click.command()
@click.argument("exp", type=PATH)
@click.argument("audio", nargs=-1, required=True, type=PATH)
@click.option(
    "--enroll", "people", required=True, type=PATH, metavar="DIR", help="A folder per person, or a store of enroll."
)
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="People to tell.")
@click.option(
    "--tune", type=PATH, metavar="DEV_EMBEDDINGS", help="Choose the threshold on these, of people who are not enrolled."
)
@click.option("--threshold", type=FiniteFloat(-1, 1), help="Cosine below which it is nobody known.")
@click.option("--json", "as_json", is_flag=True, help="Lines of JSON.")
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU where there is one, else the CPU.")
def identify(
    exp: Path,
    audio: tuple[Path, ...],
    people: Path,
    top: int,
    tune: Path | None,
    threshold: float | None,
    as_json: bool,
    device: str | None,
) -> None:
    """Tell who speaks in each file AUDIO, by the model in EXP: the most alike of the enrolled people, with cosines.

    A file that cannot be read, or is too short, is told of and does not stop the others; the exit code is 1 then.
    """
    from pyspeech.inference.enrolment import identify as run

    if tune is not None and threshold is not None:
        raise click.UsageError("--tune and --threshold say the same; give one of them")
    failed = False
    for answer in run(exp, audio, people, top, threshold, tune, device):
        if isinstance(answer, UserError):
            log.error(f"error: {answer}")
            failed = True
        else:
            click.echo(_json(answer) if as_json else _line(answer))
    if failed:
        sys.exit(1)


def _line(answer: "Identified") -> str:
    verdict = ["nobody known"] if answer.known is False else []
    return "\t".join(
        [printable(str(answer.path)), *verdict, *(f"{name} {cosine:.2f}" for name, cosine in answer.likest)]
    )


def _json(answer: "Identified") -> str:
    people = [{"name": name, "score": round(cosine, 6)} for name, cosine in answer.likest]
    verdict = {} if answer.known is None else {"known": answer.known, "threshold": answer.threshold}
    return json.dumps({"file": click.format_filename(answer.path), **verdict, "people": people}, ensure_ascii=False)
