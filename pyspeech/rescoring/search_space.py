"""What search moves in: hypotheses, the numbers that say where each is, and the arcs between them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyspeech.decoding.lattice import Choice, Ints, Scores
from pyspeech.rescoring.lexicon_tree import LexiconTree

STATE_BITS = 31  # of a hypothesis's key: below them stands the place, above them the utterance
Keys = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Places:
    """Where a hypothesis is, in one number: a node and the last token or the blank. And keys: of utterance, scorer's
    state and place together.

    Places below ``inside`` are between words: by last token first those of the root, then as many inside an unknown
    word, for at any token it may go on, or the next word begin. Then come two for each other node: its token is the
    last one, or the blank after it.
    """

    inside: int
    bits: int
    last: Ints
    blanked: Ints  # the place that a blank leads to
    ahead: Scores  # what is guessed of the words still possible

    @classmethod
    def of(cls, tree: LexiconTree, best: Scores) -> "Places":
        """Number the places of a tree; ``best`` is what is guessed at each node, float64 [nodes]."""
        inside, count = 2 * tree.num_tokens, 2 * (tree.num_tokens + tree.num_nodes - 1)
        last, blanked = np.zeros(count, np.int32), np.arange(count, dtype=np.int32)
        last[:inside] = np.tile(np.arange(tree.num_tokens), 2)
        last[inside::2] = tree.token[1:]
        blanked[:inside] -= last[:inside]
        blanked[inside::2] += 1
        return cls(inside, count.bit_length(), last, blanked, np.append(np.zeros(inside), best[1:].repeat(2)))

    @property
    def max_utterances(self) -> int:
        """How many utterances keys have bits for."""
        return 1 << (63 - STATE_BITS - self.bits)

    def of_node(self, node: Ints) -> Ints:
        """The place where the token of the node, not the root, is the last one."""
        place: Ints = 2 * node + (self.inside - 2)
        return place

    def node(self, place: Keys) -> Keys:
        """The node of a place inside a word."""
        return (place - (self.inside - 2)) >> 1

    def between(self, key: Keys) -> Choice:
        """Whether the place is between words."""
        found: Choice = self.of_key(key) < self.inside
        return found

    def key(self, utterance: Keys, state: Keys | Ints, place: Keys | Ints | int) -> Keys:
        """Utterance, scorer's state and place in one number, which sorts in that order."""
        return (((utterance << STATE_BITS) + state) << self.bits) + place

    def of_key(self, key: Keys) -> Keys:
        """The place in a key."""
        place: Keys = key & ((1 << self.bits) - 1)
        return place

    def state(self, key: Keys) -> Ints:
        """The scorer's state in a key."""
        return ((key >> self.bits) & ((1 << STATE_BITS) - 1)).astype(np.int32)

    def utterance(self, key: Keys) -> Keys:
        """The utterance in a key."""
        return key >> (STATE_BITS + self.bits)


@dataclass(frozen=True, eq=False)
class Hypotheses:
    """[H] each; the score is that of the best path, and the look-ahead."""

    key: Keys
    score: Scores

    def followed_by(self, others: "Hypotheses") -> "Hypotheses":
        """These, then the others."""
        if not len(others.key):
            return self
        return Hypotheses(np.append(self.key, others.key), np.append(self.score, others.score))

    def __getitem__(self, which: Indices) -> "Hypotheses":
        return Hypotheses(self.key.take(which), self.score.take(which))


@dataclass(frozen=True, eq=False)
class Transitions:
    """Arcs over one frame, [A] each: from hypotheses of one layer to those of the next."""

    source: Indices
    target: Indices
    word: Ints
    graph: Scores

    def __getitem__(self, which: Indices) -> "Transitions":
        return Transitions(
            self.source.take(which), self.target.take(which), self.word.take(which), self.graph.take(which)
        )


def changes(sorted_keys: Keys) -> Choice:
    """Return where keys differ from the one before."""
    new = np.ones(len(sorted_keys), np.bool_)
    np.not_equal(sorted_keys[1:], sorted_keys[:-1], out=new[1:])
    return new
