"""How well an n-gram model predicts a text, as KenLM's ``query`` program counts it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.lm.model import open_model
from pyspeech.lm.ngram import binary_in
from pyspeech.lm.text import read_lines

LEAST_LOG10 = -200.0  # of a word in the mean; ARPA files have -99 for what cannot be, and back-offs add to it


@dataclass(frozen=True)
class Perplexity:
    """Sums over sentences; every rate is computed from them.

    Args:
        sentences: Sentence ends, each predicted like a word.
        words: Words without sentence ends.
        oov: Words that the model does not know.
        log10_all: Base-10 log probability of all words and sentence ends.
        log10_oov: The share of the unknown words in it.
    """

    sentences: int = 0
    words: int = 0
    oov: int = 0
    log10_all: float = 0.0
    log10_oov: float = 0.0

    def __add__(self, other: "Perplexity") -> "Perplexity":
        return Perplexity(
            self.sentences + other.sentences,
            self.words + other.words,
            self.oov + other.oov,
            self.log10_all + other.log10_all,
            self.log10_oov + other.log10_oov,
        )

    @property
    def tokens(self) -> int:
        """Words and sentence ends."""
        return self.words + self.sentences

    @property
    def with_oov(self) -> float:
        """Perplexity per token, unknown words included at what the model gives ``<unk>``."""
        return float(10 ** (-self.log10_all / self.tokens))

    @property
    def without_oov(self) -> float:
        """Perplexity per token over the known words and sentence ends only."""
        return float(10 ** ((self.log10_oov - self.log10_all) / (self.tokens - self.oov)))

    @property
    def oov_rate(self) -> float:
        """Unknown words, as a fraction of all words."""
        return self.oov / self.words

    def __str__(self) -> str:
        return (
            f"perplexity {self.with_oov:.2f}, without unknown words {self.without_oov:.2f} "
            f"[ {self.sentences} sentences, {self.words} words, {self.oov} unknown = {self.oov_rate:.2%} ]"
        )


def perplexity(lm: Path, texts: Iterable[Path]) -> Perplexity:
    """Score every line of ``texts`` with ``lm``: a folder of ``lm train``, an ARPA file or a KenLM binary.

    Raises:
        UserError: a file that is missing or unreadable, a model whose probabilities are none, or a text without words.
    """
    model = open_model(binary_in(lm) if lm.is_dir() else lm)
    total = reduce(
        add, (_sentence(model.full_scores(" ".join(line.words))) for line in read_lines(texts)), Perplexity()
    )
    if not total.words:
        raise UserError(f"{', '.join(map(str, texts))}: no words to measure a perplexity on")
    # KenLM takes the numbers of a binary as they come.
    if not LEAST_LOG10 * total.tokens <= total.log10_all <= total.log10_oov <= 0:
        raise UserError(f"{lm} gives words probabilities that are none; copy it again or make it again")
    return total


def _sentence(scores: Iterable[tuple[float, int, bool]]) -> Perplexity:
    known_and_unknown = [(log10, unknown) for log10, _, unknown in scores]
    unknown = [log10 for log10, is_unknown in known_and_unknown if is_unknown]
    log10_all = sum(log10 for log10, _ in known_and_unknown)
    # The last score is that of the sentence end.
    return Perplexity(1, len(known_and_unknown) - 1, len(unknown), log10_all, sum(unknown))
