"""Deep Speech 2 (https://arxiv.org/abs/1512.02595): convolutions over the spectrogram, bidirectional LSTM layers."""

from torch import Tensor, nn
from torch.nn import functional

from pyspeech.arguments import Count, Fraction
from pyspeech.models.checkpointing import checkpointed
from pyspeech.models.contract import OutputPer
from pyspeech.models.lstm import BidirectionalLstm
from pyspeech.models.masking import MaskedBatchNorm, frame_mask, strided_lengths
from pyspeech.models.precision import log_probabilities

FREQUENCY_STRIDE = 2  # of each convolution


class BilstmCtc(nn.Module):
    """``[B, T, F]`` features -> log-probabilities ``[B, ceil(T / 3), V]``; token 0 is the blank.

    Two 2-D convolutions (the first takes every third frame, each halves the frequencies), then bidirectional
    LSTM layers with batch norm between them, and a row of output tokens.
    """

    output_per: OutputPer = "frame"
    look_ahead = None
    gradient_checkpointing = False
    subsampling = 3

    def __init__(
        self,
        *,
        num_features: int,
        num_outputs: int,
        channels: Count,
        lstm_width: Count,
        lstm_layers: Count,
        dropout: Fraction,
    ) -> None:
        super().__init__()
        # Smaller kernels than the paper's (41 x 11, 21 x 11), which were sized for 161 linear frequencies.
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(1, channels, (5, 9), stride=(self.subsampling, FREQUENCY_STRIDE), padding=(2, 4)),
                nn.Conv2d(channels, channels, (3, 5), stride=(1, FREQUENCY_STRIDE), padding=(1, 2)),
            ]
        )
        self.conv_norms = nn.ModuleList(MaskedBatchNorm(num_channels=channels) for _ in self.convs)
        num_rows = -(-num_features // FREQUENCY_STRIDE**2)
        widths = [channels * num_rows] + [2 * lstm_width] * lstm_layers
        self.lstms = nn.ModuleList(BidirectionalLstm(num_inputs=w, width=lstm_width) for w in widths[:-1])
        self.lstm_norms = nn.ModuleList(MaskedBatchNorm(num_channels=2 * lstm_width) for _ in range(lstm_layers))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(widths[-1], num_outputs)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        output_lengths_B = strided_lengths(lengths_B, self.subsampling)  # on the CPU they need not wait for a GPU
        lengths_B = lengths_B.to(features_BTF.device, non_blocking=True)
        x_BCTF = (features_BTF * frame_mask(lengths_B, features_BTF.shape[1])[:, :, None])[:, None]
        lengths_B = strided_lengths(lengths_B, self.subsampling)
        mask_BT = frame_mask(lengths_B, -(-features_BTF.shape[1] // self.subsampling))
        for conv, norm in zip(self.convs, self.conv_norms, strict=True):
            x_BCTF = checkpointed(self.gradient_checkpointing, _convolve, conv, norm, x_BCTF, mask_BT)
        x_BTD = x_BCTF.transpose(1, 2).flatten(2)
        for lstm, norm in zip(self.lstms, self.lstm_norms, strict=True):
            y_BTD = checkpointed(self.gradient_checkpointing, _listen, lstm, norm, x_BTD, lengths_B, mask_BT)
            x_BTD = self.dropout(y_BTD)
        return log_probabilities(self.output(x_BTD)), output_lengths_B


def _convolve(conv: nn.Module, norm: nn.Module, x_BCTF: Tensor, mask_BT: Tensor) -> Tensor:
    y_BCTF: Tensor = norm(functional.relu(conv(x_BCTF)), mask_BT)
    return y_BCTF


def _listen(lstm: nn.Module, norm: nn.Module, x_BTD: Tensor, lengths_B: Tensor, mask_BT: Tensor) -> Tensor:
    y_BTD: Tensor = norm(lstm(x_BTD, lengths_B).transpose(1, 2), mask_BT).transpose(1, 2)
    return y_BTD
