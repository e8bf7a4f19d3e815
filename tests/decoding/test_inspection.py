import json

import numpy as np
import pytest

from pyspeech.decoding.inspection import decoded_words, stored_posteriors
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from tests.decodes import FRAME_SECONDS, TOKENS, WORD_FRAMES, save_decode

SPOKEN = {"a": ["CAT", "SAT"], "b": ["DOG"]}


def test_words_and_posteriors_are_those_that_were_stored(tmp_path):
    decode = StoredDecode(save_decode(tmp_path / "decode", SPOKEN, noise=0))
    words = decoded_words(decode, "a")
    assert (words.source, words.problem) == ("decode", "")
    assert [(word.symbol, word.start) for word in words.words] == [("CAT", 0.0), ("SAT", WORD_FRAMES * FRAME_SECONDS)]
    found = stored_posteriors(decode, "b")
    assert (found.symbols, found.frame_seconds) == (TOKENS.symbols, FRAME_SECONDS)
    assert found.log_probs_TV.shape == (WORD_FRAMES, len(TOKENS.symbols))
    assert np.exp(found.log_probs_TV).argmax(axis=1).tolist() == TOKENS.encode(["DOG"])


def test_what_is_not_there_is_said(tmp_path):
    decode = StoredDecode(save_decode(tmp_path / "decode", SPOKEN))
    with pytest.raises(UserError, match="has no utterance 'c'"):
        decoded_words(decode, "c")
    (tmp_path / "decode/frames").rename(tmp_path / "frames")
    assert stored_posteriors(decode, "a") is None
    for line in ({"id": "a"}, {"id": "a", "word_times": [{"word": "A"}]}, {"id": "a", "word_times": 3}):
        (tmp_path / "decode/hyps.jsonl").write_text(json.dumps(line) + "\n")
        with pytest.raises(UserError, match="line 1: expected 'word_times'"):
            decoded_words(decode, "a")
