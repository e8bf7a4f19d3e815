"""Manifests without faults, made of manifests with: what can be mended is, what cannot is left out and named."""

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import Any, TypeAlias

from pyspeech.entries import Entry
from pyspeech.errors import UserError
from pyspeech.files import complete
from pyspeech.validation.damaged_lines import Line, read_lines
from pyspeech.validation.faults import DUPLICATE_ID, Finding
from pyspeech.validation.mend import mended
from pyspeech.validation.report import printable
from pyspeech.validation.run import Validation, entry_or_finding

Stream: TypeAlias = gzip.GzipFile | BufferedWriter
DROPPED, MENDED = "dropped.tsv", "mended.tsv"


@dataclass
class Changes:
    """Lines of the two tables: manifest, line, id, kinds."""

    dropped: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)


def fix(validation: Validation, out: Path) -> Changes:
    """Write every manifest into ``out`` under its name, and tables of what was left out and what was mended.

    Lines without a fault are copied byte for byte; warnings change nothing. All is written, or nothing.

    Raises:
        UserError: ``out`` would replace a manifest, two manifests have one name, or nothing is left of one.
    """
    _refuse_to_replace(validation.sources.manifests, out)
    changes = Changes()
    with ExitStack() as stack:
        for number, path in enumerate(validation.sources.manifests):
            partial = stack.enter_context(complete(out / path.name))
            with _opened(partial, path) as stream:
                kept = _Manifest(validation, number, changes).write(path, stream)
            if not kept:
                raise UserError(f"no utterance of {path} is without a fault that cannot be mended; make it again")
        for name, rows in ((DROPPED, changes.dropped), (MENDED, changes.mended)):
            partial = stack.enter_context(complete(out / name))
            partial.write_text("manifest\tline\tid\tfaults\n" + "".join(rows), encoding="utf-8")
    return changes


class _Manifest:
    """Writes one manifest; knows the ids it has to keep apart."""

    def __init__(self, validation: Validation, number: int, changes: Changes) -> None:
        self.validation = validation
        self.number = number
        self.changes = changes
        self.reserved = {id_ for (manifest, _), id_ in validation.ids.items() if manifest == number}
        self.written: set[str] = set()
        self.seen: set[str] = set()  # contents written under an id that comes twice

    def write(self, path: Path, stream: Stream) -> int:
        """Copy, mend or leave out every line; return the number of utterances written."""
        twice = self._ids_that_come_twice()
        for line in read_lines(path):
            place = (self.number, line.number)
            id_ = self.validation.ids.get(place, "")
            faults = [f for f in self.validation.findings.get(place, ()) if f.kind.severity == "fault"]
            content = json.dumps(line.content, sort_keys=True) if id_ in twice else ""
            if content in self.seen:
                self._note(self.changes.dropped, line, id_, faults)
            elif not faults:
                stream.write(line.raw.rstrip(b"\n") + b"\n")
                self.written.add(id_)
                self.seen.update([content] if content else [])
            elif self._write_mended(line, id_, faults, stream):
                self.seen.update([content] if content else [])
        return len(self.written)

    def _ids_that_come_twice(self) -> set[str]:
        return {
            self.validation.ids[place]
            for place, findings in self.validation.findings.items()
            if place[0] == self.number and any(finding.kind is DUPLICATE_ID for finding in findings)
        }

    def _write_mended(self, line: Line, id_: str, faults: Sequence[Finding], stream: Stream) -> bool:
        """Write what can be made of a line; return whether anything can."""
        cuts, left = self._sound(line) if all(fault.kind.mends for fault in faults) else ([], [])
        for cut in cuts:
            cut["id"] = self._free(cut["id"], id_)
            stream.write(json.dumps(cut, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
            self.written.add(cut["id"])
        if cuts:
            self._note(self.changes.mended, line, id_, faults)
        if left or not cuts:
            self._note(self.changes.dropped, line, id_, [*faults, *left])
        return bool(cuts)

    def _sound(self, line: Line) -> tuple[list[dict[str, Any]], list[Finding]]:
        """Mend a line; return the cuts that are without fault now, and the faults of the others."""
        if not isinstance(line.content, dict):
            return [], []
        sound: list[dict[str, Any]] = []
        left: list[Finding] = []
        checks = self.validation.checks
        for cut in mended(line.content, checks.headers, checks.text.tidied):
            faults = list(self._faults(cut, line))
            left += faults
            sound += [] if faults else [cut]
        return sound, left

    def _faults(self, cut: dict[str, Any], line: Line) -> Iterator[Finding]:
        entry = entry_or_finding(Line(line.number, b"", cut), self.number)
        findings = [entry] if isinstance(entry, Finding) else self.validation.checks(entry)
        if isinstance(entry, Entry) and self.validation.sources.deep:
            from pyspeech.validation.matrices import check_matrices
            from pyspeech.validation.samples import check_samples

            for _, deep_findings in (*check_samples([entry], self.validation.checks.headers), *check_matrices([entry])):
                findings += deep_findings
        return (finding for finding in findings if finding.kind.severity == "fault")

    def _free(self, wanted: str, own: str) -> str:
        """``wanted``, or with a number if another utterance has that id; ``own`` is of the line being mended."""
        name, number = wanted, 1
        while name in self.written or (name in self.reserved and name != own):
            number += 1
            name = f"{wanted}-{number}"
        return name

    def _note(self, table: list[str], line: Line, id_: str, faults: Sequence[Finding]) -> None:
        kinds = ", ".join(dict.fromkeys(fault.kind.name for fault in faults))
        table.append(f"{self.validation.names[self.number]}\t{line.number}\t{printable(id_)}\t{kinds}\n")


def _opened(partial: Path, path: Path) -> Stream:
    return gzip.open(partial, "wb", compresslevel=6) if path.suffix == ".gz" else partial.open("wb")


def _refuse_to_replace(manifests: Sequence[Path], out: Path) -> None:
    names = [path.name for path in manifests]
    for path in manifests:
        if (out / path.name).resolve() == path.resolve():
            raise UserError(f"--fix {out} would replace {path}; name another folder")
        if names.count(path.name) > 1:
            raise UserError(f"two manifests are called {path.name}, --fix can write one; validate them one by one")
