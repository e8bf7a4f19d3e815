"""How good the words of stored lattices could be at best, and how many paths there are to choose from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pyspeech.decoding.lattice import Lattice, first_arcs
from pyspeech.decoding.stored import StoredDecode
from pyspeech.lang.unknown_words import UnknownWords, unknown_words, word_counts
from pyspeech.scoring.bootstrap import rate_interval
from pyspeech.scoring.figures import counts_text, interval_text, marked_interval, with_rule_of_three
from pyspeech.scoring.wer import Score, score
from pyspeech.transcripts import read_transcripts

Errors = npt.NDArray[np.int64]  # one more than the reference has words: errors against its first 0, 1, 2, ... words


@dataclass(frozen=True)
class Depth:
    """How many arcs cross a frame of the network on average, and the 95% interval over utterances; NaN of no frame."""

    arcs: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class OracleReport:
    """What lattices hold beside what was found in them.

    Args:
        found: Score of ``hyps.jsonl``.
        oracle: Score of the path of each lattice that has the fewest errors.
        depth: Of all lattices.
        frame_seconds: Duration of a frame.
        unknown: Words of the references that no lattice could have.
        decode_folder: Holds the lattices.
    """

    found: Score
    oracle: Score
    depth: Depth
    frame_seconds: float
    unknown: UnknownWords
    decode_folder: Path


def oracle_words(lattice: Lattice, symbols: Sequence[str], reference: Sequence[str]) -> list[str]:
    """Return the words of the path with the fewest substitutions, insertions and deletions against ``reference``.

    Exact: the edit distance, computed over states in place of the words of one hypothesis.

    Args:
        lattice: Any; its scores do not count.
        symbols: Words by id; one with spaces is several, as it is in a score.
        reference: What was said.
    """
    words = [symbols[id_].split() if id_ else [] for id_ in lattice.word.tolist()]
    targets, first = lattice.target.tolist(), first_arcs(lattice)
    to_end = _errors_to_end(lattice, words, reference)
    longer = _lengthening(reference)
    state, so_far, found = 0, np.arange(len(reference) + 1), []
    fewest = to_end[0][-1]
    while state != lattice.num_states - 1:
        for arc in range(first[state], first[state + 1]):
            onward = longer(so_far, words[arc])
            if (onward + to_end[targets[arc]][::-1]).min() == fewest:
                state, so_far = targets[arc], onward
                found += words[arc]
                break
        else:
            raise AssertionError("some arc leads on with the fewest errors")
    return found


def _errors_to_end(lattice: Lattice, words: Sequence[Sequence[str]], reference: Sequence[str]) -> list[Errors]:
    """Fewest errors of any path from each state to the end, against the last 0, 1, 2, ... words of ``reference``."""
    longer = _lengthening(reference[::-1])
    none: Errors = np.empty(0, np.int64)
    fewest = [none] * (lattice.num_states - 1) + [np.arange(len(reference) + 1)]
    ends = zip(lattice.source.tolist(), lattice.target.tolist(), words, strict=True)
    for source, target, said in reversed(list(ends)):  # all arcs of a state follow those that lead to it
        errors = longer(fewest[target], said[::-1])
        fewest[source] = np.minimum(fewest[source], errors) if len(fewest[source]) else errors
    return fewest


def _lengthening(reference: Sequence[str]) -> Callable[[Errors, Sequence[str]], Errors]:
    """Return what gives, for the errors of a hypothesis, those of the one that has further words behind it."""
    places = np.arange(len(reference) + 1)

    @cache
    def differs(word: str) -> Errors:
        return np.array([word != each for each in reference], np.int64)

    def longer(errors: Errors, words: Sequence[str]) -> Errors:
        for word in words:
            grown = errors + 1  # the word is inserted
            grown[1:] = np.minimum(grown[1:], errors[:-1] + differs(word))
            errors = np.minimum.accumulate(grown - places) + places  # what follows of the reference is deleted
        return errors

    return longer


def crossings(lattice: Lattice) -> int:
    """Sum over all arcs of the frames that they last: what depth is the mean of."""
    times = np.zeros(lattice.num_states, np.int64)
    times[lattice.source], times[-1] = lattice.frame, lattice.num_frames
    return int((times[lattice.target] - times[lattice.source]).sum())


def depth_of(counts: Iterable[tuple[int, int]]) -> Depth:
    """Return the depth of lattices, given the ``crossings`` and the frames of each."""
    pairs = list(counts)
    arcs, frames = (sum(column) for column in zip(*pairs, strict=True)) if pairs else (0, 0)
    if not frames:
        return Depth(float("nan"), (float("nan"), float("nan")))
    return Depth(arcs / frames, rate_interval(pairs))


def report_oracle(manifest: Path, decode_folder: Path) -> OracleReport:
    """Compare the lattices of a decode with what was said; an utterance without a lattice counts as deletions.

    Raises:
        UserError: the decode holds no lattices or damaged ones, or as ``read_transcripts`` and ``score``.
    """
    decode = StoredDecode(decode_folder)
    archive = decode.lattices
    references = list(read_transcripts(manifest))
    found = score(references, decode.hypotheses, str(manifest))
    said = {reference.id: reference.text.split() for reference in references}
    words, counts = {}, []
    for lattice in tqdm(archive, "oracle", len(archive), unit=" utterances", disable=None):
        words[lattice.id] = oracle_words(lattice, archive.words, said.get(lattice.id, []))
        counts.append((crossings(lattice), lattice.num_frames))
    return OracleReport(
        found=found,
        oracle=score(references, words, str(manifest)),
        depth=depth_of(counts),
        frame_seconds=archive.frame_seconds,
        unknown=unknown_words(word_counts(map(" ".join, said.values())), frozenset(archive.words[1:])),
        decode_folder=decode_folder,
    )


def oracle_text(report: OracleReport) -> str:
    """Return the figures and what they mean, one a line."""
    found, oracle, depth = report.found, report.oracle, report.depth
    rows = [
        f"{name:<8} WER {counts_text(one.words)} 95% {marked_interval(one.interval)}"
        for name, one in (("Decoded", found), ("Oracle", oracle))
    ]
    low, high = depth.interval
    errors, left = found.words.errors, oracle.words.errors
    lines = [
        *with_rule_of_three(rows),
        f"Depth    {depth.arcs:.2f} arcs a frame of {report.frame_seconds:g} s, 95% [ {low:.2f}, {high:.2f} ]",
        f"Words that no lattice can have  {report.unknown}",
        f"Rescoring these lattices can mend {max(errors - left, 0)} of {errors} errors at most",
    ]
    if left:
        lines.append("What else is wrong needs wider beams, new words (rescore --method search) or another network")
    return "\n".join(lines) + "\n\n"


def oracle_line(report: OracleReport) -> str:
    """``%ORACLE-WER 4.12 [ 33 / 801, 3 ins, 10 del, 20 sub ] 95% [ 2.9, 5.5 ] exp/decode/test``."""
    oracle = report.oracle
    return f"%ORACLE-WER {counts_text(oracle.words)} 95% {interval_text(oracle.interval)} {report.decode_folder}"
