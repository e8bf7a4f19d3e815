"""How a word that no list holds is written, from the tokens heard.

Phones become letters by a joint n-gram model of (phone, letters) pairs, learnt from the lexicon of the token set:
M. Bisani, H. Ney, "Joint-sequence models for grapheme-to-phoneme conversion", Speech Communication 50(5), 2008, here in
the other direction and in two steps, as in J. Novak, N. Minematsu, K. Hirose, Natural Language Engineering 22(6), 2016:
expectation maximisation aligns every phone with 0 to 4 letters, then n-grams of the pairs are counted.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyspeech.lang.lexicon import Lexicon
from pyspeech.lang.tokens import WORD_START, PhoneTokens, TokenSet
from pyspeech.rescoring.vocabulary import UNKNOWN

FIRST_CHANCES = (0.1, 1.0, 0.3, 0.1, 0.03)  # of 0 to 4 letters for a phone, before anything is learnt
MOST_LETTERS = 4  # of one phone, as "ough"
MOST_ENTRIES = 20_000  # pronunciations to learn from; of a larger lexicon, evenly many of all its parts
LONGEST_WORD = 24  # letters or phones; longer ones teach nothing that their like does not
ROUNDS = 6
ORDER = 5
DISCOUNT = 0.85
BEAM = 40  # hypotheses kept after every phone

Pair: TypeAlias = tuple[str, str]  # a phone and its letters, perhaps none
END: Pair = ("", "")  # before and after every word
NGram: TypeAlias = tuple[int, ...]  # ids of pairs
Hypotheses: TypeAlias = dict[NGram, tuple[float, str]]  # after a history: log-probability and letters of the best
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


class Speller:
    """Spells unknown words. Equal token sets give equal spellings.

    Phones are spelled as the lexicon's words are, upper or lower case; the model is learnt at the first word.
    """

    def __init__(self, tokens: TokenSet) -> None:
        self._tokens = tokens

    def __call__(self, ids: Sequence[int]) -> str:
        """Return the likeliest spelling of the tokens ``ids`` (blanks are passed over).

        Never empty: phones without any letters are returned themselves, joined; no token at all is ``<unk>``.
        """
        symbols = [self._tokens.symbols[id_] for id_ in ids if id_]
        heard = "".join(symbols).replace(WORD_START, "")
        if isinstance(self._tokens, PhoneTokens):
            return self._model(symbols) or heard or UNKNOWN
        return heard or UNKNOWN

    @cached_property
    def _model(self) -> "JointModel":
        assert isinstance(self._tokens, PhoneTokens)
        return JointModel(self._tokens.lexicon)


class JointModel:
    """An n-gram model of pairs of a phone and its letters, learnt from ``lexicon``, that turns phones into letters."""

    def __init__(self, lexicon: Lexicon) -> None:
        words = align(choose_entries(lexicon))
        self._pairs = [END, *sorted({pair for word in words for pair in word})]  # by id
        ids = {pair: id_ for id_, pair in enumerate(self._pairs)}
        self._ids_of_phone: dict[str, list[int]] = defaultdict(list)
        for pair, id_ in ids.items():
            self._ids_of_phone[pair[0]].append(id_)
        self._probabilities, self._back_off = estimate([[ids[pair] for pair in word] for word in words])

    def __call__(self, phones: Sequence[str]) -> str:
        """Return the likeliest letters of ``phones``; of a phone that the lexicon does not use, none."""
        hypotheses: Hypotheses = {(0,): (0.0, "")}
        known = [phone for phone in phones if phone in self._ids_of_phone]
        if not known:
            return ""
        for phone in known:
            hypotheses = self._extend(hypotheses, self._ids_of_phone[phone])
        written = {history: best for history, best in hypotheses.items() if best[1]}
        return max(self._extend(written or hypotheses, [0]).values())[1]

    def _extend(self, hypotheses: Hypotheses, pairs: Sequence[int]) -> Hypotheses:
        extended: Hypotheses = {}
        for history, (score, letters) in hypotheses.items():
            for pair in pairs:
                longer = self._shorten((*history, pair)[1 - ORDER :])
                candidate = (score + self._log_probability(history, pair), letters + self._pairs[pair][1])
                if longer not in extended or candidate > extended[longer]:
                    extended[longer] = candidate
        best = sorted(extended.items(), key=lambda item: item[1], reverse=True)
        return dict(best[:BEAM])

    def _shorten(self, history: NGram) -> NGram:
        # Histories that nothing was seen after are as good as their ends: such hypotheses join.
        while history not in self._back_off:
            history = history[1:]
        return history

    def _log_probability(self, history: NGram, pair: int) -> float:
        weight = 1.0
        while (probability := self._probabilities.get((*history, pair))) is None:
            weight *= self._back_off[history]
            history = history[1:]
        return math.log(weight * probability)


def estimate(words: Sequence[Sequence[int]]) -> tuple[dict[NGram, float], dict[NGram, float]]:
    """Return p(last | the others) of every n-gram seen, and the weight that histories leave to shorter ones.

    ``words`` hold ids from 1; 0 stands before the first and after the last. Interpolated Kneser-Ney with one discount
    (S. Chen, J. Goodman, Computer Speech and Language 13, 1999): an n-gram below the highest order counts as often as
    it has different left neighbours, or, at the start of a word, as it was seen.
    """
    counts: list[Counter[NGram]] = [Counter() for _ in range(ORDER + 1)]  # by length
    for word in words:
        padded = (0, *word, 0)
        for end in range(2, len(padded) + 1):
            ngram = padded[max(0, end - ORDER) : end]
            counts[len(ngram)][ngram] += 1
    for length in range(ORDER, 1, -1):
        counts[length - 1].update(ngram[1:] for ngram in counts[length])
    probabilities: dict[NGram, float] = {}
    back_off: dict[NGram, float] = {}
    for level in counts[1:]:
        totals: Counter[NGram] = Counter()
        kinds = Counter(ngram[:-1] for ngram in level)
        for ngram, count in level.items():
            totals[ngram[:-1]] += count
        back_off |= {history: DISCOUNT * kinds[history] / total for history, total in totals.items()}
        for ngram, count in level.items():
            history = ngram[:-1]
            shorter = probabilities[ngram[1:]] if history else 1 / len(level)
            probabilities[ngram] = (count - DISCOUNT) / totals[history] + back_off[history] * shorter
    return probabilities, back_off


def choose_entries(lexicon: Lexicon) -> list[tuple[str, tuple[str, ...]]]:
    """Return the words and pronunciations to learn from, at most ``MOST_ENTRIES``."""
    usable = [
        (word, tuple(phones))
        for word, every in sorted(lexicon.items())
        for phones in every
        if len(word) <= min(LONGEST_WORD, MOST_LETTERS * len(phones)) and len(phones) <= LONGEST_WORD
    ]
    step = max(1.0, len(usable) / MOST_ENTRIES)
    return [usable[int(place * step)] for place in range(min(len(usable), MOST_ENTRIES))]


def align(words: Sequence[tuple[str, tuple[str, ...]]]) -> list[list[Pair]]:
    """Give each phone 0 to 4 letters of its word, by expectation maximisation from ``FIRST_CHANCES``."""
    if not words:
        return []
    steps = _Steps(words)
    probabilities = np.zeros(steps.num_pairs)
    probabilities[steps.pairs] = np.array(FIRST_CHANCES)[steps.taken]
    for _ in range(ROUNDS):
        expected = steps.expected_counts(probabilities)
        probabilities = expected / np.bincount(steps.phone_of_pair, expected)[steps.phone_of_pair]
    return [
        [(phone, word[start:end]) for phone, start, end in zip(phones, bounds, bounds[1:], strict=False)]
        for (word, phones), bounds in zip(words, steps.best_bounds(probabilities).tolist(), strict=True)
    ]


class _Steps:
    """All steps "phone i takes letters j to j + k" of all words, those of one i together.

    A cell n * width + j is a place before letter j of word n, of N words.
    """

    def __init__(self, words: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        self.num_phones = np.array([len(phones) for _, phones in words])
        self.num_letters = np.array([len(word) for word, _ in words])
        self.width = int(self.num_letters.max()) + 1
        phones = _numbered([phones for _, phones in words], int(self.num_phones.max()))
        letters = _numbered([word for word, _ in words], self.width + MOST_LETTERS)
        self.first_cells = np.arange(len(words)) * self.width
        self.last_cells = self.first_cells + self.num_letters
        sources: list[Ints] = []
        taken: list[Ints] = []
        codes: list[Ints] = []
        self.bounds = [0]
        places = np.arange(self.width)
        texts = [np.zeros_like(letters[:, : self.width])]  # of k letters from each place, as a number
        for k in range(MOST_LETTERS):
            texts.append(texts[-1] * (letters.max() + 1) + letters[:, k : k + self.width])
        for i in range(phones.shape[1]):
            left = self.num_phones[:, None] - i - 1
            for k, text in enumerate(texts):
                rest = self.num_letters[:, None] - places - k
                n, j = np.nonzero(
                    (left >= 0) & (rest >= 0) & (rest <= MOST_LETTERS * left) & (places <= MOST_LETTERS * i)
                )
                sources.append(self.first_cells[n] + j)
                taken.append(np.full(len(n), k))
                codes.append(text[n, j] * (phones.max() + 1) + phones[n, i])
            self.bounds.append(sum(map(len, sources)))
        self.sources, self.taken = np.concatenate(sources), np.concatenate(taken)
        values, self.pairs = np.unique(np.concatenate(codes), return_inverse=True)
        self.num_pairs = len(values)
        self.phone_of_pair = values % (phones.max() + 1)

    def expected_counts(self, probabilities: Floats) -> Floats:
        """Return how often each pair is expected, summed over all alignments of all words."""
        scores = probabilities[self.pairs]
        targets = self.sources + self.taken
        cells = len(self.first_cells) * self.width
        forward: list[NDArray[Any]] = [np.zeros(cells)]
        forward[0][self.first_cells] = 1
        spans = [slice(*bounds) for bounds in zip(self.bounds, self.bounds[1:], strict=False)]
        for span in spans:
            flow = forward[-1][self.sources[span]] * scores[span]
            forward.append(np.bincount(targets[span], flow, cells))
        totals = np.stack(forward)[self.num_phones, self.last_cells]
        backward: NDArray[Any] = np.zeros(cells)
        expected = np.zeros(self.num_pairs)
        for i in reversed(range(len(spans))):
            ending = self.num_phones == i + 1
            backward[self.last_cells[ending]] = 1 / totals[ending]
            span = spans[i]
            flow = backward[targets[span]] * scores[span]
            expected += np.bincount(self.pairs[span], flow * forward[i][self.sources[span]], self.num_pairs)
            backward = np.bincount(self.sources[span], flow, cells)
        return expected

    def best_bounds(self, probabilities: Floats) -> Ints:
        """Return where each phone's letters start in the likeliest alignment, int64[N, phones + 1]."""
        with np.errstate(divide="ignore"):
            scores = np.log(probabilities)[self.pairs]
        cells = len(self.first_cells) * self.width
        best = np.full(cells, -np.inf)
        best[self.first_cells] = 0
        letters: list[Ints] = []
        for span in (slice(*bounds) for bounds in zip(self.bounds, self.bounds[1:], strict=False)):
            reached, targets = best[self.sources[span]] + scores[span], self.sources[span] + self.taken[span]
            order = np.lexsort((reached, targets))
            last = order[np.append(targets[order][1:] != targets[order][:-1], True)]  # the best way into each target
            best = np.full(cells, -np.inf)
            best[targets[last]] = reached[last]
            letters.append(np.zeros(cells, np.int64))
            letters[-1][targets[last]] = self.taken[span][last]
        bounds = np.repeat(self.num_letters[:, None], len(letters) + 1, axis=1)
        for i in reversed(range(len(letters))):
            end = bounds[:, i + 1]
            bounds[:, i] = np.where(i < self.num_phones, end - letters[i][self.first_cells + end], end)
        return bounds


def _numbered(rows: Sequence[Sequence[str]], width: int) -> Ints:
    """Number the symbols of ``rows`` from 1, in order; 0 fills each row up."""
    ids = {symbol: id_ for id_, symbol in enumerate(sorted(set().union(*rows)), 1)}
    numbered = np.zeros((len(rows), width), np.int64)
    for n, row in enumerate(rows):
        numbered[n, : len(row)] = [ids[symbol] for symbol in row]
    return numbered
