"""Tables: comma, semicolon, tab or pipe between the columns, which the first line names as a rule; or JSON lines."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pyspeech.errors import UserError
from pyspeech.files import existing_file
from pyspeech.json_files import read_json_lines
from pyspeech.text_files import read_text

DELIMITERS = {".csv": ",", ".tsv": "\t", ".psv": "|", ".txt": "|"}
JSON_LINES = (".jsonl", ".json")  # the latter as NeMo's manifests are called
OTHERS = "\t|;,"  # in this order: sentences hold commas, and names of columns no tabs and pipes
QUOTED = ",;"  # within the others, a quotation mark is one: sentences of Common Voice hold single ones
EXCEL = "sep="  # before the delimiter, in a line before all others


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    quoted: bool  # whether quotation marks may surround values with delimiters in them


def read_rows(path: Path, *, header: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, values without space around them) for every row, the names of the columns first.

    Without a ``header`` the columns are called 1, 2, and so on. The delimiter is the ending's, or another of OTHERS,
    by which all lines have as many values as the first; of several, and where none does, a tab, then a pipe, a
    semicolon, a comma, but the ending's own before these if it is no comma. Quotation marks are the text's own between
    tabs and pipes, and wherever values between them would not agree so. UTF-8, with or without byte order mark. Blank
    lines are skipped. JSON lines have an object for each row, whose numbers and texts are values; what a row lacks is
    empty.

    Raises:
        UserError: no such table, an unknown ending, no UTF-8, or a row with more or fewer values than columns.
    """
    if path.suffix.lower() in JSON_LINES:
        yield from _objects(path)
        return
    if path.suffix.lower() not in DELIMITERS:
        raise UserError(f"{path} is no table; its name must end in {', '.join((*DELIMITERS, *JSON_LINES))}")
    lines = list(_lines(existing_file(path, "table")))
    columns = 0
    try:
        for line, row in _rows(lines, _dialect(lines, DELIMITERS[path.suffix.lower()])):
            if not columns:
                columns = len(row)
                if not header:
                    yield 0, [str(number) for number in range(1, columns + 1)]
            if len(row) != columns:
                raise UserError(
                    f"{path}, line {line}: {len(row)} values for the {columns} columns of its first line; mend it"
                )
            yield line, row
    except csv.Error as error:
        raise UserError(f"{path} is damaged: {error}; often a quotation mark that is not closed") from error


def _objects(path: Path) -> Iterator[tuple[int, list[str]]]:
    rows = [
        (line, {name: str(value).strip() for name, value in values.items() if isinstance(value, str | int | float)})
        for line, values in read_json_lines(existing_file(path, "table"))
    ]
    columns = list(dict.fromkeys(name for _, row in rows for name in row))
    if columns:
        yield 0, columns
    for line, row in rows:
        yield line, [row.get(name, "") for name in columns]


def _dialect(lines: Sequence[str], delimiter: str) -> _Dialect:
    first = next(filter(str.strip, lines), "")
    if _is_excel(first):
        return _Dialect(first.strip()[-1], quoted=True)
    preferred = OTHERS if delimiter == "," else delimiter + OTHERS.replace(delimiter, "")
    delimiters = [each for each in preferred if each in first] or [delimiter]
    dialects = [
        _Dialect(each, quoted) for each in delimiters for quoted in ((True, False) if each in QUOTED else (False,))
    ]
    if len(dialects) == 1:
        return dialects[0]
    # Of a table with a damaged row, what agrees with most lines; the first of several.
    shares = {}
    for dialect in dialects:
        shares[dialect] = _agreeing(lines, dialect)
        if shares[dialect] == 1:
            return dialect
    best = max(shares, key=shares.__getitem__)
    return _Dialect(best.delimiter, best.delimiter in QUOTED)


def _agreeing(lines: Sequence[str], dialect: _Dialect) -> float:
    """The share of rows with as many values as the first, which has several; 1 if no line disagrees."""
    agreeing, read, columns = 0, 0, 0
    try:
        for _, row in _rows(lines, dialect):
            columns = columns or len(row)
            read += 1
            agreeing += len(row) == columns > 1
    except csv.Error:
        read = max(read + 1, len(lines))
    return agreeing / max(read, 1)


def _rows(lines: Sequence[str], dialect: _Dialect) -> Iterator[tuple[int, list[str]]]:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=dialect.delimiter, quoting=quoting, strict=True)
    for row in reader:
        values = [value.strip() for value in row]
        if not dialect.quoted:
            values = [_unquoted(value) for value in values]
        if any(values) and not (reader.line_num == 1 and _is_excel(lines[0])):
            yield reader.line_num, values


def _is_excel(line: str) -> bool:
    """Whether a line says the delimiter, as Excel reads and writes it: ``sep=;``."""
    return line.lower().startswith(EXCEL) and line.strip()[len(EXCEL) :] in tuple(OTHERS)


def _lines(path: Path) -> Iterator[str]:
    """Lines may end as on an old Macintosh, too; a line within quotation marks keeps its end."""
    for line in read_text(path, "table"):
        yield from io.StringIO(line, newline="")


def _unquoted(value: str) -> str:
    """Programs that write quotes round a value double those within."""
    inner = value[1:-1].replace('""', "")
    if len(value) >= 2 and value[0] == value[-1] == '"' and '"' not in inner:
        return value[1:-1].replace('""', '"').strip()
    return value
