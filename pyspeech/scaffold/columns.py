"""Which column of a table holds what: found from names and values, or asked for."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspeech.data.audio_files import NOT_READ, not_read
from pyspeech.data.given import FEATURE_FILES
from pyspeech.data.sources.folder import AUDIO
from pyspeech.data.sources.reading import from_home, on_disk
from pyspeech.data.splits import KINDS, TRAIN, usual_name
from pyspeech.errors import UserError, nearest

Row = Mapping[str, str]

# Names of columns as corpora have them; case, blanks and hyphens do not matter.
NAMES = {
    "text": {"text", "sentence", "transcript", "transcription", "utterance", "prompt", "words", "normalized_text"},
    "label": {"label", "word", "class", "category", "command", "keyword", "intent", "emotion", "digit"},
    "speaker": {"speaker", "speaker_id", "spk", "spk_id", "client_id", "reader", "reader_id", "voice", "user_id"},
    "split": {"split"},
}
OPTIONS = {"text": "--text", "label": "--text", "speaker": "--speaker", "split": "--split"}
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


def column_for(kind: str, columns: Sequence[str], asked: str) -> str:
    """The column for ``kind`` (a key of NAMES): the one asked for, else the one of such a name, else empty.

    Raises:
        UserError: no such column, or several could be meant.
    """
    if asked:
        if asked not in columns:
            raise UserError(f"{OPTIONS[kind]} {asked}: the table has no such column{nearest(asked, columns)}")
        return asked
    return _only([column for column in columns if _plain(column) in NAMES[kind]], kind)


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
    if found := column_for("split", columns, asked):
        return found
    values = {column: {usual_name(row[column]) for row in rows} for column in columns}
    return _only([column for column in columns if TRAIN in values[column] and values[column] <= set(KINDS)], "split")


def spoken_column(rows: Sequence[Row]) -> str:
    """The one column whose values mostly hold several words; empty if there are more or none."""
    sample = _sample(rows)
    found = [column for column in rows[0] if sum(" " in row[column] for row in sample) > len(sample) / 2]
    return found[0] if len(found) == 1 else ""


def audio_template(folder: Path, rows: Sequence[Row], asked: str) -> str:
    """Where the audio of a row is, from the table's ``folder``: ``audio/{id}.flac``.

    Looked for by the value of every column, as it is and with an ending of ENDINGS, in the folder and in those below.

    Raises:
        UserError: no column names files that are there, or several name different ones.
    """
    sample = _sample(rows)
    candidates = [asked] if "{" in asked else list(_candidates(folder, rows[0], asked))
    hits = {template: _there(folder, template, sample) for template in candidates}
    most = max(map(len, hits.values()), default=0)
    if most <= len(sample) / 2:
        first = next(iter(rows[0]))
        if other := _not_read(folder, rows[0], asked, sample):
            raise UserError(not_read(other))
        raise UserError(
            f"no audio is where the table could mean it: {folder} and the folders in it hold no file named by "
            f"{', '.join(rows[0])}; give --audio DIR, or a template such as --audio 'clips/{{{first}}}.wav'"
        )
    best = {tuple(files): template for template, files in reversed(hits.items()) if len(files) == most}
    if len(best) > 1:
        raise UserError(f"the audio may be {' or '.join(best.values())}; choose one by --audio '...'")
    template = next(iter(best.values()))
    names = {column: column for column in rows[0]}
    if _there(folder, template, [names]):
        raise UserError(
            f"the first line of the table is an utterance ({' | '.join(names)}); put one before it that names the "
            "columns, such as id and text"
        )
    return template


def _not_read(folder: Path, row: Row, asked: str, rows: Sequence[Row]) -> Path | None:
    """A file that the table could mean if its kind were read."""
    candidates = [asked] if "{" in asked else _candidates(folder, row, asked, NOT_READ)
    found = (file for template in candidates for file in _there(folder, template, rows, NOT_READ))
    return next(map(Path, found), None)


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


def _sample(rows: Sequence[Row]) -> Sequence[Row]:
    return rows[:: max(1, len(rows) // SAMPLE)]


def _only(found: Sequence[str], kind: str) -> str:
    if len(found) > 1:
        raise UserError(
            f"the columns {' and '.join(found)} may each be the {kind}; choose one by {OPTIONS[kind]} COLUMN"
        )
    return found[0] if found else ""


def _plain(column: str) -> str:
    return re.sub(r"[\s-]+", "_", column.strip().lower())
