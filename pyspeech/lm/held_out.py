"""Find text that holds a whole sentence of a dev or test set, however long the text is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspeech.lang.writing import plain

KEY_WORDS = 4


@dataclass(frozen=True)
class HeldOut:
    """Sentences that no training text may hold, indexed by their first words.

    Args:
        sentences: Normalised sentences.
        lengths: The first words of sentences (``KEY_WORDS``, or all of a shorter one) -> lengths in words.
        marks: One word of every sentence, the rarest; a line without any of them is done with at once.
    """

    sentences: frozenset[str]
    lengths: dict[str, tuple[int, ...]]
    marks: frozenset[str]

    def find(self, line: Sequence[str]) -> str | None:
        """Return the first held-out sentence whose words stand side by side in ``line``, or None.

        Case and punctuation do not count, neither here nor in the held-out sentences.
        """
        words = plain(" ".join(line)).split()
        if self.marks.isdisjoint(words):
            return None
        for start in range(len(words)):
            for key_words in range(1, min(KEY_WORDS, len(words) - start) + 1):
                for length in self.lengths.get(" ".join(words[start : start + key_words]), ()):
                    sentence = " ".join(words[start : start + length])
                    # Where the line ends too soon, the slice is a shorter sentence, held out or not.
                    if sentence in self.sentences:
                        return sentence
        return None


def index_sentences(texts: Iterable[str]) -> HeldOut:
    """Normalise and index ``texts``; those without a word are left out."""
    sentences = frozenset(sentence for text in texts if (sentence := plain(text)))
    lengths: dict[str, set[int]] = {}
    counts = Counter(word for sentence in sentences for word in sentence.split())
    marks = set()
    for sentence in sentences:
        words = sentence.split()
        lengths.setdefault(" ".join(words[:KEY_WORDS]), set()).add(len(words))
        marks.add(min(words, key=lambda word: (counts[word], word)))
    return HeldOut(sentences, {key: tuple(sorted(num_words)) for key, num_words in lengths.items()}, frozenset(marks))
