"""The last layer of the embedding networks, and the laws that hold for all of these networks."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.models import build_model
from pyspeech.models.embedding import EmbeddingLayer
from tests.networks import padded, used

LSTM = {"name": "speaker_lstm", "lstm_width": 5, "lstm_layers": 2, "attention_width": 4, "embedding_width": 6}
SETTINGS = {
    "both_directions": {**LSTM, "bidirectional": True, "pooling": "attentive"},
    "both_directions_last": {**LSTM, "bidirectional": True, "pooling": "last"},
    "forward": {**LSTM, "bidirectional": False, "pooling": "attentive"},
    "forward_last": {**LSTM, "bidirectional": False, "pooling": "last"},
    "xvector": {"name": "xvector", "channels": 6, "pooled_channels": 7, "embedding_width": 6},
    "ecapa_tdnn": {
        "name": "ecapa_tdnn",
        "channels": 16,
        "pooled_channels": 7,
        "attention_width": 8,
        "embedding_width": 6,
    },
}
NUM_FEATURES = 4
LENGTHS = st.lists(st.integers(1, 25), min_size=1, max_size=4)
all_networks = pytest.mark.parametrize("name", list(SETTINGS))


def network(name, dropout=0.0):
    torch.manual_seed(0)
    return build_model({**SETTINGS[name], "dropout": dropout}, NUM_FEATURES, 3)


@pytest.fixture(scope="module")
def trained():
    """Small networks whose batch statistics are not those they began with."""
    return {name: used(network(name), NUM_FEATURES) for name in SETTINGS}


@all_networks
@settings(max_examples=8)
@given(lengths=LENGTHS, extra=st.integers(0, 7))
def test_alone_equals_padded_in_a_batch(trained, name, lengths, extra):
    model = trained[name].eval()
    utterances, features = padded(lengths, NUM_FEATURES, extra, padding_value=7.0)
    with torch.no_grad():
        embeddings = model(features, torch.tensor(lengths))
        assert embeddings.shape == (len(lengths), model.embedding_width)
        for b, utterance in enumerate(utterances):
            alone = model(utterance[None], torch.tensor([lengths[b]]))[0]
            torch.testing.assert_close(embeddings[b], alone, atol=1e-4, rtol=1e-4)


@all_networks
@settings(max_examples=8)
@given(lengths=st.lists(st.integers(1, 25), min_size=3, max_size=4), extra=st.integers(1, 7))
def test_more_padding_changes_nothing_in_training_either(trained, name, lengths, extra):
    results = []
    for padding in (0, extra):
        model = copy.deepcopy(trained[name]).double().train()
        embeddings = model(padded(lengths, NUM_FEATURES, padding)[1].double(), torch.tensor(lengths))
        (embeddings * torch.arange(embeddings.numel()).view_as(embeddings)).sum().backward()
        results.append([embeddings, *model.buffers(), *(p.grad for p in model.parameters())])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-5)


@all_networks
@pytest.mark.parametrize("batch", [1, 2])
def test_the_smallest_batches_train_with_finite_gradients(name, batch):
    model = network(name, dropout=0.1)
    embeddings = model(torch.randn(batch, 12, NUM_FEATURES), torch.tensor([12, 1][:batch]))
    embeddings.square().sum().backward()
    assert embeddings.shape == (batch, 6)
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert all(buffer.isfinite().all() for buffer in model.buffers())


@all_networks
def test_every_weight_has_a_part_in_the_embedding(name):
    model = network(name)
    (model(torch.randn(5, 20, NUM_FEATURES), torch.tensor([20, 20, 14, 9, 20])) * torch.randn(5, 6)).sum().backward()
    assert all(p.grad.any() for key, p in model.named_parameters() if not key.endswith("bias"))


@all_networks
def test_a_few_steps_learn_who_speaks(name):
    model = network(name)
    output = torch.nn.Linear(model.embedding_width, 3)
    optimizer = torch.optim.AdamW([*model.parameters(), *output.parameters()], lr=0.02)
    speakers = torch.tensor([0, 1, 2, 1, 0, 2])
    features = torch.randn(6, 15, NUM_FEATURES)
    features[:, 5:] += 2 * torch.nn.functional.one_hot(speakers, NUM_FEATURES)[:, None]
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(output(model(features, torch.full((6,), 15))), speakers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


def test_embeddings_have_mean_0_and_variance_1_over_a_batch():
    torch.manual_seed(0)
    layer = EmbeddingLayer(num_inputs=5, width=4, dropout=0.0)
    embeddings = layer(torch.randn(50, 5) * 3 + 2)
    torch.testing.assert_close(embeddings.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(embeddings.var(0, unbiased=False), torch.ones(4), atol=1e-3, rtol=0)


def test_a_batch_of_one_is_normalised_by_what_was_seen_before_and_leaves_that_as_it_was():
    torch.manual_seed(0)
    layer = EmbeddingLayer(num_inputs=5, width=4, dropout=0.0)
    layer(torch.randn(50, 5) * 3 + 2)
    before = [buffer.clone() for buffer in layer.buffers()]
    one = torch.randn(1, 5)
    torch.testing.assert_close(layer.train()(one), layer.eval()(one))
    assert all(torch.equal(left, right) for left, right in zip(before, layer.buffers(), strict=True))
