"""The running words of texts that a vocabulary lacks: what no recogniser with that vocabulary can find."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

MOST_FREQUENT = 10


@dataclass(frozen=True)
class UnknownWords:
    """Unknown words of texts.

    Args:
        words: Running words of the texts.
        unknown: How often the texts have each word that the vocabulary lacks, the most frequent first.
    """

    words: int
    unknown: Mapping[str, int]

    @property
    def count(self) -> int:
        """Running words that are unknown."""
        return sum(self.unknown.values())

    @property
    def rate(self) -> float:
        """Their share of all, 0 of no words at all."""
        return self.count / self.words if self.words else 0.0

    def most_frequent(self) -> dict[str, int]:
        """The first ten of ``unknown``."""
        return dict(list(self.unknown.items())[:MOST_FREQUENT])

    def __str__(self) -> str:
        named = ", ".join(f"{word} {count}" for word, count in self.most_frequent().items())
        more = ", …" if len(self.unknown) > MOST_FREQUENT else ""
        return f"{self.rate:.2%} [ {self.count} / {self.words} ]{': ' if named else ''}{named}{more}"


def unknown_words(counts: Mapping[str, int], known: Container[str]) -> UnknownWords:
    """Find the words that ``known`` lacks, given how often texts have each; those of equal count by alphabet."""
    unknown = sorted((item for item in counts.items() if item[0] not in known), key=lambda item: (-item[1], item[0]))
    return UnknownWords(sum(counts.values()), dict(unknown))


def word_counts(texts: Iterable[str]) -> Counter[str]:
    """How often ``texts`` have each word."""
    return Counter(word for text in texts for word in text.split())
