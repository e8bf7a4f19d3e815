"""A corpus that a table describes: one row for each utterance, or one such table for each split."""

import glob
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lhotse import MonoCut

from pyspeech.corpora.corpus import recording_of
from pyspeech.corpora.left_out import tell, tell_left_out
from pyspeech.corpora.sources.dividing import Task, placed
from pyspeech.corpora.sources.layout import cut_of
from pyspeech.corpora.sources.reading import (
    Entry,
    Span,
    TimesUnit,
    cut_of_file,
    on_disk,
    read,
    tell_marks,
)
from pyspeech.corpora.sources.rows import read_rows
from pyspeech.corpora.splits import KINDS, in_order, names_for, split_name
from pyspeech.data.audio_files import AUDIO, NOT_READ
from pyspeech.data.precomputed_features import FEATURE_FILES
from pyspeech.errors import UserError, nearest
from pyspeech.lang.marks import marks_of
from pyspeech.lang.reading import Unsure
from pyspeech.lang.words import words_of

COLUMN = re.compile(r"\{([^{}]*)\}")
SPLIT = "{split}"


@dataclass(frozen=True)
class Table:
    """A table whose first line names its columns, and how each utterance is put together from them.

    ``audio`` to ``duration`` are templates: ``{column}`` stands for the row's value, all else for itself.

    Args:
        file: Path below the corpus, ending in .csv (comma or semicolon), .tsv (tab), .psv or .txt (pipe), or .jsonl
            or .json (an object a line). One with ``{split}`` names one table for each split, and ``{split}`` may then
            stand in the templates too; where names of train, dev or test are among them, no others are taken.
        audio: The audio file, from the folder of the table.
        text: What was said, or the label; empty for speaker verification.
        id: The file's name without its ending if empty, or its path where such names repeat; with its times where
            several rows are of one file.
        split: Any usual name of train, dev or test, or another. What of dev and test there is none of, in either way
            to name them, is held out of train, see :func:`pyspeech.corpora.sources.dividing.divided`.
        start: When the utterance begins in its file, a number or ``1:02.5``; empty for whole files.
        end: When it ends; or give its ``duration``.
        times: The unit of these: "seconds", "milliseconds" or "samples".
        header: Whether the first line names the columns; else they are called 1, 2, and so on: ``{1}``.
        language: Texts become the words of :func:`pyspeech.lang.words.words_of` it; None keeps them as they are.
        task: What is held out goes by it; without texts it is verification.
        channel: Of recordings with several, the number of one, "mix" for their average, "each" for one utterance a
            channel; the first if empty.
    """

    file: str
    audio: str
    text: str = ""
    speaker: str = ""
    id: str = ""
    split: str = ""
    start: str = ""
    end: str = ""
    duration: str = ""
    times: TimesUnit = "seconds"
    header: bool = True
    language: str | None = None
    task: Task = "recognition"
    channel: str = ""

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits, train first; tells on stderr of tables and audio that are left out."""
        entries = self._entries(corpus)
        self._tell_other_tables(corpus.absolute())
        _tell_other_audio(corpus.absolute(), {entry.path for entry in entries})
        return in_order(entry.split for entry in entries)

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Yield the utterances of one split in the order of the table."""
        return read([entry for entry in self._entries(corpus) if entry.split == split], split, _cut, self.channel)

    def _entries(self, corpus: Path) -> Sequence[Entry]:
        if bool(self.start) != bool(self.end or self.duration) or (self.end and self.duration):
            raise UserError(f"start='{self.start}' goes with an end or a duration, and one of them; give both times")
        if self.split and SPLIT in self.file:
            raise UserError(f"file='{self.file}' and split='{self.split}' both name the split; leave out one of them")
        files = self._files(corpus.absolute())
        states = [path.stat() for _, path in files if path.is_file()]
        return _read_once(self, tuple(files), tuple((state.st_mtime_ns, state.st_size) for state in states))

    def read(self, files: Sequence[tuple[str, Path]]) -> Sequence[Entry]:
        """The utterances of ``files``, pairs (split as in the file's name, table).

        Tells on stderr what of texts is left out, and what is not surely said as it is.

        Raises:
            UserError: a table is damaged or lacks a column, or there is no row.
        """
        unsure = Unsure()
        words = str.split if self.language is None else words_of(self.language, unsure)
        entries = [entry for split, path in files for entry in self._read(path, split, words)]
        for line in unsure.lines():
            tell(f"{files[0][1]}: {line}")
        if not entries:
            raise UserError(f"{files[0][1]} has no row{' below its first line, which names the columns' * self.header}")
        tell_marks(files[0][1] if len(files) == 1 else files[0][1].parent, entries)
        return placed(entries, self.task if self.text else "verification")

    def _files(self, corpus: Path) -> Sequence[tuple[str, Path]]:
        """Pairs (split as in the file's name, table)."""
        tables = self._tables(corpus)
        known = {name for kind in KINDS for name in names_for(kind, [split for split, _ in tables])}
        return [(split, path) for split, path in tables if split in known] or tables  # others list speakers, or nothing

    def _tell_other_tables(self, corpus: Path) -> None:
        others = [
            str(path.relative_to(corpus)) for _, path in sorted(set(self._tables(corpus)) - set(self._files(corpus)))
        ]
        tell_left_out(corpus, others, "tables that are called as no split of train, dev or test")

    def _tables(self, corpus: Path) -> Sequence[tuple[str, Path]]:
        if SPLIT not in self.file:
            return [("", corpus / self.file)]
        before, _, after = (str(corpus / self.file)).partition(SPLIT)
        paths = sorted(glob.glob(f"{glob.escape(before)}*{glob.escape(after)}"))  # noqa: PTH207 -- folders in it too
        tables = [(path[len(before) : len(path) - len(after)], Path(path)) for path in paths]
        if not tables:
            raise UserError(f"no table {corpus / self.file} for any split; check the path")
        return tables

    def _read(self, path: Path, split: str, words: Callable[[str], list[str]]) -> Iterator[Entry]:
        rows = read_rows(path, header=self.header)
        _, header = next(rows, (1, []))
        self._check(path, [*header, "split"] if split and "split" not in header else header)
        for line, values in rows:
            row = {"split": split} | dict(zip(header, values, strict=True))
            audio = _fill(self.audio, row)
            if not audio:
                raise UserError(f"{path}, line {line} names no audio file; add it, or remove the row")
            where, text = f"{path}, line {line}", _fill(self.text, row)
            yield Entry(
                path=on_disk(audio, path.parent),
                text=" ".join(words(text)),
                speaker=_fill(self.speaker, row),
                id=_fill(self.id, row),
                split=self._split(split, row, where),
                span=self._span(row, where),
                marks=() if self.language is None else tuple(marks_of(text)),
            )

    def _span(self, row: dict[str, str], where: str) -> Span | None:
        if not self.start:
            return None
        start = time_of(_fill(self.start, row), where)
        end = time_of(_fill(self.end, row), where) if self.end else start + time_of(_fill(self.duration, row), where)
        if not start < end:
            raise UserError(
                f"{where}: an utterance from {start:g} to {end:g} {self.times} holds nothing; mend its times"
            )
        return Span(start, end, self.times)

    def _split(self, of_file: str, row: dict[str, str], where: str) -> str:
        if not self.split and SPLIT not in self.file:
            return ""
        try:
            return split_name(_fill(self.split, row) if self.split else of_file)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    def _check(self, path: Path, header: Sequence[str]) -> None:
        for field in ("audio", "text", "speaker", "id", "split", "start", "end", "duration"):
            for name in COLUMN.findall(getattr(self, field)):
                where = f"{field}='{getattr(self, field)}': the first line of {path}, which must name its columns,"
                if name not in header:
                    raise UserError(f"{where} has no '{name}'{nearest(name, header)}")
                if header.count(name) > 1:
                    raise UserError(f"{where} has '{name}' twice; name them apart")


def _tell_other_audio(corpus: Path, named: Set[Path]) -> None:
    """Tell of audio beside that which the rows name, in the same folders."""
    named = {Path(os.path.normpath(path)) for path in named if path.suffix.lower() in AUDIO}
    folders = sorted({path.parent for path in named})
    paths = (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()))
    others = [path for path in paths if path.suffix.lower() in (*AUDIO, *NOT_READ) and path not in named]
    tell_left_out(corpus, [path.name for path in others], "files of audio that no row names")


@lru_cache(maxsize=1)
def _read_once(
    table: Table, files: tuple[tuple[str, Path], ...], _states: tuple[tuple[int, int], ...]
) -> Sequence[Entry]:
    """Each split needs all rows: they are kept for the next one while the files stay as they are."""
    return table.read(files)


def _cut(entry: Entry) -> MonoCut:
    if entry.span is None:
        return cut_of_file(entry)
    if entry.path.suffix.lower() in FEATURE_FILES:
        raise UserError(f"{entry.path} holds features, of which no spans are read; cut them apart, or give audio")
    recording = recording_of(entry.path)
    start, seconds = entry.span.seconds(recording.sampling_rate)
    return cut_of(recording, entry, recording.channel_ids[0], start, seconds)


def time_of(value: str, where: str) -> float:
    """A time of a table: a number, or hours, minutes and seconds with colons between.

    Raises:
        UserError: it is none.
    """
    try:
        numbers = [float(part.replace(",", ".")) for part in value.split(":")]
    except ValueError:
        numbers = []
    if not numbers or len(numbers) > 3 or not all(0 <= number < math.inf for number in numbers):
        raise UserError(f"{where}: '{value}' is no time; write a number, or name the column of times that is meant")
    return sum(number * 60.0**place for place, number in enumerate(reversed(numbers)))


def _fill(template: str, row: dict[str, str]) -> str:
    return COLUMN.sub(lambda match: row[match[1]], template)
