"""How likely each arc of a lattice is, and each word of a path: what confidences are made of."""

import numpy as np

from pyspeech.decoding.lattice import Ints, Lattice, Scores, steps


def arc_posteriors(lattice: Lattice, acoustic_scale: float) -> Scores:
    """Probability that the path goes through each arc, float64 [A], where a path's is proportional to exp(score).

    Forward-backward in logarithms: exp(sum to the arc + its score + sum from it to the end - sum over all paths).
    """
    score = lattice.scores(acoustic_scale)
    runs = steps(lattice)
    to_end = _sums_to_end(lattice, score, runs)
    from_start = _sums_from_start(lattice, score, runs)
    through = from_start[lattice.source] + score + to_end[lattice.target]
    posteriors: Scores = np.exp(np.minimum(through - to_end[0], 0.0))
    return posteriors


def word_confidences(lattice: Lattice, path: Ints, acoustic_scale: float) -> list[float]:
    """Confidence in each word of a path (indices of arcs, as ``best_path`` returns), in [0, 1].

    It is the probability that the word starts about there: the sum over the arcs with this word whose frame is nearer
    to the word's first frame on the path than to that of the word before or after it (of equals, the word before). A
    path that starts the word twice in that span counts twice; the sum is cut off at 1.

    The confidences of Wessel et al. 2001, "Confidence measures for large vocabulary continuous speech recognition"
    (https://doi.org/10.1109/89.906002), are of the same kind; there, the probabilities of word arcs that overlap in
    time are added up in each frame, and the best frame counts. Here a word's arcs have a start but no end of their
    own, which its last token alone would tell, so starts are added up.
    """
    said = path[lattice.word[path] > 0]
    with_word = np.flatnonzero(lattice.word)
    frames = lattice.frame[said]
    nearest = np.searchsorted(frames[:-1] + frames[1:], 2 * lattice.frame[with_word], side="left")
    same = lattice.word[with_word] == lattice.word[said][nearest] if len(said) else np.zeros(len(with_word), bool)
    posteriors = arc_posteriors(lattice, acoustic_scale)[with_word]
    sums = np.bincount(nearest[same], posteriors[same], minlength=len(said))
    return np.minimum(sums, 1.0).tolist()  # type: ignore[no-any-return]


def _sums_to_end(lattice: Lattice, score: Scores, runs: list[slice]) -> Scores:
    """Logarithm of the summed exp(score) of all paths from each state to the end, float64 [S]."""
    sums = np.full(lattice.num_states, -np.inf)
    sums[-1] = 0
    for step in reversed(runs):
        np.logaddexp.at(sums, lattice.source[step], score[step] + sums[lattice.target[step]])
    return sums


def _sums_from_start(lattice: Lattice, score: Scores, runs: list[slice]) -> Scores:
    """Logarithm of the summed exp(score) of all paths from the start to each state, float64 [S]."""
    sums = np.full(lattice.num_states, -np.inf)
    sums[0] = 0
    for step in runs:
        np.logaddexp.at(sums, lattice.target[step], sums[lattice.source[step]] + score[step])
    return sums
