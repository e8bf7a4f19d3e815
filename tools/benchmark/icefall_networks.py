"""The networks of ``pyspeech.models`` as icefall writes them: torch's own layers, padding computed like speech.

How that is, https://github.com/k2-fsa/icefall shows in egs/librispeech/ASR/tdnn_lstm_ctc/model.py. Parameters come in
the order of ours, and where there is no padding the outputs are the same.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from tools.benchmark.icefall_conformer import Conformer

LSTM: Any = nn.LSTM  # torch has no types for it


class TdnnLstm(nn.Module):
    """As :class:`pyspeech.models.tdnn_lstm.TdnnLstm`."""

    subsampling = 3

    def __init__(
        self,
        *,
        num_features: int,
        num_outputs: int,
        tdnn_width: int,
        lstm_width: int,
        lstm_layers: int,
        label_delay: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.label_delay = label_delay
        self.tdnn = nn.Sequential(
            nn.Conv1d(num_features, tdnn_width, 5, stride=3, padding=2),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(tdnn_width),
            nn.Conv1d(tdnn_width, tdnn_width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(tdnn_width),
            nn.Conv1d(tdnn_width, tdnn_width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(tdnn_width),
        )
        widths = [tdnn_width] + [lstm_width] * lstm_layers
        self.lstms = nn.ModuleList(LSTM(width, lstm_width) for width in widths[:-1])
        self.norms = nn.ModuleList(nn.BatchNorm1d(lstm_width) for _ in self.lstms)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(widths[-1], num_outputs)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        x_BCT = functional.pad(self.tdnn(features_BTF.permute(0, 2, 1)), (0, self.label_delay))
        x_TBC = x_BCT.permute(2, 0, 1)
        for lstm, norm in zip(self.lstms, self.norms, strict=True):
            y_TBC, _ = lstm(x_TBC)
            y_TBC = self.dropout(norm(y_TBC.permute(1, 2, 0)).permute(2, 0, 1))
            x_TBC = y_TBC + x_TBC if y_TBC.shape == x_TBC.shape else y_TBC
        return functional.log_softmax(self.output(x_TBC[self.label_delay :].transpose(0, 1)), dim=-1)


class BilstmCtc(nn.Module):
    """As :class:`pyspeech.models.bilstm_ctc.BilstmCtc`."""

    subsampling = 3

    def __init__(
        self, *, num_features: int, num_outputs: int, channels: int, lstm_width: int, lstm_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv2d(1, channels, (5, 9), stride=(3, 2), padding=(2, 4)),
                nn.Conv2d(channels, channels, (3, 5), stride=(1, 2), padding=(1, 2)),
            ]
        )
        self.conv_norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in self.convs)
        widths = [channels * -(-num_features // 4)] + [2 * lstm_width] * lstm_layers
        self.lstms = nn.ModuleList(LSTM(width, lstm_width, bidirectional=True) for width in widths[:-1])
        self.lstm_norms = nn.ModuleList(nn.BatchNorm1d(2 * lstm_width) for _ in self.lstms)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(widths[-1], num_outputs)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        x_BCTF = features_BTF[:, None]
        for conv, norm in zip(self.convs, self.conv_norms, strict=True):
            x_BCTF = norm(functional.relu(conv(x_BCTF), inplace=True))
        x_TBC = x_BCTF.permute(2, 0, 1, 3).flatten(2)
        for lstm, norm in zip(self.lstms, self.lstm_norms, strict=True):
            y_TBC, _ = lstm(x_TBC)
            x_TBC = self.dropout(norm(y_TBC.permute(1, 2, 0)).permute(2, 0, 1))
        return functional.log_softmax(self.output(x_TBC.transpose(0, 1)), dim=-1)


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "tdnn_lstm": TdnnLstm,
    "bilstm_ctc": BilstmCtc,
    "conformer": Conformer,
}


def build_network(settings: Mapping[str, Any], num_features: int, num_outputs: int) -> nn.Module:
    """Make the network that a configuration's section ``model`` names."""
    arguments = dict(settings)
    return NETWORKS[arguments.pop("name")](num_features=num_features, num_outputs=num_outputs, **arguments)
