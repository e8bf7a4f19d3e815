import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.training.step import learning_rate, make_optimizer
from tests.training.test_loop import CONFIG, Net


def test_weight_decay_is_for_matrices_only():
    groups = make_optimizer(Net(), CONFIG).param_groups
    assert [[p.dim() for p in group["params"]] for group in groups] == [[2], [1, 1, 1]]
    assert [group["weight_decay"] for group in groups] == [CONFIG.weight_decay, 0.0]


WARMUPS = st.floats(0, 0.9)


@given(warmup=WARMUPS)
def test_it_peaks_after_the_warm_up_and_ends_at_the_final_rate(warmup):
    assert learning_rate(warmup, 1.0, 0.1, warmup) == pytest.approx(1.0)
    assert learning_rate(1.0, 1.0, 0.1, warmup) == pytest.approx(0.1)


@given(warmup=WARMUPS, a=st.floats(0, 1), b=st.floats(0, 1))
def test_it_rises_before_the_peak_and_falls_after_it(warmup, a, b):
    a, b = sorted((a, b))
    left, right = (learning_rate(progress, 1.0, 0.1, warmup) for progress in (a, b))
    if b < warmup:
        assert left <= right
    if a >= warmup:
        assert left >= right


def test_the_warm_up_is_linear_and_the_cosine_is_half_way_down_in_the_middle():
    assert learning_rate(0.05, 2.0, 0.0, 0.1) == pytest.approx(1.0)
    assert learning_rate(0.6, 2.0, 0.0, 0.2) == pytest.approx(1.0)
