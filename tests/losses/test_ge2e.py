import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.losses.ge2e import Ge2e


def unit(row):
    length = math.sqrt(sum(x * x for x in row))
    return [x / length for x in row]


def mean(rows):
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def by_definition(embeddings, targets, scale, bias):
    """Equations 1, 6, 8 and 9 of the paper."""
    units = [unit(row) for row in embeddings]
    losses = []
    for i, own in enumerate(targets):
        logits = {}
        for speaker in set(targets):
            others = [units[j] for j, target in enumerate(targets) if target == speaker and j != i]
            logits[speaker] = scale * sum(x * y for x, y in zip(units[i], unit(mean(others)), strict=True)) + bias
        losses.append(math.log(sum(math.exp(logit) for logit in logits.values())) - logits[own])
    return torch.tensor(losses, dtype=torch.float64)


@given(
    counts=st.lists(st.integers(2, 4), min_size=1, max_size=4),
    seed=st.integers(0, 10**6),
    scale=st.floats(0.5, 20),
    bias=st.floats(-5, 5),
)
def test_equals_the_definition(counts, seed, scale, bias):
    torch.manual_seed(seed)
    loss = Ge2e().double()
    with torch.no_grad():
        loss.log_scale.fill_(math.log(scale))
    targets = torch.tensor([10 * s + 3 for s, count in enumerate(counts) for _ in range(count)])
    targets = targets[torch.randperm(len(targets))]
    embeddings = torch.randn(len(targets), 3).double()
    expected = by_definition(embeddings.tolist(), targets.tolist(), scale, bias)
    torch.testing.assert_close(loss(embeddings, targets, 0.0), expected)


def test_it_begins_with_the_scale_of_the_paper_and_learns_nothing_else_which_would_cancel():
    ((name, log_scale),) = Ge2e().named_parameters()
    assert name == "log_scale"
    assert log_scale.exp().item() == pytest.approx(10)


def test_gradients_are_those_of_small_differences():
    torch.manual_seed(0)
    loss, targets = Ge2e().double(), torch.tensor([0, 0, 1, 1, 1])
    embeddings = torch.randn(5, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: loss(x, targets, 0.0), (embeddings, *loss.parameters()))
