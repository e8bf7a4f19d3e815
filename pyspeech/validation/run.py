"""Everything wrong in the manifests of a corpus, found in one go: nothing stops at the first fault."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from pyspeech.corpora.splits import DEV, TEST, TRAIN
from pyspeech.data.audio_reading import Header
from pyspeech.entries import Entry, NotACutError, NotAFileError, read_entry
from pyspeech.transcripts import manifest_name
from pyspeech.validation.checks import Checks, load_checks
from pyspeech.validation.cross_checks import check_between
from pyspeech.validation.damaged_lines import Line, read_lines, side_of
from pyspeech.validation.faults import NO_UTTERANCE, NOT_A_CUT, NOT_A_FILE, Finding
from pyspeech.validation.headers import read_headers
from pyspeech.validation.outliers import check_outliers

OTHER = ""
ORDER = (TRAIN, OTHER, DEV, TEST)  # of manifests: what is shared is then found on the side that is held out

Place = tuple[int, int]  # number of the manifest from 0, of the line from 1


@dataclass(frozen=True)
class Sources:
    """What to validate, against which token set and configuration if any, and whether to decode the audio."""

    manifests: tuple[Path, ...]
    lang: Path | None = None
    model: Path | None = None
    deep: bool = False


@dataclass(frozen=True)
class Validation:
    """What was found at which line; ``ids`` of the lines that are cuts, in the order of the manifests.

    The manifests of ``sources`` are in order here, ``unread`` counts recordings that are not one file, and
    ``of_several`` utterances on one channel of several.
    """

    sources: Sources
    names: tuple[str, ...]
    ids: Mapping[Place, str]
    findings: Mapping[Place, Sequence[Finding]]
    checks: Checks
    unread: int
    of_several: int

    @property
    def faults(self) -> int:
        """Faults, without the warnings."""
        return sum(each.kind.severity == "fault" for every in self.findings.values() for each in every)


def validate(sources: Sources) -> Validation:
    """Check all utterances of the manifests, the sides of a split: train first, dev and test last, as they are named.

    Raises:
        UserError: there is no such manifest, or the token set or the configuration cannot be read.
    """
    sources = replace(sources, manifests=tuple(sorted(sources.manifests, key=_rank)))
    names = side_names(sources.manifests)
    by_place: dict[Place, list[Finding]] = defaultdict(list)
    entries = list(_entries(sources.manifests, by_place))
    pieces = [piece for entry in entries for piece in entry.parts or (entry,)]
    named = [piece.audio.path for piece in pieces if piece.audio is not None]
    headers = read_headers(list(dict.fromkeys(path for path in named if path is not None)))
    checks = load_checks(list(map(side_of, sources.manifests)), entries, headers, sources.lang, sources.model)
    for entry in entries:
        findings = checks(entry)
        if findings:
            by_place[entry.manifest, entry.line] += findings
    if sources.deep:
        from pyspeech.validation.matrices import check_matrices
        from pyspeech.validation.samples import check_samples

        for entry, findings in (*check_samples(pieces, headers), *check_matrices(pieces)):
            if findings:
                by_place[entry.manifest, entry.line] += findings
    rate = None if checks.fit is None else checks.fit.config.features.sampling_rate
    for entry, finding in (*check_between(entries, rate), *check_outliers(entries)):
        by_place[entry.manifest, entry.line].append(finding)
    ids = {(entry.manifest, entry.line): entry.id for entry in entries}
    return Validation(
        sources, names, ids, dict(sorted(by_place.items())), checks, named.count(None), _of_several(entries, headers)
    )


def side_names(manifests: Sequence[Path]) -> tuple[str, ...]:
    """Name each manifest by its file, or by its path where two files have one name."""
    names = [manifest_name(path) for path in manifests]
    return tuple(name if names.count(name) == 1 else str(path) for name, path in zip(names, manifests, strict=True))


def entry_or_finding(line: Line, manifest: int) -> Entry | Finding:
    """Read one line, or say why it is no utterance."""
    if isinstance(line.content, Finding):
        return line.content
    try:
        return read_entry(line.content, manifest, line.number)
    except NotAFileError as error:
        return Finding(NOT_A_FILE, str(error))
    except NotACutError as error:
        return Finding(NOT_A_CUT, str(error))


def _of_several(entries: Sequence[Entry], headers: Mapping[str, Header | Finding]) -> int:
    files = (headers.get(entry.audio.path or "") for entry in entries if entry.audio is not None and not entry.parts)
    return sum(isinstance(header, Header) and header.channels > 1 for header in files)


def _rank(path: Path) -> int:
    side = side_of(path)
    return ORDER.index(side if side in ORDER else OTHER)


def _entries(manifests: Sequence[Path], by_place: dict[Place, list[Finding]]) -> Iterator[Entry]:
    for number, path in enumerate(manifests):
        empty = True
        for line in tqdm(read_lines(path), path.name, unit=" lines", leave=False, disable=None):
            empty = False
            entry = entry_or_finding(line, number)
            if isinstance(entry, Entry):
                yield entry
            else:
                by_place[number, line.number].append(entry)
        if empty:
            by_place[number, 1].append(Finding(NO_UTTERANCE))
