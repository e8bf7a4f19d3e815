import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.models import build_model

SETTINGS = {
    "name": "lstm_embedding",
    "lstm_width": 5,
    "lstm_layers": 2,
    "attention_width": 4,
    "embedding_width": 6,
    "dropout": 0.0,
}
NUM_FEATURES, NUM_OUTPUTS = 4, 3
LENGTHS = st.lists(st.integers(1, 25), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def trained():
    """A small network whose batch statistics are not those it began with."""
    torch.manual_seed(0)
    model = build_model(SETTINGS, NUM_FEATURES, NUM_OUTPUTS)
    for _ in range(3):
        model(torch.randn(3, 20, NUM_FEATURES) * 2 + 1, torch.tensor([20, 13, 7]))
    return model


def padded(lengths, extra=0, padding_value=0.0):
    torch.manual_seed(1)
    utterances = [torch.randn(length, NUM_FEATURES) for length in lengths]
    features = torch.full((len(lengths), max(lengths) + extra, NUM_FEATURES), padding_value)
    for b, utterance in enumerate(utterances):
        features[b, : len(utterance)] = utterance
    return utterances, features


@settings(max_examples=20)
@given(lengths=LENGTHS, extra=st.integers(0, 7))
def test_alone_equals_padded_in_a_batch(trained, lengths, extra):
    model = trained.eval()
    utterances, features = padded(lengths, extra, padding_value=7.0)
    with torch.no_grad():
        logits, embeddings = model(features, torch.tensor(lengths)), model.embed(features, torch.tensor(lengths))
        for b, utterance in enumerate(utterances):
            alone = utterance[None], torch.tensor([lengths[b]])
            torch.testing.assert_close(logits[b], model(*alone)[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(embeddings[b], model.embed(*alone)[0], atol=1e-5, rtol=1e-5)


@settings(max_examples=20)
@given(lengths=LENGTHS, extra=st.integers(1, 7))
def test_more_padding_changes_nothing_in_training_either(trained, lengths, extra):
    results = []
    for padding in (0, extra):
        model = copy.deepcopy(trained).train()
        logits = model(padded(lengths, padding)[1], torch.tensor(lengths))
        (logits * torch.arange(logits.numel()).view_as(logits)).sum().backward()
        results.append([logits, *model.buffers(), *(p.grad for p in model.parameters())])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, atol=1e-4, rtol=1e-3)


def test_logits_and_embeddings_are_one_row_an_utterance(trained):
    features = torch.randn(2, 20, NUM_FEATURES), torch.tensor([20, 18])
    assert trained(*features).shape == (2, NUM_OUTPUTS)
    assert trained.embed(*features).shape == (2, SETTINGS["embedding_width"])


def test_a_few_steps_learn_a_pattern():
    torch.manual_seed(0)
    model = build_model(SETTINGS, NUM_FEATURES, NUM_OUTPUTS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    classes = torch.tensor([0, 1, 2, 1, 0, 2])
    features = torch.randn(6, 15, NUM_FEATURES)
    features[:, 5:10] += 2 * torch.nn.functional.one_hot(classes, NUM_FEATURES)[:, None]
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(model(features, torch.full((6,), 15)), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]
