"""Weights with what they were chosen on: their file, and what keeps them from the set that they were chosen on."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import Field

from pyspeech.errors import UserError
from pyspeech.files import digest, write_json
from pyspeech.json_files import read_json
from pyspeech.rescoring.config import Ranges
from pyspeech.rescoring.scorer import Weights
from pyspeech.rescoring.tuning import Search
from pyspeech.scoring.wer import ErrorCounts, shortened
from pyspeech.settings import Section, Weight, check_config
from pyspeech.transcripts import Transcript

DISTINCTIVE_WORDS = 5  # two utterances of as many equal words and the same duration are one recording


@dataclass(frozen=True)
class ChosenWeights:
    """Weights with what they were chosen on.

    Args:
        weights: The choice.
        chosen_on: Name of the development set, for messages.
        chosen_for: Method and language model that they go with.
        digest: Of the hypotheses of the development set, as they were before rescoring.
        marks: The utterances of the development set, as ``marks`` writes them.
        errors: Word errors with the weights.
        start_errors: Word errors with the weights before the choice.
        rounds: How often candidates were searched.
        search: The ranges that were searched.
    """

    weights: Weights
    chosen_on: str
    chosen_for: str
    digest: str
    marks: tuple[str, ...]
    errors: ErrorCounts
    start_errors: ErrorCounts
    rounds: int
    search: Search


def save_weights(path: Path, chosen: ChosenWeights) -> None:
    """Write weights as JSON."""
    write_json(path, asdict(chosen))


def load_weights(path: Path) -> ChosenWeights:
    """Read what ``save_weights`` wrote.

    Raises:
        UserError: no such file, no JSON, or a value that is missing, unknown or out of range.
    """
    values = read_json(path, "weights", "choose weights again")
    read = check_config(_ChosenValues, values, str(path))
    return ChosenWeights(
        weights=Weights(**dict(read.weights)),
        chosen_on=read.chosen_on,
        chosen_for=read.chosen_for,
        digest=read.digest,
        marks=read.marks,
        errors=ErrorCounts(**dict(read.errors)),
        start_errors=ErrorCounts(**dict(read.start_errors)),
        rounds=read.rounds,
        search=Search(**dict(read.search)),
    )


class _WeightValues(Section):
    acoustic: Weight = Field(gt=0)
    lm: Weight = Field(ge=0)
    graph: Weight
    word: Weight
    boost: Weight = Field(ge=0)


class _ErrorValues(Section):
    substitutions: int = Field(ge=0)
    insertions: int = Field(ge=0)
    deletions: int = Field(ge=0)
    reference_length: int = Field(gt=0)


class _ChosenValues(Section):
    weights: _WeightValues
    chosen_on: str
    chosen_for: str
    digest: str
    marks: tuple[str, ...] = Field(min_length=1)
    errors: _ErrorValues
    start_errors: _ErrorValues
    rounds: int = Field(ge=1)
    search: Ranges


def marks(transcripts: Iterable[Transcript]) -> dict[str, str]:
    """Return what tells each utterance from others -> its id: the id, and a digest of words and duration.

    Short utterances go by their id alone, since two recordings of a few words may well be equally long.
    """
    found: dict[str, str] = {}
    for one in transcripts:
        found[one.id] = one.id
        words = one.text.split()
        if len(words) >= DISTINCTIVE_WORDS:
            found["content " + digest(words, round(1000 * one.seconds))] = one.id
    return found


def refuse_same_set(chosen_on: Collection[str], reported: Mapping[str, str], name: str, reported_name: str) -> None:
    """Make sure that no utterance whose errors are reported was used to choose weights.

    Args:
        chosen_on: Marks of the set that weights were or will be chosen on.
        reported: Marks of the set that is reported, each with its utterance's id.
        name: Of the first set.
        reported_name: Of the second.

    Raises:
        UserError: they share an utterance, by its id or by its words and duration.
    """
    chosen = set(chosen_on)
    if shared := list(dict.fromkeys(id_ for mark, id_ in reported.items() if mark in chosen)):
        raise UserError(
            f"{reported_name} shares {len(shared)} utterances ({shortened(shared)}) with {name}, which weights are "
            "chosen on; errors would come out too low: choose weights on other utterances"
        )
