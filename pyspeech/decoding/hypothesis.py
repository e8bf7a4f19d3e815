"""What was recognised in one utterance: words with scores and times, one line of ``hyps.jsonl``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from pyspeech.decoding.greedy import BestTokens
from pyspeech.decoding.lattice import Ints, Lattice, best_path
from pyspeech.decoding.nbest import Candidate
from pyspeech.decoding.posteriors import word_confidences
from pyspeech.decoding.times import Run, token_runs, word_spans
from pyspeech.decoding.token_offsets import NO_OFFSETS, TokenOffsets
from pyspeech.lang.tokens import TokenSet

SECONDS_DIGITS, SCORE_DIGITS, CONFIDENCE_DIGITS = 3, 4, 4


@dataclass(frozen=True)
class Timed:
    """A token or word and when it was said, in seconds from the start of the utterance.

    Args:
        confidence: In [0, 1], of a word that comes from a lattice (see ``word_confidences``); None for all else.
    """

    symbol: str
    start: float
    end: float
    confidence: float | None = None

    def as_json(self, kind: str) -> dict[str, Any]:
        """The fields of an entry of ``tokens`` or ``word_times``; ``kind`` names what the symbol is."""
        fields = {kind: self.symbol, "start": self.start, "end": self.end}
        return fields if self.confidence is None else {**fields, "confidence": self.confidence}


@dataclass(frozen=True)
class Hypothesis:
    """The words found in an utterance.

    Args:
        id: Identity of the cut.
        words: In order; ``word_times`` has the same.
        score: What search maximised: acoustic_scale * acoustic + graph.
        acoustic, graph: Natural logarithms, unscaled.
        seconds: Duration of the cut.
    """

    id: str
    words: tuple[str, ...]
    score: float
    acoustic: float
    graph: float
    tokens: tuple[Timed, ...]
    word_times: tuple[Timed, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The fields of a line of ``hyps.jsonl``."""
        return {
            "id": self.id,
            "words": self.words,
            "score": round(self.score, SCORE_DIGITS),
            "acoustic": round(self.acoustic, SCORE_DIGITS),
            "graph": round(self.graph, SCORE_DIGITS),
            "tokens": [each.as_json("token") for each in self.tokens],
            "word_times": [each.as_json("word") for each in self.word_times],
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Clock:
    """Turns output frames into seconds that lie within the utterance.

    Args:
        frame_seconds: From one output frame to the next.
        seconds: Duration of the utterance.
        offsets: Of the network's tokens.
    """

    frame_seconds: float
    seconds: float
    offsets: TokenOffsets = NO_OFFSETS

    def __call__(self, frame: int) -> float:
        return self._within(frame * self.frame_seconds)

    def timed(self, runs: Sequence[Run], symbols: Sequence[str]) -> tuple[Timed, ...]:
        """When tokens were said: one after the other, none before the one before it ends."""
        times = []
        for run in runs:
            from_start, from_end = self.offsets.of(symbols[run.token], run.start)
            start, end = run.start * self.frame_seconds + from_start, run.end * self.frame_seconds + from_end
            times.append([start, max(start, end)])
        for before, after in pairwise(times):
            if before[1] > after[0]:  # what both claim is shared
                before[1] = after[0] = max(before[0], (before[1] + after[0]) / 2)
                after[1] = max(after)
        return tuple(
            Timed(symbols[run.token], self._within(start), self._within(end))
            for run, (start, end) in zip(runs, times, strict=True)
        )

    def _within(self, seconds: float) -> float:
        return round(min(max(seconds, 0.0), self.seconds), SECONDS_DIGITS)


def from_lattice(
    lattice: Lattice, words: Sequence[str], tokens: TokenSet, clock: Clock, acoustic_scale: float
) -> Hypothesis:
    """The best path of a lattice; ``words`` are the symbols of its words by id."""
    path = best_path(lattice, acoustic_scale)
    acoustic, graph = (float(each[path].sum(dtype=np.float64)) for each in (lattice.acoustic, lattice.graph))
    in_frame, with_word = path[lattice.token[path] >= 0], path[lattice.word[path] > 0]
    said = [words[id_] for id_ in lattice.word[with_word].tolist()]
    timed, word_times = _timed(lattice.token[in_frame], said, lattice.frame[with_word].tolist(), tokens, clock)
    confidences = word_confidences(lattice, path, acoustic_scale)
    return Hypothesis(
        id=lattice.id,
        words=tuple(said),
        score=acoustic_scale * acoustic + graph,
        acoustic=acoustic,
        graph=graph,
        tokens=timed,
        word_times=tuple(
            replace(each, confidence=round(confidence, CONFIDENCE_DIGITS))
            for each, confidence in zip(word_times, confidences, strict=True)
        ),
        seconds=clock.seconds,
    )


def from_best_tokens(id_: str, best: BestTokens, tokens: TokenSet, clock: Clock, acoustic_scale: float) -> Hypothesis:
    """The words that the best tokens of all frames spell."""
    said = tokens.decode([run.token for run in token_runs(best.tokens)])
    timed, word_times = _timed(best.tokens, said, None, tokens, clock)
    acoustic = float(best.log_probs.sum(dtype=np.float64))
    return Hypothesis(
        id=id_,
        words=tuple(said),
        score=acoustic_scale * acoustic,
        acoustic=acoustic,
        graph=0.0,
        tokens=timed,
        word_times=word_times,
        seconds=clock.seconds,
    )


def candidate_json(candidate: Candidate, words: Sequence[str]) -> Mapping[str, Any]:
    """One entry of ``nbest`` in a line of ``hyps.jsonl``."""
    return {
        "words": [words[id_] for id_ in candidate.words],
        "acoustic": round(candidate.acoustic, SCORE_DIGITS),
        "graph": round(candidate.graph, SCORE_DIGITS),
    }


def _timed(
    tokens_T: Ints, words: Sequence[str], word_frames: Sequence[int] | None, tokens: TokenSet, clock: Clock
) -> tuple[tuple[Timed, ...], tuple[Timed, ...]]:
    runs = token_runs(tokens_T)
    timed = clock.timed(runs, tokens.symbols)
    word_times = []
    for word, (first, end) in zip(words, word_spans(tokens, words, runs, word_frames), strict=True):
        start_time = timed[first].start if first < len(timed) else clock(len(tokens_T))
        word_times.append(Timed(word, start_time, timed[end - 1].end if end > first else start_time))
    return timed, tuple(word_times)
