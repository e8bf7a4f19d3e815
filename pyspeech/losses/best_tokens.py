"""The most likely tokens by a network's outputs and a model of token sequences: the best path of CTC (Viterbi)."""

import numpy as np
import numpy.typing as npt

from pyspeech.losses.token_ngrams import TokenNgrams

Scores = npt.NDArray[np.float64]


class BestTokens:
    """Finds the best path through the states of the model, each with a state of its last token and one of a blank."""

    def __init__(self, model: TokenNgrams) -> None:
        arcs = model.arcs()
        order = np.argsort(arcs.target, kind="stable")
        self._source, self._target, self._log_probs, self._from_blank = (each[order] for each in arcs)
        self._reached, self._first = np.unique(self._target, return_index=True)
        self._last, self._final = model.last, model.log_probs[:, 0]

    def __call__(self, log_probs_TV: npt.NDArray[np.float32]) -> list[int]:
        """Return the tokens of one utterance, without blanks."""
        frames, states = len(log_probs_TV), len(self._last)
        if not frames:
            return []
        scores_T2H = np.full((frames + 1, 2, states), -np.inf)  # by their token, by their blank
        scores_T2H[0, 1, 0] = 0
        for t, emitted_V in enumerate(log_probs_TV.astype(np.float64)):
            tokens_H, blanks_H = scores_T2H[t]
            either_H = np.maximum(tokens_H, blanks_H)
            reached_A = self._reaching(either_H, blanks_H, slice(None))
            best_H = tokens_H.copy()
            best_H[self._reached] = np.maximum(best_H[self._reached], np.maximum.reduceat(reached_A, self._first))
            scores_T2H[t + 1, 0] = best_H + emitted_V[self._last]
            scores_T2H[t + 1, 1] = either_H + emitted_V[0]
        return self._trace(scores_T2H)

    def _reaching(self, either_H: Scores, blanks_H: Scores, arcs: slice) -> Scores:
        source = self._source[arcs]
        before_A: Scores = np.where(self._from_blank[arcs], blanks_H[source], either_H[source])
        return before_A + self._log_probs[arcs]

    def _trace(self, scores_T2H: Scores) -> list[int]:
        """Go back along the best path."""
        by_blank, state = divmod(int((scores_T2H[-1] + self._final).argmax()), len(self._final))
        found: list[int] = []
        for tokens_H, blanks_H in scores_T2H[-2::-1]:
            if by_blank:  # in the same state before
                by_blank = int(blanks_H[state] > tokens_H[state])
                continue
            arcs = slice(*np.searchsorted(self._target, [state, state + 1]))
            before_A = self._reaching(np.maximum(tokens_H, blanks_H), blanks_H, arcs)
            if tokens_H[state] >= before_A.max():
                continue
            found.append(int(self._last[state]))
            arc = arcs.start + int(before_A.argmax())
            state = int(self._source[arc])
            by_blank = int(self._from_blank[arc] or blanks_H[state] > tokens_H[state])
        return found[::-1]
