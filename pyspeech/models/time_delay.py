"""Time-delay layers (Peddinti, Povey, Khudanpur 2015), which are convolutions over time.

https://www.danielpovey.com/files/2015_interspeech_multisplice.pdf
"""

from torch import Tensor, nn

from pyspeech.models.masking import MaskedBatchNorm


class TimeDelay(nn.Module):
    """Convolution over time, ReLU, masked batch norm: ``[B, C, T] -> [B, width, ceil(T / stride)]``.

    ``kernel`` is odd, its frames are ``dilation`` apart. ``mask_BT`` says which output frames are real.
    """

    def __init__(self, *, num_inputs: int, width: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = kernel // 2 * dilation
        self.conv = nn.Conv1d(num_inputs, width, kernel, stride=stride, padding=padding, dilation=dilation)
        self.norm = MaskedBatchNorm(num_channels=width)

    def forward(self, x_BCT: Tensor, mask_BT: Tensor) -> Tensor:
        y_BCT: Tensor = self.norm(self.conv(x_BCT).relu_(), mask_BT)
        return y_BCT
