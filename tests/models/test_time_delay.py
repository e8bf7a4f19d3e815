import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.models.masking import frame_mask
from pyspeech.models.time_delay import TimeDelay


@given(length=st.integers(1, 9), half=st.integers(0, 2), stride=st.integers(1, 3), dilation=st.integers(1, 3))
def test_each_output_is_a_row_of_frames_that_are_dilation_apart(length, half, stride, dilation):
    torch.manual_seed(0)
    layer = TimeDelay(num_inputs=2, width=3, kernel=2 * half + 1, stride=stride, dilation=dilation).eval()
    x = torch.randn(1, 2, length)
    num_outputs = -(-length // stride)
    found = layer(x, frame_mask(torch.tensor([num_outputs]), num_outputs))
    assert found.shape == (1, 3, num_outputs)
    for t in range(num_outputs):
        total = layer.conv.bias.clone()
        for k in range(-half, half + 1):
            if 0 <= t * stride + k * dilation < length:
                total = total + layer.conv.weight[:, :, k + half] @ x[0, :, t * stride + k * dilation]
        torch.testing.assert_close(found[0, :, t], total.relu() / (1 + layer.norm.epsilon) ** 0.5)
