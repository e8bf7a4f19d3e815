from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.times import Run, token_runs, word_spans
from pyspeech.lang.tokens import CharacterTokens, PhoneTokens

PHONES = PhoneTokens.from_lexicon({"AB": (("a", "b"),), "BA": (("b", "a"),), "C": (("c",), ("c", "a"))})
A, B, C = 1, 2, 3
FRAMES = st.lists(st.integers(0, 3), max_size=12)


def runs_of(*tokens, frames=2):
    return [Run(token, frames * n, frames * n + 1) for n, token in enumerate(tokens)]


@given(FRAMES)
def test_runs_are_groups_of_equal_frames_without_blanks(frames):
    expected = []
    for token, group in groupby(enumerate(frames), key=lambda each: each[1]):
        places = [place for place, _ in group]
        if token:
            expected.append(Run(token, places[0], places[-1] + 1))
    assert token_runs(np.array(frames, np.int32)) == expected


def test_words_cover_the_tokens_that_spell_them():
    assert word_spans(PHONES, ["AB", "C", "C", "BA"], runs_of(A, B, C, A, C, B, A), [0, 4, 8, 10]) == [
        (0, 2),
        (2, 4),
        (4, 5),
        (5, 7),
    ]


def test_a_word_of_unknown_spelling_takes_what_the_others_leave():
    runs = runs_of(A, B, C, C, B, A)
    assert word_spans(PHONES, ["AB", "NEW", "BA"], runs, [0, 4, 8]) == [(0, 2), (2, 4), (4, 6)]


def test_neighbours_of_unknown_spelling_part_where_the_path_carried_them():
    runs = runs_of(A, B, C, C, B, A)
    assert word_spans(PHONES, ["NEW", "NEWER", "BA"], runs, [0, 2, 8]) == [(0, 1), (1, 4), (4, 6)]
    assert word_spans(PHONES, ["NEW", "NEWER"], runs, [0, 6]) == [(0, 3), (3, 6)]


def test_a_doubled_token_that_the_frames_show_once_still_gives_spans():
    # The modified topology may repeat a token without a blank between.
    assert word_spans(PHONES, ["C", "C"], runs_of(C), [0, 1])[-1][1] == 1


def test_greedy_phones_that_spell_no_words_are_words_themselves():
    assert word_spans(PHONES, ["a", "a"], runs_of(A, A), None) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("text", "spans"), [("▁ab▁a", [(0, 3), (3, 5)]), ("ab▁a", [(0, 2), (2, 4)]), ("▁▁a▁b▁", [(0, 4), (4, 6)])]
)
def test_greedy_characters_that_spell_no_words_well_start_where_they_show(text, spans):
    tokens = CharacterTokens.from_words(["ab"])
    ids = [tokens.symbols.index(character) for character in text]
    found = word_spans(tokens, tokens.decode(ids), runs_of(*ids), None)
    assert found == spans
    assert [tokens.decode(ids[first:end]) for first, end in found] == [[word] for word in tokens.decode(ids)]


@given(FRAMES, st.lists(st.sampled_from(["AB", "BA", "C", "NEW"]), max_size=5), st.booleans())
def test_whatever_the_words_their_spans_follow_one_another_and_cover_all_tokens(frames, words, is_greedy):
    runs = token_runs(np.array(frames, np.int32))
    word_frames = None if is_greedy else sorted((7 * n + len(word)) % (len(frames) + 1) for n, word in enumerate(words))
    spans = word_spans(PHONES, words, runs, word_frames)
    assert len(spans) == len(words)
    if words:
        assert [first for first, _ in spans] == [0, *(end for _, end in spans[:-1])]
        assert spans[-1][1] == len(runs)
        assert all(first <= end for first, end in spans)
