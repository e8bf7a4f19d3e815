"""Tables of text: comma, semicolon, tab or pipe between the columns, which the first line names."""

import csv
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from pyspeech.errors import UserError
from pyspeech.files import existing_file
from pyspeech.text_files import read_text

DELIMITERS = {".csv": ",", ".tsv": "\t", ".psv": "|", ".txt": "|"}
OTHERS = "\t|,;"  # in this order: sentences hold commas, and names of columns no tabs and pipes
QUOTED = ",;"  # within the others, a quotation mark is one: sentences of Common Voice hold single ones


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, values without space around them) for every row, the names of the columns first.

    The delimiter goes by the ending, but where the first line has none of it, or in a ``.csv`` one of OTHERS, by the
    first line. UTF-8, with or without byte order mark. Blank lines are skipped.

    Raises:
        UserError: no such table, an unknown ending, no UTF-8, or a row with more or fewer values than columns.
    """
    if path.suffix.lower() not in DELIMITERS:
        raise UserError(f"{path} is no table; its name must end in {', '.join(DELIMITERS)}")
    columns = 0
    try:
        for line, row in _rows(_lines(existing_file(path, "table")), DELIMITERS[path.suffix.lower()]):
            columns = columns or len(row)
            if len(row) != columns:
                raise UserError(
                    f"{path}, line {line}: {len(row)} values for the {columns} columns of its first line; mend it"
                )
            yield line, row
    except csv.Error as error:
        raise UserError(f"{path} is damaged: {error}; often a quotation mark that is not closed") from error


def _rows(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    first = next(lines, "")
    if delimiter == "," or delimiter not in first:
        delimiter = next((other for other in OTHERS if other in first), delimiter)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter in QUOTED else csv.QUOTE_NONE
    reader = csv.reader(chain([first], lines), delimiter=delimiter, quoting=quoting, strict=True)
    for row in reader:
        values = [value.strip() for value in row]
        if delimiter not in QUOTED:
            values = [_unquoted(value) for value in values]
        if any(values):
            yield reader.line_num, values


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
