"""A corpus that a table describes: one row for each utterance, or one such table for each split."""

import glob
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import click
from lhotse import MonoCut

from pyspeech.data.sources.dividing import Task, divided
from pyspeech.data.sources.reading import Entry, cut_of_file, on_disk, read, with_ids
from pyspeech.data.sources.rows import read_rows
from pyspeech.data.splits import KINDS, in_order, names_for, split_name
from pyspeech.errors import UserError, nearest
from pyspeech.lang.reading import Unsure
from pyspeech.lang.words import words_of

COLUMN = re.compile(r"\{([^{}]*)\}")
SPLIT = "{split}"


@dataclass(frozen=True)
class Table:
    """A table whose first line names its columns, and how each utterance is put together from them.

    All but ``file`` and ``language`` are templates: ``{column}`` stands for the row's value, all else for itself.

    Args:
        file: Path below the corpus, ending in .csv (comma or semicolon), .tsv (tab), .psv or .txt (pipe). One with
            ``{split}`` names one table for each split, and ``{split}`` may then stand in the templates too; where
            names of train, dev or test are among them, no others are taken.
        audio: The audio file, from the folder of the table.
        text: What was said, or the label; empty for speaker verification.
        id: The file's name without its ending if empty, or its path where such names repeat.
        split: Any usual name of train, dev or test, or another. What of dev and test there is none of, in either way
            to name them, is held out of train, see :func:`pyspeech.data.sources.dividing.divided`.
        language: Texts become the words of :func:`pyspeech.lang.words.words_of` it; None keeps them as they are.
        task: What is held out goes by it; without texts it is verification.
    """

    file: str
    audio: str
    text: str = ""
    speaker: str = ""
    id: str = ""
    split: str = ""
    language: str | None = None
    task: Task = "recognition"

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits, train first."""
        return in_order(entry.split for entry in self._entries(corpus))

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Yield the utterances of one split in the order of the table."""
        return read([entry for entry in self._entries(corpus) if entry.split == split], split, cut_of_file)

    def _entries(self, corpus: Path) -> Sequence[Entry]:
        if self.split and SPLIT in self.file:
            raise UserError(f"file='{self.file}' and split='{self.split}' both name the split; leave out one of them")
        files = self._files(corpus.absolute())
        states = [path.stat() for _, path in files if path.is_file()]
        return _read_once(self, tuple(files), tuple((state.st_mtime_ns, state.st_size) for state in states))

    def read(self, files: Sequence[tuple[str, Path]]) -> Sequence[Entry]:
        """The utterances of ``files``, pairs (split as in the file's name, table); tells on stderr what is not sure."""
        unsure = Unsure()
        words = str.split if self.language is None else words_of(self.language, unsure)
        entries = [entry for split, path in files for entry in self._read(path, split, words)]
        for line in unsure.lines():
            click.echo(f"{files[0][1]}: {line}", err=True)
        if not entries:
            raise UserError(f"{files[0][1]} has no row below its first line, which names the columns")
        return divided(with_ids(entries), self.task if self.text else "verification")

    def _files(self, corpus: Path) -> Sequence[tuple[str, Path]]:
        """Pairs (split as in the file's name, table)."""
        if SPLIT not in self.file:
            return [("", corpus / self.file)]
        before, _, after = (str(corpus / self.file)).partition(SPLIT)
        paths = sorted(glob.glob(f"{glob.escape(before)}*{glob.escape(after)}"))  # noqa: PTH207 -- folders in it too
        found = [(path[len(before) : len(path) - len(after)], Path(path)) for path in paths]
        if not found:
            raise UserError(f"no table {corpus / self.file} for any split; check the path")
        known = {name for kind in KINDS for name in names_for(kind, [split for split, _ in found])}
        return [(split, path) for split, path in found if split in known] or found  # others list speakers, or nothing

    def _read(self, path: Path, split: str, words: Callable[[str], list[str]]) -> Iterator[Entry]:
        rows = read_rows(path)
        _, header = next(rows, (1, []))
        self._check(path, [*header, "split"] if split and "split" not in header else header)
        for line, values in rows:
            row = {"split": split} | dict(zip(header, values, strict=True))
            audio = _fill(self.audio, row)
            if not audio:
                raise UserError(f"{path}, line {line} names no audio file; add it, or remove the row")
            yield Entry(
                path=on_disk(audio, path.parent),
                text=" ".join(words(_fill(self.text, row))),
                speaker=_fill(self.speaker, row),
                id=_fill(self.id, row),
                split=self._split(split, row, f"{path}, line {line}"),
            )

    def _split(self, of_file: str, row: dict[str, str], where: str) -> str:
        if not self.split and SPLIT not in self.file:
            return ""
        try:
            return split_name(_fill(self.split, row) if self.split else of_file)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    def _check(self, path: Path, header: Sequence[str]) -> None:
        for field in ("audio", "text", "speaker", "id", "split"):
            for name in COLUMN.findall(getattr(self, field)):
                where = f"{field}='{getattr(self, field)}': the first line of {path}, which must name its columns,"
                if name not in header:
                    raise UserError(f"{where} has no '{name}'{nearest(name, header)}")
                if header.count(name) > 1:
                    raise UserError(f"{where} has '{name}' twice; name them apart")


@lru_cache(maxsize=1)
def _read_once(
    table: Table, files: tuple[tuple[str, Path], ...], _states: tuple[tuple[int, int], ...]
) -> Sequence[Entry]:
    """Each split needs all rows: they are kept for the next one while the files stay as they are."""
    return table.read(files)


def _fill(template: str, row: dict[str, str]) -> str:
    return COLUMN.sub(lambda match: row[match[1]], template)
