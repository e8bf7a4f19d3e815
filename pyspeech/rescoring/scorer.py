"""What words cost by n-gram model, boosted phrases and number, in integer states and for whole arrays at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pyspeech.rescoring.config import Weights
from pyspeech.rescoring.language_model import LN10, LanguageModel

if TYPE_CHECKING:
    import kenlm

    from pyspeech.rescoring.boosting import Boosting

Ints = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Slots = npt.NDArray[np.intp]
State = tuple[Any, int]  # kenlm.State, or None without a model; and that of the boosting
EMPTY = -1  # no key
FIRST_BITS = 12
LOAD = 4  # slots for each key at least: the fewer keys collide, the fewer rounds a question takes
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 by the golden ratio
MAX_STATES = 200_000  # some 60 MB; when there are more, forget() drops them
MAX_PAIRS = 500_000  # some 60 MB


class WordScorer:
    """Adds up what words cost, in integer states; equal states score every continuation equally.

    A state stands for what the language model and the boosting remember of the words so far. States are numbered as
    they turn up, and what was asked once is remembered in a hash table that a whole array of questions reads at once.

    Args:
        lm: Scores the words; None: they cost nothing but ``weights.word``.
        symbols: Words by id; id 0 stands for none. Words that ``lm`` lacks get what it gives ``<unk>``.
        weights: Those of ``acoustic`` and ``graph`` are not for here.
        boosting: Rewards phrases.
    """

    start = 0

    def __init__(
        self,
        lm: LanguageModel | None,
        symbols: Sequence[str],
        weights: Weights,
        boosting: "Boosting | None" = None,
    ) -> None:
        self._symbols = symbols
        self._num_symbols = np.array([len(symbols)], np.int64)  # an array, so that the product with states is 64 bits
        self._weights = weights
        # What weighs nothing must not keep apart states that score equally.
        self._model: Any = None
        if lm is not None and weights.lm:
            import kenlm

            self._model, self._new_state = lm.model, kenlm.State
            self._written = symbols if lm.case is None else [lm.written(symbol) for symbol in symbols]
        self._lm_scale = weights.lm * LN10
        self._boosting = boosting if weights.boost else None
        self._reset()

    def _reset(self) -> None:
        self._memo = _Memo()
        self._numbers: dict[State, int] = {}
        self._states: list[State] = []
        self._ends: Scores = np.empty(0)  # of each state, NaN where not asked yet
        state = self._blank_state()
        if self._model is not None:
            self._model.BeginSentenceWrite(state)
        self._number((state, self._boosting.start if self._boosting is not None else 0))

    def advance(self, states: Ints, words: Ints) -> tuple[Ints, Scores]:
        """Read one word in each state.

        Args:
            states: From ``start`` or this method, [N].
            words: Ids above 0, [N].

        Returns:
            The states after it, int32 [N]; and the weighted natural log scores to add, float64 [N].
        """
        keys = states * self._num_symbols + words
        slots = self._memo.find(keys)
        following, scores = self._memo.following.take(slots), self._memo.scores.take(slots)
        if len(missing := (slots < 0).nonzero()[0]):
            asked = keys.take(missing)
            self._learn(np.unique(asked))
            slots = self._memo.find(asked)
            following[missing], scores[missing] = self._memo.following.take(slots), self._memo.scores.take(slots)
        return following, scores

    def finish(self, states: Ints) -> Scores:
        """Return what ``</s>`` adds in each state, and the refund of phrases only partly said: float64 [N]."""
        if len(self._ends) < len(self._states):
            self._ends = np.concatenate((self._ends, np.full(2 * len(self._states) - len(self._ends), np.nan)))
        scores: Scores = self._ends[states]
        if (missing := np.isnan(scores)).any():
            for state in np.unique(states[missing]).tolist():
                self._ends[state] = self._end(self._states[state])
            scores = self._ends[states]
        return scores

    def forget(self) -> None:
        """Between utterances: give back the memory once there is much of it; states given out so far are then void."""
        if len(self._states) > MAX_STATES or self._memo.size > MAX_PAIRS:
            self._reset()

    def _number(self, state: State) -> int:  # one that has no number yet
        number = self._numbers[state] = len(self._states)
        self._states.append(state)
        return number

    def _learn(self, keys: Keys) -> None:
        # Very many pairs pass here, and most lead to a state that has its number: no object is made for those.
        before, words = (numbers.tolist() for numbers in np.divmod(keys, len(self._symbols)))
        states, numbers, symbols, boosting = self._states, self._numbers, self._symbols, self._boosting
        base_score, written = (None, symbols) if self._model is None else (self._model.BaseScore, self._written)
        following, log10s, rewards, after = [], [], [], self._blank_state()
        for number, word in zip(before, words, strict=True):
            state, boost_state = states[number]
            if base_score is not None:
                log10s.append(base_score(state, written[word], after))
            if boosting is not None:
                boost_state, reward = boosting.advance(boost_state, symbols[word])
                rewards.append(reward)
            known = numbers.get((after, boost_state))
            if known is None:
                known = self._number((after, boost_state))
                after = self._blank_state()
            following.append(known)
        scores = np.full(len(keys), self._weights.word)
        if log10s:
            scores += self._lm_scale * np.array(log10s)
        if rewards:
            scores += self._weights.boost * np.array(rewards)
        self._memo.insert(keys, np.array(following, np.int32), scores)

    def _blank_state(self) -> "kenlm.State | None":
        return None if self._model is None else self._new_state()

    def _end(self, last: State) -> float:
        state, boost_state = last
        score = 0.0
        if self._model is not None:
            score += self._lm_scale * self._model.BaseScore(state, "</s>", self._new_state())
        if self._boosting is not None:
            score += self._weights.boost * self._boosting.finish(boost_state)
        return score


class _Memo:
    """A hash table in arrays, with linear probing, that finds and takes in many keys at once."""

    def __init__(self) -> None:
        self.size = 0
        self._make(FIRST_BITS)

    def find(self, keys: Keys) -> Slots:
        """Return the slot of each key, -1 where it is not there."""
        slots = self._first_slots(keys)
        pending = (self.keys.take(slots) != keys).nonzero()[0]
        while len(pending):
            found = self.keys.take(slots.take(pending))
            empty = found == EMPTY
            slots[pending[empty]] = -1
            pending = pending[(found != keys.take(pending)) & ~empty]
            slots[pending] = (slots.take(pending) + 1) & self._mask
        return slots

    def insert(self, keys: Keys, following: Ints, scores: Scores) -> None:
        """Take in keys that differ from each other and are not there yet."""
        self.size += len(keys)
        if LOAD * self.size > len(self.keys):
            used = (self.keys != EMPTY).nonzero()[0]
            old = self.keys[used], self.following[used], self.scores[used]
            self._make((LOAD * self.size).bit_length())
            self._put(*old)
        self._put(keys, following, scores)

    def _make(self, bits: int) -> None:
        self._mask, self._shift = (1 << bits) - 1, np.uint64(64 - bits)
        self.keys: Keys = np.full(1 << bits, EMPTY, np.int64)
        self.following: Ints = np.zeros(1 << bits, np.int32)
        self.scores: Scores = np.zeros(1 << bits)

    def _put(self, keys: Keys, following: Ints, scores: Scores) -> None:
        slots = self._first_slots(keys)
        waiting = np.arange(len(keys))
        while len(waiting):
            here = slots[waiting]
            free = self.keys[here] == EMPTY
            self.keys[here[free]] = keys[waiting[free]]  # of several keys for one slot, one gets it
            lost = self.keys[here] != keys[waiting]
            waiting = waiting[lost]
            slots[waiting] = (slots[waiting] + 1) & self._mask
        self.following[slots], self.scores[slots] = following, scores

    def _first_slots(self, keys: Keys) -> Slots:
        # Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): the upper bits of the product.
        return ((keys.view(np.uint64) * MULTIPLIER) >> self._shift).view(np.intp)
