import pytest
import torch

from pyspeech.errors import UserError
from pyspeech.models import build_model

SETTINGS = {
    "name": "speaker_lstm",
    "lstm_width": 5,
    "lstm_layers": 2,
    "bidirectional": False,
    "pooling": "last",
    "attention_width": 4,
    "embedding_width": 6,
    "dropout": 0.0,
}


def test_forward_in_time_the_last_state_is_that_of_torchs_lstm_over_stacked_frames():
    torch.manual_seed(0)
    model = build_model({**SETTINGS, "lstm_layers": 1}, 4, 3).eval()
    features = torch.randn(1, 8, 4)  # the third stack lacks a frame
    stacks = torch.cat([features, torch.zeros(1, 1, 4)], dim=1).view(3, 1, 12)
    with torch.no_grad():
        _, (last, _) = model.lstms[0].lstm(stacks)
        expected = model.embedding(last[0] / (1 + model.norms[0].epsilon) ** 0.5)
        torch.testing.assert_close(model(features, torch.tensor([8])), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooling": "atentive"}, "model.pooling = 'atentive': Input should be 'attentive' or 'last'"),
        ({"bidirectional": "yes"}, "model.bidirectional = 'yes': Input should be a valid boolean"),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(UserError, match=message):
        build_model({**SETTINGS, **change}, 4, 3)
