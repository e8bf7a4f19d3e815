"""Weights chosen on a development set, from the scores of candidates that were searched once.

A point is judged by the word errors around it, not at it alone: errors are counts of a few utterances, and the best of
many points owes its place partly to chance. The mean over a neighbourhood (half for the point itself, a quarter for
each neighbour, along every axis) prefers the middle of a plain of few errors to its rim and to a lone dip. For the same
reason a step away from the weights that the search began with has to save an error.

What the blank is penalised by hangs little on the other weights, and is chosen beside them, not with them.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pyspeech.errors import UserError
from pyspeech.rescoring.boosting import Boosting, Earned
from pyspeech.rescoring.config import Ranges, Weights
from pyspeech.scoring.wer import GAP, ErrorCounts, align, count_errors, shortened
from pyspeech.settings import Range

TURNS = 3  # at most, of penalty and other weights
EQUAL = 1e-3  # nats; sums of two searches differ by rounding

Words = tuple[str, ...]
Point = tuple[float, ...]  # weights lm, graph, word, blank
WORDS, BLANK, ALL = (0, 1, 2), (3,), (0, 1, 2, 3)  # places in a point that are chosen together
Candidates = Mapping[str, Sequence["Features"]]
References = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Features:
    """A word sequence and what the parts of its score sum to: natural logarithms before any weight or penalty."""

    words: Words
    acoustic: float
    graph: float
    lm: float
    boost: float
    blanks: int  # frames

    @property
    def sums(self) -> tuple[float, float, float, float, float, float]:
        """What each of ``Weights.of_sums`` multiplies; the more, the better."""
        return self.acoustic, self.lm, self.graph, float(len(self.words)), self.boost, -float(self.blanks)


@dataclass(frozen=True)
class DevCounts:
    """Word errors of the best candidates under some weights, and those that concern a list of phrases.

    A word of a reference is listed where it is part of a listed phrase there; so is a word of a hypothesis.

    Args:
        words: Of all words.
        others: Errors but those at listed words of the reference; an inserted listed word is one of them.
        found: Listed words of the references that were recognised.
        false: Listed words of hypotheses where the reference says something else, or nothing.
    """

    words: ErrorCounts
    others: int
    found: int
    false: int


class DevSet:
    """Candidates of a development set with their errors, as arrays.

    Args:
        candidates: By utterance; one that has none counts as recognised without words.
        references: Words by utterance.
        boosting: The phrases that the candidates' ``boost`` was computed with.

    Raises:
        UserError: no reference word at all, or candidates of an utterance without reference.
    """

    def __init__(self, candidates: Candidates, references: References, boosting: Boosting | None = None) -> None:
        if unknown := [name for name in candidates if name not in references]:
            raise UserError(f"no reference for {shortened(unknown)}; give the manifest that was decoded")
        self.num_words = sum(map(len, references.values()))
        if not self.num_words:
            raise UserError(f"{len(references)} utterances with no word at all; choose weights on others")
        boosting = Boosting({}) if boosting is None else boosting
        self.num_listed = sum(sum(map(bool, boosting.earned(words))) for words in references.values())
        nothing = [Features((), 0.0, 0.0, 0.0, 0.0, 0)]
        rows = [sorted(candidates.get(name) or nothing, key=lambda one: (one.words, one.sums)) for name in references]
        # Rows are filled up with their first candidate, which never outdoes itself.
        longest = max(map(len, rows))
        filled = [row + row[:1] * (longest - len(row)) for row in rows]
        self._sums = np.array([[one.sums for one in row] for row in filled]).transpose(2, 0, 1).copy()  # [6, U, N]
        self._counts = np.array(
            [_count_row(row, tuple(words), boosting) for row, words in zip(filled, references.values(), strict=True)]
        )  # [U, N, 6]
        self._utterances = np.arange(len(rows))

    def counts(self, weights: Weights) -> DevCounts:
        """What the best candidate of every utterance amounts to; of equals, the first by its words."""
        substitutions, insertions, deletions, others, found, false = map(int, self._best(weights).sum(0))
        words = ErrorCounts(substitutions, insertions, deletions, self.num_words)
        return DevCounts(words, others, found, false)

    def errors_at(self, weights: Weights) -> ErrorCounts:
        """Word errors of the best candidates."""
        return self.counts(weights).words

    def _best(self, weights: Weights) -> npt.NDArray[np.int32]:
        # Term by term: a matrix product may round equal scores differently from one shape to the next.
        total = np.zeros(self._sums.shape[1:])
        for weight, sums in zip(weights.of_sums, self._sums, strict=True):
            total += weight * sums
        best: npt.NDArray[np.int32] = self._counts[self._utterances, total.argmax(1)]
        return best


def _count_row(row: Sequence[Features], reference: Words, boosting: Boosting) -> npt.NDArray[np.int32]:
    """Counts [N, 6] of candidates: substitutions, insertions, deletions, and as of ``DevCounts``."""
    listed = tuple(boosting.earned(reference))
    counted = {words: _count(reference, listed, words, tuple(boosting.earned(words))) for words in _sequences(row)}
    return np.array([counted[one.words] for one in row], np.int32)


def _sequences(row: Iterable[Features]) -> Iterable[Words]:
    return dict.fromkeys(one.words for one in row)


@lru_cache(1 << 18)  # most candidates of one search turn up in the next
def _count(reference: Words, listed: Earned, words: Words, claimed: Earned) -> tuple[int, ...]:
    pairs = align(reference, words)
    errors = count_errors(pairs)
    others = found = false = 0
    expected, given = iter(listed), iter(claimed)
    for said, heard in pairs:
        is_listed = said != GAP and next(expected) > 0
        is_claimed = heard != GAP and next(given) > 0
        others += said != heard and not is_listed
        found += said == heard and is_listed
        false += said != heard and is_claimed
    return errors.substitutions, errors.insertions, errors.deletions, others, found, false


def merge(known: Candidates, new: Candidates) -> dict[str, list[Features]]:
    """Unite the candidates of two searches, for weights of 0 and above and penalties of 0 and below.

    Of a word sequence that both found, each alignment stays unless another has better scores in all parts.
    """
    return {
        name: _undominated([*known.get(name, ()), *new.get(name, ())])
        for name in dict.fromkeys(itertools.chain(known, new))
    }


def _undominated(candidates: Iterable[Features]) -> list[Features]:
    kept: dict[Words, list[Features]] = {}
    for one in candidates:
        others = kept.setdefault(one.words, [])
        if not any(_dominates(other, one) for other in others):
            others[:] = [other for other in others if not _dominates(one, other)] + [one]
    return [one for each in kept.values() for one in each]


def _dominates(one: Features, other: Features) -> bool:
    return all(mine >= theirs - EQUAL for mine, theirs in zip(one.sums, other.sums, strict=True))


@dataclass(frozen=True)
class TuningResult:
    """Chosen weights.

    Args:
        weights: The choice.
        errors: Word errors with them.
        start_errors: Word errors with the weights that the search began with.
        rounds: How often candidates were searched.
        at_limit: Names of weights at an end of their range other than 0; a wider range may hold better ones.
    """

    weights: Weights
    errors: ErrorCounts
    start_errors: ErrorCounts
    rounds: int
    at_limit: tuple[str, ...]


def tune(dev: DevSet, start: Weights, search: Ranges) -> TuningResult:
    """Choose the weights lm, graph and word, and the penalty of the blank; the others stay as they are in ``start``.

    The penalty first, which the weight of words would hide by adding others, then all points of the grid of the three,
    and both once more while the penalty moves; then steps of a half and of a quarter around the best. A point costs the
    mean errors of its neighbourhood one grid step wide, cut at the ends of the ranges, and one more for each step that
    it is away from ``start``. None with more errors than ``start`` is taken.
    """
    surface = _Surface(dev, start, search)
    grid = [_grid(axis) for axis in search.axes]
    best = surface.around(surface.start, 0.0, ALL)[0]  # within the ranges
    for turn in range(TURNS):
        moved = surface.best(BLANK, [best, *((*best[:3], blank) for blank in grid[3])])
        if turn and moved == best:
            break
        best = surface.best(WORDS, itertools.product(*grid[:3], moved[3:]))
    for part, chosen in itertools.product((0.5, 0.25), (WORDS, BLANK)):
        best = surface.best(chosen, surface.around(best, part, chosen))
    best = surface.best(ALL, [best, surface.start])
    weights = surface.weights(best)
    return TuningResult(
        weights=weights,
        errors=dev.errors_at(weights),
        start_errors=dev.errors_at(start),
        rounds=1,
        at_limit=_at_limit(weights, search),
    )


class _Surface:
    """Errors as a function of the weights that are chosen; every point is evaluated once."""

    def __init__(self, dev: DevSet, start: Weights, search: Ranges) -> None:
        self.dev = dev
        self.others = start
        self.search = search
        self.start: Point = (start.lm, start.graph, start.word, start.penalty)
        self.errors: dict[Point, int] = {}
        self.most = self._errors(self.start)

    def weights(self, point: Point) -> Weights:
        lm, graph, word, blank = point
        return self.others.but(lm=lm, graph=graph, word=word, blank=blank)

    def around(self, point: Point, part: float, chosen: Sequence[int]) -> list[Point]:
        """``point`` and its neighbours in all directions of ``chosen``, ``part`` of a step away, within the ranges."""
        axes = [[value] for value in point]
        for place in chosen:
            low, high, step = self.search.axes[place]
            axes[place] = [round(min(max(point[place] + sign * part * step, low), high), 6) for sign in (-1, 0, 1)]
        return list(itertools.product(*axes))

    def best(self, chosen: Sequence[int], points: Iterable[Point]) -> Point:
        """The best of points that differ in ``chosen`` alone, or in all that is."""
        return min(points, key=lambda point: self._rank(chosen, point))

    def _rank(self, chosen: Sequence[int], point: Point) -> tuple[bool, float, Point]:
        """Smaller is better."""
        near = self.around(point, 1.0, chosen)
        shares = map(math.prod, itertools.product(SHARES, repeat=len(chosen)))
        mean = sum(share * self._errors(each) for share, each in zip(shares, near, strict=True))
        steps = [step for _, _, step in self.search.axes]
        away = sum(abs(mine - theirs) / step for mine, theirs, step in zip(point, self.start, steps, strict=True))
        return self._errors(point) > self.most, round(mean + away, 6), point

    def _errors(self, point: Point) -> int:
        if point not in self.errors:
            self.errors[point] = self.dev.errors_at(self.weights(point)).errors
        return self.errors[point]


SHARES = (0.25, 0.5, 0.25)  # exact in binary


def _grid(axis: Range) -> list[float]:
    low, high, step = axis
    return [round(low + number * step, 6) for number in range(int((high - low) / step + 1e-9) + 1)]


def _at_limit(weights: Weights, search: Ranges) -> tuple[str, ...]:
    """Names of weights less than a step from the end of their range, unless that is the natural end 0."""
    ranges = {"lm": search.lm, "graph": search.graph, "word": search.word, "blank": search.blank}
    return tuple(
        name
        for name, (low, high, step) in ranges.items()
        if low < high and any(end and abs(getattr(weights, name) - end) < step for end in (low, high))
    )


def tune_rounds(
    generate: Callable[[Weights], Candidates],
    references: References,
    start: Weights,
    search: Ranges,
    max_rounds: int = 3,
) -> TuningResult:
    """Search candidates with the weights so far, choose weights over all candidates, and so on.

    It ends when the same weights are chosen again or after ``max_rounds`` choices (minimum error rate training on
    n-best lists, https://aclanthology.org/P03-1021/). The last weights are searched with, too, and the result are
    those with the fewest errors in a search of their own, so that it is never worse than ``start``.
    """
    measured: dict[Weights, ErrorCounts] = {}
    known: dict[str, list[Features]] = {}
    weights, result = start, None
    while weights not in measured:
        found = generate(weights)
        measured[weights] = DevSet(found, references).errors_at(weights)
        if len(measured) > max_rounds:
            break
        known = merge(known, found)
        result = tune(DevSet(known, references), start, search)
        weights = result.weights
    assert result is not None
    best = min(reversed(measured), key=lambda each: measured[each].errors)  # of equals, the latest
    return replace(
        result,
        weights=best,
        errors=measured[best],
        start_errors=measured[start],
        rounds=len(measured),
        at_limit=_at_limit(best, search),
    )


@dataclass(frozen=True)
class BoostPoint:
    """What a boost weight does.

    Args:
        boost: The weight.
        practice: On the set whose listed words are said.
        guard: With the list that will be used.
        harm: Errors of ``guard`` beside listed words that were not there without boosting, per reference word that is
            not listed.
    """

    boost: float
    practice: DevCounts
    guard: DevCounts
    harm: float


@dataclass(frozen=True)
class BoostResult:
    """The chosen boost weight among the others, and every weight that was tried."""

    weights: Weights
    table: tuple[BoostPoint, ...]


def tune_boost(
    practice: DevSet, guard: DevSet, weights: Weights, boosts: Sequence[float], max_harm: float
) -> BoostResult:
    """Choose how much listed phrases are boosted.

    A list is made for words that a development set need not hold, so what boosting gains is measured with another:
    ``practice`` are candidates of the development set under ``practice_phrases``, ``guard`` those under the list that
    will be used; both united from searches at 0 and at the largest boost. The choice makes the fewest errors on
    ``practice`` (with the mean over neighbours, as in ``tune``; of equals the smallest) among the weights up to which
    ``guard`` loses at most ``max_harm``. False words of the list count as loss.

    Args:
        practice: With listed words in the references.
        guard: The same references.
        weights: All but the boost.
        boosts: Ascending, the first 0.
        max_harm: Word error rate; 0.001 are 0.1 points.

    Raises:
        UserError: ``practice`` has no listed word in its references.
    """
    assert list(boosts) == sorted({0.0, *boosts})
    if not practice.num_listed:
        raise UserError("no reference holds a word of the practice list; make it of rare words that are said there")
    none = guard.counts(weights.but(boost=0.0)).others
    unlisted = max(1, guard.num_words - guard.num_listed)
    table = []
    for boost in boosts:
        there = weights.but(boost=boost)
        harmed = guard.counts(there)
        table.append(BoostPoint(boost, practice.counts(there), harmed, (harmed.others - none) / unlisted))
    allowed = list(itertools.takewhile(lambda point: point.harm <= max_harm, table))
    errors = np.array([point.practice.words.errors for point in allowed], float)
    around = np.pad(errors, 1, mode="edge")
    best = int((around[:-2] + 2 * errors + around[2:]).argmin())
    return BoostResult(weights.but(boost=boosts[best]), tuple(table))


def practice_phrases(
    references: References, train_counts: Mapping[str, int], rare: int, distractors: int
) -> dict[Words, float]:
    """Make the list of ``tune_boost``: rare words that are said, and rare words that are not.

    Args:
        references: Words by utterance.
        train_counts: How often each word comes in the training text.
        rare: A word that comes at most so often is rare.
        distractors: How many rare words that no reference holds, at most; taken evenly from all of them.
    """
    said = {word for words in references.values() for word in words}
    others = sorted(word for word, count in train_counts.items() if count <= rare and word not in said)
    step = max(1, -(-len(others) // distractors)) if distractors else len(others) + 1
    listed = sorted(word for word in said if train_counts.get(word, 0) <= rare)
    return {(word,): 1.0 for word in (*listed, *(others[::step] if distractors else ()))}
