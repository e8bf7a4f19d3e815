"""A lexicon as a prefix tree in arrays: what a search walks instead of a compiled graph."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyspeech.decoding.lattice import Ints, Scores

ROOT = 0


@dataclass(frozen=True, eq=False)
class LexiconTree:
    """Every node stands for the tokens that lead to it from the root, node 0; words end at nodes.

    Nodes are numbered by depth, then parent, then token: the children of node n are ``first_child[n]`` up to, without
    it, ``first_child[n + 1]``, and come after it.

    Args:
        num_tokens: Number of tokens, the blank included.
        token: The last token of each node, int32 [N]; 0 for the root.
        first_child: int32 [N + 1].
        first_word: Where the words of each node start in ``words``, int32 [N + 1].
        words: Ids of words by the node where they end, int32 [number of different spellings].
    """

    num_tokens: int
    token: Ints
    first_child: Ints
    first_word: Ints
    words: Ints

    @classmethod
    def from_spellings(cls, spellings: Sequence[tuple[int, Sequence[int]]], num_tokens: int) -> "LexiconTree":
        """Make the tree of (word id, token ids): a word may have several spellings, and words may share one.

        Ids of words and tokens are above 0, tokens below ``num_tokens``, and every spelling has a token.
        """
        words = np.array([word for word, _ in spellings], np.int64)
        lengths = np.array([len(spelling) for _, spelling in spellings], np.int64)
        flat = np.array([token for _, spelling in spellings for token in spelling], np.int64)
        assert (words > 0).all()
        assert (lengths > 0).all()
        assert ((flat > 0) & (flat < num_tokens)).all()
        starts = np.cumsum(lengths) - lengths
        at = np.zeros(len(words), np.int64)  # the node that each spelling has reached
        parents, tokens, number = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)], 1
        for depth in range(lengths.max(initial=0)):
            longer = np.flatnonzero(lengths > depth)
            # Sorted by parent and token, which numbers the children of one node in a row.
            pairs, node = np.unique(at[longer] * num_tokens + flat[starts[longer] + depth], return_inverse=True)
            at[longer] = number + node
            parents.append(pairs // num_tokens)
            tokens.append(pairs % num_tokens)
            number += len(pairs)
        ends = np.unique(np.stack([at, words], axis=1), axis=0)
        every = np.arange(number + 1)
        return cls(
            num_tokens=num_tokens,
            token=np.concatenate(tokens).astype(np.int32),
            first_child=(1 + np.searchsorted(np.concatenate(parents)[1:], every)).astype(np.int32),
            first_word=np.searchsorted(ends[:, 0], every).astype(np.int32),
            words=ends[:, 1].astype(np.int32),
        )

    @property
    def num_nodes(self) -> int:
        """Number of nodes, the root included."""
        return len(self.token)

    def best_below(self, score: Scores) -> Scores:
        """Return for each node the highest score of the words that end there or further down, float64 [N].

        ``score`` is that of each word by its id. Minus infinity for the root of a tree without words.
        """
        best = np.full(self.num_nodes, -np.inf)
        nodes = np.repeat(np.arange(self.num_nodes), np.diff(self.first_word))
        np.maximum.at(best, nodes, score[self.words])
        parent = np.repeat(np.arange(self.num_nodes), np.diff(self.first_child))  # of nodes 1 and on
        for end, start in zip(*self._levels(), strict=True):
            np.maximum.at(best, parent[start - 1 : end - 1], best[start:end])
        return best

    def _levels(self) -> tuple[list[int], list[int]]:
        """Ends and starts of the runs of nodes of equal depth, deepest first, without the root."""
        bounds = [1]
        while bounds[-1] < self.num_nodes:
            # The children of a level's last node are the last of the next level.
            bounds.append(int(self.first_child[bounds[-1]]))
        return bounds[:0:-1], bounds[-2::-1]
