"""Search over a lexicon's prefix tree and an n-gram model together, with no graph to compile.

Frame by frame, all hypotheses of many utterances at once in arrays: each is a node of the tree, the last token or the
blank, and a state of the scorer. Of those that agree in all three the best goes on, and the others stay in the lattice.
Paths are those of CTC (https://www.cs.toronto.edu/~graves/icml_2006.pdf, section 3.1): equal neighbours collapse,
within and across words. Inside a word the best of the words still possible stands in for the language model, as in
S. Ortmanns, H. Ney, A. Eiden, "Language-model look-ahead for large vocabulary speech recognition", ICSLP 1996.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyspeech.decoding.frames import FrameScores
from pyspeech.decoding.lattice import BLANK, Choice, Floats, Ints, Lattice, Scores
from pyspeech.rescoring.config import SearchSettings, UnknownSettings, Weights
from pyspeech.rescoring.lexicon_tree import ROOT, LexiconTree
from pyspeech.rescoring.scorer import WordScorer
from pyspeech.rescoring.search_batch import Frame, FrameBatch, spread
from pyspeech.rescoring.search_space import Hypotheses, Indices, Keys, Places, Transitions, changes
from pyspeech.rescoring.search_trace import Trace

UNKNOWN_WORD = 1  # its id
MOVE_FIELDS = ("source", "key", "score", "word", "graph")
LOWEST = float(np.finfo(np.float64).min)
BATCH_UTTERANCES = 64
BATCH_FRAMES = 8000  # of all its utterances: some 30 bytes of memory for each arc kept in a frame


@dataclass(frozen=True, eq=False)
class Searched:
    """What search found for one utterance.

    Args:
        lattice: Word labels and scores are on the arc of a word's first token. ``acoustic`` are the log-probabilities
            of frames, unscaled; ``graph`` is what the scorer added, weighted already: search adds them up as
            ``lattice.scores(weights.acoustic)``.
        complete: Whether the best hypotheses end with a word. Else no path did, and the last word of every path is one
            broken off, here an unknown one.
    """

    lattice: Lattice
    complete: bool


class LexiconSearch:
    """Finds the words of utterances, word id 1 being the unknown word.

    Args:
        tree: The vocabulary.
        scorer: What words cost.
        weights: Those of the scorer; ``graph`` is not for here.
        limits: What to leave out.
        unknown: What words outside the vocabulary cost; None: there are none.
        look_ahead: A guess of each word's log-probability by its id, unweighted, float [W]: that of a unigram, say.
    """

    def __init__(
        self,
        tree: LexiconTree,
        scorer: WordScorer,
        weights: Weights,
        limits: SearchSettings,
        unknown: UnknownSettings | None,
        look_ahead: npt.NDArray[np.float64] | Floats,
    ) -> None:
        self._scorer, self._limits, self._unknown = scorer, limits, unknown
        self._acoustic_scale, self._num_tokens = weights.acoustic, tree.num_tokens
        best = tree.best_below(weights.lm * np.asarray(look_ahead, np.float64) + weights.word)
        # Between words nothing is guessed: ends of words, where the scorer may say better than the guess, survive more.
        best[ROOT] = 0.0
        self._token, self._ahead, self._words = tree.token, best, tree.words
        self._first_child, self._num_children = tree.first_child, np.diff(tree.first_child)
        self._first_word, self._num_words = tree.first_word, np.diff(tree.first_word)
        parent = np.repeat(np.arange(tree.num_nodes), self._num_children)
        self._step_ahead: Scores = np.insert(best[1:] - best[parent], 0, -np.inf)  # nothing leads to the root
        first_nodes = np.arange(1, tree.first_child[1])
        self._first_node = np.zeros(tree.num_tokens, np.int32)  # of words by their first token, else the root
        self._first_node[tree.token[first_nodes]] = first_nodes
        self._first_step = float(self._step_ahead[first_nodes].max(initial=-np.inf))
        self._places = Places.of(tree, best)

    def __call__(self, frames: Sequence[FrameScores]) -> list[Searched]:
        """Search utterances side by side: what is found for each does not depend on the others, nor on their order.

        At least one; how many are best says :func:`search_in_batches`. Lattices are never empty.
        """
        assert len(frames) <= self._places.max_utterances
        self._scorer.forget()
        batch = FrameBatch.of(frames, self._acoustic_scale, self._num_tokens, self._limits.unknown_beam)
        layers, steps = [self._starts(batch, 0)], []
        for time in range(batch.num_steps):
            step, reached = self._read(layers[-1], batch.frame(time))
            steps.append(step)
            layers.append(reached.followed_by(self._starts(batch, time + 1)))
        last, complete = self._finish(layers[-1], batch.size)
        lattices = Trace(self._places, batch, layers, [*steps, last]).lattices(self._limits.lattice_beam)
        return [Searched(lattice, ended) for lattice, ended in zip(lattices, complete.tolist(), strict=True)]

    def _starts(self, batch: FrameBatch, time: int) -> Hypotheses:
        utterances = (batch.start == time).nonzero()[0]
        state = np.full(len(utterances), self._scorer.start)
        return Hypotheses(self._places.key(utterances, state, BLANK), np.zeros(len(utterances)))

    def _read(self, before: Hypotheses, frame: Frame) -> tuple[Transitions, Hypotheses]:
        """Take every hypothesis over one frame in every way; recombine; prune."""
        front = self._front(before, frame)
        parts = [self._stay(front, frame)]
        if frame.likely.count.any():
            entered = self._enter_children(front, frame)
            parts += [self._unfinished(front, entered), self._end_words(front, entered)]
            if self._unknown is not None:
                parts += self._unknown_words(front, frame, self._unknown)
        return self._recombine(_Moves.concatenated(parts), front.best)

    def _front(self, before: Hypotheses, frame: Frame) -> "_Front":
        utterance, place = self._places.utterance(before.key), self._places.of_key(before.key)
        slot = utterance * self._num_tokens
        last = self._places.last.take(place)
        blank = before.score + frame.score.take(slot)
        again = before.score + frame.score.take(slot + last)
        best = np.full(len(frame.peak), -np.inf)
        np.maximum.at(best, utterance, np.maximum(blank, again))
        return _Front(before.key, before.score, utterance, place, last, slot, blank, again, best)

    def _least(self, best: Scores) -> Scores:
        least: Scores = np.maximum(best - self._limits.beam, LOWEST)
        return least

    def _stay(self, front: "_Front", frame: Frame) -> "_Moves":
        """The blank, or the last token once more."""
        least = self._least(front.best).take(front.utterance)
        blank = (front.blank >= least).nonzero()[0]
        again = ((front.again >= least) & (front.last != BLANK)).nonzero()[0]
        place = front.place.take(blank)
        blank_key = front.key.take(blank) + (self._places.blanked.take(place) - place)
        return _Moves.without_word(
            np.concatenate((blank, again)),
            np.concatenate((blank_key, front.key.take(again))),
            np.concatenate((front.blank.take(blank), front.again.take(again))),
        )

    def _enter_children(self, front: "_Front", frame: Frame) -> "_Entered":
        """One token further down the tree, where it is not the last token over again."""
        least = self._least(front.best).take(front.utterance)
        between = front.place < self._places.inside
        # The likeliest token cannot help those far behind; from the root the look-ahead may add to the score.
        reach = front.score + np.where(between, self._first_step, 0.0) + frame.peak.take(front.utterance)
        hopeful = reach >= least
        inside, first = (hopeful & ~between).nonzero()[0], (hopeful & between).nonzero()[0]
        ways = zip(self._children(front, frame, inside), self._first_nodes(front, frame, first), strict=True)
        source, node = (np.concatenate(parts) for parts in ways)
        token = self._token.take(node)
        score = front.score.take(source) + self._step_ahead.take(node)
        score += frame.score.take(front.slot.take(source) + token)
        good = ((score >= least.take(source)) & (token != front.last.take(source))).nonzero()[0]
        return _Entered(source.take(good), node.take(good), score.take(good))

    def _children(self, front: "_Front", frame: Frame, inside: Indices) -> tuple[Indices, Ints]:
        """Return from which hypotheses inside words which children can be entered: those whose token is kept."""
        node = self._places.node(front.place.take(inside))
        owner, child = spread(self._first_child.take(node), self._num_children.take(node))
        slot = front.slot.take(inside).take(owner) + self._token.take(child)
        heard = (frame.score.take(slot) > -np.inf).nonzero()[0]
        return inside.take(owner.take(heard)), child.take(heard)

    def _first_nodes(self, front: "_Front", frame: Frame, between: Indices) -> tuple[Indices, Ints]:
        """The same for hypotheses between words; a token that begins no word leads to the root, which has no score."""
        row, token = frame.likely.spread(front.utterance.take(between))
        return between.take(row), self._first_node.take(token)

    def _unfinished(self, front: "_Front", entered: "_Entered") -> "_Moves":
        going_on = self._num_children.take(entered.node).nonzero()[0]
        source, score = entered.source.take(going_on), entered.score.take(going_on)
        key = front.key.take(source) - front.place.take(source) + self._places.of_node(entered.node.take(going_on))
        return _Moves.without_word(source, key, score)

    def _end_words(self, front: "_Front", entered: "_Entered") -> "_Moves":
        """Every word that ends at the node: what the scorer says takes the place of what was guessed."""
        which, entry = spread(self._first_word.take(entered.node), self._num_words.take(entered.node))
        source, node, word = entered.source.take(which), entered.node.take(which), self._words.take(entry)
        state, graph = self._scorer.advance(self._places.state(front.key.take(source)), word)
        score = entered.score.take(which) - self._ahead.take(node) + graph
        key = self._places.key(front.utterance.take(source), state, self._token.take(node))
        return _Moves(source, key, score, word, graph)

    def _unknown_words(self, front: "_Front", frame: Frame, unknown: UnknownSettings) -> "list[_Moves]":
        """An unknown word's first token, which carries label and score, and its further tokens."""
        between = (front.place < self._places.inside).nonzero()[0]
        between = between.compress(frame.near.count.take(front.utterance.take(between)))
        before = self._places.state(front.key.take(between))
        state, graph = self._scorer.advance(before, np.full(len(between), UNKNOWN_WORD, np.int32))
        going_on = (front.place.take(between) >= self._num_tokens).nonzero()[0]
        onward = between.take(going_on)
        added = np.full(len(onward), unknown.token)
        return [
            self._spell(front, frame, between, state, graph + unknown.word + unknown.token, UNKNOWN_WORD),
            self._spell(front, frame, onward, before.take(going_on), added, 0),
        ]

    def _spell(self, front: "_Front", frame: Frame, source: Indices, state: Ints, added: Scores, word: int) -> "_Moves":
        """Every token that an unknown word may have, from the hypotheses ``source``."""
        before, utterance = front.score.take(source) + added, front.utterance.take(source)
        least = self._least(front.best).take(utterance)
        hopeful = (before + frame.peak.take(utterance) >= least).nonzero()[0]
        row, token = frame.near.spread(utterance.take(hopeful))
        row = hopeful.take(row)
        score = before.take(row) + frame.score.take(front.slot.take(source.take(row)) + token)
        good = ((score >= least.take(row)) & (token != front.last.take(source.take(row)))).nonzero()[0]
        row, token = row.take(good), token.take(good)
        key = self._places.key(utterance.take(row), state.take(row), self._num_tokens + token)
        return _Moves(source.take(row), key, score.take(good), np.full(len(row), word, np.int32), added.take(row))

    def _recombine(self, moves: "_Moves", best: Scores) -> tuple[Transitions, Hypotheses]:
        utterance = self._places.utterance(moves.key)
        np.maximum.at(best, utterance, moves.score)
        moves = moves[(moves.score >= self._least(best).take(utterance)).nonzero()[0]]
        target, reached = _recombined(moves)
        step = Transitions(moves.source, target, moves.word, moves.graph)
        chosen = self._within_number(reached, len(best))
        if chosen.all():
            return step, reached
        step = step[chosen.take(target).nonzero()[0]]
        step = Transitions(step.source, (chosen.cumsum() - 1).take(step.target), step.word, step.graph)
        return step, reached[chosen.nonzero()[0]]

    def _within_number(self, reached: Hypotheses, num_utterances: int) -> Choice:
        """Choose the best of every utterance, as many as may go on."""
        most = self._limits.max_hypotheses
        chosen = np.ones(len(reached.key), np.bool_)
        if len(chosen) > most:
            utterance = self._places.utterance(reached.key)
            for over in (np.bincount(utterance, minlength=num_utterances) > most).nonzero()[0]:
                own = (utterance == over).nonzero()[0]
                chosen[own[np.argpartition(reached.score[own], -most)[:-most]]] = False
        return chosen

    def _finish(self, last: Hypotheses, num_utterances: int) -> tuple[Transitions, Choice]:
        """End the sentence wherever a word has ended, or where none has take the one broken off for an unknown one."""
        utterance, state = self._places.utterance(last.key), self._places.state(last.key)
        between = self._places.between(last.key)
        complete = np.zeros(num_utterances, np.bool_)
        complete[utterance[between]] = True
        ending = (between | ~complete[utterance]).nonzero()[0]
        broken = (~between[ending]).nonzero()[0]
        state, word, graph = state[ending], np.zeros(len(ending), np.int32), np.zeros(len(ending))
        word[broken] = UNKNOWN_WORD
        state[broken], graph[broken] = self._scorer.advance(state[broken], word[broken])
        return Transitions(ending, utterance[ending], word, graph + self._scorer.finish(state)), complete


def search_in_batches(search: LexiconSearch, utterances: Iterable[FrameScores]) -> Iterator[Searched]:
    """Search utterances a batch at a time, and yield what was found for each in their order."""
    batch: list[FrameScores] = []
    for frames in utterances:
        batch.append(frames)
        if len(batch) == BATCH_UTTERANCES or sum(each.num_frames for each in batch) >= BATCH_FRAMES:
            yield from search(batch)
            batch = []
    if batch:
        yield from search(batch)


@dataclass(frozen=True, eq=False)
class _Front:
    """Hypotheses before a frame, [H] each; ``best`` so far of each utterance after it, [U]."""

    key: Keys
    score: Scores
    utterance: Keys
    place: Keys
    last: Ints
    slot: Keys  # of the utterance's first token in the frame's scores
    blank: Scores  # after a blank
    again: Scores  # after the last token once more
    best: Scores


@dataclass(frozen=True, eq=False)
class _Entered:
    """Nodes entered from hypotheses, [E] each."""

    source: Indices
    node: Ints
    score: Scores


@dataclass(frozen=True, eq=False)
class _Moves:
    """Ways from a hypothesis over one frame, [N] each: from which one, and the key of that which it leads to."""

    source: Indices
    key: Keys
    score: Scores
    word: Ints  # that it carries
    graph: Scores  # that it adds

    @classmethod
    def without_word(cls, source: Indices, key: Keys, score: Scores) -> "_Moves":
        return cls(source, key, score, np.zeros(len(source), np.int32), np.zeros(len(source)))

    @classmethod
    def concatenated(cls, parts: "list[_Moves]") -> "_Moves":
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in MOVE_FIELDS))

    def __getitem__(self, which: Indices) -> "_Moves":
        return _Moves(*(getattr(self, name).take(which) for name in MOVE_FIELDS))


def _recombined(moves: _Moves) -> tuple[Indices, Hypotheses]:
    """Return the hypotheses that moves lead to, in the order of their first moves, and for each move which it is.

    So their order does not depend on the numbers of states, which depend on what was scored before.
    """
    order = moves.key.argsort()
    key = moves.key.take(order)
    new = changes(key)
    firsts = new.nonzero()[0]
    lead = np.minimum.reduceat(order, firsts)
    leading = np.zeros(len(key), np.bool_)
    leading[lead] = True
    rank = (leading.cumsum() - 1).take(lead)
    target, score = np.empty(len(key), np.intp), np.empty(len(firsts))
    target[order] = rank.take(new.cumsum() - 1)
    score[rank] = np.maximum.reduceat(moves.score.take(order), firsts)
    return target, Hypotheses(moves.key.take(leading.nonzero()[0]), score)
