import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.rescoring.lexicon_tree import LexiconTree

NUM_TOKENS = 4
SPELLINGS = st.lists(
    st.tuples(st.integers(1, 6), st.lists(st.integers(1, NUM_TOKENS - 1), min_size=1, max_size=4).map(tuple))
)


def prefixes(tree):
    """The tokens that lead to each node."""
    found = {0: ()}
    for node in range(tree.num_nodes):
        for child in range(tree.first_child[node], tree.first_child[node + 1]):
            assert child > node
            found[child] = (*found[node], int(tree.token[child]))
    return found


def words_at(tree, node):
    return tree.words[tree.first_word[node] : tree.first_word[node + 1]].tolist()


@given(SPELLINGS)
def test_the_tree_holds_every_spelling_once_and_every_prefix_as_one_node(spellings):
    tree = LexiconTree.from_spellings(spellings, NUM_TOKENS)
    found = prefixes(tree)
    expected = {()} | {spelling[:length] for _, spelling in spellings for length in range(1, len(spelling) + 1)}
    assert len(found) == tree.num_nodes == len(expected)
    assert set(found.values()) == expected
    ends = [(word, found[node]) for node in found for word in words_at(tree, node)]
    assert sorted(ends) == sorted(set(spellings))


@given(SPELLINGS)
def test_the_children_of_a_node_are_sorted_by_token(spellings):
    tree = LexiconTree.from_spellings(spellings, NUM_TOKENS)
    for node in range(tree.num_nodes):
        assert (np.diff(tree.token[tree.first_child[node] : tree.first_child[node + 1]]) > 0).all()


@given(SPELLINGS, st.lists(st.floats(-9, 0), min_size=7, max_size=7).map(np.array))
def test_the_best_score_below_a_node_is_that_of_its_likeliest_word(spellings, score):
    tree = LexiconTree.from_spellings(spellings, NUM_TOKENS)
    best = tree.best_below(score)
    for node, prefix in prefixes(tree).items():
        below = [score[word] for word, spelling in spellings if spelling[: len(prefix)] == prefix]
        assert best[node] == max(below, default=-np.inf)
