"""Weights with what they were chosen on: their file, and what keeps them from the set that they were chosen on."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from pyspeech.errors import UserError
from pyspeech.files import digest, write_json
from pyspeech.json_files import read_json
from pyspeech.rescoring.config import NOTHING_TO_WEIGH, Ranges, Weights
from pyspeech.scoring.wer import ErrorCounts, shortened
from pyspeech.settings import Section, check_config
from pyspeech.transcripts import Transcript

DISTINCTIVE_WORDS = 5  # two utterances of as many equal words and the same duration are one recording


def _counted(errors: ErrorCounts) -> ErrorCounts:
    if min(astuple(errors)) < 0 or not errors.reference_length:
        raise ValueError(f"{errors} counts nothing")
    return errors


def _decided(weights: Weights) -> Weights:
    if weights.blank is None:
        raise ValueError("blank = None is no penalty that was chosen")
    return weights


class ChosenWeights(Section):
    """Weights with what they were chosen on."""

    weights: Annotated[Weights, AfterValidator(_decided)]
    chosen_on: str  # name of the development set, for messages
    chosen_for: str  # method and language model that they go with
    digest: str  # of the hypotheses of the development set, as they were before rescoring
    marks: tuple[str, ...] = Field(min_length=1)  # its utterances, as ``marks`` writes them
    errors: Annotated[ErrorCounts, AfterValidator(_counted)]  # of words, with the weights
    start_errors: Annotated[ErrorCounts, AfterValidator(_counted)]  # with the weights before the choice
    rounds: int = Field(ge=1)  # how often candidates were searched
    search: Ranges  # that were searched


def save_weights(path: Path, chosen: ChosenWeights) -> None:
    """Write weights as JSON."""
    write_json(path, chosen.model_dump(mode="json"))


def load_weights(path: Path) -> ChosenWeights:
    """Read what ``save_weights`` wrote.

    Raises:
        UserError: no such file, no JSON, or a value that is missing, unknown or out of range.
    """
    values = read_json(path, "weights", "choose weights again")
    for name, none in (("weights", 0.0), ("search", NOTHING_TO_WEIGH)):
        if isinstance(part := values.get(name), dict):
            part.setdefault("blank", none)  # older files know no penalty
    return check_config(ChosenWeights, values, str(path))


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
