"""What the network said in each frame, pruned to the likely tokens, and how that is stored; needs numpy alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyspeech.arrays import REAL, WHOLE, Array, check_form, check_places, check_range
from pyspeech.decoding.archive import Archive, Codec, smallest, starts
from pyspeech.decoding.lattice import BLANK, Floats, Ints

MAX_SECONDS = 1e6  # of a cut
ROUNDING = 1e-3  # above a logarithm of 1


@dataclass(frozen=True, eq=False)
class FrameScores:
    """The likely tokens of every output frame of the network, and the blank, with their log-probabilities.

    Args:
        id: Identity of the cut.
        seconds: Duration of the cut.
        bounds: Where the tokens of each frame start among all, int32 [T + 1].
        tokens: int32 [N], ascending within a frame; the first of each frame is the blank.
        log_probs: Natural logarithms of their probabilities, float32 [N]; of what is stored without any penalty.
    """

    id: str
    seconds: float
    bounds: Ints
    tokens: Ints
    log_probs: Floats

    @property
    def num_frames(self) -> int:
        """Output frames of the utterance; 0 where the network gave none, or none that are finite."""
        return len(self.bounds) - 1

    def dense(self, num_tokens: int) -> Floats:
        """Log-probability of every token in every frame, float32 [T, V]; minus infinity where it was not kept."""
        scores_TV = np.full((self.num_frames, num_tokens), -np.inf, np.float32)
        scores_TV[np.repeat(np.arange(self.num_frames), np.diff(self.bounds)), self.tokens] = self.log_probs
        return scores_TV

    def complete(self, num_tokens: int, beam: float, blank_penalty: float) -> Floats:
        """The same, and what was not kept at the most that it can have had: [T, V].

        Args:
            num_tokens: V.
            beam: Of :func:`likely_tokens`, which kept the rest.
            blank_penalty: The same.
        """
        scores_TV = self.dense(num_tokens)
        best_T = penalised_frames(self, blank_penalty).dense(num_tokens).max(axis=1)
        return np.where(np.isfinite(scores_TV), scores_TV, best_T[:, None] - np.float32(beam))


def penalised_frames(scores: FrameScores, penalty: float) -> FrameScores:
    """Add the penalty, a natural logarithm, to the log-probability of the blank in every frame."""
    if not penalty:
        return scores
    log_probs = np.where(scores.tokens == BLANK, scores.log_probs + np.float32(penalty), scores.log_probs)
    return replace(scores, log_probs=log_probs)


def likely_tokens(
    ids: Sequence[str],
    seconds: Sequence[float],
    log_probs_BTV: Floats,
    lengths: Sequence[int],
    beam: float,
    blank_penalty: float = 0.0,
) -> Iterator[FrameScores]:
    """Keep of every frame of a batch the blank and the tokens within ``beam`` of the best one.

    Args:
        ids: Identities of the cuts.
        seconds: Their durations.
        log_probs_BTV: The network's output, natural logarithms, float32.
        lengths: Output frames of each cut, at most T.
        beam: Difference of natural logarithms.
        blank_penalty: Added to the blank where the best token is told; what is kept is without it.
    """
    blank_BT = log_probs_BTV[:, :, BLANK] + np.float32(blank_penalty)
    best_BT = np.maximum(blank_BT, log_probs_BTV[:, :, BLANK + 1 :].max(axis=2, initial=-np.inf))
    keep_BTV = log_probs_BTV >= best_BT[:, :, None] - beam
    keep_BTV[:, :, BLANK] = True
    for n, length in enumerate(lengths):
        keep_TV = keep_BTV[n, :length]
        bounds = np.insert(np.cumsum(keep_TV.sum(axis=1), dtype=np.int32), 0, 0)
        tokens = np.nonzero(keep_TV)[1].astype(np.int32)
        yield FrameScores(ids[n], seconds[n], bounds, tokens, log_probs_BTV[n, :length][keep_TV])


class FrameArchive(Archive[FrameScores]):
    """Reads stored frame scores; see :class:`Archive`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, FRAME_CODEC)


def _encode(every: Sequence[FrameScores]) -> dict[str, Array]:
    return {
        "id": np.array([each.id for each in every]),
        "seconds": np.array([each.seconds for each in every], np.float64),
        "num_frames": np.array([each.num_frames for each in every], np.int32),
        "num_tokens": smallest(np.concatenate([np.diff(each.bounds) for each in every])),
        "token": smallest(np.concatenate([each.tokens for each in every])),
        "log_prob": np.concatenate([each.log_probs for each in every]).astype(np.float16),
    }


def _decode(stored: Mapping[str, Array], counts: Mapping[str, int]) -> Mapping[str, Array]:
    count = len(stored["id"])
    check_form("seconds", stored["seconds"], REAL, count)
    check_range("seconds", stored["seconds"], 0, MAX_SECONDS)
    check_form("num_frames", stored["num_frames"], WHOLE, count)
    frames = starts("num_frames", stored["num_frames"])
    check_form("num_tokens", stored["num_tokens"], WHOLE, int(frames[-1]))
    bounds = starts("num_tokens", stored["num_tokens"])
    check_form("token", stored["token"], WHOLE, int(bounds[-1]))
    check_form("log_prob", stored["log_prob"], REAL, int(bounds[-1]))
    check_range("num_tokens", stored["num_tokens"], 1, counts["tokens"])
    check_range("token", stored["token"], 0, counts["tokens"] - 1)
    token, log_prob = stored["token"].astype(np.int32), stored["log_prob"].astype(np.float32)
    # The least that 16 bits hold is minus infinity, and right.
    check_range("log_prob", log_prob, -np.inf, ROUNDING)
    is_blank = token == BLANK
    check_places("token", is_blank[bounds[:-1]], "the blank first in every frame")
    grows = token[1:] > token[:-1]
    check_places("token", grows | is_blank[1:], "ascending tokens within a frame")
    if np.count_nonzero(is_blank) != len(bounds) - 1:
        raise ValueError("array 'token': holds the blank twice in a frame")
    return {
        "id": stored["id"],
        "seconds": stored["seconds"],
        "token": token,
        "log_prob": log_prob,
        "frames": frames,
        "bounds": bounds,
    }


def _frame_scores(arrays: Mapping[str, Array], place: int) -> FrameScores:
    first, last = arrays["frames"][place : place + 2]
    bounds = arrays["bounds"][first : last + 1]
    part = slice(bounds[0], bounds[-1])
    return FrameScores(
        id=str(arrays["id"][place]),
        seconds=float(arrays["seconds"][place]),
        bounds=(bounds - bounds[0]).astype(np.int32),
        tokens=arrays["token"][part],
        log_probs=arrays["log_prob"][part],
    )


FRAME_CODEC = Codec(
    "frame scores",
    ("tokens",),
    lambda scores: len(scores.tokens),
    ("id", "seconds", "num_frames", "num_tokens", "token", "log_prob"),
    _encode,
    _decode,
    _frame_scores,
)
