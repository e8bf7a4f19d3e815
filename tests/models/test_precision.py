import copy

import pytest
import torch

from pyspeech.losses.ctc import torch_ctc_loss
from pyspeech.models import build_model
from pyspeech.models.masking import MaskedBatchNorm, frame_mask
from pyspeech.models.precision import at_least_float32, log_probabilities
from tests.models.test_embedding import SETTINGS as EMBEDDING_SETTINGS
from tests.models.test_models import SETTINGS as FRAME_SETTINGS
from tests.networks import padded

LENGTHS = [25, 19, 11]
NUM_FEATURES = 9


def both(settings):
    """The network and its outputs, in float32 and under autocast."""
    torch.manual_seed(0)
    network = build_model({**settings, "dropout": 0.0}, NUM_FEATURES, 4)
    results = []
    for enabled in (False, True):
        model = copy.deepcopy(network)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            outputs = model(padded(LENGTHS, NUM_FEATURES)[1], torch.tensor(LENGTHS))
        results.append((model, outputs))
    return results


@pytest.mark.parametrize("name", list(FRAME_SETTINGS))
def test_log_probabilities_in_bf16_are_near_those_in_float32_and_train(name):
    (_, (exact, lengths)), (model, (found, _)) = both(FRAME_SETTINGS[name])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, atol=0.1, rtol=0.1)
    torch.testing.assert_close(found.exp().sum(2), torch.ones(found.shape[:2]), atol=1e-5, rtol=0)
    losses = torch_ctc_loss(found, lengths, [[1, 2], [3], [1, 1]])
    losses.sum().backward()
    assert losses.isfinite().all()
    assert all(p.grad.isfinite().all() and p.grad.dtype == torch.float32 for p in model.parameters())
    assert all(buffer.dtype == torch.float32 for buffer in model.buffers())


@pytest.mark.parametrize("name", list(EMBEDDING_SETTINGS))
def test_embeddings_in_bf16_are_near_those_in_float32_and_train(name):
    (_, exact), (model, found) = both(EMBEDDING_SETTINGS[name])
    assert found.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(found, exact).min() > 0.95
    found.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_batch_statistics_are_those_of_float32(low):
    torch.manual_seed(0)
    x = (torch.randn(4, 3, 500) * 300 + 100).to(low)  # its squares are beyond fp16, and their sums beyond bf16
    mask = frame_mask(torch.tensor([500, 400, 20, 1]), 500)
    results = []
    for given in (x, x.float()):
        norm = MaskedBatchNorm(num_channels=3)
        y = norm(given, mask)
        assert y.dtype == given.dtype
        results.append([y.float(), norm.running_mean, norm.running_variance])
    torch.testing.assert_close(results[0], results[1], atol=1e-2, rtol=1e-2)
    assert torch.equal(results[0][1], results[1][1])


def test_types_below_float32_are_raised_and_others_kept():
    types = [at_least_float32(torch.ones(1, dtype=given)).dtype for given in (torch.float16, torch.float64)]
    assert types == [torch.float32, torch.float64]
    assert log_probabilities(torch.zeros(2, dtype=torch.bfloat16)).tolist() == pytest.approx([-0.6931472] * 2, abs=1e-7)
