"""Which column of a table holds what: found from names and values, or asked for."""

import os
import re
import statistics
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pyspeech.corpora.corpus import recording_of
from pyspeech.corpora.sources.layout import OVERSHOOT_SECONDS
from pyspeech.corpora.sources.reading import TimesUnit, from_home, on_disk
from pyspeech.corpora.sources.table import time_of
from pyspeech.corpora.splits import KINDS, TRAIN, usual_name
from pyspeech.data.audio_files import AUDIO, NOT_READ, not_read
from pyspeech.data.precomputed_features import FEATURE_FILES
from pyspeech.errors import UserError, nearest

Row = Mapping[str, str]
AnyRow = TypeVar("AnyRow")

EDGES = (
    *("{}_time", "time_{}", "{}time", "t_{}", "{}_timestamp", "timestamp_{}", "{}_offset"),
    *("segment_{}", "seg_{}", "utterance_{}", "utt_{}", "audio_{}", "clip_{}", "speech_{}"),
)
# Names of columns as corpora have them; case, blanks and hyphens do not matter.
NAMES = {
    "text": {"text", "sentence", "transcript", "transcription", "utterance", "prompt", "words", "normalized_text"},
    "label": {"label", "word", "class", "category", "command", "keyword", "intent", "emotion", "digit"},
    "speaker": {"speaker", "speaker_id", "spk", "spk_id", "client_id", "reader", "reader_id", "voice", "user_id"},
    "split": {"split"},
    "start": {"start", "begin", "beg", "onset", "offset", "tmin", "xmin"}
    | {name.format(edge) for edge in ("start", "begin") for name in EDGES},
    "end": {"end", "stop", "tmax", "xmax"} | {name.format(edge) for edge in ("end", "stop") for name in EDGES},
    "duration": {"duration", "dur", "length", "len", "segment_duration", "segment_length"},
}
OPTIONS = {kind: f"--{kind}" for kind in NAMES} | {"label": "--text"}
# A unit that the name of a column of times ends in: start_ms, begin (s).
UNIT_NAMES: dict[str, TimesUnit] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "milliseconds"),
    **dict.fromkeys(("sample", "samples"), "samples"),
}
A_SECOND: dict[TimesUnit, float | None] = {"seconds": 1.0, "milliseconds": 1000.0, "samples": None}
SHORTEST, LONGEST = 0.05, 60.0  # seconds of a mean utterance, by which a unit may be meant
FITTING = 0.9  # of the rows end within their file, in the unit that is meant
FEWEST_ROWS = 5  # that tell milliseconds from samples
ENDINGS = (*AUDIO, *FEATURE_FILES)
SAMPLE = 20  # rows whose audio is looked for
MOST_FOLDERS = 50  # beside the table, in which audio is looked for


@dataclass(frozen=True)
class Asked:
    """Columns that the user named, empty where the table should tell; ``audio`` is a folder or a template."""

    audio: str = ""
    text: str = ""
    speaker: str = ""
    split: str = ""
    start: str = ""
    end: str = ""
    duration: str = ""
    times: TimesUnit | Literal["none"] | None = None


@dataclass(frozen=True)
class Times:
    """Columns of when an utterance begins in its file, and when it ends or how long it lasts, and their unit."""

    start: str
    end: str
    duration: str
    unit: TimesUnit

    def __str__(self) -> str:
        """In words, as ``new-recipe`` says it."""
        until = f"to {{{self.end}}}" if self.end else f"for {{{self.duration}}}"
        return f"from {{{self.start}}} {until}, in {self.unit}"


def column_for(kind: str, columns: Sequence[str], asked: str) -> str:
    """The column for ``kind`` (a key of NAMES): the one asked for, else the one of such a name, else empty.

    Raises:
        UserError: no such column, or several could be meant.
    """
    if asked:
        if asked not in columns:
            raise UserError(f"{OPTIONS[kind]} {asked}: the table has no such column{nearest(asked, columns)}")
        return asked
    return _only([column for column in columns if _plain(_without_unit(column, kind)) in NAMES[kind]], kind)


def numbered(lines: Sequence[Sequence[str]]) -> list[Row]:
    """Rows whose columns are called 1, 2, ..."""
    return [{str(number): value for number, value in enumerate(line, 1)} for line in lines]


def names_columns(folder: Path, lines: Sequence[Sequence[str]], asked: str) -> bool:
    """Whether the first line names the columns; else it names audio as the others do, and is an utterance."""
    first, *others = numbered([lines[0], *_sample(lines[1:])])
    templates = _best_templates(folder, others or [first], asked)
    return not any(
        _there(folder, template, [first]) or Path(first[column]).suffix.lower() in ENDINGS
        for template in templates
        for column in re.findall(r"\{(\d+)\}", template)
    )


def needed(kind: str, columns: Sequence[str], column: str) -> str:
    """``column`` unless it is empty.

    Raises:
        UserError: naming the columns that are there, and the option.
    """
    if not column:
        raise UserError(
            f"no column is surely the {kind}; the table has {', '.join(columns)}; name one by {OPTIONS[kind]} COLUMN"
        )
    return column


def split_column(rows: Sequence[Row], asked: str) -> str:
    """The column asked for, the one called split, else the one whose values are train, dev and test by usual names."""
    columns = list(rows[0])
    if named := column_for("split", columns, asked):
        return named
    values = {column: {usual_name(row[column]) for row in rows} for column in columns}
    return _only([column for column in columns if TRAIN in values[column] and values[column] <= set(KINDS)], "split")


def spoken_column(rows: Sequence[Row]) -> str:
    """The one column whose values mostly hold several words; empty if there are more or none.

    Of several that mostly hold the same words, as LJSpeech's two do, it is the one with the fewest digits and signs.
    """
    sample = _sample(rows)
    spoken = [column for column in rows[0] if sum(" " in row[column] for row in sample) > len(sample) / 2]
    same = sum(len({_letters(row[column]) for column in spoken}) == 1 for row in sample)
    if len(spoken) > 1 and same <= len(sample) / 2:
        return ""
    signs = {column: sum(not (c.isalpha() or c.isspace()) for row in rows for c in row[column]) for column in spoken}
    return min(reversed(spoken), key=signs.__getitem__, default="")


def times_of(folder: Path, rows: Sequence[Row], audio: str, asked: Asked) -> Times | None:
    """The columns by which a row is a part of its file; None if it is all of it.

    Raises:
        UserError: columns that look so and cannot be: an end is lacking, a value is no number, times are beyond the
            ends of the files in every unit, or may be of two.
    """
    if asked.times == "none":
        return None
    columns = list(rows[0])
    start = column_for("start", columns, asked.start)
    rest = [column for column in columns if column != start]
    end, duration = (column_for(kind, rest, getattr(asked, kind)) for kind in ("end", "duration"))
    if not start:
        if asked.end or asked.duration:
            raise UserError("no column is surely the start of the utterances in their files; name it by --start COLUMN")
        return None
    if not (end or duration):
        raise UserError(
            f"the column {start} looks like times, and none like the end; name it by --end or --duration COLUMN, "
            "or take whole files by --times none"
        )
    named = {UNIT_NAMES[unit] for column in (start, end or duration) if (unit := _unit_of(column))}
    spans = [_span(row, Times(start, end, "" if end else duration, "seconds")) for row in _sample(rows)]
    if asked.times:
        return Times(start, end, "" if end else duration, asked.times)
    fitting = _fitting(folder, _sample(rows), audio, spans)
    whole = all(time.is_integer() for span in spans for time in span)
    return Times(start, end, "" if end else duration, _unit(fitting, named, whole, start, len(spans)))


def _span(row: Row, times: Times) -> tuple[float, float]:
    where = f"the column {times.start} looks like times (or take whole files by --times none)"
    start = time_of(row[times.start], where)
    return start, time_of(row[times.end], where) if times.end else start + time_of(row[times.duration], where)


def _fitting(
    folder: Path, rows: Sequence[Row], audio: str, spans: Sequence[tuple[float, float]]
) -> dict[TimesUnit, float]:
    """The units in which ``spans`` end within their files, and the seconds of a mean utterance in each."""
    held = []
    for row, span in zip(rows, spans, strict=True):
        path = on_disk(_filled(audio, row), folder)
        if path.suffix.lower() in FEATURE_FILES:
            raise UserError(f"{path} holds features, of which no parts are read; take them whole by --times none")
        with suppress(UserError):  # a file that cannot be read is told when it is
            recording = recording_of(path)
            held.append((span, recording.duration, recording.sampling_rate))
    fitting: dict[TimesUnit, float] = {}
    for unit, per_second in A_SECOND.items():
        lengths = [
            (end - start) / (per_second or rate)
            for (start, end), seconds, rate in held
            if end / (per_second or rate) <= seconds + OVERSHOOT_SECONDS
        ]
        if lengths and len(lengths) >= FITTING * len(held):
            fitting[unit] = statistics.median(lengths)
    return fitting


def _unit(
    fitting: Mapping[TimesUnit, float], named: Collection[TimesUnit], whole: bool, column: str, rows: int
) -> TimesUnit:
    """The unit that columns are ``named`` for, else the one by which utterances are as long as such are.

    ``whole`` tells whether all times are whole numbers, as samples are.
    """
    likely = [unit for unit, length in fitting.items() if SHORTEST <= length <= LONGEST]
    if len(named) == 1:
        [unit] = named
        if fitting.get(unit, 0.0) >= SHORTEST:
            return unit
        lasting = f"last {fitting[unit]:.2g} seconds" if unit in fitting else "end after their files"
        raise UserError(
            f"the column {column} says {unit}, by which utterances {lasting}; say the unit by --times, "
            "or take whole files by --times none"
        )
    if "seconds" in fitting and ("seconds" in likely or not likely or not whole):
        return "seconds"
    # As samples, what may be milliseconds would all lie in the first sixteenth of the files.
    if len(likely) > 1 and "seconds" not in fitting and rows >= FEWEST_ROWS:
        return "milliseconds"
    if len(likely) != 1:
        what = (
            f"may be in {' or '.join(fitting)}; say which by --times"
            if fitting
            else "are beyond the ends of the files in seconds, milliseconds and samples; mend them"
        )
        raise UserError(f"the times from the column {column} {what}, or take whole files by --times none")
    return likely[0]


def audio_template(folder: Path, rows: Sequence[Row], asked: str) -> str:
    """Where the audio of a row is, from the table's ``folder``: ``audio/{id}.flac``.

    Looked for by the value of every column, as it is and with an ending of ENDINGS, in the folder and in those below.

    Raises:
        UserError: no column names files that are there, or several name different ones.
    """
    templates = _best_templates(folder, rows, asked)
    if not templates:
        first = next(iter(rows[0]))
        if other := _not_read(folder, rows[0], asked, _sample(rows)):
            raise UserError(not_read(other))
        raise UserError(
            f"no audio is where the table could mean it: {folder} and the folders in it hold no file named by "
            f"{', '.join(rows[0])}; give --audio DIR, or a template such as --audio 'clips/{{{first}}}.wav'"
        )
    if len(templates) > 1:
        raise UserError(f"the audio may be {' or '.join(templates)}; choose one by --audio '...'")
    return templates[0]


def _best_templates(folder: Path, rows: Sequence[Row], asked: str) -> list[str]:
    """The templates that name audio of most rows, and of half of them at least: of those that name the same, one."""
    sample = _sample(rows)
    candidates = [asked] if "{" in asked else list(_candidates(folder, rows[0], asked))
    hits = {template: _there(folder, template, sample) for template in candidates}
    most = max(map(len, hits.values()), default=0)
    if most <= len(sample) / 2:
        return []
    return list({tuple(files): template for template, files in reversed(hits.items()) if len(files) == most}.values())


def _not_read(folder: Path, row: Row, asked: str, rows: Sequence[Row]) -> Path | None:
    """A file that the table could mean if its kind were read."""
    candidates = [asked] if "{" in asked else _candidates(folder, row, asked, NOT_READ)
    files = (file for template in candidates for file in _there(folder, template, rows, NOT_READ))
    return next(map(Path, files), None)


def _candidates(
    folder: Path, columns: Sequence[str] | Row, asked: str, endings: tuple[str, ...] = ENDINGS
) -> list[str]:
    prefixes = [_asked_folder(folder, asked)] if asked else ["", *_folders_in(folder)]
    # A row of many corpora holds its file's name; the shortest template comes first.
    return [f"{prefix}{{{column}}}{ending}" for ending in ("", *endings) for prefix in prefixes for column in columns]


def _folders_in(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [f"{name}/" for name in names[:MOST_FOLDERS]]


def _asked_folder(folder: Path, asked: str) -> str:
    """As a template's beginning: a folder beside the table, or from where the user stands."""
    typed = from_home(asked)
    if (folder / typed).is_dir():
        return f"{typed}/"
    if not typed.is_dir():
        raise UserError(f"--audio {asked}: no such folder, neither beside the table nor here")
    return f"{typed.resolve()}/"


def _there(folder: Path, template: str, rows: Sequence[Row], endings: tuple[str, ...] = ENDINGS) -> list[str]:
    """The paths of those ``rows`` whose audio is there."""
    names = [name for name in (_filled(template, row) for row in rows) if name.lower().endswith(endings)]
    paths = (on_disk(name, folder) for name in names)
    # A whole sentence is no name of a file: of one that is too long, os.path says so.
    return [str(path) for path in paths if os.path.isfile(path)]  # noqa: PTH113


def _filled(template: str, row: Row) -> str:
    return re.sub(r"\{([^{}]*)\}", lambda match: row.get(match[1], ""), template)


def _sample(rows: Sequence[AnyRow]) -> Sequence[AnyRow]:
    return rows[:: max(1, len(rows) // SAMPLE)]


def _only(columns: Sequence[str], kind: str) -> str:
    if len(columns) > 1:
        raise UserError(
            f"the columns {' and '.join(columns)} may each be the {kind}; choose one by {OPTIONS[kind]} COLUMN"
        )
    return columns[0] if columns else ""


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", text).lower()


def _unit_of(column: str) -> str:
    """The unit at the end of a column's name, as UNIT_NAMES has it; empty where there is none."""
    unit = re.split(r"[\W_]+", column.strip().lower().rstrip(")]"))[-1]
    return unit if unit in UNIT_NAMES else ""


def _without_unit(column: str, kind: str) -> str:
    if kind not in ("start", "end", "duration") or not (unit := _unit_of(column)):
        return column
    return column.strip().rstrip(")]")[: -len(unit)].rstrip(" _-([") or column


def _plain(column: str) -> str:
    return re.sub(r"[\s-]+", "_", column.strip().lower())
