"""The text that trains a language model: transcripts as they are, and other text in their writing.

The network is trained on the transcripts, so that the graph has to hold their words: one that says what a dev or test
set says, too, stays unless it is to go. Text from elsewhere may not hold a sentence of those sets.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.lang.unknown_words import word_counts
from pyspeech.lang.writing import Case, case_to_bring, in_case, plain
from pyspeech.lm.held_out import HeldOut, index_sentences
from pyspeech.lm.text import Line, is_manifest, read_lines
from pyspeech.transcripts import read_transcripts

NUM_EXAMPLES = 3
SAMPLE = 100_000  # lines of a text whose writing is looked at
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingText:
    """Texts, and what is to be known of them before they are read line by line.

    Args:
        texts: Files of :func:`read_lines`.
        held_out: What other text than transcripts may not hold.
        words: How often the transcripts among ``texts`` have each word.
        cases: Texts that are brought to the case of the transcripts.
        drop_repeated: Leave out transcripts that equal a held-out sentence.
    """

    texts: tuple[Path, ...]
    held_out: HeldOut
    words: Mapping[str, int]
    cases: Mapping[Path, Case]
    drop_repeated: bool


@dataclass
class Screen:
    """The lines that may train, and a count of those that may not; for one reading."""

    text: TrainingText
    sentences: int = 0
    words: int = 0
    refused: int = 0
    repeated: int = 0
    examples: list[str] = field(default_factory=list)

    def passing(self) -> Iterator[Line]:
        """Yield the lines that may train."""
        for line in read_lines(self.text.texts):
            case = self.text.cases.get(line.file)
            passed = line if case is None else line._replace(words=[in_case(word, case) for word in line.words])
            if not self._is_left_out(passed):
                self.sentences += 1
                self.words += len(passed.words)
                yield passed

    def _is_left_out(self, line: Line) -> bool:
        if not self.text.held_out.sentences:
            return False
        if line.file in self._manifests:
            is_repeated = plain(" ".join(line.words)) in self.text.held_out.sentences
            self.repeated += is_repeated
            return is_repeated and self.text.drop_repeated
        sentence = self.text.held_out.find(line.words)
        if sentence is None:
            return False
        self.refused += 1
        if self.refused <= NUM_EXAMPLES:
            self.examples.append(f"{line.file} line {line.number} ('{sentence}')")
        return True

    @cached_property
    def _manifests(self) -> frozenset[Path]:
        return frozenset(filter(is_manifest, self.text.texts))


def look_at(texts: Sequence[Path], held_out: Sequence[Path], drop_repeated: bool) -> TrainingText:
    """Read the transcripts, and the beginning of other texts, to know how the former are written and the latter.

    Raises:
        UserError: a manifest is to train and held out, too, or a text is prose where transcripts are none.
    """
    both = {path.resolve() for path in texts} & {path.resolve() for path in held_out}
    if both:
        raise UserError(f"{both.pop()} is to train and is held out; leave it out of one")
    held = [transcript.text for path in held_out for transcript in read_transcripts(path)]
    words = word_counts(each.text for path in texts if is_manifest(path) for each in read_transcripts(path))
    ours = words.keys() | word_counts(held).keys()
    cases: dict[Path, Case] = {}
    for path in texts:
        if is_manifest(path) or not ours:
            continue
        sample = Counter(word for line in islice(read_lines([path]), SAMPLE) for word in line.words)
        case = case_to_bring(ours, sample, str(path), any_case=True)
        if case is not None:
            cases[path] = case
            log.info(f"{path} is read in {case}, as the transcripts are written")
    return TrainingText(tuple(texts), index_sentences(held), words, cases, drop_repeated)
