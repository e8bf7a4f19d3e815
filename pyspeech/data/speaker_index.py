"""A manifest by its speakers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from lhotse.cut import Cut

from pyspeech.data.cut_index import NO_SPEAKER, CutIndex, Reals, read_cut_index
from pyspeech.errors import UserError
from pyspeech.transcripts import Manifest, shown

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SpeakerIndex:
    """N utterances of some speakers.

    Args:
        speakers: Names, in the order of the manifest.
        first: [speakers + 1] Where each speaker's utterances begin in ``utterances``; last, the number of all.
        utterances: [N] Numbers of utterances, those of a speaker together.
        seconds: [N] Durations, by number of utterance.
        numbers: [N] Where each stands in ``cuts``, by number of utterance.
        cuts: The manifest.
    """

    speakers: tuple[str, ...]
    first: Integers
    utterances: Integers
    seconds: Reals
    numbers: Integers
    cuts: CutIndex

    def of_speaker(self, number: int) -> Integers:
        """Numbers of the utterances of one speaker."""
        return self.utterances[self.first[number] : self.first[number + 1]]

    def cut(self, number: int) -> Cut:
        """Return one utterance, without its supervision and what is stored of it, which a crop has not."""
        cut = self.cuts.cut(int(self.numbers[number])).drop_supervisions()
        return cut.drop_features() if cut.has_features else cut


def read_speaker_index(manifest: Manifest, shortest: float) -> SpeakerIndex:
    """Read the utterances of a manifest of audio that last ``shortest`` seconds or more.

    Raises:
        UserError: a damaged manifest, a cut without audio or speaker, or fewer than two speakers.
    """
    cuts = read_cut_index(manifest)
    rows = cuts.rows
    for wrong_N, message in (
        (~rows["has_recording"], "no recording with a duration; crops need audio, give the manifest of the audio"),
        (rows["speed"] != 1.0, "its speed is changed already; give the manifest of the audio as it is"),
        (
            rows["speaker"] == NO_SPEAKER,
            "expected one supervision that names the speaker; make the manifest again",
        ),
    ):
        if wrong_N.any():
            raise UserError(f"{shown(manifest)}, cut '{cuts.cut(int(wrong_N.argmax())).id}': {message}")
    numbers = np.flatnonzero(rows["seconds"] >= shortest)
    # A speaker whose utterances are all too short is none.
    speaker_numbers, speakers = np.unique(rows["speaker"][numbers], return_inverse=True)
    if len(speaker_numbers) < 2:
        raise UserError(
            f"{shown(manifest)} holds {len(speaker_numbers)} speakers with utterances of {shortest:g} seconds or more, "
            "two are needed; check the split, and batches.min_utterance_seconds"
        )
    return SpeakerIndex(
        speakers=tuple(cuts.speakers[number] for number in speaker_numbers),
        first=np.concatenate([[0], np.bincount(speakers).cumsum()]),
        utterances=np.argsort(speakers, kind="stable"),
        seconds=rows["seconds"][numbers],
        numbers=numbers,
        cuts=cuts,
    )
