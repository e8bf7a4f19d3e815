"""Learn how far the frames in which a network says tokens lie from their sounds, by aligning features anew."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyspeech.decoding.alignment import align_tokens
from pyspeech.decoding.feature_alignment import Spelled, align_by_features
from pyspeech.decoding.times import Run
from pyspeech.decoding.token_offsets import Offset, TokenOffsets
from pyspeech.errors import UserError
from pyspeech.lang.tokens import TokenSet

Floats = NDArray[np.float32]

DIGITS = 4
MOST_SECONDS = 600.0  # of speech that is learnt from; the medians hardly move any more
MOST_CELLS = 5_000_000  # frames * tokens of an utterance: about two minutes
LEAST_TIMES = 10  # of a token, else it has the offset of all
LEAST_TOKENS = 50  # in all, else nothing is learnt


@dataclass(frozen=True)
class Heard:
    """An utterance to learn offsets from.

    Args:
        features: [T, F].
        log_probs: Log-probabilities of tokens, [frames, V].
        words: Tokens of each of its words.
    """

    features_TF: Floats
    log_probs_TV: Floats
    words: Spelled


def learn_offsets(
    heard: Iterable[Heard], tokens: TokenSet, frame_shift_seconds: float, frame_seconds: float
) -> TokenOffsets | None:
    """Compare where a network says the tokens of known texts with where their sounds lie (see ``feature_alignment``).

    Args:
        heard: Utterances; no more than ``MOST_SECONDS`` of them are taken, and none that is very long.
        tokens: What the outputs stand for.
        frame_shift_seconds: From one frame of features to the next.
        frame_seconds: From one output of the network to the next.

    Returns:
        The medians; None where there is too little speech.
    """
    said = list(_said(heard, MOST_SECONDS / frame_shift_seconds))
    every = round(frame_seconds / frame_shift_seconds)
    near = [every * np.array([(run.start, run.end) for run in runs], np.int64).reshape(-1, 2) for *_, runs in said]
    aligned = align_by_features([features_TF for features_TF, *_ in said], [words for _, words, _ in said], near)
    rows = [
        (run.token, run.start, start * frame_shift_seconds, end * frame_shift_seconds, run.end)
        for (*_, runs), spans in zip(said, aligned, strict=True)
        if spans is not None
        for run, (start, end) in zip(runs, spans.tolist(), strict=True)
    ]
    if sum(row[1] > 0 for row in rows) < LEAST_TOKENS:
        return None
    tokens_N, first_N, starts_N, ends_N, last_N = np.array(rows).T
    offsets_N2 = np.stack([starts_N - first_N * frame_seconds, ends_N - last_N * frame_seconds], axis=1)
    at_once = first_N == 0
    later_N2, of_later = offsets_N2[~at_once], tokens_N[~at_once]
    often = [id_ for id_, times in zip(*np.unique(of_later, return_counts=True), strict=True) if times >= LEAST_TIMES]
    return TokenOffsets(
        _median(later_N2),
        {tokens.symbols[int(id_)]: _median(later_N2[of_later == id_]) for id_ in often},
        _median(offsets_N2[at_once])[0] if at_once.sum() >= LEAST_TIMES else None,
    )


def _said(heard: Iterable[Heard], most_frames: float) -> Iterator[tuple[Floats, Spelled, list[Run]]]:
    """Features, words and the network's alignment, without its outputs, which are many times larger."""
    frames = 0
    for each in heard:
        tokens = [token for word in each.words for token in word]
        if len(each.features_TF) * len(tokens) > MOST_CELLS:
            continue
        if not np.isfinite(each.features_TF).all() or np.isnan(each.log_probs_TV).any():
            continue
        try:
            runs = align_tokens(each.log_probs_TV, tokens)
        except UserError:  # too few frames, which training has told
            continue
        yield each.features_TF, each.words, runs
        frames += len(each.features_TF)
        if frames >= most_frames:
            return


def _median(offsets_N2: NDArray[np.float64]) -> Offset:
    start, end = np.median(offsets_N2, axis=0).round(DIGITS).tolist()
    return start, end
