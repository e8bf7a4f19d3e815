"""Forced alignment: when the tokens of a known text were said, by the most likely path of CTC; needs numpy alone."""

from collections.abc import Sequence

import numpy as np

from pyspeech.decoding.hypothesis import Clock, Timed
from pyspeech.decoding.lattice import BLANK, Floats
from pyspeech.decoding.times import Run
from pyspeech.errors import UserError

IMPOSSIBLE = -np.inf


def align_tokens(log_probs_TV: Floats, tokens: Sequence[int]) -> list[Run]:
    """Return for each of ``tokens`` the frames in which the most likely path that spells them has it.

    The Viterbi counterpart of the sum in https://www.cs.toronto.edu/~graves/icml_2006.pdf, section 4.1; S = 2 U + 1
    states for U tokens, a blank around each.

    Args:
        log_probs_TV: Log-probability of every token (blank 0) in every frame; minus infinity for what cannot be.
        tokens: The text without blanks.

    Raises:
        UserError: no path spells them, as where there are too few frames.
    """
    states = np.full(2 * len(tokens) + 1, BLANK)
    states[1::2] = tokens
    # From one token straight to the next, past the blank between, unless they are equal.
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    scores = np.full(len(states), IMPOSSIBLE)
    scores[0] = 0.0  # before the first frame
    back_TS = np.zeros((len(log_probs_TV), len(states)), np.int8)
    for frame, log_probs_V in enumerate(log_probs_TV):
        ways = np.full((3, len(states)), IMPOSSIBLE)
        ways[0], ways[1, 1:] = scores, scores[:-1]
        ways[2, 2:] = np.where(skips[2:], scores[:-2], IMPOSSIBLE)
        back_TS[frame] = ways.argmax(axis=0)
        scores = ways.max(axis=0) + log_probs_V[states]
    state = max(range(max(len(states) - 2, 0), len(states)), key=lambda end: scores[end])
    if scores[state] == IMPOSSIBLE:
        raise UserError(f"{len(log_probs_TV)} output frames cannot spell the {len(tokens)} tokens of the text")
    frames: list[list[int]] = [[] for _ in states]
    for frame in range(len(log_probs_TV) - 1, -1, -1):
        frames[state].append(frame)
        state -= int(back_TS[frame, state])
    return [Run(token, own[-1], own[0] + 1) for token, own in zip(tokens, frames[1::2], strict=True)]


def align_words(
    log_probs_TV: Floats,
    words: Sequence[str],
    spellings: Sequence[Sequence[int]],
    symbols: Sequence[str],
    clock: Clock,
) -> tuple[Timed, ...]:
    """Return when each of ``words`` was said, which is spelled by the tokens of the same place in ``spellings``.

    Raises:
        UserError: there are too few frames for all.
    """
    runs = align_tokens(log_probs_TV, [token for spelling in spellings for token in spelling])
    said = clock.timed(runs, symbols)
    ends = np.cumsum([len(spelling) for spelling in spellings]).tolist()
    return tuple(
        Timed(word, said[end - len(spelling)].start, said[end - 1].end)
        for word, spelling, end in zip(words, spellings, ends, strict=True)
    )
