"""An n-gram model of token sequences, of which each state gives every token a probability: no arc backs off.

What a denominator of maximum mutual information needs (Povey et al. 2016, https://www.danielpovey.com/files/
2016_interspeech_mmi.pdf): few states, and no sequence that is impossible.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pyspeech.losses.contract import Pronounced

History: TypeAlias = tuple[int, ...]
Counts: TypeAlias = defaultdict[History, defaultdict[int, float]]
BEGIN: History = (-1,)  # no token


@dataclass(frozen=True, eq=False)
class TokenNgrams:
    """A model of sequences of tokens 1 .. V - 1; the probabilities of a state add up to 1.

    Attributes:
        histories: The last tokens that a state knows, by the number of the state; state 0 begins.
        log_probs: Natural logarithms, of each token in each state, float64 [H, V]; in column 0 those of the end.
        following: The state after each token, int64 [H, V]; column 0 means nothing.
    """

    histories: tuple[History, ...]
    log_probs: npt.NDArray[np.float64]
    following: npt.NDArray[np.int64]

    @property
    def last(self) -> npt.NDArray[np.int64]:
        """The token that each state was reached by, [H]; of the state that begins 0."""
        return np.array([max(history[-1], 0) for history in self.histories])

    def arcs(self) -> "Arcs":
        """Every token after every state, [H * (V - 1)]."""
        states, tokens = np.arange(len(self.histories)), np.arange(1, self.log_probs.shape[1])
        source, token = (x.ravel() for x in np.meshgrid(states, tokens, indexing="ij"))
        return Arcs(source, self.following[source, token], self.log_probs[source, token], token == self.last[source])

    def score(self, tokens: Iterable[int]) -> float:
        """Log-probability of a whole sequence, its end among it."""
        total, state = 0.0, 0
        for token in tokens:
            total += self.log_probs[state, token]
            state = int(self.following[state, token])
        return float(total + self.log_probs[state, 0])


class Arcs(NamedTuple):
    """From state to state with a log-probability, and whether by the token that was last: a blank is before it then."""

    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    log_prob: npt.NDArray[np.float64]
    is_again: npt.NDArray[np.bool_]


def estimate(
    sentences: Iterable[Pronounced], num_tokens: int, order: int, discount: float, min_count: int
) -> TokenNgrams:
    """Count the n-grams of ``sentences``, and make a model of them by interpolated absolute discounting.

    All ways to pronounce a word share its count. A history that was seen less than ``min_count`` times is dropped for
    its end; not so one of one token, which every state needs to know: two equal tokens have a blank between them.

    Args:
        sentences: What was said.
        num_tokens: V, the blank among them.
        order: Of the longest n-grams.
        discount: Taken off each count, 0 .. 1 (Ney et al. 1994).
        min_count: See above.
    """
    counts = _counts(sentences, max(order, 2) - 1)
    kept = {history for history, after in counts.items() if len(history) > 1 and sum(after.values()) >= min_count}
    histories = (BEGIN, *((token,) for token in range(1, num_tokens)), *sorted(kept - {BEGIN}))
    number = {history: state for state, history in enumerate(histories)}
    longest = max(map(len, histories))
    distribution = _Distributions(counts, num_tokens, discount, order)
    probs = np.array([distribution(history) for history in histories])
    following = np.zeros(probs.shape, np.int64)
    for (state, history), token in itertools.product(enumerate(histories), range(1, num_tokens)):
        longer = (*history, token)[-longest:]
        following[state, token] = next(
            number[longer[first:]] for first in range(len(longer)) if longer[first:] in number
        )
    return TokenNgrams(histories, np.log(probs), following)


def _counts(sentences: Iterable[Pronounced], longest: int) -> Counts:
    """How often each token (0: the end) followed each history of at most ``longest`` tokens."""
    counts: Counts = defaultdict(lambda: defaultdict(float))
    for sentence in sentences:
        reached = {BEGIN: 1.0}
        for word in sentence.words:
            ends: defaultdict[History, float] = defaultdict(float)
            for tokens, (before, weight) in itertools.product(word, reached.items()):
                history, share = before, weight / len(word)
                for token in tokens:
                    _count(counts, history, token, share)
                    history = (*history, token)[-longest:]
                ends[history] += share
            reached = dict(ends)
        for history, weight in reached.items():
            _count(counts, history, 0, weight)
    return counts


def _count(counts: Counts, history: History, token: int, weight: float) -> None:
    for first in range(len(history) + 1):
        counts[history[first:]][token] += weight


class _Distributions:
    """The probabilities of all tokens after a history, [V], each mixed with those after its end."""

    def __init__(self, counts: Counts, num_tokens: int, discount: float, order: int) -> None:
        self.counts, self.num_tokens, self.discount, self.order = counts, num_tokens, discount, order

    def __call__(self, history: Sequence[int]) -> npt.NDArray[np.float64]:
        history = tuple(history)[max(len(history) - self.order + 1, 0) :]
        lower = self(history[1:]) if history else np.full(self.num_tokens, 1 / self.num_tokens)
        seen = np.zeros(self.num_tokens)
        for token, count in self.counts.get(history, {}).items():
            seen[token] = count
        if not (total := seen.sum()):
            return lower
        taken = np.minimum(seen, self.discount)
        mixed: npt.NDArray[np.float64] = (seen - taken + taken.sum() * lower) / total
        return mixed
