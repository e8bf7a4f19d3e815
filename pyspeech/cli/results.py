"""``pyspeech results``: all scores below a folder."""

import json
from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, for machines.")
def results(folder: Path, as_json: bool) -> None:
    """List every score below DIR, else below the current folder: a table for each test set, the best first.

    Beside each figure stand its 95% interval, what was scored, and how that was made: method, language model, weights.
    """
    from pyspeech.results import find_results, result_values, results_text

    found = find_results(folder)
    if as_json:
        click.echo(json.dumps([result_values(each) for each in found], indent=2, ensure_ascii=False))
    else:
        click.echo(results_text(found), nl=False)
