"""Look at a corpus and say how it is read: one finder for each thing that ``--from`` names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pyspeech.corpora.sources.dividing import Task
from pyspeech.corpora.sources.folder import TEXTS, Folder, audio_paths
from pyspeech.corpora.sources.kaldi import KaldiData, says_channel
from pyspeech.corpora.sources.lhotse_manifests import LhotseManifests
from pyspeech.corpora.sources.librispeech import LibriSpeech
from pyspeech.corpora.sources.rows import read_rows
from pyspeech.corpora.sources.sphinx import Sphinx, lists_of
from pyspeech.corpora.sources.table import Table
from pyspeech.corpora.splits import KINDS, TRAIN, kind_of, usual_name
from pyspeech.errors import UserError
from pyspeech.files import existing, existing_file
from pyspeech.scaffold.brought import Brought
from pyspeech.scaffold.columns import (
    Asked,
    Row,
    audio_template,
    column_for,
    names_columns,
    needed,
    numbered,
    split_column,
    spoken_column,
    times_of,
)
from pyspeech.scaffold.language import of_common_voice
from pyspeech.scaffold.plan import FoundCorpus

Kind = Literal["csv", "tsv", "jsonl", "kaldi", "folder", "lhotse", "librispeech", "commonvoice", "sphinx"]
KALDI_TABLES = [f"{depth}{name}" for depth in ("", "*/", "data/*/") for name in ("segments", "wav.scp", "feats.scp")]
TABLES = ("csv", "tsv", "jsonl")
TABLE_KINDS = {".csv": "csv", ".psv": "csv", ".tsv": "tsv", ".jsonl": "jsonl"}  # by the ending of a table's name
HELD_OUT = "a tenth each is held out for dev and test"
TRAINS = 0.8  # of a corpus that is divided: a tenth is dev, a tenth test


@dataclass(frozen=True)
class Wanted:
    """What the user says of a corpus, and of what a recipe makes of it."""

    path: Path
    kind: Kind
    task: Task
    language: str = ""
    asked: Asked = field(default_factory=Asked)
    allow_pipes: bool = False
    channel: str = ""
    brought: Brought = field(default_factory=Brought)
    model: str = ""  # and the loss: empty for what is usual of the task
    loss: str = ""


def find(wanted: Wanted) -> FoundCorpus:
    """Look at the corpus.

    Raises:
        UserError: it is not there, not of that kind, or leaves a question.
    """
    path = existing(wanted.path, "corpus").resolve()
    if any(ord(letter) < ord(" ") or "\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise UserError(f"{str(path)!r} cannot stand in a script; rename the folder")
    if wanted.kind not in TABLES and not path.is_dir():
        raise UserError(f"{path} is a file; --from {wanted.kind} needs a folder")
    if wanted.kind not in TABLES and wanted.asked != Asked():
        raise UserError(
            f"--audio, --text, --speaker, --split and those of times are for tables, not for --from {wanted.kind}"
        )
    if wanted.allow_pipes and wanted.kind != "kaldi":
        raise UserError(f"--allow-pipes is for --from kaldi, not for --from {wanted.kind}")
    return FINDERS[wanted.kind](wanted, path)


def _table(wanted: Wanted, path: Path) -> FoundCorpus:
    folder, file = existing_file(path, "table").parent, _file(path)
    asked = wanted.asked
    rows, header = _rows(path, asked)
    columns = list(rows[0])
    if "{split}" in file and asked.split:
        raise UserError(
            f"--split {asked.split}: beside {path.name} are tables of other splits, which say the split already; "
            "leave out --split, or move the table to a folder of its own"
        )
    audio = audio_template(folder, rows, asked.audio)
    text = _text_column(wanted, rows)
    speaker = column_for("speaker", columns, asked.speaker)
    split = "" if "{split}" in file else split_column(rows, asked.split)
    times = times_of(folder, rows, audio, asked)
    parted = "one table each" if "{split}" in file else _braces(split) or HELD_OUT
    if wanted.task == "verification":
        needed("speaker", columns, speaker)
    source = Table(
        file,
        audio,
        _braces(text),
        _braces(speaker),
        split=_braces(split),
        start=_braces(times.start) if times else "",
        end=_braces(times.end) if times else "",
        duration=_braces(times.duration) if times else "",
        times=times.unit if times else "seconds",
        header=header,
        language=_reading(wanted),
        task=wanted.task,
    )
    decided = [
        *([] if header else ["columns: 1, 2, ...: the first line is an utterance"]),
        f"audio: {audio}",
        *([f"segments: {times}"] if times else []),
        f"{'label' if wanted.task == 'classification' else 'text'}: {_braces(text) or 'none'}",
        f"speaker: {_braces(speaker) or 'not known'}",
        f"split: {parted}",
    ]
    return FoundCorpus(
        folder, source, f"the table {file}", tuple(decided), wanted.language, _training_rows(rows, file, split)
    )


def _file(path: Path) -> str:
    """``{split}.tsv`` for a table train.tsv that has a dev or test beside it."""
    if usual_name(path.stem) != TRAIN:
        return path.name
    beside = {kind_of(other.stem) for other in path.parent.glob(f"*{path.suffix}")}
    return f"{{split}}{path.suffix}" if len(beside & set(KINDS)) > 1 else path.name


def _rows(path: Path, asked: Asked) -> tuple[Sequence[Row], bool]:
    """The rows, and whether the first line names their columns."""
    lines = [values for _, values in read_rows(path)]
    if lines and not names_columns(path.parent, lines, asked.audio):
        return numbered(lines), False
    rows = [dict(zip(lines[0], values, strict=True)) for values in lines[1:]]
    if not rows:
        raise UserError(f"{path} has no row below its first line, which names the columns")
    return rows, True


def _text_column(wanted: Wanted, rows: Sequence[Row]) -> str:
    columns, asked = list(rows[0]), wanted.asked.text
    if wanted.task == "verification":
        return ""
    if wanted.task == "classification":
        label = needed("label", columns, column_for("label", columns, asked) or column_for("text", columns, asked))
        if (different := len({row[label] for row in rows})) * 2 > len(rows) > 2:
            raise UserError(
                f"the column {label} has {different} different values in {len(rows)} rows, which are no labels; "
                "name another by --text COLUMN, or use --task recognition"
            )
        return label
    column = column_for("text", columns, asked) or spoken_column(rows) or column_for("label", columns, "")
    return needed("text", columns, column)


def _training_rows(rows: Sequence[Row], file: str, split: str) -> int:
    if "{split}" in file:
        return len(rows)
    if not split:
        return round(TRAINS * len(rows))
    return sum(kind_of(row[split]) == TRAIN for row in rows)


def _braces(column: str) -> str:
    return f"{{{column}}}" if column else ""


def _reading(wanted: Wanted) -> str | None:
    """Labels stay as they are; texts become words, of no language in particular if none is known."""
    return wanted.language if wanted.task == "recognition" else None


def _common_voice(wanted: Wanted, path: Path) -> FoundCorpus:
    language = wanted.language or of_common_voice(path.name)
    if wanted.task == "classification":
        raise UserError("Common Voice has no labels; use --task recognition or verification")
    table = existing_file(path / "train.tsv", "table")
    # Speakers of its dev and test said hardly two sentences each: too few to pair.
    file = table.name if wanted.task == "verification" else _file(table)
    text = "{sentence}" if wanted.task == "recognition" else ""
    reading = language if wanted.task == "recognition" else None
    source = Table(file, "clips/{path}", text, "{client_id}", language=reading, task=wanted.task)
    known = f"language: {path.name}, by espeak-ng as {language}" if language else f"language: {path.name}"
    return FoundCorpus(path, source, f"Common Voice ({path.name})", (known,), language, _lines(table) - 1)


def _folder(wanted: Wanted, path: Path) -> FoundCorpus:
    if wanted.task == "recognition":
        _refuse_table_beside(path)
    root = "" if wanted.task == "recognition" else _root(path)
    source = Folder(wanted.task, root, _reading(wanted))
    meaning = {"recognition": "text: in .txt or .lab beside the audio", "verification": "speaker: the first folder"}
    decided = (meaning.get(wanted.task, "label: the first folder"), *([f"audio: below {root}"] if root else []))
    return FoundCorpus(
        path, source, f"the folder {path.name}", decided, wanted.language, round(TRAINS * len(audio_paths(path / root)))
    )


def _refuse_table_beside(path: Path) -> None:
    """Where no audio has its text beside it and a table stands in the folder, that is the corpus."""
    tables = sorted(file for file in path.iterdir() if file.suffix.lower() in TABLE_KINDS)
    if not tables:
        return  # before the folder is walked through
    endings = [*TEXTS, *map(str.upper, TEXTS)]
    texts = ((path / audio).with_suffix(ending) for audio in audio_paths(path) for ending in endings)
    if not any(text.exists() for text in texts):
        kind = TABLE_KINDS[tables[0].suffix.lower()]
        raise UserError(
            f"no audio in {path} has its text beside it ({' or '.join(TEXTS)}), but {tables[0].name} may hold them; "
            f"use --from {kind} {tables[0]}"
        )


def _root(path: Path) -> str:
    """The one folder that holds all others, as ``wav`` in VoxCeleb; a split is none."""
    root = path
    while len(below := [each for each in root.iterdir() if each.is_dir() and each.name[0] not in "._"]) == 1:
        inner = [each for each in below[0].iterdir() if each.is_dir()]
        if usual_name(below[0].name) in KINDS or not inner:
            break
        root = below[0]
    return "" if root == path else str(root.relative_to(path))


def _librispeech(wanted: Wanted, path: Path) -> FoundCorpus:
    parts = sorted(part.name for part in path.iterdir() if part.is_dir())
    train, dev, test = (tuple(part for part in parts if part.partition("-")[0] == kind) for kind in KINDS)
    if not train or not test:
        raise UserError(f"{path} has no part train-* or none test-*; found {', '.join(parts) or 'nothing'}")
    if wanted.task != "recognition":
        raise UserError(f"LibriSpeech is read for recognition; for {wanted.task} use --from folder with one part")
    lines = sum(_lines(table) for part in train for table in (path / part).glob("*/*/*.trans.txt"))
    decided = (
        f"train: {' '.join(train)}",
        f"dev: {' '.join(dev) or 'a tenth of the speakers'}",
        f"test: {' '.join(test)}",
    )
    return FoundCorpus(path, LibriSpeech(train, dev, test), "LibriSpeech", decided, wanted.language or "en-us", lines)


def _lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in stream)


def _kaldi(wanted: Wanted, path: Path) -> FoundCorpus:
    source = KaldiData(allow_pipes=wanted.allow_pipes, task=wanted.task)
    tables = [table for pattern in KALDI_TABLES for table in path.glob(pattern)]
    # The largest directory trains.
    return FoundCorpus(
        path,
        source,
        f"the Kaldi data in {path.name}",
        ("text: as it is",),
        wanted.language,
        max(map(_lines, tables), default=0),
        says_channel=any(says_channel(table.parent) for table in tables),
    )


def _lhotse(wanted: Wanted, path: Path) -> FoundCorpus:
    return FoundCorpus(
        path, LhotseManifests(wanted.task), f"the lhotse manifests in {path.name}", ("text: as it is",), wanted.language
    )


def _sphinx(wanted: Wanted, path: Path) -> FoundCorpus:
    if wanted.task != "recognition":
        raise UserError(f"Sphinx's lists are read for recognition; for {wanted.task} use --from folder with wav/")
    lists = lists_of(path)
    beside = sorted(file for ending in ("dic", "dict") for file in path.glob(f"etc/*.{ending}"))
    decided = [f"{split}: {file.relative_to(path)}" for split, file in lists.items()]
    decided += ["text: as it is"]
    if beside and not wanted.brought.lexicon:
        decided += [f"lexicon: none; the corpus brings one: --lexicon-file {beside[0]}"]
    train = _lines(lists[TRAIN])
    utterances = train if len(lists) > 1 else round(TRAINS * train)
    return FoundCorpus(path, Sphinx(), f"the Sphinx corpus in {path.name}", tuple(decided), wanted.language, utterances)


FINDERS: dict[Kind, Callable[[Wanted, Path], FoundCorpus]] = {
    "csv": _table,
    "tsv": _table,
    "jsonl": _table,
    "folder": _folder,
    "librispeech": _librispeech,
    "commonvoice": _common_voice,
    "kaldi": _kaldi,
    "lhotse": _lhotse,
    "sphinx": _sphinx,
}
