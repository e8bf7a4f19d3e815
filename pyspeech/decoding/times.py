"""When tokens and words were said, from the token of every frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyspeech.decoding.lattice import BLANK, Ints
from pyspeech.lang.tokens import TokenSet

COST_PER_PLACE = 0.01  # that a word of unknown spelling starts away from where it is expected


@dataclass(frozen=True)
class Run:
    """One token over the frames [start, end)."""

    token: int
    start: int
    end: int


def token_runs(tokens_T: Ints) -> list[Run]:
    """Collapse the tokens of frames as CTC does: equal neighbours are one, blanks go.

    Paper: https://www.cs.toronto.edu/~graves/icml_2006.pdf, section 3.1.
    """
    starts = np.flatnonzero(np.diff(tokens_T, prepend=-1))
    ends = np.append(starts[1:], len(tokens_T))
    runs = zip(tokens_T[starts].tolist(), starts.tolist(), ends.tolist(), strict=True) if len(tokens_T) else ()
    return [Run(*run) for run in runs if run[0] != BLANK]


def word_spans(
    tokens: TokenSet, words: Sequence[str], runs: Sequence[Run], word_frames: Sequence[int] | None
) -> list[tuple[int, int]]:
    """Return for each word the runs [first, last + 1) that spell it.

    Where the words' spellings do not fit (a graph may know more words, greedy tokens may spell none), those that fit
    are kept, and the others start near where the path carried them, ``word_frames``, or for greedy words (None) near
    where a further word shows. A span may then be empty.
    """
    ids = [run.token for run in runs]
    try:
        return tokens.align(words, ids)
    except ValueError:
        near = _starts_of_greedy(tokens, words, ids) if word_frames is None else _starts_by_frame(runs, word_frames)
        return _align_loosely(tokens, words, ids, near)


def _starts_by_frame(runs: Sequence[Run], word_frames: Sequence[int]) -> list[int]:
    starts = np.array([run.start for run in runs], np.int32)
    places: list[int] = np.searchsorted(starts, np.array(word_frames, np.int32)).tolist()
    return places


def _starts_of_greedy(tokens: TokenSet, words: Sequence[str], ids: Sequence[int]) -> list[int]:
    if len(words) == len(ids):
        return list(range(len(ids)))
    shown = [len(tokens.decode(ids[: n + 1])) for n in range(len(ids))]
    places: list[int] = np.searchsorted(np.maximum.accumulate(shown), np.arange(1, len(words) + 1)).tolist()
    return places


def _align_loosely(
    tokens: TokenSet, words: Sequence[str], ids: Sequence[int], near: Sequence[int]
) -> list[tuple[int, int]]:
    """Cover ``ids`` by the words in order at least cost: a word that is not spelled by its span costs 1 and more."""
    places = np.arange(len(ids) + 1)
    cost = np.where(places == 0, 0.0, np.inf)
    origins = []
    for word, start in zip(words, near, strict=True):
        free = cost + 1 + COST_PER_PLACE * np.abs(places - start)
        spelled = np.minimum.accumulate(free)
        origin = np.maximum.accumulate(np.where(free == spelled, places, 0))
        for spelling in tokens.pronunciations(word):
            for end in range(len(spelling), len(places)):
                begin = end - len(spelling)
                if cost[begin] < spelled[end] and list(ids[begin:end]) == spelling:
                    spelled[end], origin[end] = cost[begin], begin
        cost = spelled
        origins.append(origin)
    spans, end = [], len(ids)
    for origin in reversed(origins):
        spans.append((int(origin[end]), end))
        end = int(origin[end])
    return spans[::-1]
