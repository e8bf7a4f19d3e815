import pytest
import torch

from pyspeech.errors import UserError
from pyspeech.losses import OF_UTTERANCES, build_loss
from pyspeech.settings import SHARED_CONF, read_yaml


@pytest.mark.parametrize("name", list(OF_UTTERANCES))
def test_the_shared_configuration_builds_and_gives_a_loss_to_each_utterance(name):
    torch.manual_seed(0)
    loss = build_loss(read_yaml(SHARED_CONF / f"{name}.yaml")["loss"], 5, 3)
    losses = loss(torch.randn(4, 5), torch.tensor([0, 2, 0, 2]), 0.5)
    assert losses.shape == (4,)
    losses.sum().backward()
    assert any(p.grad.any() for p in loss.parameters())
    assert all(p.grad.isfinite().all() for p in loss.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "arcface"}, "loss.name = 'arcface' is not a loss"),
        ({"name": "softmax", "scale": 3}, "unknown key 'loss.scale' of softmax, which has no keys but its name"),
        ({"name": "aam_softmax"}, "key 'loss.scale' is missing; aam_softmax needs it, see conf/aam_softmax.yaml"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        build_loss(settings, 5, 3)
