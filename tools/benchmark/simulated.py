"""Log-probabilities as a CTC network might give them for known tokens: peaks, blanks and confusions, from a seed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FRAME_SECONDS = 1 / 30
BLANK = 0
PEAK, CONFUSED, BLANK_BESIDE, BLANK_ALONE = 8.0, 5.0, 4.0, 10.0  # before noise and softmax
CONFUSIONS = 4  # other tokens that sound like a token
LONG_PEAKS = 0.3  # share of tokens that last two frames
GAP = 1.7  # blanks after a token, on average
SPURIOUS = 0.006  # share of these that sound like a token
EDGE = (3, 10)  # blanks before and after the sentence, from and below
FRAME_NOISE = 0.5

Scores = npt.NDArray[np.float64]
LogProbs = npt.NDArray[np.float32]


def simulate(utterances: Sequence[Sequence[int]], num_tokens: int, noise: float, seed: int) -> list[LogProbs]:
    """Return natural log-probabilities, float32 [T, V], for utterances of token ids without blanks.

    ``noise`` is the standard deviation of what is added to each token's score for the length of a peak.
    """
    rng = np.random.default_rng(seed)
    expected_VV = np.zeros((num_tokens, num_tokens))  # scores of all tokens where one is said
    for token in range(1, num_tokens):
        others = np.setdiff1d(np.arange(1, num_tokens), token)
        expected_VV[token, rng.choice(others, CONFUSIONS, replace=False)] = CONFUSED
        expected_VV[token, token], expected_VV[token, BLANK] = PEAK, BLANK_BESIDE
    expected_VV[BLANK, BLANK] = BLANK_ALONE
    return [_say(tokens, expected_VV, noise, rng) for tokens in utterances]


def _say(tokens: Sequence[int], expected_VV: Scores, noise: float, rng: np.random.Generator) -> LogProbs:
    labels = [BLANK] * int(rng.integers(*EDGE))
    for token, following in zip(tokens, [*tokens[1:], BLANK], strict=True):
        gap = max(int(rng.poisson(GAP)), int(token == following))
        heard = np.where(rng.random(gap) < SPURIOUS, rng.integers(1, len(expected_VV), gap), BLANK)
        labels += [token] * (1 + int(rng.random() < LONG_PEAKS)) + heard.tolist()
    labels += [BLANK] * int(rng.integers(*EDGE))
    peak = np.cumsum(np.diff(labels, prepend=labels[0]) != 0)  # frames of one peak share their noise
    size = (len(labels), len(expected_VV))
    scores_TV = expected_VV[labels] + rng.normal(0, noise, size)[peak] + rng.normal(0, FRAME_NOISE, size)
    log_probs_TV: Scores = scores_TV - np.logaddexp.reduce(scores_TV, axis=1, keepdims=True)
    return log_probs_TV.astype(np.float32)
