"""What a new recipe is to be, decided before a line of it is written."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pyspeech.corpora.sources.dividing import Task
from pyspeech.scaffold.sizes import FEW_UTTERANCES, PIECES_HOURS, Settings, Speech

if TYPE_CHECKING:
    from lhotse import MonoCut


class Source(Protocol):
    """A description of a corpus, of pyspeech.corpora.sources: a frozen dataclass."""

    def splits(self, corpus: Path) -> Sequence[str]:
        """Names of the splits, train first."""

    def cuts(self, corpus: Path, split: str) -> Iterator["MonoCut"]:
        """The utterances of one split."""


@dataclass(frozen=True)
class FoundCorpus:
    """A corpus, how it is read, and what was found out about it: one line each."""

    folder: Path
    source: Source
    what: str
    decided: tuple[str, ...] = ()
    language: str = ""  # of espeak-ng; empty where neither the user nor the corpus says it
    utterances: int = 0  # that train, where a table tells without reading audio
    says_channel: bool = False  # which of several each utterance is


@dataclass(frozen=True)
class Plan:
    """A recipe."""

    name: str
    task: Task
    model: str
    corpus: FoundCorpus
    speech: Speech
    tests: tuple[str, ...]  # the splits that are scored
    settings: Settings
    lexicon: Path | None = None  # that the corpus brings
    lm: Path | None = None

    @property
    def what(self) -> str:
        """What the corpus is, short, without the letters that mean something in Python, Bash or Markdown."""
        return re.sub(r"[\\\"`|<>]", "'", self.corpus.what)[:60]

    @property
    def scored(self) -> str:
        """The splits that are scored, as words of a command."""
        return " ".join(self.tests)

    @property
    def order(self) -> int:
        """Of the language model; a few sentences fill no trigrams."""
        return 2 if self.speech.utterances < FEW_UTTERANCES else 3

    @property
    def ngrams(self) -> str:
        """What n-grams the graph is of."""
        return "given n-grams" if self.lm else f"{self.order}-gram"

    @property
    def tokens(self) -> str:
        """The kind of tokens and its options, as the verb ``tokens`` takes them."""
        espeak = f" --espeak {self.corpus.language}" if self.corpus.language else ""
        if self.lexicon:
            return f'phones --lexicon "$lexicon"{espeak}'
        if espeak:
            return f"phones{espeak}"
        return "pieces --pieces 500" if self.speech.hours >= PIECES_HOURS else "characters"
