"""L: spellings of words as a transducer from tokens to words that can be determinised.

A spelling that two words share, or that begins a longer one, ends in a symbol of its own: token ids from the number of
tokens on are such symbols (https://cs.nyu.edu/~mohri/pub/hbka.pdf, section 4.1). There is no silence: the blank of
CTC absorbs it.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from pyspeech.graph.arcs import FINAL_LABEL, Arcs

Spelling = tuple[int, tuple[int, ...]]  # word id, token ids


def lexicon_arcs(spellings: Iterable[Spelling], num_tokens: int, back_off_word: int) -> Arcs:
    """Build L. The first symbol, ``num_tokens``, stands for the back-off of G and passes through L untouched.

    Args:
        spellings: At least one token each; a pair that comes twice counts once.
        num_tokens: Number of tokens, the blank included.
        back_off_word: The word id by which G marks its back-off arcs.
    """
    pairs = list(dict.fromkeys(spellings))
    assert all(tokens for _, tokens in pairs)
    source, target, label, output = [0], [0], [num_tokens], [back_off_word]
    num_states = 1
    for (word, tokens), symbol in zip(pairs, _symbols(pairs), strict=True):
        path = [*tokens, num_tokens + symbol] if symbol else tokens
        inner = range(num_states, num_states + len(path) - 1)
        num_states += len(inner)
        source += (0, *inner)
        target += (*inner, 0)
        label += path
        output += (word, *[0] * len(inner))
    arcs = np.array([source, target, label, output], np.int32)
    arcs = arcs[:, np.argsort(arcs[0], kind="stable")]
    # The words' paths all start and end in state 0, which alone may end the sentence.
    arcs = np.insert(arcs, int((arcs[0] == 0).sum()), [0, num_states, FINAL_LABEL, FINAL_LABEL], axis=1)
    return Arcs(arcs[0], arcs[1], arcs[2], np.zeros(arcs.shape[1], np.float32), arcs[3])


def _symbols(pairs: list[Spelling]) -> list[int]:
    """Number the words of each ambiguous spelling from 1; 0 where no symbol is needed."""
    beginnings = {tokens[:end] for _, tokens in pairs for end in range(1, len(tokens))}
    shared = Counter(tokens for _, tokens in pairs)
    used: Counter[tuple[int, ...]] = Counter()
    symbols = []
    for _, tokens in pairs:
        if shared[tokens] > 1 or tokens in beginnings:
            used[tokens] += 1
        symbols.append(used[tokens])
    return symbols
