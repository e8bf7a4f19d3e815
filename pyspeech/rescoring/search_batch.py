"""The scores of several utterances side by side, as search reads them: frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyspeech.decoding.frames import FrameScores
from pyspeech.decoding.lattice import BLANK, Ints, Scores
from pyspeech.rescoring.search_space import Indices, Keys


@dataclass(frozen=True, eq=False)
class Tokens:
    """Some tokens of every row: ``count`` from ``first`` on, [R] each, among all, [N]."""

    first: Keys
    count: Keys
    token: Ints

    @classmethod
    def of(cls, row: Keys, token: Ints, num_rows: int) -> "Tokens":
        """Tokens of the rows that ``row``, in ascending order, says."""
        count = np.bincount(row, minlength=num_rows)
        return cls(count.cumsum() - count, count, token)

    def of_rows(self, rows: slice) -> "Tokens":
        """The tokens of some rows, which are numbered from 0 then."""
        return Tokens(self.first[rows], self.count[rows], self.token)

    def spread(self, rows: Keys) -> tuple[Indices, Ints]:
        """Return for every token of each of the ``rows`` the place of the row among them, and the token."""
        owner, entry = spread(self.first.take(rows), self.count.take(rows))
        return owner, self.token.take(entry)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of every utterance; rows are utterances, and those that have not begun have no tokens."""

    score: Scores  # weighted, of every token in every row; minus infinity where not kept: [U * V]
    peak: Scores  # the highest score of a token other than the blank, [U]
    likely: Tokens  # those kept, without the blank
    near: Tokens  # of these the ones that unknown words may have


@dataclass(frozen=True, eq=False)
class FrameBatch:
    """Utterances side by side, so that all end together. A row is an utterance at a time, time by time: [T * U]."""

    utterances: Sequence[FrameScores]
    num_tokens: int
    num_steps: int
    start: Keys  # the time at which each utterance begins, [U]
    bounds: Keys  # of each time's scores, [T + 1]
    slot: Keys  # of each score: among all tokens of all utterances
    score: Scores  # weighted
    peak: Scores  # the highest of each row but for the blank
    likely: Tokens
    near: Tokens

    @classmethod
    def of(cls, utterances: Sequence[FrameScores], scale: float, num_tokens: int, near_beam: float) -> "FrameBatch":
        """Line up at least one utterance.

        Args:
            utterances: What the network said.
            scale: Of log-probabilities.
            num_tokens: Of the network, the blank included.
            near_beam: Near tokens are this close to the best of their frame, in scaled scores.
        """
        lengths = np.array([each.num_frames for each in utterances])
        size, num_steps = len(utterances), int(lengths.max())
        start = num_steps - lengths
        utterance, time = spread(start, lengths)
        row = np.repeat(time * size + utterance, np.concatenate([np.diff(each.bounds) for each in utterances]))
        order = row.argsort(kind="stable")
        row = row[order]
        token = np.concatenate([each.tokens for each in utterances])[order]
        score = scale * np.concatenate([each.log_probs for each in utterances])[order].astype(np.float64)
        likely = (token != BLANK).nonzero()[0]
        best, peak = np.full(num_steps * size, -np.inf), np.full(num_steps * size, -np.inf)
        np.maximum.at(best, row, score)
        np.maximum.at(peak, row[likely], score[likely])
        near = likely[score[likely] >= best[row[likely]] - near_beam]
        return cls(
            utterances=utterances,
            num_tokens=num_tokens,
            num_steps=num_steps,
            start=start,
            bounds=row.searchsorted(np.arange(num_steps + 1) * size),
            slot=row % size * num_tokens + token,
            score=score,
            peak=peak,
            likely=Tokens.of(row[likely], token[likely], num_steps * size),
            near=Tokens.of(row[near], token[near], num_steps * size),
        )

    @property
    def size(self) -> int:
        """Number of utterances."""
        return len(self.start)

    def scores(self, time: int) -> Scores:
        """Weighted scores of all tokens of all utterances, minus infinity where not kept, [U * V]."""
        part = slice(*self.bounds[time : time + 2])
        scores = np.full(self.size * self.num_tokens, -np.inf)
        scores[self.slot[part]] = self.score[part]
        return scores

    def frame(self, time: int) -> Frame:
        """What is seen at a time."""
        rows = slice(time * self.size, (time + 1) * self.size)
        return Frame(self.scores(time), self.peak[rows], self.likely.of_rows(rows), self.near.of_rows(rows))


def spread(first: Indices, count: Indices) -> tuple[Indices, Indices]:
    """Return for ranges ``first`` ... ``first + count`` the number of the range and the place, of all places."""
    owner = np.arange(len(count)).repeat(count)
    return owner, np.arange(len(owner)) + (first - (count.cumsum() - count)).take(owner)
