"""The label table: what the outputs of a network stand for that says one thing of each utterance."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from pyspeech.errors import UserError
from pyspeech.files import complete, refuse_others, write_json
from pyspeech.json_files import read_json
from pyspeech.transcripts import Transcript, read_transcripts

LABELS = "labels.json"
Field = Literal["text", "speaker"]
FIELDS: tuple[Field, ...] = get_args(Field)


@dataclass(frozen=True)
class LabelTable:
    """Labels in the order of a network's outputs, and the field of an utterance that holds its label."""

    field: Field
    labels: tuple[str, ...]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {label: id_ for id_, label in enumerate(self.labels)}

    def id_of(self, label: str) -> int:
        """Return the number of a label.

        Raises:
            UserError: the table lacks it.
        """
        if label not in self._ids:
            raise UserError(
                f"the label table has no {self.field} '{label}', but {len(self.labels)} others such as "
                f"'{self.labels[0]}'; make it of all that is trained and measured on, or leave the utterance out"
            )
        return self._ids[label]

    def label_of(self, transcript: Transcript) -> str:
        """Return the label of an utterance, which may not be in the table."""
        return label_of(transcript, self.field)

    def save(self, folder: Path) -> None:
        """Write the folder that :func:`load_labels` reads; it takes the place of an earlier one.

        Raises:
            UserError: ``folder`` holds other files.
        """
        refuse_others(folder, {LABELS}, "a label table")
        with complete(folder) as partial:
            partial.mkdir()
            write_json(partial / LABELS, {"field": self.field, "labels": self.labels})


def load_labels(folder: Path) -> LabelTable:
    """Read a folder that :meth:`LabelTable.save` wrote.

    Raises:
        UserError: it is missing or damaged.
    """
    path = folder / LABELS
    values = read_json(path, "label table", "make it again with pyspeech labels")
    field, labels = values.get("field"), values.get("labels")
    if field in FIELDS and isinstance(labels, list) and labels and all(isinstance(label, str) for label in labels):
        if len(set(labels)) == len(labels):
            return LabelTable(field, tuple(labels))
        raise UserError(f"{path} holds a label twice; make it again with pyspeech labels")
    raise UserError(f"{path} is not a label table; make it again with pyspeech labels")


def count_labels(manifests: Iterable[Path], field: Field) -> dict[str, int]:
    """Count the utterances of each label, in the order of the labels.

    Raises:
        UserError: an utterance without a label, naming the cut, or fewer than two labels.
    """
    counts: Counter[str] = Counter()
    for manifest in manifests:
        for transcript in read_transcripts(manifest):
            label = label_of(transcript, field)
            if not label:
                raise UserError(f"{manifest}, cut '{transcript.id}' has no {field}; give every utterance one")
            counts[label] += 1
    if len(counts) < 2:
        labels = f"only '{next(iter(counts))}'" if counts else "none"
        raise UserError(f"two labels at least are needed to tell apart, found {labels}; see --manifest and --field")
    return dict(sorted(counts.items()))


def label_of(transcript: Transcript, field: Field) -> str:
    """Return what an utterance holds in ``field``."""
    return transcript.text if field == "text" else transcript.speaker
