import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.models.pooling import (
    SMALLEST_VARIANCE,
    AttentiveStatistics,
    ChannelAttentiveStatistics,
    LastStates,
    Statistics,
)

LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=4)


def deviation_of(variance):
    return variance.clamp(min=SMALLEST_VARIANCE).sqrt()


@given(lengths=LENGTHS, extra=st.integers(0, 3))
def test_attentive_statistics_equal_the_formulas_frame_by_frame(lengths, extra):
    torch.manual_seed(0)
    pooling = AttentiveStatistics(num_inputs=3, attention_width=4).double()
    h = torch.randn(len(lengths), max(lengths) + extra, 3).double()
    first, _, last = pooling.score
    found = pooling(h, torch.tensor(lengths))
    assert found.shape[1] == pooling.num_outputs
    for b, length in enumerate(lengths):
        e = [last.weight[0] @ torch.tanh(first.weight @ h[b, t] + first.bias) for t in range(length)]
        total = sum(each.exp() for each in e)
        mean = sum(each.exp() / total * h[b, t] for t, each in enumerate(e))
        variance = sum(each.exp() / total * (h[b, t] - mean) ** 2 for t, each in enumerate(e))
        torch.testing.assert_close(found[b], torch.cat([mean, deviation_of(variance)]))


@given(lengths=LENGTHS, extra=st.integers(0, 3))
def test_statistics_are_mean_and_deviation_of_the_real_frames(lengths, extra):
    torch.manual_seed(0)
    h = torch.randn(len(lengths), 3, max(lengths) + extra).double()
    pooling = Statistics(num_inputs=3)
    found = pooling(h, torch.tensor(lengths))
    assert found.shape[1] == pooling.num_outputs
    for b, length in enumerate(lengths):
        real = h[b, :, :length]
        expected = torch.cat([real.mean(1), deviation_of(real.var(1, unbiased=False))])
        torch.testing.assert_close(found[b], expected, atol=1e-6, rtol=1e-5)


@given(lengths=LENGTHS, extra=st.integers(0, 3))
def test_attention_per_channel_equals_the_formulas_of_the_paper(lengths, extra):
    """Equations 1 to 3, with h beside its mean and deviation as the input of the first layer, as one matrix W."""
    torch.manual_seed(0)
    pooling = ChannelAttentiveStatistics(num_inputs=3, attention_width=2).double()
    h = torch.randn(len(lengths), 3, max(lengths) + extra).double()
    W = torch.cat([pooling.of_frame.weight[:, :, 0], pooling.of_context.weight], dim=1)
    b_of_W, v, k = pooling.of_frame.bias, pooling.score.weight[:, :, 0], pooling.score.bias
    found = pooling(h, torch.tensor(lengths))
    assert found.shape[1] == pooling.num_outputs
    for b, length in enumerate(lengths):
        real = h[b, :, :length]
        context = torch.cat([real.mean(1), deviation_of(real.var(1, unbiased=False))])
        for c in range(3):
            e = [v[c] @ torch.tanh(W @ torch.cat([real[:, t], context]) + b_of_W) + k[c] for t in range(length)]
            alpha = torch.stack(e).softmax(0)
            mean = sum(alpha[t] * real[c, t] for t in range(length))
            variance = sum(alpha[t] * (real[c, t] - mean) ** 2 for t in range(length))
            expected = torch.stack([mean, deviation_of(variance)])
            torch.testing.assert_close(found[b, [c, 3 + c]], expected, atol=1e-6, rtol=1e-5)


def test_last_states_are_the_last_frame_and_backward_in_time_the_first():
    h = torch.arange(2 * 5 * 4).view(2, 5, 4)
    lengths = torch.tensor([5, 2])
    both = LastStates(num_inputs=4, bidirectional=True)(h, lengths)
    assert both.tolist() == [[*h[0, 4, :2], *h[0, 0, 2:]], [*h[1, 1, :2], *h[1, 0, 2:]]]
    forward = LastStates(num_inputs=4, bidirectional=False)(h, lengths)
    assert forward.tolist() == [h[0, 4].tolist(), h[1, 1].tolist()]


def test_one_frame_has_a_finite_gradient():
    pooling = AttentiveStatistics(num_inputs=3, attention_width=4)
    h = torch.randn(1, 2, 3, requires_grad=True)
    pooling(h, torch.tensor([1])).sum().backward()
    assert h.grad.isfinite().all()
    assert not h.grad[0, 1].any()
