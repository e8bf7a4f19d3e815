import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.rescoring.lexicon_tree import LexiconTree
from pyspeech.rescoring.search_space import STATE_BITS, Hypotheses, Places, changes

NUM_TOKENS = 4
SPELLINGS = ((2, (1,)), (3, (1, 1)), (4, (2,)), (2, (1, 2)), (5, (3, 3, 1)))
TREE = LexiconTree.from_spellings(SPELLINGS, NUM_TOKENS)
GUESS = -np.arange(TREE.num_nodes, dtype=np.float64)
PLACES = Places.of(TREE, GUESS)
INSIDE = np.arange(1, TREE.num_nodes, dtype=np.int32)


@given(
    st.lists(
        st.tuples(
            st.integers(0, PLACES.max_utterances - 1),
            st.integers(0, 2**STATE_BITS - 1),
            st.integers(0, len(PLACES.last) - 1),
        ),
        min_size=1,
    )
)
def test_keys_hold_utterance_state_and_place_and_sort_in_that_order(parts):
    utterance, state, place = np.array(parts, np.int64).T
    key = PLACES.key(utterance, state.astype(np.int32), place)
    np.testing.assert_array_equal(PLACES.utterance(key), utterance)
    np.testing.assert_array_equal(PLACES.state(key), state)
    np.testing.assert_array_equal(PLACES.of_key(key), place)
    np.testing.assert_array_equal(PLACES.between(key), place < PLACES.inside)
    assert [parts[n] for n in key.argsort(kind="stable")] == sorted(parts)


def test_every_node_but_the_root_has_a_place_for_its_token_and_one_for_the_blank_after_it():
    place = PLACES.of_node(INSIDE)
    after = PLACES.blanked[place]
    assert sorted([*place.tolist(), *after.tolist()]) == list(range(PLACES.inside, len(PLACES.last)))
    for each, last in ((place, TREE.token[INSIDE]), (after, 0)):
        np.testing.assert_array_equal(PLACES.node(each.astype(np.int64)), INSIDE)
        np.testing.assert_array_equal(PLACES.last[each], last)
        np.testing.assert_array_equal(PLACES.ahead[each], GUESS[INSIDE])
        np.testing.assert_array_equal(PLACES.blanked[each], after)


def test_between_words_a_blank_forgets_the_last_token_but_not_that_a_word_is_unknown():
    token = np.arange(NUM_TOKENS)
    for first in (0, NUM_TOKENS):
        np.testing.assert_array_equal(PLACES.last[first + token], token)
        np.testing.assert_array_equal(PLACES.blanked[first + token], first)
        np.testing.assert_array_equal(PLACES.ahead[first + token], 0.0)
    assert PLACES.inside == 2 * NUM_TOKENS


def test_hypotheses_follow_others():
    every = Hypotheses(np.array([5, 3, 4]), np.array([-1.0, -2.0, -3.0]))
    none = every[np.arange(0)]
    for joined in (every[np.array([0])].followed_by(every[np.array([1, 2])]), every.followed_by(none)):
        np.testing.assert_array_equal(joined.key, every.key)
        np.testing.assert_array_equal(joined.score, every.score)


@given(st.lists(st.integers(0, 5)).map(sorted))
def test_changes_start_the_runs_of_equal_keys(keys):
    expected = [not place or keys[place - 1] != key for place, key in enumerate(keys)]
    assert changes(np.array(keys, np.int64)).tolist() == expected
