"""Word and character error rates of a decode against its manifest, from counts that add."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import kaldialign

from pyspeech.errors import UserError
from pyspeech.files import existing
from pyspeech.json_files import read_json_lines
from pyspeech.scoring.bootstrap import error_rate_interval
from pyspeech.transcripts import Manifest, Transcript, read_transcripts, shown

# No word is empty, so an empty string can stand for "nothing here" in an alignment.
GAP = ""
HYPOTHESES = "hyps.jsonl"
SURROGATE = "half of a character (a lone surrogate such as \\ud800)"
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ErrorCounts:
    """Errors of any number of utterances, in words or characters. Counts add; a rate is computed from sums only."""

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0
    reference_length: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.reference_length + other.reference_length,
        )

    @property
    def errors(self) -> int:
        """Substitutions, insertions and deletions together."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def hits(self) -> int:
        """Reference symbols that were recognised."""
        return self.reference_length - self.substitutions - self.deletions

    @property
    def rate(self) -> float:
        """Errors per reference symbol (may exceed 1); NaN where the reference is empty."""
        return self.errors / self.reference_length if self.reference_length else float("nan")


@dataclass(frozen=True)
class UtteranceScore:
    """One utterance, aligned.

    Args:
        id: Identity of the cut.
        speaker: Empty where the manifest names none.
        pairs: (reference word, hypothesis word) in order; ``GAP`` marks an insertion or a deletion.
        words: Word errors.
        characters: Character errors; the one space between two words counts as a character.
        missing: The decode holds no hypothesis for it, so that all its words are deletions.
    """

    id: str
    speaker: str
    pairs: Pairs
    words: ErrorCounts
    characters: ErrorCounts
    missing: bool


@dataclass(frozen=True)
class Score:
    """The scores of all reference utterances, in the order of the manifest."""

    utterances: tuple[UtteranceScore, ...]

    @property
    def words(self) -> ErrorCounts:
        """Word errors of all utterances."""
        return reduce(add, (utterance.words for utterance in self.utterances), ErrorCounts())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the word error rate (fractions) over utterances; see ``error_rate_interval``."""
        return error_rate_interval(utterance.words for utterance in self.utterances)

    @property
    def characters(self) -> ErrorCounts:
        """Character errors of all utterances."""
        return reduce(add, (utterance.characters for utterance in self.utterances), ErrorCounts())

    @property
    def wrong_sentences(self) -> int:
        """Utterances with at least one word error."""
        return sum(utterance.words.errors > 0 for utterance in self.utterances)

    @property
    def missing(self) -> list[str]:
        """Identities of the utterances without a hypothesis."""
        return [utterance.id for utterance in self.utterances if utterance.missing]

    @property
    def speakers(self) -> dict[str, ErrorCounts]:
        """Word errors by speaker, by name."""
        totals: dict[str, ErrorCounts] = {}
        for utterance in self.utterances:
            totals[utterance.speaker] = totals.get(utterance.speaker, ErrorCounts()) + utterance.words
        return dict(sorted(totals.items()))


def score_decode(manifest: Manifest, decode_folder: Path) -> Score:
    """Score ``decode_folder/hyps.jsonl`` against the utterances of ``manifest``.

    Raises:
        UserError: as ``score`` and ``read_hypotheses``.
    """
    hypotheses = read_hypotheses(existing(decode_folder / HYPOTHESES, "hypotheses"))
    return score(read_transcripts(manifest), hypotheses, shown(manifest))


def score(
    references: Iterable[Transcript], hypotheses: Mapping[str, Sequence[str]], source: str = "reference"
) -> Score:
    """Align every reference with the hypothesis of its id; one that has none counts as deletions.

    Raises:
        UserError: naming ``source``, for a duplicate id, a hypothesis of no reference, or no reference word at all.
    """
    scores: dict[str, UtteranceScore] = {}
    for reference in references:
        if reference.id in scores:
            raise UserError(f"{source}: two utterances are called {reference.id}; give each its own id")
        if not _is_unicode(reference.id, reference.text, reference.speaker):
            raise UserError(f"{source}: utterance {reference.id!a} holds {SURROGATE}; make the manifest again")
        scores[reference.id] = score_utterance(reference, hypotheses.get(reference.id))
    if not any(one.words.reference_length for one in scores.values()):
        raise UserError(f"{source}: {len(scores)} utterances with no word at all; there is nothing to score")
    if unknown := [name for name in hypotheses if name not in scores]:
        raise UserError(
            f"{len(unknown)} hypotheses belong to no utterance of {source}: {shortened(unknown)}; "
            "score against the manifest that was decoded"
        )
    return Score(tuple(scores.values()))


def score_utterance(reference: Transcript, hypothesis: Sequence[str] | None) -> UtteranceScore:
    """Align one utterance; ``None`` is a hypothesis that does not exist."""
    reference_words, words = reference.text.split(), " ".join(hypothesis or ()).split()
    pairs = align(reference_words, words)
    return UtteranceScore(
        id=reference.id,
        speaker=reference.speaker,
        pairs=pairs,
        words=count_errors(pairs),
        characters=_count_character_errors(" ".join(reference_words), " ".join(words)),
        missing=hypothesis is None,
    )


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> Pairs:
    """Pair two sequences with the fewest substitutions, insertions and deletions (each costs one)."""
    return tuple(kaldialign.align(reference, hypothesis, GAP))


def count_errors(pairs: Pairs) -> ErrorCounts:
    """Count the errors of an alignment."""
    insertions = sum(reference == GAP for reference, _ in pairs)
    deletions = sum(hypothesis == GAP for _, hypothesis in pairs)
    differing = sum(reference != hypothesis for reference, hypothesis in pairs)
    return ErrorCounts(differing - insertions - deletions, insertions, deletions, len(pairs) - insertions)


def _count_character_errors(reference: str, hypothesis: str) -> ErrorCounts:
    # The distance alone takes far less memory than an alignment, and no one reads aligned characters.
    distance = kaldialign.edit_distance(reference, hypothesis)
    return ErrorCounts(distance["sub"], distance["ins"], distance["del"], len(reference))


def read_hypotheses(path: Path) -> dict[str, list[str]]:
    """Read the words of every line of ``hyps.jsonl``, by utterance id.

    Raises:
        UserError: a damaged file, a line without ``id`` and ``words``, or an id that comes twice.
    """
    hypotheses: dict[str, list[str]] = {}
    for number, values in read_json_lines(path):
        name, words = values.get("id"), values.get("words")
        if not isinstance(name, str) or not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UserError(f"{path}, line {number}: expected an 'id' and a list of 'words'; decode again")
        if name in hypotheses:
            raise UserError(f"{path}, line {number}: a second hypothesis for {name}; decode again")
        hypotheses[name] = words
    return hypotheses


def _is_unicode(*texts: str) -> bool:
    # JSON may escape half of a surrogate pair alone, which is no character and can be neither aligned nor written.
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def shortened(names: Sequence[str], most: int = 5) -> str:
    """``"a, b, c"``, or the first few and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
