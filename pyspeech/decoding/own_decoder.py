"""A decoder of the user's own: a class that ``decode.own`` names, from log-probabilities to tokens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pyspeech.arguments import build
from pyspeech.decoding.alignment import align_tokens
from pyspeech.decoding.greedy import BestTokens
from pyspeech.decoding.lattice import Floats
from pyspeech.errors import UserError
from pyspeech.lang.tokens import TokenSet
from pyspeech.own_code import import_classes


class TokenDecoder(Protocol):
    """What such a class is: made of its settings, and ``tokens`` (:class:`.TokenSet`) if it asks for them."""

    def __call__(self, log_probs_TV: Floats) -> Sequence[int]:
        """Return the tokens of an utterance, without blanks, by the log-probabilities of all in every output frame.

        They are those of the network, whatever ``decode.blank_penalty`` says.
        """


class OwnDecoder:
    """Calls one, and finds the frames of its tokens by the most likely path of CTC.

    Raises:
        UserError: the file or the class is missing, or takes other settings.
    """

    def __init__(self, settings: Mapping[str, Any], code: Path, tokens: TokenSet) -> None:
        import_classes([str(settings.get("name"))], code)
        known: Mapping[str, type[TokenDecoder]] = {}
        self._name = settings.get("name")
        self._decoder = build("decode.own", settings, known, {"tokens": tokens})
        self._num_tokens = len(tokens.symbols)

    def __call__(self, id_: str, log_probs_TV: Floats) -> BestTokens:
        """Decode one utterance.

        Raises:
            UserError: what comes back are no tokens, or more than the frames can spell.
        """
        ids = [int(token) for token in self._decoder(log_probs_TV)]
        if not all(0 < each < self._num_tokens for each in ids):
            raise UserError(
                f"decode.own: {self._name} returned {ids[:10]} for '{id_}'; expected numbers of tokens, from 1 to "
                f"{self._num_tokens - 1}"
            )
        tokens_T = np.zeros(len(log_probs_TV), np.int32)
        try:
            runs = align_tokens(log_probs_TV, ids)
        except UserError as error:
            raise UserError(f"decode.own: what {self._name} returned for '{id_}': {error}") from error
        for run in runs:
            tokens_T[run.start : run.end] = run.token
        return BestTokens(tokens_T, log_probs_TV[np.arange(len(tokens_T)), tokens_T])
