import itertools

from hypothesis import given
from hypothesis import strategies as st

from pyspeech.graph.arcs import FINAL_LABEL
from pyspeech.graph.lexicon_fst import lexicon_arcs

NUM_TOKENS, BACK_OFF_WORD = 4, 99
SPELLINGS = st.lists(
    st.tuples(st.integers(1, 6), st.lists(st.integers(1, NUM_TOKENS - 1), min_size=1, max_size=4).map(tuple)),
    min_size=1,
    max_size=12,
)


def loops(arcs):
    """Every way from the start back to it: (labels, outputs)."""
    columns = (arcs.source, arcs.target, arcs.label, arcs.output)
    leaving = {}
    for source, target, label, output in zip(*(column.tolist() for column in columns), strict=True):
        leaving.setdefault(source, []).append((target, label, output))
    found, waiting = [], [(0, (), ())]
    while waiting:
        state, labels, outputs = waiting.pop()
        for target, label, output in leaving[state]:
            if label == FINAL_LABEL:
                assert (state, target) == (0, arcs.num_states - 1)
            elif target == 0:
                found.append(((*labels, label), (*outputs, output)))
            else:
                waiting.append((target, (*labels, label), (*outputs, output)))
    return found


@given(SPELLINGS)
def test_the_paths_are_the_spellings_and_the_back_off(spellings):
    paths = loops(lexicon_arcs(spellings, NUM_TOKENS, BACK_OFF_WORD))
    read = {(out[0], tuple(label for label in labels if label < NUM_TOKENS)) for labels, out in paths}
    assert read == {*spellings, (BACK_OFF_WORD, ())}
    assert len(paths) == len(read)
    assert all(not any(outputs[1:]) for _, outputs in paths)


@given(SPELLINGS)
def test_with_its_symbols_no_spelling_equals_or_begins_another(spellings):
    paths = sorted(labels for labels, _ in loops(lexicon_arcs(spellings, NUM_TOKENS, BACK_OFF_WORD)))
    # In this order, what begins another stands right before one that it begins.
    assert all(longer[: len(shorter)] != shorter for shorter, longer in itertools.pairwise(paths))


def test_only_ambiguous_spellings_get_a_symbol():
    paths = loops(lexicon_arcs([(1, (1,)), (2, (1, 2)), (3, (3,)), (4, (3,)), (5, (2,))], NUM_TOKENS, BACK_OFF_WORD))
    assert {outputs[0]: labels for labels, outputs in paths} == {
        BACK_OFF_WORD: (4,),
        1: (1, 5),
        2: (1, 2),
        3: (3, 5),
        4: (3, 6),
        5: (2,),
    }


def test_arcs_are_sorted_by_source():
    arcs = lexicon_arcs([(1, (1, 2, 3)), (2, (1,))], NUM_TOKENS, BACK_OFF_WORD)
    assert arcs.source.tolist() == sorted(arcs.source.tolist())
