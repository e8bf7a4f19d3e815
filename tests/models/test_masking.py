import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.models.masking import MaskedBatchNorm, frame_mask, reverse_frames, strided_lengths

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def test_the_mask_is_true_for_exactly_the_real_frames():
    assert frame_mask(torch.tensor([3, 1]), 4).tolist() == [[True, True, True, False], [True, False, False, False]]


@given(length=st.integers(1, 60), stride=st.integers(1, 4), padding=st.integers(0, 4))
def test_strided_lengths_are_the_sizes_that_convolutions_give(length, stride, padding):
    conv = torch.nn.Conv1d(1, 1, 2 * padding + 1, stride=stride, padding=padding)
    assert strided_lengths(torch.tensor([length]), stride).tolist() == [conv(torch.zeros(1, 1, length)).shape[2]]


@given(lengths=LENGTHS)
def test_reversing_twice_changes_nothing_and_once_turns_each_utterance_round(lengths):
    x = torch.arange(len(lengths) * max(lengths) * 2, dtype=torch.float32).view(len(lengths), max(lengths), 2)
    turned = reverse_frames(x, torch.tensor(lengths))
    for b, length in enumerate(lengths):
        assert torch.equal(turned[b, :length], x[b, :length].flip(0))
        assert torch.equal(turned[b, length:], x[b, length:])
    assert torch.equal(reverse_frames(turned, torch.tensor(lengths)), x)


@pytest.mark.parametrize("shape", [(3, 4, 7), (3, 4, 7, 5)])
def test_statistics_equal_those_of_torch_over_the_real_frames_alone(shape):
    torch.manual_seed(0)
    lengths = torch.tensor([7, 2, 5])
    mask = frame_mask(lengths, 7)
    x = (torch.randn(shape) * 3 + 1).requires_grad_()
    ours, theirs = MaskedBatchNorm(num_channels=4), torch.nn.BatchNorm1d(4)
    y = ours(x, mask)
    real = x.movedim(1, -1)[mask].reshape(-1, 4)  # rows of real frames (and frequencies)
    expected = theirs(real)
    torch.testing.assert_close(y.movedim(1, -1)[mask].reshape(-1, 4), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    # torch keeps the unbiased variance, which differs by n / (n - 1).
    torch.testing.assert_close(ours.running_variance, theirs.running_var, rtol=0.1, atol=0)
    assert not y.movedim(1, -1)[~mask].any()

    weights = torch.randn(expected.shape)
    (left,) = torch.autograd.grad((y.movedim(1, -1)[mask].reshape(-1, 4) * weights).sum(), x)
    (right,) = torch.autograd.grad((expected * weights).sum(), x)
    torch.testing.assert_close(left, right, atol=1e-4, rtol=1e-4)


def test_in_eval_mode_the_running_statistics_are_used_and_kept():
    norm = MaskedBatchNorm(num_channels=2).eval()
    norm.running_mean.fill_(1.0)
    norm.running_variance.fill_(4.0)
    y = norm(torch.full((1, 2, 3), 5.0), torch.ones(1, 3, dtype=torch.bool))
    torch.testing.assert_close(y, torch.full((1, 2, 3), 2.0))
    assert norm.running_mean.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("shape", [(3, 4, 7), (3, 7, 4), (3, 4, 7, 5)])
def test_without_padding_torchs_kernel_gives_what_the_masked_sums_give(shape):
    torch.manual_seed(0)
    results = []
    for padding in (0, 1):
        x = (torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 3 + 1).requires_grad_()
        channels_second = x.transpose(1, 2) if shape == (3, 7, 4) else x  # [B, T, C] turned, as after an LSTM layer
        norm = MaskedBatchNorm(num_channels=4)
        extra = channels_second.new_zeros(3, 4, padding, *shape[3:])
        mask = frame_mask(torch.tensor([7, 7, 7]), 7 + padding)
        given_x = torch.cat([channels_second, extra], dim=2) if padding else channels_second
        y = norm(given_x, mask)[:, :, :7]
        (y * torch.arange(y.numel()).view_as(y) / y.numel()).sum().backward()
        results.append([y, x.grad, norm.scale.grad, norm.shift.grad, norm.running_mean, norm.running_variance])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-4)
