"""Time-delay layers with subsampling by 3, then LSTM layers forward in time."""

from torch import Tensor, nn
from torch.nn import functional

from pyspeech.arguments import Count, Fraction
from pyspeech.models.checkpointing import checkpointed
from pyspeech.models.contract import OutputPer
from pyspeech.models.lstm import Lstm
from pyspeech.models.masking import MaskedBatchNorm, frame_mask, strided_lengths
from pyspeech.models.precision import log_probabilities
from pyspeech.models.time_delay import TimeDelay


class TdnnLstm(nn.Module):
    """``[B, T, F]`` features -> log-probabilities ``[B, ceil(T / 3), V]``; token 0 is the blank.

    Looks ahead a fixed few frames only (the time-delay layers and the label delay), so it can be streamed. With a label
    delay, the output for a frame is read ``label_delay`` output frames later: an LSTM that runs forward in time hears
    what follows a sound before it has to name it, the last sound of an utterance too.
    """

    output_per: OutputPer = "frame"
    gradient_checkpointing = False
    subsampling = 3

    def __init__(
        self,
        *,
        num_features: int,
        num_outputs: int,
        tdnn_width: Count,
        lstm_width: Count,
        lstm_layers: Count,
        label_delay: Count,
        dropout: Fraction,
    ) -> None:
        super().__init__()
        self.label_delay = label_delay
        # Two frames by the first layer, an output frame each by the next two, and the delay.
        self.look_ahead = 2 + self.subsampling * (2 + label_delay)
        # Subsampling in the first layer makes everything after it three times cheaper.
        self.tdnn = nn.ModuleList(
            [
                TimeDelay(num_inputs=num_features, width=tdnn_width, kernel=5, stride=self.subsampling),
                TimeDelay(num_inputs=tdnn_width, width=tdnn_width, kernel=3),
                TimeDelay(num_inputs=tdnn_width, width=tdnn_width, kernel=3),
            ]
        )
        widths = [tdnn_width] + [lstm_width] * lstm_layers
        self.lstms = nn.ModuleList(Lstm(num_inputs=w, width=lstm_width) for w in widths[:-1])
        self.norms = nn.ModuleList(MaskedBatchNorm(num_channels=lstm_width) for _ in range(lstm_layers))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(widths[-1], num_outputs)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        output_lengths_B = strided_lengths(lengths_B, self.subsampling)  # on the CPU they need not wait for a GPU
        lengths_B = lengths_B.to(features_BTF.device, non_blocking=True)
        x_BCT = (features_BTF * frame_mask(lengths_B, features_BTF.shape[1])[:, :, None]).transpose(1, 2)
        lengths_B = strided_lengths(lengths_B, self.subsampling)
        mask_BT = frame_mask(lengths_B, -(-x_BCT.shape[2] // self.subsampling))
        for tdnn in self.tdnn:
            x_BCT = checkpointed(self.gradient_checkpointing, tdnn, x_BCT, mask_BT)
        x_BCT = functional.pad(x_BCT, (0, self.label_delay))
        mask_BT = frame_mask(lengths_B.add(self.label_delay), x_BCT.shape[2])
        for lstm, norm in zip(self.lstms, self.norms, strict=True):
            y_BCT = checkpointed(self.gradient_checkpointing, _listen, lstm, norm, x_BCT, mask_BT)
            # A path around every layer whose input has its width.
            x_BCT = self.dropout(y_BCT) + x_BCT if y_BCT.shape[1] == x_BCT.shape[1] else self.dropout(y_BCT)
        return log_probabilities(self.output(x_BCT[:, :, self.label_delay :].transpose(1, 2))), output_lengths_B


def _listen(lstm: nn.Module, norm: nn.Module, x_BCT: Tensor, mask_BT: Tensor) -> Tensor:
    y_BCT: Tensor = norm(lstm(x_BCT.transpose(1, 2)).transpose(1, 2), mask_BT)
    return y_BCT
