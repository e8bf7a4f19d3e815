"""A lattice of tokens as a lattice of words: small enough to look at, and what other programs expect."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from pyspeech.decoding.lattice import NO_FRAME, Lattice, first_arcs, prune

Way = tuple[float, float, float]  # score, and what it is made of: acoustic and graph score


def word_lattice(lattice: Lattice, acoustic_scale: float) -> Lattice:
    """Return the lattice whose arcs are words, each from its own start to the start of the next word.

    Of the ways to say the word in that time the best is kept, so every word sequence has its best score, to rounding;
    alternatives that differ in tokens alone are gone. What precedes the first word is an arc of word 0.

    An arc's token is -1 whatever frames it spans, ``frame`` its first; there is at most one arc for a word between two
    states. States keep their order and their times. A wide lattice says a word at many times, with an arc from each to
    each: prune it first.
    """
    with_word = np.flatnonzero(lattice.word)
    kept = np.union1d(lattice.source[with_word], [0, lattice.num_states - 1])
    number = {state: n for n, state in enumerate(kept.tolist())}
    ways_on = _ways_on(lattice, acoustic_scale, frozenset(number))
    best: dict[tuple[int, int, int], Way] = {}
    for source, target, word, way in _openings(lattice, acoustic_scale):
        for state, onward in ways_on(target).items():
            if word or state != source:
                key = (number[source], number[state], word)
                best[key] = max(best.get(key, (-np.inf, 0.0, 0.0)), _joined(way, onward))
    times = np.zeros(lattice.num_states, np.int32)
    times[lattice.source] = lattice.frame
    arcs = sorted(best)
    source, target, word = np.array(arcs, np.int32).T
    return replace(
        lattice,
        source=source,
        target=target,
        token=np.full(len(arcs), NO_FRAME, np.int32),
        word=word,
        acoustic=np.array([best[arc][1] for arc in arcs], np.float32),
        graph=np.array([best[arc][2] for arc in arcs], np.float32),
        frame=times[kept[source]],
    )


def likely_words(lattice: Lattice, acoustic_scale: float, beam: float) -> Lattice:
    """Return the lattice of words without the paths whose score is more than ``beam`` below the best."""
    # Pruned first for speed alone: what goes then would go later.
    likely = word_lattice(prune(lattice, beam, lattice.num_arcs, acoustic_scale), acoustic_scale)
    return prune(likely, beam, likely.num_arcs, acoustic_scale)


def _openings(lattice: Lattice, acoustic_scale: float) -> Iterator[tuple[int, int, int, Way]]:
    """Source, target, word and scores of the start, which has no word, and of every arc that has one."""
    yield 0, 0, 0, (0.0, 0.0, 0.0)
    ends = zip(lattice.source.tolist(), lattice.target.tolist(), lattice.word.tolist(), strict=True)
    for (source, target, word), way in zip(ends, _ways(lattice, acoustic_scale), strict=True):
        if word:
            yield source, target, word, way


def _ways_on(lattice: Lattice, acoustic_scale: float, ends: frozenset[int]) -> Callable[[int], dict[int, Way]]:
    """Return what gives, for a state, the best way to each of ``ends`` that it reaches without a word."""
    first = first_arcs(lattice)
    targets, words = lattice.target.tolist(), lattice.word.tolist()
    ways = _ways(lattice, acoustic_scale)

    @cache
    def ways_on(start: int) -> dict[int, Way]:
        reached: dict[int, Way] = {start: (0.0, 0.0, 0.0)}
        pending = [start]
        while pending:
            state = heapq.heappop(pending)  # states are in topological order: all ways to this one are known
            for arc in range(first[state], first[state + 1]):
                if words[arc]:
                    continue
                target, way = targets[arc], _joined(reached[state], ways[arc])
                if target not in reached:
                    heapq.heappush(pending, target)
                if target not in reached or way > reached[target]:
                    reached[target] = way
        return {state: way for state, way in reached.items() if state in ends}

    return ways_on


def _ways(lattice: Lattice, acoustic_scale: float) -> list[Way]:
    fields = (lattice.scores(acoustic_scale), lattice.acoustic, lattice.graph)
    return list(zip(*(each.tolist() for each in fields), strict=True))


def _joined(left: Way, right: Way) -> Way:
    return left[0] + right[0], left[1] + right[1], left[2] + right[2]
