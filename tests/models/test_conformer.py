import pytest
import torch
from torch.nn import functional

from pyspeech.errors import UserError
from pyspeech.models import build_model
from pyspeech.models.rotary import rotations
from tests.models.test_models import SETTINGS as FRAME_SETTINGS
from tests.networks import used

SETTINGS = FRAME_SETTINGS["conformer"] | {"subsampling": 4}


def feed_forward(module, x):
    norm, wide, _, _, narrow = module
    return x + 0.5 * narrow(functional.silu(wide(norm(x))))


def block(module, x, mask, turns):
    """Section 2.4 of the paper in eval mode, with torch's own Conv1d and batch norm."""
    x = feed_forward(module.before, x)
    x = x + module.attention(module.attention_norm(x), mask, turns)
    part = module.convolution
    value, gate = part.first(part.first_norm(x)).chunk(2, dim=2)
    y = functional.conv1d((value * gate.sigmoid()).transpose(1, 2), part.depthwise.weight[:, :, 0], padding=2, groups=8)
    norm = part.norm
    y = functional.batch_norm(y, norm.running_mean, norm.running_variance, norm.scale, norm.shift).transpose(1, 2)
    x = x + part.last(y * y.sigmoid())
    return module.norm(feed_forward(module.after, x))


def test_equals_the_paper_written_out():
    torch.manual_seed(0)
    model = used(build_model(SETTINGS, 9, 3), 9).eval()
    features, lengths = torch.randn(2, 18, 9), torch.tensor([18, 18])
    with torch.no_grad():
        x = features[:, None]
        for conv in model.first.convs:
            assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (2, 2), (1, 1))
            x = functional.conv2d(x, conv.weight, conv.bias, stride=2, padding=1).relu()
        x = model.first.linear(x.permute(0, 2, 3, 1).flatten(2))
        for module in model.blocks:
            x = block(module, x, torch.ones(2, 5, dtype=torch.bool), rotations(5, 4, x.device))
        outputs, out_lengths = model(features, lengths)
        torch.testing.assert_close(outputs, model.output(x).log_softmax(2), atol=1e-5, rtol=1e-4)
    assert out_lengths.tolist() == [5, 5]


@pytest.mark.parametrize("subsampling", [2, 3, 4])
def test_as_many_frames_as_asked_for(subsampling):
    model = build_model({**SETTINGS, "subsampling": subsampling}, 9, 3).eval()
    for frames in (1, 11, 12, 13):
        outputs, lengths = model(torch.randn(1, frames, 9), torch.tensor([frames]))
        assert outputs.shape[1] == lengths.tolist()[0] == -(-frames // subsampling)


def test_every_weight_has_a_part_in_the_output():
    torch.manual_seed(0)
    model = build_model(SETTINGS, 9, 3)
    outputs, _ = model(torch.randn(3, 40, 9), torch.tensor([40, 40, 31]))
    (outputs * torch.randn_like(outputs)).sum().backward()
    assert all(p.grad.any() for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 10}, r"model.width = 10: each of 2 heads takes an even part of it; choose a multiple of 4"),
        ({"kernel": 4}, r"model.kernel = 4: it has a middle frame, so it is odd; choose 5"),
        ({"subsampling": 5}, r"model.subsampling = 5: Input should be 2, 3 or 4"),
    ],
)
def test_settings_that_do_not_fit_together_are_named(change, message):
    with pytest.raises(UserError, match=message):
        build_model({**SETTINGS, **change}, 9, 3)
