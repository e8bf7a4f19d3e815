import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.tasks.counts import Counts

COUNTS = st.builds(
    Counts,
    loss=st.integers(0, 99).map(float),
    weight=st.integers(0, 9),
    errors=st.integers(0, 9),
    labels=st.integers(0, 9),
    utterances=st.integers(0, 9),
    left_out=st.lists(st.text(max_size=2), max_size=2).map(tuple),
)


@given(COUNTS, COUNTS, COUNTS)
def test_adding_is_associative_and_nothing_is_neutral(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + Counts() == a == Counts() + a


def test_rates_come_from_the_sums():
    total = Counts(loss=3, weight=2, errors=1, labels=4) + Counts(loss=1, weight=6, errors=2, labels=2)
    assert (total.mean_loss, total.error_rate) == (0.5, 0.5)


def test_a_loss_of_nothing_is_an_error():
    with pytest.raises(UserError, match="no utterance has a loss"):
        _ = Counts().mean_loss


def test_errors_against_empty_references_are_not_lost():
    assert Counts(errors=3).error_rate == 3.0
