"""A stored lattice composed with other language models on the fly: every path rescored, not a list of the n best.

Tokens pass through the lattice run by run, arrays of them at once; one token stands for all paths to a state of the
lattice that leave the scorer in the same state. Without limits the result holds every path of the lattice, each with
exactly the score that its words get on their own, back-offs included; compare the composition of transducers, where
the best path may back off past an n-gram that the model has (https://cs.nyu.edu/~mohri/pub/hbka.pdf).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyspeech.decoding.lattice import Choice, Floats, Lattice, Scores, arcs_within, scores_to_end, select, steps
from pyspeech.rescoring.config import LatticeSettings, Weights
from pyspeech.rescoring.scorer import WordScorer

Numbers = npt.NDArray[np.int64]
STATE_BITS = 32  # of a key: above the state of the scorer stands that of the lattice
SCORER_STATE = 2**STATE_BITS - 1
LEFT_OUT = -1


@dataclass(frozen=True, eq=False)
class Rescored:
    """A composed lattice.

    Args:
        lattice: Its ``acoustic`` are the old scores; its ``graph`` the new ones, weighted already, on the final arcs
            that of ``</s>`` too. ``lattice.scores(weights.acoustic)`` is what the best path is best in.
        old_graph: The graph scores that its arcs had in the old lattice, unweighted, float32 [A].
        cut: ``max_states`` left out states that the beam would have kept.
    """

    lattice: Lattice
    old_graph: Floats
    cut: bool


def compose(lattice: Lattice, scorer: WordScorer, weights: Weights, limits: LatticeSettings) -> Rescored:
    """Score the paths of ``lattice`` with ``scorer``; of the old graph scores, ``weights.graph`` times theirs stay.

    The result holds one path at least. It may have the scorer forget its states.
    """
    scorer.forget()
    return _Composition(lattice, scorer, weights, limits).run()


@dataclass(frozen=True, eq=False)
class _Arcs:
    """Arcs of the composed lattice whose targets have no number yet but a key; int64 and float64 [N]."""

    source: Numbers  # state of the composed lattice
    arc: Numbers  # of the old lattice
    key: Numbers
    graph: Scores
    total: Scores  # of the best path that ends with the arc

    def __getitem__(self, which: Choice) -> "_Arcs":
        return _Arcs(*(values[which] for values in vars(self).values()))

    def __add__(self, other: "_Arcs") -> "_Arcs":
        return _Arcs(*map(np.concatenate, zip(vars(self).values(), vars(other).values(), strict=True)))


class _Composition:
    """One lattice on its way to another.

    Arcs wait until all that lead to the same states are known. Then each key becomes a state, those within the limits
    stay, and the arcs out of these wait in turn.
    """

    def __init__(self, lattice: Lattice, scorer: WordScorer, weights: Weights, limits: LatticeSettings) -> None:
        self.lattice, self.scorer, self.limits = lattice, scorer, limits
        self.acoustic_scale = weights.acoustic
        self.final = lattice.num_states - 1
        self.first = np.searchsorted(lattice.source, np.arange(lattice.num_states + 1))
        graph = lattice.graph.astype(np.float64)
        self.acoustic = weights.acoustic * lattice.acoustic.astype(np.float64)
        self.graph = weights.graph * graph
        # Of words yet to come, the old language model is the best guess at what the new one will say.
        guess = self.graph + weights.lm * graph + weights.word * (lattice.word > 0)
        self.to_end = scores_to_end(lattice, self.acoustic + guess)
        self.num_states = 1
        self.made: list[tuple[Numbers, Numbers, Numbers, Scores]] = []  # source, target, old arc, graph score
        self.cut = False

    def run(self) -> Rescored:
        runs = [self.lattice.source[step.stop - 1] for step in steps(self.lattice)]
        waiting = self._follow(0, np.array([self.scorer.start], np.int64), np.zeros(1))
        for last_state in (*runs[1:], self.final):
            ready = waiting.key < int(last_state) + 1 << STATE_BITS
            if ready.all():
                waiting = self._join(waiting)
            elif ready.any():
                waiting = waiting[~ready] + self._join(waiting[ready])
        return self._rescored()

    def _join(self, arcs: _Arcs) -> _Arcs:
        """Make states of the keys that these arcs lead to, and return the arcs out of them."""
        order = arcs.key.argsort(kind="stable")
        sorted_keys = arcs.key[order]
        is_first = np.append(True, sorted_keys[1:] != sorted_keys[:-1])
        firsts = is_first.nonzero()[0]
        keys, totals = sorted_keys[firsts], np.maximum.reduceat(arcs.total[order], firsts)
        kept = self._within_limits(totals + self.to_end[keys >> STATE_BITS]).nonzero()[0]
        # By state of the lattice, then by first arc: the scorer numbers its states as other lattices had it do before.
        kept = kept[np.lexsort((order[firsts[kept]], keys[kept] >> STATE_BITS))]
        place = np.full(len(keys), LEFT_OUT)
        place[kept] = np.arange(len(kept))
        place = place[is_first.cumsum() - 1]
        if len(kept) < len(keys):
            order, place = order[place != LEFT_OUT], place[place != LEFT_OUT]
        keys, totals = keys[kept], totals[kept]
        number = self.num_states
        self.num_states += len(keys)
        self.made.append((arcs.source[order], number + place, arcs.arc[order], arcs.graph[order]))
        return self._follow(number, keys, totals)

    def _within_limits(self, estimates: Scores) -> Choice:
        kept: Choice = estimates >= estimates.max() - self.limits.beam
        most = self.limits.max_states
        if len(kept) > most and np.count_nonzero(kept) > most:
            self.cut = True
            kept[estimates.argpartition(-most)[:-most]] = False
        return kept

    def _follow(self, number: int, keys: Numbers, totals: Scores) -> _Arcs:
        """Return all arcs out of the states with these keys and best scores, numbered from ``number`` on."""
        state = keys >> STATE_BITS
        counts = self.first[state + 1] - self.first[state]
        row = np.arange(len(keys)).repeat(counts)
        arc = np.arange(len(row)) + (self.first[state] - counts.cumsum() + counts)[row]
        scorer_state, graph = keys[row] & SCORER_STATE, self.graph[arc]
        word = self.lattice.word[arc]
        spoken = word.nonzero()[0]
        if len(spoken):
            scorer_state[spoken], added = self.scorer.advance(scorer_state[spoken].astype(np.int32), word[spoken])
            graph[spoken] += added
        target = self.lattice.target[arc].astype(np.int64)
        final = (target == self.final).nonzero()[0]
        if len(final):
            graph[final] += self.scorer.finish(scorer_state[final].astype(np.int32))
            scorer_state[final] = 0  # one final state for all
        total = totals[row] + self.acoustic[arc] + graph
        return _Arcs(number + row, arc, target << STATE_BITS | scorer_state, graph, total)

    def _rescored(self) -> Rescored:
        source, target, arc, graph = (np.concatenate(parts) for parts in zip(*self.made, strict=True))
        order = np.lexsort((arc, source))
        old, arc = self.lattice, arc[order]
        composed = Lattice(
            id=old.id,
            source=source[order].astype(np.int32),
            target=target[order].astype(np.int32),
            token=old.token[arc],
            word=old.word[arc],
            acoustic=old.acoustic[arc],
            graph=graph[order].astype(np.float32),
            frame=old.frame[arc],
            num_frames=old.num_frames,
        )
        # States were kept for what they promised; now it is known which lie on a path within the beam.
        kept = arcs_within(composed, self.limits.beam, composed.num_arcs, self.acoustic_scale)
        return Rescored(select(composed, kept), old.graph[arc[kept]], self.cut)
