"""What a validation found, as a table to read: each kind once, with its count and three examples."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from pyspeech.validation.faults import KINDS, Finding, Kind
from pyspeech.validation.run import Place, Validation

COLUMNS = (7, 25, 7, 31, 29, 16)  # with a space between them 120
HEADING = ("", "what", "count", "such as", "what it causes", "--fix")
EXAMPLES = 3
SHOWN_CHARACTERS = 60  # of what exactly is wrong

Located = tuple[Place, Finding]


def table_text(validation: Validation) -> str:
    """Return the table, faults first, and the notes on what was not looked at."""
    by_kind: dict[Kind, list[Located]] = defaultdict(list)
    for place, findings in validation.findings.items():
        for finding in findings:
            by_kind[finding.kind].append((place, finding))
    shown = sorted(by_kind, key=lambda kind: (kind.severity, KINDS.index(kind)))
    rows = [HEADING, *(_cells(validation, kind, by_kind[kind]) for kind in shown)] if shown else []
    lines = [line for row in rows for line in _row(row)]
    return "".join(f"{line}\n" for line in [*lines, *_notes(validation)])


def summary_line(validation: Validation) -> str:
    """``1200 utterances in 3 manifests: 14 faults in 12 utterances, 3 warnings``."""
    every = [finding for findings in validation.findings.values() for finding in findings]
    faulty = sum(any(f.kind.severity == "fault" for f in findings) for findings in validation.findings.values())
    faults = validation.faults
    where = f" in {_count(faulty, 'utterance')}" if faults else ""
    return (
        f"{_count(len(validation.ids), 'utterance')} in {_count(len(validation.names), 'manifest')}: "
        f"{_count(faults, 'fault')}{where}, {_count(len(every) - faults, 'warning')}"
    )


def printable(text: str) -> str:
    """Replace what a terminal would not show, or obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _cells(validation: Validation, kind: Kind, located: Sequence[Located]) -> tuple[str, ...]:
    examples = ", ".join(_example(validation, place, finding) for place, finding in located[:EXAMPLES])
    return kind.severity, kind.name, str(len(located)), examples, kind.causes, kind.fix


def _example(validation: Validation, place: Place, finding: Finding) -> str:
    manifest, line = place
    name = validation.ids.get(place, f"line {line}")
    detail = printable(textwrap.shorten(finding.detail, SHOWN_CHARACTERS, placeholder=" ..."))
    return f"{validation.names[manifest]}: {printable(name)}" + (f" ({detail})" if detail else "")


def _row(cells: Sequence[str]) -> Iterator[str]:
    wrapped = [textwrap.wrap(cell, width, break_on_hyphens=False) for cell, width in zip(cells, COLUMNS, strict=True)]
    for parts in zip_longest(*wrapped, fillvalue=""):
        padded = (
            f"{part:>{width}}" if width == COLUMNS[2] and part.isdecimal() else f"{part:<{width}}"
            for part, width in zip(parts, COLUMNS, strict=True)
        )
        yield " ".join(padded).rstrip()


def _notes(validation: Validation) -> Iterator[str]:
    sources = validation.sources
    if not sources.deep:
        yield "note: the audio was not decoded; silence, clipping and damage within files show with --deep"
    if sources.lang is None:
        yield "note: without --lang, texts are not checked against tokens"
    if sources.lang is None or sources.model is None:
        yield "note: without --lang and --model, nothing is said of tokens that need more frames than there are"
    if validation.of_several:
        yield f"note: {_count(validation.of_several, 'utterance')} on one channel of recordings that have several"
    if validation.unread:
        yield f"note: the audio of {_count(validation.unread, 'utterance')} comes of several files: not read"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
