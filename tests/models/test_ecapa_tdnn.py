import pytest
import torch
from torch.nn import functional

from pyspeech.errors import UserError
from pyspeech.models import build_model
from pyspeech.models.ecapa_tdnn import DILATIONS, SCALE

SETTINGS = {
    "name": "ecapa_tdnn",
    "channels": 16,
    "pooled_channels": 10,
    "attention_width": 3,
    "embedding_width": 6,
    "dropout": 0.0,
}


def layer(module, x):
    """A time-delay layer in eval mode, by torch's own batch norm."""
    conv, norm = module.conv, module.norm
    y = functional.conv1d(x, conv.weight, conv.bias, padding=conv.padding, dilation=conv.dilation).relu()
    return functional.batch_norm(y, norm.running_mean, norm.running_variance, norm.scale, norm.shift)


def test_equals_figures_1_and_2_of_the_paper_written_out():
    torch.manual_seed(0)
    model = build_model(SETTINGS, 4, 3)
    for _ in range(3):
        model(torch.randn(3, 20, 4) * 2 + 1, torch.tensor([20, 13, 7]))
    model.eval()
    features = torch.randn(2, 18, 4)
    with torch.no_grad():
        inputs = [layer(model.first, features.transpose(1, 2))]
        for block, dilation in zip(model.blocks, DILATIONS, strict=True):
            x = sum(inputs)
            groups = layer(block.before, x).split(16 // SCALE, dim=1)
            outputs = [groups[0]]
            for i in range(1, SCALE):
                assert block.res2.layers[i - 1].conv.dilation == (dilation,)
                heard = groups[i] + outputs[i - 1] if i > 1 else groups[i]
                outputs.append(layer(block.res2.layers[i - 1], heard))
            y = layer(block.after, torch.cat(outputs, dim=1))
            squeeze, _, excite, _ = block.gates
            gates = excite(squeeze(y.mean(2)).relu()).sigmoid()
            inputs.append(x + gates[:, :, None] * y)
        aggregated = model.aggregation(torch.cat(inputs[1:], dim=1)).relu()
        expected = model.embedding(model.pooling(aggregated, torch.tensor([18, 18])))
        torch.testing.assert_close(model(features, torch.tensor([18, 18])), expected, atol=1e-5, rtol=1e-4)


def test_channels_have_to_be_divisible_into_the_groups():
    with pytest.raises(UserError, match=r"model.channels = 20: Input should be a multiple of 8"):
        build_model({**SETTINGS, "channels": 20}, 4, 3)
