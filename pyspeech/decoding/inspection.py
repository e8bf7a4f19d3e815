"""All that is known of one utterance, to be drawn."""

from dataclasses import dataclass

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.lattice import Floats


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
