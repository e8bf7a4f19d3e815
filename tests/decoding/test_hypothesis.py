import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.greedy import BestTokens
from pyspeech.decoding.hypothesis import Clock, Timed, candidate_json, from_best_tokens, from_lattice
from pyspeech.decoding.lattice import Lattice, best_path, linear_lattice
from pyspeech.decoding.nbest import n_best
from pyspeech.decoding.token_offsets import TokenOffsets
from pyspeech.lang.tokens import PhoneTokens
from tests.lattices import random_lattice

TOKENS = PhoneTokens.from_lexicon({"AB": (("a", "b"),), "C": (("c",),)})
WORDS = ("<eps>", "AB", "C", "NEW")
A, B, C = 1, 2, 3
CLOCK = Clock(frame_seconds=0.03, seconds=0.2)


def test_times_of_tokens_and_words_come_from_the_best_path():
    tokens = np.array([0, A, A, 0, B, C, C], np.int32)
    words = np.array([0, 1, 0, 0, 0, 2, 0], np.int32)
    lattice = linear_lattice("utt", tokens, words, np.full(7, -0.5, np.float32))
    found = from_lattice(lattice, WORDS, TOKENS, CLOCK, acoustic_scale=2.0)
    assert found.words == ("AB", "C")
    assert (found.score, found.acoustic, found.graph) == (-7.0, -3.5, 0.0)
    assert found.tokens == (Timed("a", 0.03, 0.09), Timed("b", 0.12, 0.15), Timed("c", 0.15, 0.2))
    # The last frame reaches beyond the end of the audio.
    assert found.word_times == (Timed("AB", 0.03, 0.15, 1.0), Timed("C", 0.15, 0.2, 1.0))


def test_further_words_of_an_arc_have_times_too():
    lattice = Lattice(
        id="utt",
        source=np.array([0, 1, 2], np.int32),
        target=np.array([1, 2, 3], np.int32),
        token=np.array([C, -1, -1], np.int32),
        word=np.array([3, 2, 0], np.int32),
        acoustic=np.array([-1, 0, 0], np.float32),
        graph=np.array([-1, 0, -0.5], np.float32),
        frame=np.array([0, 1, 1], np.int32),
        num_frames=1,
    )
    found = from_lattice(lattice, WORDS, TOKENS, CLOCK, 1.0)
    assert found.words == ("NEW", "C")
    assert found.word_times == (Timed("NEW", 0.0, 0.0, 1.0), Timed("C", 0.0, 0.03, 1.0))
    assert found.score == -2.5


@pytest.mark.parametrize("seed", range(20))
def test_any_lattice_gives_a_line_of_json_with_the_scores_of_its_best_path(seed):
    lattice = random_lattice(seed, num_frames=6)
    line = from_lattice(lattice, WORDS, TOKENS, CLOCK, 0.7).as_json()
    assert line["score"] == pytest.approx(lattice.scores(0.7)[best_path(lattice, 0.7)].sum(), abs=1e-3)
    assert [each["word"] for each in line["word_times"]] == list(line["words"])
    assert all(0 <= each["start"] <= each["end"] <= CLOCK.seconds for each in line["tokens"] + line["word_times"])
    assert all(0 <= each["confidence"] <= 1 for each in line["word_times"])
    assert all("confidence" not in each for each in line["tokens"])
    assert json.loads(json.dumps(line, allow_nan=False))["id"] == "utt"
    best = candidate_json(n_best(lattice, 1, lattice.scores(0.7))[0], WORDS)
    assert tuple(best["words"]) == line["words"]


def test_greedy_words_are_what_the_best_tokens_spell():
    best = BestTokens(np.array([A, B, B, 0, C], np.int32), np.full(5, -0.25, np.float32))
    found = from_best_tokens("utt", best, TOKENS, CLOCK, 1.0)
    assert found.words == ("AB", "C")
    assert (found.score, found.graph) == (-1.25, 0.0)
    assert found.word_times == (Timed("AB", 0.0, 0.09), Timed("C", 0.12, 0.15))
    assert found.as_json()["word_times"][0] == {"word": "AB", "start": 0.0, "end": 0.09}  # no lattice, no confidence


def test_offsets_move_times_and_what_two_tokens_claim_is_shared():
    clock = Clock(0.03, 0.3, TokenOffsets((0.05, 0.1), {"b": (-0.01, 0.0)}, first=0.02))
    found = from_best_tokens(
        "utt", BestTokens(np.array([A, 0, B, B, 0, C], np.int32), np.zeros(6, np.float32)), TOKENS, clock, 1.0
    )
    # a is said in the first frame: 0.02 to 0.03 + 0.1; b at 0.06 - 0.01 to 0.12; c from 0.15 + 0.05 to beyond the end.
    assert found.tokens == (Timed("a", 0.02, 0.09), Timed("b", 0.09, 0.12), Timed("c", 0.2, 0.28))
    assert found.word_times == (Timed("AB", 0.02, 0.12), Timed("C", 0.2, 0.28))


OFFSET = st.floats(-0.2, 0.2)


@given(
    st.lists(st.sampled_from([0, A, B, C]), max_size=12),
    st.builds(
        TokenOffsets, st.tuples(OFFSET, OFFSET), st.dictionaries(st.sampled_from("abc"), st.tuples(OFFSET, OFFSET))
    ),
)
def test_whatever_the_offsets_times_are_in_order_and_within_the_utterance(tokens, offsets):
    seconds = 0.03 * len(tokens)
    best = BestTokens(np.array(tokens, np.int32), np.zeros(len(tokens), np.float32))
    found = from_best_tokens("utt", best, TOKENS, Clock(0.03, seconds, offsets), 1.0)
    times = [time for each in found.tokens for time in (each.start, each.end)]
    assert times == sorted(times)
    assert all(0 <= time <= round(seconds, 3) for time in times)


def test_an_utterance_without_frames_has_no_words():
    found = from_best_tokens("utt", BestTokens(np.zeros(0, np.int32), np.zeros(0, np.float32)), TOKENS, CLOCK, 1.0)
    assert (found.words, found.tokens, found.word_times, found.score) == ((), (), (), 0.0)
