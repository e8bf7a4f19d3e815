import pytest
import torch

from pyspeech.losses import LOSSES, build_loss
from pyspeech.settings import SHARED_CONF, read_yaml
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import EmbeddingModel, loss_of

TARGETS = [0, 2, 0, 2, 1, 1]
IDS = [f"utt{number}" for number in range(len(TARGETS))]


def model_with(name):
    torch.manual_seed(0)
    return EmbeddingModel(torch.nn.Identity(), build_loss(read_yaml(SHARED_CONF / f"{name}.yaml")["loss"], 8, 3))


@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", list(LOSSES))
def test_losses_are_those_of_float32_within_autocast(name, given):
    model = model_with(name)
    embeddings = torch.randn(len(TARGETS), 8).to(given)
    results = []
    for enabled in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss, counts = loss_of(model, embeddings.float() if not enabled else embeddings, IDS, TARGETS, 1.0)
        loss.backward()
        assert counts == Counts(float(loss.detach()), weight=len(TARGETS), utterances=len(TARGETS))
        results.append([loss.detach(), *(parameter.grad.clone() for parameter in model.parameters())])
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


def test_an_utterance_that_is_alone_of_its_speaker_has_no_loss_where_speakers_are_compared():
    model = model_with("ge2e")
    embeddings = torch.randn(6, 8)
    whole, _ = loss_of(model, embeddings[:4], IDS[:4], TARGETS[:4], 1.0)
    loss, counts = loss_of(model, embeddings[:5], IDS[:5], TARGETS[:5], 1.0)
    assert torch.equal(loss, whole)
    assert (counts.weight, counts.utterances, counts.left_out) == (4, 4, ("utt4",))
    assert loss_of(model_with("softmax"), embeddings[:5], IDS[:5], TARGETS[:5], 1.0)[1].weight == 5


def test_where_all_are_alone_nothing_is_learnt():
    model = model_with("ge2e")
    embeddings = torch.randn(2, 8, requires_grad=True)
    loss, counts = loss_of(model, embeddings, IDS[:2], [0, 2], 1.0)
    assert counts == Counts(left_out=("utt0", "utt1"))
    loss.backward()
    assert not embeddings.grad.any()
