"""From what search kept of every frame to lattices: the way back from the ends of the sentences."""

from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from pyspeech.decoding.frames import FrameScores
from pyspeech.decoding.lattice import NO_FRAME, Choice, Lattice, Scores
from pyspeech.rescoring.search_batch import FrameBatch, spread
from pyspeech.rescoring.search_space import Hypotheses, Indices, Keys, Places, Transitions, changes

WORD_BITS = 32  # of a state's key: above the word stands the hypothesis
ROUNDING = 1e-6  # of sums over the same arcs in different order


@dataclass(frozen=True, eq=False)
class Trace:
    """What search went through.

    The score of a word, the same on all arcs from one hypothesis that carry it, is on the arc of its last token here,
    and in the lattices on that of its first.

    Args:
        places: Where hypotheses are.
        batch: The utterances.
        layers: Hypotheses before each frame, and those after the last one.
        steps: Arcs from each layer to the next, and last those that end the sentences, to numbers of utterances.
    """

    places: Places
    batch: FrameBatch
    layers: list[Hypotheses]
    steps: list[Transitions]

    def lattices(self, beam: float) -> list[Lattice]:
        """Return for each utterance the arcs on paths that score worse than the best one by ``beam`` or less."""
        arcs = _joined(self._within(beam), self.batch.size)
        bounds = arcs.utterance.searchsorted(np.arange(self.batch.size + 1))
        return [
            _lattice(frames, arcs[slice(*part)], self.batch.num_tokens)
            for frames, part in zip(self.batch.utterances, pairwise(bounds), strict=True)
        ]

    def _within(self, beam: float) -> "list[_Layer]":
        last, everyone = self.steps[-1], np.arange(self.batch.size)
        states = _States(everyone, everyone, 0 * everyone, np.zeros(len(everyone)), np.zeros(len(everyone)))
        least = np.full(self.batch.size, -np.inf)
        np.maximum.at(least, last.target, self._from_start(self.layers[-1], last.source) + last.graph)
        least -= beam
        kept = []
        for time in reversed(range(len(self.steps))):
            least = least - ROUNDING  # or the first arc of a path could be dropped and its last be kept
            layer, states = self._back(time, states, least)
            kept.append(layer)
        return kept[::-1]

    def _from_start(self, layer: Hypotheses, which: Indices) -> Scores:
        """Best scores of paths to hypotheses, without look-ahead."""
        place = self.places.of_key(layer.key.take(which))
        scores: Scores = layer.score.take(which) - self.places.ahead.take(place)
        return scores

    def _back(self, time: int, after: "_States", least: Scores) -> "tuple[_Layer, _States]":
        """Go back over one frame: the arcs kept, and the states that they lead from."""
        ways = self._ways(time, after, least)
        between = self.places.between(self.layers[time].key.take(ways.source))
        key = ways.source << WORD_BITS | np.where(between, 0, ways.word)
        order = key.argsort(kind="stable")
        new = changes(key.take(order))
        ways, between = ways[order], between.take(order)
        states = _states(ways, between, new.nonzero()[0], after)
        layer = _Layer(
            source=new.cumsum() - 1,
            target=ways.target,
            token=ways.token,
            word=np.where(between, ways.word, 0),
            graph=np.where(between, ways.graph, 0.0),
            utterance=states.utterance,
        )
        return layer, states

    def _ways(self, time: int, after: "_States", least: Scores) -> "_Ways":
        """Good arcs over a frame, each to every state of the hypothesis that it leads to."""
        step = self.steps[time]
        bounds = after.hypothesis.searchsorted(np.arange(step.target.max() + 2))
        step = step[np.diff(bounds).take(step.target).nonzero()[0]]
        token, acoustic = self._seen(time, step)
        arc, target = spread(bounds.take(step.target), np.diff(bounds).take(step.target))
        to_end = acoustic.take(arc) + step.graph.take(arc) + after.to_end.take(target)
        score = self._from_start(self.layers[time], step.source).take(arc) + to_end
        good = (score >= least.take(after.utterance.take(target))).nonzero()[0]
        arc, target = arc.take(good), target.take(good)
        return _Ways(
            source=step.source.take(arc),
            target=target,
            token=token.take(arc),
            word=step.word.take(arc) + after.word.take(target),
            graph=step.graph.take(arc) + after.graph.take(target),
            to_end=to_end.take(good),
        )

    def _seen(self, time: int, arcs: Transitions) -> tuple[Keys, Scores]:
        """Return token and weighted acoustic score of arcs."""
        if time == self.batch.num_steps:
            return np.full(len(arcs.source), NO_FRAME), np.zeros(len(arcs.source))
        key = self.layers[time + 1].key.take(arcs.target)
        token = self.places.last.take(self.places.of_key(key)).astype(np.int64)
        slot = self.places.utterance(key) * self.batch.num_tokens + token
        return token, self.batch.scores(time).take(slot)


@dataclass(frozen=True, eq=False)
class _States:
    """States of the lattices before or after a frame, [S] each, in the order of their hypotheses.

    A hypothesis between words is one state. One inside a word is a state for every word that it may become, so that
    the word and its score can stand on the arc that leads into the word.
    """

    hypothesis: Indices
    utterance: Keys
    word: Keys
    graph: Scores  # of the word
    to_end: Scores  # of the best path from here, the score of the word included


@dataclass(frozen=True, eq=False)
class _Ways:
    """Arcs over one frame from hypotheses to states, [N] each; word and score are the arc's or the state's."""

    source: Indices
    target: Indices
    token: Keys
    word: Keys
    graph: Scores
    to_end: Scores  # of the best path by this arc, from its source

    def __getitem__(self, which: Indices) -> "_Ways":
        return _Ways(*(values.take(which) for values in vars(self).values()))


@dataclass(frozen=True, eq=False)
class _Layer:
    """Arcs of the lattices over one frame, [A] each, and utterances of the states that they lead from, [S]."""

    source: Indices
    target: Indices
    token: Keys
    word: Keys
    graph: Scores
    utterance: Keys


@dataclass(frozen=True, eq=False)
class _Arcs:
    """Arcs of the lattices over all frames, [A] each, utterance by utterance, in which states are numbered from 0."""

    utterance: Keys
    time: Indices
    source: Indices
    target: Indices
    token: Keys
    word: Keys
    graph: Scores

    def __getitem__(self, which: slice | Indices) -> "_Arcs":
        return _Arcs(*(values[which] for values in vars(self).values()))


def _states(ways: _Ways, between: Choice, firsts: Indices, after: _States) -> _States:
    """Return the states that ways lead from; those of a state follow each other, from each of ``firsts`` on."""
    inside = ~between.take(firsts)
    return _States(
        hypothesis=ways.source.take(firsts),
        utterance=after.utterance.take(ways.target.take(firsts)),
        word=np.where(inside, ways.word.take(firsts), 0),
        graph=np.where(inside, ways.graph.take(firsts), 0.0),
        to_end=np.maximum.reduceat(ways.to_end, firsts),
    )


def _joined(layers: list[_Layer], num_utterances: int) -> _Arcs:
    """Join the layers to the end, where each utterance has one state more."""
    firsts = [0, *accumulate(len(layer.utterance) for layer in layers)]  # states, among those of all layers
    counts = [len(layer.source) for layer in layers]
    utterance = np.concatenate([*(layer.utterance for layer in layers), np.arange(num_utterances)])
    number = _numbers(utterance, num_utterances)
    source = np.concatenate([layer.source for layer in layers]) + np.repeat(firsts[:-1], counts)
    target = np.concatenate([layer.target for layer in layers]) + np.repeat(firsts[1:], counts)
    arcs = _Arcs(
        utterance=utterance[source],
        time=np.repeat(np.arange(len(layers)), counts),
        source=number[source],
        target=number[target],
        token=np.concatenate([layer.token for layer in layers]),
        word=np.concatenate([layer.word for layer in layers]),
        graph=np.concatenate([layer.graph for layer in layers]),
    )
    return arcs[arcs.utterance.argsort(kind="stable")]


def _numbers(utterance: Keys, num_utterances: int) -> Indices:
    """Number the states of each utterance from 0 in the order in which they stand."""
    order = utterance.argsort(kind="stable")
    ordered = utterance[order]
    number = np.empty(len(order), np.intp)
    number[order] = np.arange(len(order)) - ordered.searchsorted(np.arange(num_utterances))[ordered]
    return number


def _lattice(frames: FrameScores, arcs: _Arcs, num_tokens: int) -> Lattice:
    frame = arcs.time - arcs.time[0]
    consumes = arcs.token != NO_FRAME
    acoustic = np.zeros(len(frame), np.float32)
    acoustic[consumes] = frames.dense(num_tokens)[frame[consumes], arcs.token[consumes]]
    return Lattice(
        id=frames.id,
        source=arcs.source.astype(np.int32),
        target=arcs.target.astype(np.int32),
        token=arcs.token.astype(np.int32),
        word=arcs.word.astype(np.int32),
        acoustic=acoustic,
        graph=arcs.graph.astype(np.float32),
        frame=frame.astype(np.int32),
        num_frames=frames.num_frames,
    )
