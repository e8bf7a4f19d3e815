"""Two decodes of the same utterances side by side: their rates, the difference, and whether it can be trusted."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.scoring.figures import (
    counts_text,
    marked_interval,
    with_rule_of_three,
)
from pyspeech.scoring.significance import (
    ENOUGH_SEGMENTS,
    MatchedPairs,
    PairedBootstrap,
    error_segments,
    matched_pairs,
    paired_bootstrap,
)
from pyspeech.scoring.wer import GAP, HYPOTHESES, Score, read_hypotheses, score, shortened
from pyspeech.transcripts import read_transcripts

TOP_WORDS = 10


@dataclass(frozen=True)
class Comparison:
    """Two decodes of one manifest, A and B.

    Args:
        scores: Of A and B.
        intervals: 95% of their word error rates (fractions).
        folders: The decodes.
        bootstrap: Of the difference, B less A.
        segments: MAPSSWE, B less A.
        wins: Utterances in which A has fewer word errors, in which B has, and in which both have as many.
        only_right: Reference words that A has right and B has not, and the other way round, with how often.
    """

    scores: tuple[Score, Score]
    intervals: tuple[tuple[float, float], tuple[float, float]]
    folders: tuple[Path, Path]
    bootstrap: PairedBootstrap
    segments: MatchedPairs
    wins: tuple[int, int, int]
    only_right: tuple[Counter[str], Counter[str]]

    @property
    def difference(self) -> float:
        """Word error rate of B less that of A (fraction)."""
        return self.scores[1].words.rate - self.scores[0].words.rate


def compare_decodes(manifest: Path, first: Path, second: Path) -> Comparison:
    """Score two decodes against ``manifest`` and compare them.

    Raises:
        UserError: as ``read_hypotheses`` and ``score``, or the two hold hypotheses of other utterances.
    """
    hypotheses = [read_hypotheses(existing(folder / HYPOTHESES, "hypotheses")) for folder in (first, second)]
    _same_utterances((first, second), (hypotheses[0], hypotheses[1]))
    references = list(read_transcripts(manifest))
    scores = [score(references, words, str(manifest)) for words in hypotheses]
    return compare_scores((scores[0], scores[1]), (first, second))


def compare_scores(scores: tuple[Score, Score], folders: tuple[Path, Path]) -> Comparison:
    """Compare two scores of the same references."""
    first, second = scores
    utterances = list(zip(first.utterances, second.utterances, strict=True))
    errors = [(a.words.errors, b.words.errors, a.words.reference_length) for a, b in utterances]
    wins = sum(a < b for a, b, _ in errors), sum(b < a for a, b, _ in errors), sum(a == b for a, b, _ in errors)
    right = [
        (reference, a == reference, b == reference)
        for one, other in utterances
        for (reference, a), (_, b) in zip(_without_insertions(one.pairs), _without_insertions(other.pairs), strict=True)
    ]
    return Comparison(
        scores,
        (
            first.interval,
            second.interval,
        ),
        folders,
        paired_bootstrap(errors),
        matched_pairs(segment for a, b in utterances for segment in error_segments(a.pairs, b.pairs)),
        wins,
        (
            Counter(word for word, a, b in right if a and not b),
            Counter(word for word, a, b in right if b and not a),
        ),
    )


def comparison_line(comparison: Comparison) -> str:
    """``%COMPARE A 4.12 B 3.62 B-A -0.50 95% [ -1.08, 0.12 ] p 0.1142 MAPSSWE p 0.0931 exp/a exp/b``."""
    a, b = (100 * one.words.rate for one in comparison.scores)
    first, second = comparison.folders
    return (
        f"%COMPARE A {a:.2f} B {b:.2f} B-A {_difference_text(comparison)} p {comparison.bootstrap.p:.4f} "
        f"MAPSSWE p {_p_text(comparison.segments)} {first} {second}"
    )


def comparison_text(comparison: Comparison) -> str:
    """Return the figures and what they mean, one a line, and the words that only one of the two has right."""
    boot = comparison.bootstrap
    rows = [
        f"{name} WER {counts_text(one.words)} 95% {marked_interval(interval)} {folder}"
        for name, one, interval, folder in zip(
            "AB", comparison.scores, comparison.intervals, comparison.folders, strict=True
        )
    ]
    first, second, same = comparison.wins
    lines = [
        *with_rule_of_three(rows),
        f"B-A   {_difference_text(comparison)}",
        f"Paired bootstrap: A is better in {100 * boot.first_better:.1f}% of the samples, "
        f"B in {100 * boot.second_better:.1f}%; p {boot.p:.4f}",
        f"MAPSSWE: {_segments_text(comparison.segments)}; p {_p_text(comparison.segments)}",
        f"Utterances: A is better in {first}, B in {second}, neither in {same}",
    ]
    for names, words in zip(
        ("A has right and B has not", "B has right and A has not"), comparison.only_right, strict=True
    ):
        if words:
            lines += ["", f"Words that {names}: {words.total()}, of them most often", *_top(words)]
    return "\n".join(lines) + "\n\n"


def _same_utterances(folders: tuple[Path, Path], hypotheses: tuple[Mapping[str, object], Mapping[str, object]]) -> None:
    for one, other in ((0, 1), (1, 0)):
        if lacking := [name for name in hypotheses[one] if name not in hypotheses[other]]:
            raise UserError(
                f"{folders[other]} has no hypothesis for {len(lacking)} utterances of {folders[one]}: "
                f"{shortened(lacking)}; decode the same manifest with both"
            )


def _without_insertions(pairs: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[0] != GAP]


def _difference_text(comparison: Comparison) -> str:
    low, high = comparison.bootstrap.interval
    return f"{100 * comparison.difference:+.2f} 95% [ {100 * low:+.2f}, {100 * high:+.2f} ]"


def _segments_text(test: MatchedPairs) -> str:
    few = f" (few: the test wants some {ENOUGH_SEGMENTS})" if 0 < test.segments < ENOUGH_SEGMENTS else ""
    z = "no variance, so no test" if test.z is None else f"z {test.z:+.2f}"
    return f"{test.segments} segments with errors{few}, B-A {test.mean:+.3f} errors a segment, {z}"


def _p_text(test: MatchedPairs) -> str:
    if test.p is None:
        return "n/a"
    return f"{test.p:.4f}" if test.p >= 0.0001 else "<0.0001"


def _top(words: Counter[str]) -> list[str]:
    rows = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    return [f"{count:7d}  {word}" for word, count in rows[:TOP_WORDS]]
