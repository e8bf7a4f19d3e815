import pytest
import torch

from pyspeech.config import load_config
from pyspeech.errors import UserError
from pyspeech.losses import OF_UTTERANCES, build_loss
from pyspeech.settings import SHARED_CONF, read_yaml
from pyspeech.tasks.counts import Counts
from pyspeech.tasks.network import NetworkWithLoss, loss_of, new_model

TARGETS = [0, 2, 0, 2, 1, 1]
IDS = [f"utt{number}" for number in range(len(TARGETS))]


def model_with(name):
    torch.manual_seed(0)
    return NetworkWithLoss(torch.nn.Identity(), build_loss(read_yaml(SHARED_CONF / f"{name}.yaml")["loss"], 8, 3))


@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", list(OF_UTTERANCES))
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


@pytest.mark.parametrize(
    ("network", "loss", "unit", "message"),
    [
        (
            "tdnn_lstm",
            "ctc",
            "utterance",
            "model.name = 'tdnn_lstm' is not of outputs for each utterance.* speaker_lstm",
        ),
        ("speaker_lstm", "ge2e", "frame", "model.name = 'speaker_lstm' is not .* frame.* tdnn_lstm or bilstm_ctc or"),
        ("tdnn_lstm", "softmax", "frame", "loss.name = 'softmax' is not of outputs for each frame.* choose ctc"),
        (
            "xvector",
            "ctc",
            "utterance",
            "loss.name = 'ctc' is not of outputs for each utterance.* softmax or aam_softmax",
        ),
    ],
)
def test_a_network_or_a_loss_of_another_kind_is_named(tmp_path, network, loss, unit, message):
    path = tmp_path / "conf.yaml"
    path.write_text(f"include: [fbank, augment, train, {network}, {loss}]\ntask: recognition\n")
    with pytest.raises(UserError, match=message):
        new_model(load_config(path), 5, unit)
