"""What a new recipe is to be, decided before a line of it is written."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pyspeech.corpora.sources.dividing import Task
from pyspeech.scaffold.brought import Brought
from pyspeech.scaffold.networks import Learning
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
    learning: Learning
    corpus: FoundCorpus
    speech: Speech
    tests: tuple[str, ...]  # the splits that are scored
    settings: Settings
    brought: Brought

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
        return 2 if self.speech.utterances < FEW_UTTERANCES and not self.brought.lm_texts else 3

    @property
    def ngrams(self) -> str:
        """What n-grams the graph is of."""
        return "given n-grams" if self.brought.lm else f"{self.order}-gram"

    @property
    def tokens(self) -> str:
        """The kind of tokens and its options, as the verb ``tokens`` takes them; a lexicon is one more of phones."""
        if self.corpus.language:
            return f"phones --espeak {self.corpus.language}"
        if self.brought.lexicon:
            return "phones"
        return "pieces --pieces 500" if self.speech.hours >= PIECES_HOURS else "characters"

    @property
    def reading(self) -> str:
        """The language that texts are read as, empty for none in particular: that of the transcripts."""
        return getattr(self.corpus.source, "language", None) or self.corpus.language
