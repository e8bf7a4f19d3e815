"""What a training left out, and why: a file for each kind, so that nothing is missing in silence."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.scoring.wer import shortened
from pyspeech.training.gradient import BAD_BATCHES, LEFT_OUT, NOTES, OUT_OF_MEMORY, UNREADABLE, Note
from pyspeech.training.json_lines import Line, Lines, Position, position_of

SHOWN_IDS = 20  # in a message; the .jsonl files have all
log = logging.getLogger(__name__)


class Journal:
    """The notes of a training in ``exp``, kept by its first process.

    Args:
        max_bad_batches: Of the whole training.
        max_unreadable: Utterances in an epoch; one that alone does not fit into the memory counts as such.
    """

    def __init__(self, exp: Path, max_bad_batches: int, max_unreadable: int) -> None:
        self.files = {name: Lines(exp / f"{name}.jsonl") for name in NOTES}
        self.lines: dict[str, list[Line]] = {name: [] for name in NOTES}
        self.reasons: dict[int, dict[str, str]] = defaultdict(dict)  # by epoch and id, of what is lost
        self.told: set[str] = set()
        self.max_bad_batches = max_bad_batches
        self.max_unreadable = max_unreadable

    def resume(self, position: Position) -> None:
        """Drop what is noted of batches from ``position`` on."""
        self.lines = {name: file.keep_until(position) for name, file in self.files.items()}
        for name, lines in self.lines.items():
            for line in lines:
                self._remember(Note(name, dict(line)))

    def add(self, notes: Sequence[Note]) -> None:
        """Write notes, and tell what is new.

        Raises:
            UserError: too many batches were bad, or too many utterances of this epoch lost.
        """
        for note in notes:
            self._tell(note)
            self.files[note.file].add(note.line)
            self.lines[note.file].append(note.line)
            if note.file == BAD_BATCHES:
                self._limit_bad_batches(note.line)
            if self._remember(note):
                self._limit_lost(note.line["epoch"])

    def since(self, position: Position) -> dict[str, list[Line]]:
        """Return the lines of each file about batches from ``position`` on."""
        return {name: [line for line in lines if position_of(line) >= position] for name, lines in self.lines.items()}

    def _tell(self, note: Note) -> None:
        """Tell what is new: an utterance comes in every epoch, and many batches may be too large."""
        for id_, reason in lost(note).items():
            if id_ not in self.told:
                log.warning(f"left out '{id_}': {reason}")
        if note.file == OUT_OF_MEMORY and not note.line["left_out"] and not self.lines[OUT_OF_MEMORY]:
            log.warning(
                f"out of memory: batch {note.line['batch']} of epoch {note.line['epoch']}, which is computed in halves;"
                " out_of_memory.jsonl lists all; batches.max_seconds makes smaller ones"
            )

    def _remember(self, note: Note) -> bool:
        """Keep what is lost by the note; return whether anything is."""
        reasons = lost(note)
        # A file that is cropped again and again counts once.
        self.reasons[note.line["epoch"]].update(reasons)
        self.told.update(reasons)
        return bool(reasons)

    def _limit_bad_batches(self, last: Line) -> None:
        count = len(self.lines[BAD_BATCHES])
        if count > self.max_bad_batches:
            raise UserError(
                f"{count} batches had a non-finite loss or gradient, training.max_bad_batches allows "
                f"{self.max_bad_batches}; the last held the cuts {shortened(last['ids'], SHOWN_IDS)}; "
                f"{self.files[BAD_BATCHES].path} lists all: look at their audio, or lower training.learning_rate"
            )

    def _limit_lost(self, epoch: int) -> None:
        reasons = self.reasons[epoch]
        if len(reasons) > self.max_unreadable:
            raise UserError(
                f"{len(reasons)} utterances of epoch {epoch} are lost, batches.max_unreadable_fraction allows "
                f"{self.max_unreadable}: {shortened(list(reasons), SHOWN_IDS)} ({list(reasons.values())[-1]}); "
                f"mend their audio, or take them out by pyspeech validate --fix; {self.files[UNREADABLE].path} and "
                f"{self.files[OUT_OF_MEMORY].path.name} list all"
            )


def lost(note: Note) -> dict[str, str]:
    """Return what the training does without because of a note, other than for want of a loss: reasons by id."""
    if note.file == UNREADABLE:
        return {note.line["id"]: note.line["reason"]}
    if note.file == OUT_OF_MEMORY and note.line["left_out"]:
        return dict.fromkeys(note.line["ids"], "it does not fit into the memory; lower batches.max_utterance_seconds")
    return {}


def counts(lines: dict[str, list[Line]]) -> dict[str, int]:
    """Return how many batches were bad, utterances left out or unreadable, and pieces too large for the memory."""
    left_out = sum(len(line["ids"]) for line in lines[LEFT_OUT])
    return {name: left_out if name == LEFT_OUT else len(lines[name]) for name in NOTES}
