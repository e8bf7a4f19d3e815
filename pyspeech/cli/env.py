"""``pyspeech env``: what is installed, what works, how to mend the rest."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pyspeech.environment import Finding


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for machines.")
def env(as_json: bool) -> None:
    """Try everything the toolkit uses; for what does not work, print the one command that mends it."""
    from pyspeech.environment import examine

    findings = examine()
    if as_json:
        click.echo(json.dumps({finding.name: asdict(finding) for finding in findings}, indent=2, ensure_ascii=False))
    else:
        click.echo(_table(findings))


def _table(findings: Iterable["Finding"]) -> str:
    lines = [f"{'':14} {'version':16} works"]
    for finding in findings:
        lines.append(f"{finding.name:14} {finding.version or '-':16} {'yes' if finding.works else 'no'}")
        if finding.problem:
            lines.append(f"{'':14} {finding.problem}")
        if finding.mend:
            lines.append(f"{'':14} mend it with: {finding.mend}")
    return "\n".join(lines)
