"""All that is known of one utterance, to be drawn; and what a stored decode knows of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspeech.data.transcripts import read_json_lines
from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.lattice import Floats
from pyspeech.decoding.stored import FRAMES, HYPOTHESES, StoredDecode
from pyspeech.errors import UserError
from pyspeech.files import existing_file


@dataclass(frozen=True, eq=False)
class Waveform:
    """Samples [S] in -1..1."""

    samples_S: Floats
    sampling_rate: int


@dataclass(frozen=True, eq=False)
class Features:
    """What a network gets, [T, F], normalised; ``unit`` says what the F values of a frame are."""

    matrix_TF: Floats
    frame_seconds: float
    unit: str


@dataclass(frozen=True, eq=False)
class Posteriors:
    """What a network said: natural logarithms of the probabilities of its V ``symbols``, [T, V]; the blank is first."""

    log_probs_TV: Floats
    symbols: tuple[str, ...]
    frame_seconds: float


@dataclass(frozen=True)
class TimedWords:
    """When words were said; ``source`` tells whose words, ``problem`` why there are none."""

    source: str
    words: tuple[Timed, ...]
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Inspection:
    """One utterance; None stands for what is not known of it.

    Args:
        waveform: None where features were given in place of audio.
        posteriors: None without a network of tokens.
    """

    id: str
    seconds: float
    reference: str
    hypothesis: str | None
    waveform: Waveform | None
    features: Features
    posteriors: Posteriors | None
    words: TimedWords | None


def decoded_words(decode: StoredDecode, id_: str) -> TimedWords:
    """Read the words that ``decode`` found in an utterance.

    Raises:
        UserError: it holds none of this utterance, or its line is damaged.
    """
    path = existing_file(decode.folder / HYPOTHESES, "hypotheses")
    for number, line in read_json_lines(path):
        if line.get("id") == id_:
            return TimedWords("decode", _timed(line, f"{path}, line {number}"))
    raise UserError(f"{path} has no utterance '{id_}'; give the decode of these cuts, or leave out --decode")


def stored_posteriors(decode: StoredDecode, id_: str) -> Posteriors | None:
    """Read what the network of ``decode`` said, of its likely tokens; None where that was not stored."""
    if not (decode.folder / FRAMES).exists():
        return None
    archive = decode.frames
    return Posteriors(archive[id_].dense(len(archive.tokens)), archive.tokens, archive.frame_seconds)


def _timed(line: Mapping[str, Any], where: str) -> tuple[Timed, ...]:
    try:
        return tuple(Timed(str(e["word"]), float(e["start"]), float(e["end"])) for e in line["word_times"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where}: expected 'word_times' with word, start and end ({error!r}); decode again") from error
