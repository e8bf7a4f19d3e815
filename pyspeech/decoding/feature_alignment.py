"""When tokens were said, from features, text and a first guess: every token is one Gaussian, and so is silence.

Viterbi alignment and estimation take turns, as where Gaussian recognisers begin (Young et al., The HTK Book, chapter
3). Where a Gaussian lies is where its sound is, while the outputs of a network that CTC trained may come before their
sound, or after it. One state for each token: the first of three would learn the silence before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Spelled = Sequence[Sequence[int]]  # the tokens of each word

REACH = 8  # frames that a token is first given beyond those that are near it
LARGEST_SHIFT = 40  # frames by which all tokens may be early or late
SILENCE = 0  # the state before, between and after words, which may be passed by between them
COMPONENTS = 13  # principal components of the features that the Gaussians see
ITERATIONS = 10
SMOOTHING = 10.0  # frames of the overall mean that each Gaussian is given
SMALLEST_VARIANCE = 1e-6  # features that do not vary tell nothing
MAX_CELLS = 5_000_000  # utterances * frames * states that are aligned at once, 8 bytes each


def align_by_features(
    features: Sequence[NDArray[np.float32]], texts: Sequence[Spelled], near: Sequence[Ints]
) -> list[Ints | None]:
    """Align every utterance's tokens with its features.

    Args:
        features: Of every utterance, [T, F].
        texts: Tokens of every word of every utterance.
        near: For each utterance, the frames [first, last + 1) near which each of its tokens lies, int64[U, 2], all of
            them early or late by about as much; they may lie outside the utterance.

    Returns:
        For each utterance the first frame of every token and the frame after its last, int64[U, 2]; None where there
        are fewer frames than tokens, or none to align.
    """
    if not features:
        return []
    seen = _observations(features)
    chains = [_Chain.of(words) for words in texts]
    fits = [0 <= chain.token.max() < len(x) for x, chain in zip(seen, chains, strict=True)]
    kept = [n for n, fit in enumerate(fits) if fit]
    if not kept:
        return [None] * len(texts)
    # Alike in length, so that little is padded.
    kept.sort(key=lambda n: (len(seen[n]), len(chains[n].states)))
    names, inverse = np.unique(np.concatenate([chains[n].states for n in kept]), return_inverse=True)
    dense = np.split(inverse, np.cumsum([len(chains[n].states) for n in kept])[:-1])
    observed = [seen[n] for n in kept]
    paths = _first_paths(observed, dense, [chains[n] for n in kept], [near[n] for n in kept])
    for _ in range(ITERATIONS):
        gaussians = _Gaussians.of(np.concatenate(observed), _of_frames(dense, paths), len(names))
        paths = list(_viterbi(gaussians, observed, dense, [chains[n].skips for n in kept]))
    found: list[Ints | None] = [None] * len(texts)
    for n, path in zip(kept, paths, strict=True):
        found[n] = chains[n].spans(path)
    return found


@dataclass(frozen=True)
class _Chain:
    """The states of an utterance in order.

    Args:
        states: Which each is: ``SILENCE``, or a token's.
        token: Number of the token in the utterance that each belongs to; -1 for silence.
        skips: Whether a state may follow on the one before the last.
    """

    states: Ints
    token: Ints
    skips: NDArray[np.bool_]

    @classmethod
    def of(cls, words: Spelled) -> "_Chain":
        states, token = [SILENCE], [-1]
        number = 0
        for word in words:
            for id_ in word:
                states.append(1 + id_)
                token.append(number)
                number += 1
            states.append(SILENCE)
            token.append(-1)
        skips = np.zeros(len(states), bool)
        skips[2:] = np.array(states[1:-1]) == SILENCE
        return cls(np.array(states), np.array(token), skips)

    def path(self, frames: int, near_U2: Ints) -> Ints:
        """Turn about where each token lies into the place of every frame: half way to its neighbours, and not far."""
        first_U, last_U = near_U2[:, 0], near_U2[:, 1]
        middle = (last_U[:-1] + first_U[1:]) // 2
        begin_U = np.maximum(first_U - REACH, np.append(first_U[:1] - REACH, middle))
        end_U = np.minimum(last_U + REACH, np.append(middle, last_U[-1:] + REACH))
        path_T = np.zeros(frames, np.int64)  # whatever is no token's is silence
        for place, begin, end in zip(np.flatnonzero(self.token >= 0), begin_U.tolist(), end_U.tolist(), strict=True):
            path_T[max(begin, 0) : max(end, 0)] = place
        return path_T

    def spans(self, path_T: Ints) -> Ints:
        """Turn the place of every frame into the frames of every token."""
        token_T = self.token[path_T]
        frames = np.flatnonzero(token_T >= 0)
        first = np.searchsorted(token_T[frames], np.arange(token_T.max() + 1))
        last = np.append(first[1:], len(frames)) - 1
        return np.stack([frames[first], frames[last] + 1], axis=1)


@dataclass(frozen=True)
class _Gaussians:
    """One for each state, all of one diagonal covariance, so that what they differ in is linear: ``linear`` [N, D].

    With a covariance of its own, silence, which varies little, would leave the fading of a sound to the sound.
    """

    constant: Floats
    linear: Floats

    @classmethod
    def of(cls, observed_TD: Floats, states_T: Ints, number: int) -> "_Gaussians":
        frames_N1 = np.bincount(states_T, minlength=number)[:, None]
        means_ND = (_sums(observed_TD, states_T, number) + SMOOTHING * observed_TD.mean(axis=0)) / (
            frames_N1 + SMOOTHING
        )
        precisions_D = 1 / (np.square(observed_TD - means_ND[states_T]).mean(axis=0) + SMALLEST_VARIANCE)
        return cls(-0.5 * means_ND**2 @ precisions_D, means_ND * precisions_D)

    def __call__(self, observed_BTD: Floats, states_BS: Ints) -> Floats:
        """Log-densities [B, T, S], but for what all states have in common in a frame."""
        densities_BTS: Floats = observed_BTD @ self.linear[states_BS].transpose(0, 2, 1)
        densities_BTS += self.constant[states_BS][:, None, :]
        return densities_BTS


def _misfit(observed_TD: Floats, states_T: Ints, number: int) -> float:
    """How far frames lie from the means of their states: the logarithms of the variances, summed."""
    frames_N1 = np.bincount(states_T, minlength=number)[:, None]
    means_ND = _sums(observed_TD, states_T, number) / np.maximum(frames_N1, 1)
    return float(np.log(np.square(observed_TD - means_ND[states_T]).mean(axis=0) + SMALLEST_VARIANCE).sum())


def _sums(observed_TD: Floats, states_T: Ints, number: int) -> Floats:
    """Sum the frames of each state, [N, D]."""
    return np.stack([np.bincount(states_T, column_T, number) for column_T in observed_TD.T], axis=1)


def _observations(features: Sequence[NDArray[np.float32]]) -> list[Floats]:
    """Principal components of the features, without the mean of their utterance."""
    centred = [np.asarray(each, np.float64) - (each.mean(axis=0) if len(each) else 0.0) for each in features]
    frames_TF = np.concatenate(centred)
    _, directions_FF = np.linalg.eigh(frames_TF.T @ frames_TF)
    components_FD = directions_FF[:, ::-1][:, :COMPONENTS]
    return [each @ components_FD for each in centred]


def _of_frames(states: Sequence[Ints], paths: Sequence[Ints]) -> Ints:
    return np.concatenate([own[path] for own, path in zip(states, paths, strict=True)])


def _first_paths(
    observed: Sequence[Floats], states: Sequence[Ints], chains: Sequence["_Chain"], near: Sequence[Ints]
) -> list[Ints]:
    """Return the places of frames where all tokens are shifted alike, by what makes features and states fit best."""
    number = 1 + max(int(own.max()) for own in states)
    frames_TD = np.concatenate(observed)

    def paths(shift: int) -> list[Ints]:
        return [chain.path(len(x), own + shift) for x, chain, own in zip(observed, chains, near, strict=True)]

    def misfit(shift: int) -> float:
        return _misfit(frames_TD, _of_frames(states, paths(shift)), number)

    return paths(min(range(-LARGEST_SHIFT, LARGEST_SHIFT + 1), key=misfit))


def _viterbi(
    gaussians: _Gaussians,
    observed: Sequence[Floats],
    states: Sequence[Ints],
    skips: Sequence[NDArray[np.bool_]],
) -> Iterator[Ints]:
    """Yield the likeliest place in its chain of every frame of every utterance, many utterances at once."""
    first = 0
    while first < len(observed):
        last, most = first + 1, len(states[first])
        while last < len(observed):
            most = max(most, len(states[last]))
            if (last + 1 - first) * len(observed[last]) * most > MAX_CELLS:
                break
            last += 1
        yield from _viterbi_of_batch(gaussians, observed[first:last], states[first:last], skips[first:last])
        first = last


def _viterbi_of_batch(
    gaussians: _Gaussians, observed: Sequence[Floats], states: Sequence[Ints], skips: Sequence[NDArray[np.bool_]]
) -> list[Ints]:
    lengths, sizes = [len(x) for x in observed], [len(each) for each in states]
    batch, frames, width = len(observed), max(lengths), max(sizes)
    observed_BTD = np.zeros((batch, frames, observed[0].shape[1]))
    states_BS = np.zeros((batch, width), np.int64)
    skip_BS = np.full((batch, width), -np.inf)
    for b, (x, own, skip) in enumerate(zip(observed, states, skips, strict=True)):
        observed_BTD[b, : len(x)], states_BS[b, : len(own)] = x, own
        skip_BS[b, : len(skip)] = np.where(skip, 0.0, -np.inf)
    densities_BTS = gaussians(observed_BTD, states_BS)
    ways_3BS = np.full((3, batch, width), -np.inf)
    back_TBS = np.zeros((frames, batch, width), np.int8)
    scores_BS = np.full((batch, width), -np.inf)
    scores_BS[:, :2] = densities_BTS[:, 0, :2]  # from the silence before, or the first token at once
    ends_TBS = {0: scores_BS} if 1 in lengths else {}
    for frame in range(1, frames):
        ways_3BS[0], ways_3BS[1, :, 1:] = scores_BS, scores_BS[:, :-1]
        ways_3BS[2, :, 2:] = scores_BS[:, :-2] + skip_BS[:, 2:]
        back_TBS[frame] = ways_3BS.argmax(axis=0)
        scores_BS = ways_3BS.max(axis=0) + densities_BTS[:, frame]
        if frame + 1 in lengths:
            ends_TBS[frame] = scores_BS
    paths = []
    for b, (length, size) in enumerate(zip(lengths, sizes, strict=True)):
        ends_S = ends_TBS[length - 1][b]
        place = size - 1 if ends_S[size - 1] >= ends_S[size - 2] else size - 2
        path = np.empty(length, np.int64)
        for frame in range(length - 1, -1, -1):
            path[frame] = place
            place -= int(back_TBS[frame, b, place])  # numpy 2 would count in 8 bits
        paths.append(path)
    return paths
