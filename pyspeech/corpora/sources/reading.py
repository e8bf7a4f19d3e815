"""The utterances that a source describes, and their cuts."""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

from lhotse import MonoCut
from lhotse.cut import Cut

from pyspeech.corpora.channels import EACH, check_channel, each_channel, on_channel
from pyspeech.corpora.corpus import utterance
from pyspeech.corpora.left_out import leave_out, tell, tell_left_out
from pyspeech.data.audio_files import CannotRead
from pyspeech.data.precomputed_features import FEATURE_FILES, given_utterance
from pyspeech.errors import MissingPackage, UserError
from pyspeech.lang.marks import counted
from pyspeech.text_files import read_text

AnyEntry = TypeVar("AnyEntry")
TimesUnit = Literal["seconds", "milliseconds", "samples"]


@dataclass(frozen=True)
class Span:
    """From when to when an utterance is within its file."""

    start: float
    end: float
    unit: TimesUnit = "seconds"

    def seconds(self, sampling_rate: int) -> tuple[float, float]:
        """Start and length in seconds."""
        a_second = {"seconds": 1, "milliseconds": 1000, "samples": sampling_rate}[self.unit]
        return self.start / a_second, round((self.end - self.start) / a_second, 8)


@dataclass(frozen=True)
class Entry:
    """One utterance as a corpus describes it, before its audio is looked at.

    Args:
        path: Audio file that holds it, absolute.
        text: Words as spoken, or the label.
        split: Empty where the corpus does not say.
        fault: Why it cannot be used, if so.
        span: What of the file it is; None for all.
        marks: What stood in its text and is no word (:mod:`pyspeech.lang.marks`).
    """

    path: Path
    text: str = ""
    speaker: str = ""
    id: str = ""
    split: str = ""
    fault: str = ""
    span: Span | None = None
    marks: tuple[str, ...] = ()


def with_ids(entries: Sequence[Entry]) -> list[Entry]:
    """Give an id to all that have none: the file's stem, or where stems repeat the path from the folder of all files.

    Of several spans of a file, each has its times added.

    Raises:
        UserError: two have one id.
    """
    paths = {entry.path for entry in entries}
    names = [entry.path.stem for entry in entries]
    if len(set(names)) < len(paths):
        top = os.path.commonpath([path.parent for path in paths])
        names = [str(entry.path.relative_to(top).with_suffix("")) for entry in entries]
    if len(paths) < len(entries):
        names = [name + _times(entry) for entry, name in zip(entries, names, strict=True)]
    named = [replace(entry, id=_plain(entry.id or name)) for entry, name in zip(entries, names, strict=True)]
    id_, count = Counter(entry.id for entry in named).most_common(1)[0]
    if count > 1:
        first, second = [entry.path for entry in named if entry.id == id_][:2]
        if first == second:
            raise UserError(
                f"two rows name the file {first}; remove one of them, or, if they are parts of it, name the columns of "
                "their times (new-recipe --start COLUMN --end COLUMN)"
            )
        raise UserError(f"two utterances have the id '{id_}', {first} and {second}; ids must be unique")
    return named


def with_speakers(entries: Sequence[Entry]) -> list[Entry]:
    """The entries without a speaker where all have the same: a folder for all, such as "wavs", names none."""
    if len({entry.speaker for entry in entries}) > 1:
        return list(entries)
    return [replace(entry, speaker="") for entry in entries]


def without_silent(entries: Sequence[Entry]) -> list[Entry]:
    """The entries but for those whose text was nothing but marks of noises."""
    return [entry for entry in entries if entry.text or not entry.marks]


def tell_marks(where: Path, entries: Sequence[Entry]) -> None:
    """Tell on stderr which marks of noises were no words, and what :func:`without_silent` leaves out for them."""
    if marks := counted(mark for entry in entries for mark in entry.marks):
        tell(f"{where}: marks that are no words, left out of the texts: {marks}")
    silent = [entry.path.name + _times(entry) for entry in entries if entry.marks and not entry.text]
    tell_left_out(where, silent, "utterances of nothing but such marks")


def _times(entry: Entry) -> str:
    """Of a span in a name: -12.5-15.25."""
    return "" if entry.span is None else f"-{entry.span.start:.10g}-{entry.span.end:.10g}"


def read(
    entries: Iterable[AnyEntry], split: str, cut: Callable[[AnyEntry], MonoCut], channel: str = ""
) -> Iterator[Cut]:
    """Yield what ``cut`` makes of every entry; of train, a few that are at fault are left out (:mod:`..left_out`).

    ``channel``: of recordings with several, that of this number, or "mix" for their average, or "each" for one
    utterance a channel, whose ids end in ``-ch0`` and so on; the one that ``cut`` takes if it is empty.

    Raises:
        UserError: more are at fault, or one of another split.
    """

    def made(entry: AnyEntry) -> Cut:
        try:
            return on_channel(cut(entry), channel)
        except MissingPackage:  # no fault of the entry
            raise
        except UserError as error:
            raise CannotRead(str(error)) from error

    check_channel(channel)
    for each in leave_out(entries, split, made):
        yield from each_channel(each) if channel == EACH else (each,)


def cut_of_file(entry: Entry) -> MonoCut:
    """The cut of a whole file: of audio, or of features that others computed (``.npy``, ``.mfc``).

    Raises:
        UserError: the entry has a fault, its file's name is not UTF-8, or the file cannot be read.
    """
    if entry.fault:
        raise UserError(f"{entry.path} {entry.fault}")
    if (name := str(entry.path)) != name.encode(errors="replace").decode():
        raise UserError(f"{name!a} has a name that is not UTF-8, which no manifest can hold; rename it")
    if entry.path.suffix.lower() in FEATURE_FILES:
        return given_utterance(entry.path, entry.text, entry.speaker, entry.id)
    return utterance(entry.path, entry.text, entry.speaker, entry.id)


def lines_of(path: Path) -> list[str]:
    """The lines of a text, as :func:`pyspeech.text_files.read_text` reads it."""
    return [line.rstrip("\r\n") for line in read_text(path)]


def on_disk(name: str, *folders: Path) -> Path:
    """Where a file lies that a description calls ``name``, from one of ``folders``; in the first if it is nowhere.

    It is looked for as it is written, then with slashes for the backslashes of Windows, then by a name that is equal
    but for how its accents are encoded (NFC, NFD): macOS writes them in another way than most tables.
    """
    spellings = [from_home(spelling) for spelling in dict.fromkeys((name, name.replace("\\", "/")))]
    for stored in (_as_written, _as_stored) if not name.isascii() else (_as_written,):
        for spelling in spellings:
            for folder in folders:
                if path := stored(folder, spelling):
                    return path
    return folders[0] / spellings[0]


def _as_written(folder: Path, path: Path) -> Path | None:
    return folder / path if os.path.exists(folder / path) else None  # noqa: PTH110 -- no error where it is too long


def _as_stored(folder: Path, path: Path) -> Path | None:
    for part in path.parts:
        try:
            names = _names_in(folder, folder.stat().st_mtime_ns)
        except OSError:
            return None
        folder /= part if part in ("..", path.root) else names.get(unicodedata.normalize("NFC", part), part)
    return _as_written(folder, Path())


@lru_cache(maxsize=8)
def _names_in(folder: Path, _state: int) -> dict[str, str]:
    """The names in a folder by their NFC."""
    return {unicodedata.normalize("NFC", name): name for name in sorted(os.listdir(folder))}  # noqa: PTH208


def from_home(path: str) -> Path:
    """A path whose beginning ``~/`` is the user's folder; any other ``~`` is part of a name."""
    return Path(path).expanduser() if path.startswith("~/") else Path(path)


def _plain(name: str) -> str:
    """An id stands in paths and in lines of words parted by spaces."""
    return "_".join(name.replace("/", "-").split())
