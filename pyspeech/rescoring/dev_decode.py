"""The decode that weights are chosen on, with what was said in it, and what keeps it from being the one reported."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pyspeech.decoding.stored import HYPOTHESES, StoredDecode
from pyspeech.errors import UserError
from pyspeech.files import digest
from pyspeech.rescoring.config import Ranges
from pyspeech.rescoring.tuning import TuningResult
from pyspeech.rescoring.weights_file import ChosenWeights, marks, refuse_same_set
from pyspeech.transcripts import Transcript


@dataclass(frozen=True)
class DevDecode:
    """A decode, its manifest, and what was said in each utterance."""

    decode: StoredDecode
    manifest: Path
    transcripts: Mapping[str, Transcript]

    @classmethod
    def read(cls, decode: StoredDecode, references: Path | None) -> "DevDecode":
        """Take the references from a manifest, or from the one that was decoded.

        Raises:
            UserError: as :meth:`.StoredDecode.references`.
        """
        return cls(decode, references or decode.manifest(), decode.references(references))

    @property
    def name(self) -> str:
        """The folder, for messages."""
        return str(self.decode.folder)

    @property
    def texts(self) -> Iterator[str]:
        """What was said."""
        return (transcript.text for transcript in self.transcripts.values())

    @cached_property
    def references(self) -> dict[str, list[str]]:
        """The words of every utterance by its id."""
        return {id_: transcript.text.split() for id_, transcript in self.transcripts.items()}

    @cached_property
    def marks(self) -> dict[str, str]:
        """What tells its utterances from others, each with its id."""
        return marks(self.transcripts.values())

    def chosen(self, result: TuningResult, purpose: str, search: Ranges) -> ChosenWeights:
        """Say of weights what they were chosen on, what they go with and where they were looked for."""
        return ChosenWeights(
            weights=result.weights,
            chosen_on=self.name,
            chosen_for=purpose,
            digest=digest(self.decode.folder / HYPOTHESES),
            marks=tuple(self.marks),
            errors=result.errors,
            start_errors=result.start_errors,
            rounds=result.rounds,
            search=search,
        )


def gained(chosen: ChosenWeights) -> str:
    """What the choice did on the set that it was made on."""
    return (
        f"WER of {chosen.chosen_on} {100 * chosen.start_errors.rate:.2f}% -> {100 * chosen.errors.rate:.2f}%, which is "
        "no result, since weights were chosen on it"
    )


def refuse_both(tune: Path | None, weights: Path | None) -> None:
    """Raise a :class:`UserError` where weights are to be chosen and are given."""
    if tune and weights:
        raise UserError("weights are either chosen (--tune) or given (--weights); leave one out")


def refuse_reported(
    reported: Mapping[str, str], name: str, dev: DevDecode | None, chosen: ChosenWeights | None
) -> None:
    """Make sure that the set called ``name``, of these marks, is none that weights are or were chosen on.

    Raises:
        UserError: they share an utterance.
    """
    if dev is not None:
        refuse_same_set(dev.marks, reported, dev.name, name)
    if chosen is not None:
        refuse_same_set(chosen.marks, reported, chosen.chosen_on, name)
