"""Errors on words that matter more than their number: listed words, and words that training saw seldom or never."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.scoring.bootstrap import rate_interval
from pyspeech.scoring.wer import GAP, ErrorCounts, Pairs, Score, count_errors
from pyspeech.text_files import read_text

TRAIN_WORDS = "train_words.tsv"
# name -> the least and the most occurrences in the training text
CLASSES: dict[str, tuple[int, float]] = {"0": (0, 0), "1-2": (1, 2), "3-10": (3, 10), ">10": (11, float("inf"))}


@dataclass(frozen=True)
class RareWordCounts:
    """Errors of any number of utterances, apart for listed words and all others. Counts add.

    The two sum to all word errors. A substitution or a deletion belongs to its reference word, an insertion to the
    inserted word: Le et al., "Contextualized Streaming End-to-End Speech Recognition with Trie-Based Deep Biasing and
    Shallow Fusion", Interspeech 2021 (https://arxiv.org/abs/2104.02194).

    Args:
        listed: Errors of listed words (B-WER).
        unlisted: Errors of the others (U-WER).
        false: Listed words in hypotheses that are wrong there, inserted or put for another word.
    """

    listed: ErrorCounts = field(default_factory=ErrorCounts)
    unlisted: ErrorCounts = field(default_factory=ErrorCounts)
    false: int = 0

    def __add__(self, other: "RareWordCounts") -> "RareWordCounts":
        return RareWordCounts(self.listed + other.listed, self.unlisted + other.unlisted, self.false + other.false)

    @property
    def hypothesised(self) -> int:
        """Listed words in the hypotheses, right or wrong."""
        return self.listed.hits + self.false

    @property
    def recall(self) -> float:
        """Share of the listed reference words that were recognised; NaN where there is none."""
        length = self.listed.reference_length
        return self.listed.hits / length if length else float("nan")

    @property
    def false_rate(self) -> float:
        """Share of the listed words in the hypotheses that are wrong; NaN where there is none."""
        return self.false / self.hypothesised if self.hypothesised else float("nan")


@dataclass(frozen=True)
class TrainingClass:
    """What became of the words that training saw equally seldom.

    Args:
        name: One of ``CLASSES``: how often the training text holds a word.
        counts: With the words of the class as the listed ones.
        interval: 95% of the recall (fractions); ``None`` where the references hold no such word.
    """

    name: str
    counts: RareWordCounts
    interval: tuple[float, float] | None


def count_rare_words(pairs: Pairs, words: frozenset[str]) -> RareWordCounts:
    """Count the errors of one alignment, apart for ``words`` and all others."""
    listed = tuple((reference, hypothesis) for reference, hypothesis in pairs if (reference or hypothesis) in words)
    unlisted = tuple(
        (reference, hypothesis) for reference, hypothesis in pairs if (reference or hypothesis) not in words
    )
    false = sum(hypothesis in words and hypothesis != reference for reference, hypothesis in pairs)
    return RareWordCounts(count_errors(listed), count_errors(unlisted), false)


def score_by_training_count(score: Score, training: Mapping[str, int]) -> tuple[TrainingClass, ...]:
    """Return recall and false insertions by how often ``training`` counts a word, the rarest first.

    Args:
        score: An alignment of all utterances.
        training: Occurrences of every word of the training text.
    """
    words = {word for one in score.utterances for pair in one.pairs for word in pair if word != GAP}
    classes = []
    for name, (least, most) in CLASSES.items():
        members = frozenset(word for word in words if least <= training.get(word, 0) <= most)
        counts = [count_rare_words(one.pairs, members) for one in score.utterances]
        classes.append(TrainingClass(name, sum(counts, RareWordCounts()), recall_interval(counts)))
    return tuple(classes)


def recall_interval(counts: Collection[RareWordCounts]) -> tuple[float, float] | None:
    """Return the 95% interval of the recall (fractions) over utterances; ``None`` without a listed reference word."""
    if not any(one.listed.reference_length for one in counts):
        return None
    return rate_interval((one.listed.hits, one.listed.reference_length) for one in counts)


def read_word_list(path: Path) -> frozenset[str]:
    """Read a list of words or phrases, one a line; of a phrase every word counts.

    What follows a tab (a weight or a pronunciation, in lists made for rescoring) is not read.

    Raises:
        UserError: no such file, a folder, not UTF-8, or no word in it.
    """
    lines = read_text(path, "list of words")
    words = frozenset(word for line in lines for word in line.partition("\t")[0].split())
    if not words:
        raise UserError(f"{path} lists no word; write one word a line")
    return words


def read_train_words(decode_folder: Path) -> dict[str, int] | None:
    """Read how often the training text holds each word; ``None`` if the decode does not say.

    Raises:
        UserError: a line of ``train_words.tsv`` that is not a word, a tab and a number from 1, or not UTF-8.
    """
    path = decode_folder / TRAIN_WORDS
    if not path.exists():
        return None
    counts: dict[str, int] = {}
    for number, line in enumerate(read_text(path, "counts of the training words"), 1):
        word, _, count = line.rstrip("\r\n").partition("\t")
        if word.split() != [word] or not count.isdecimal() or int(count) < 1 or word in counts:
            raise UserError(f"{path}, line {number}: expected a new word, a tab and its count; decode again")
        counts[word] = int(count)
    return counts
