"""The n best word sequences of a lattice, exactly.

A search over word sequences, best first. What a sequence can still reach is known exactly, so each one that is taken
up begins one of the n best, and the first n that end are the answer
(https://www.cs.nyu.edu/~mohri/pub/nbest.pdf: determinisation on the way).
"""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from pyspeech.decoding.lattice import Lattice, Scores, first_arcs, scores_to_end

Trail = tuple[int, "Trail | None"]  # the last arc of a way, and what came before
Sums = tuple[float, float, float, "Trail | None"]  # total, acoustic and graph score of the best way to a state


@dataclass(frozen=True)
class Candidate:
    """A word sequence with the scores of its best path, natural logarithms, unscaled."""

    words: tuple[int, ...]
    acoustic: float
    graph: float
    arcs: tuple[int, ...]  # of that path


def n_best(lattice: Lattice, count: int, score: Scores) -> list[Candidate]:
    """Return the ``count`` best different word sequences, or all there are, best first; ``score`` [A] decides."""
    return list(itertools.islice(_candidates(lattice, count, score), count))


def _candidates(lattice: Lattice, count: int, score: Scores) -> Iterator[Candidate]:
    arcs = _Arcs(lattice, score)
    number = itertools.count()  # of equals, the one found first
    start: dict[int, Sums] = {0: (0.0, 0.0, 0.0, None)}
    heap: list[tuple[float, int, tuple[int, ...], dict[int, Sums]]] = [(0.0, next(number), (), start)]
    while heap:
        _, _, words, ends = heapq.heappop(heap)
        if arcs.final in ends and len(ends) == 1:
            _, acoustic, graph, trail = ends[arcs.final]
            yield Candidate(words, acoustic, graph, _arcs_of(trail))
            continue
        for word, states in arcs.follow(ends).items():
            best = max(sums[0] + arcs.to_end[state] for state, sums in states.items())
            heapq.heappush(heap, (-best, next(number), (*words, word) if word else words, states))
        if len(heap) > 2 * count:
            heap = heapq.nsmallest(count, heap)  # each ends in a candidate: those behind so many are never needed


def _arcs_of(trail: Trail | None) -> tuple[int, ...]:
    arcs = []
    while trail is not None:
        arc, trail = trail
        arcs.append(arc)
    return tuple(reversed(arcs))


class _Arcs:
    """A lattice as lists, which are quicker than arrays one value at a time."""

    def __init__(self, lattice: Lattice, score: Scores) -> None:
        self.to_end: list[float] = scores_to_end(lattice, score).tolist()
        self.final = lattice.num_states - 1
        self.first = first_arcs(lattice)
        self.arcs = list(
            zip(
                range(lattice.num_arcs),
                lattice.target.tolist(),
                lattice.word.tolist(),
                score.tolist(),
                lattice.acoustic.tolist(),
                lattice.graph.tolist(),
                strict=True,
            )
        )

    def follow(self, ends: dict[int, Sums]) -> dict[int, dict[int, Sums]]:
        """Each next word -> the states behind its arcs; 0 -> the final state, where no further word is needed."""
        reached = dict(ends)  # without a further word
        following: dict[int, dict[int, Sums]] = {}
        pending = sorted(reached)
        while pending:
            state = heapq.heappop(pending)  # states are in topological order: all ways to this one are known
            total, acoustic, graph, trail = reached[state]
            for arc, target, word, *score in self.arcs[self.first[state] : self.first[state + 1]]:
                there = (total + score[0], acoustic + score[1], graph + score[2], (arc, trail))
                states = following.setdefault(word, {}) if word else reached
                if target not in states and not word:
                    heapq.heappush(pending, target)
                if target not in states or there[0] > states[target][0]:
                    states[target] = there
        if self.final in reached:
            following[0] = {self.final: reached[self.final]}
        return following
