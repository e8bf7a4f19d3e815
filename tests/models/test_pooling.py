import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.models.pooling import SMALLEST_VARIANCE, AttentiveStatistics


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), extra=st.integers(0, 3))
def test_equals_the_formulas_frame_by_frame(lengths, extra):
    torch.manual_seed(0)
    pooling = AttentiveStatistics(num_inputs=3, attention_width=4)
    h = torch.randn(len(lengths), max(lengths) + extra, 3)
    first, _, last = pooling.score
    found = pooling(h, torch.tensor(lengths))
    for b, length in enumerate(lengths):
        e = [last.weight[0] @ torch.tanh(first.weight @ h[b, t] + first.bias) for t in range(length)]
        total = sum(each.exp() for each in e)
        mean = sum(each.exp() / total * h[b, t] for t, each in enumerate(e))
        square = sum(each.exp() / total * h[b, t] ** 2 for t, each in enumerate(e))
        deviation = (square - mean**2).clamp(min=SMALLEST_VARIANCE).sqrt()
        torch.testing.assert_close(found[b], torch.cat([mean, deviation]), atol=1e-3, rtol=1e-4)


def test_one_frame_has_a_finite_gradient():
    pooling = AttentiveStatistics(num_inputs=3, attention_width=4)
    h = torch.randn(1, 2, 3, requires_grad=True)
    pooling(h, torch.tensor([1])).sum().backward()
    assert h.grad.isfinite().all()
    assert not h.grad[0, 1].any()
