import itertools
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.errors import MissingPackage
from pyspeech.losses.ctc import Ctc, frames_needed, k2_ctc_loss, torch_ctc_loss

TARGETS = st.lists(st.lists(st.integers(1, 3), max_size=3), min_size=1, max_size=4)


def problem(targets, seed=0):
    torch.manual_seed(seed)
    lengths = torch.tensor([frames_needed(target) + int(torch.randint(1, 4, ())) for target in targets])
    logits = torch.randn(len(targets), int(lengths.max()) + 1, 4, requires_grad=True)
    return logits, lengths


def brute_force(log_probs_TV, target):
    """Sum over every path that spells the target."""
    total = torch.tensor(-torch.inf)
    for path in itertools.product(range(log_probs_TV.shape[1]), repeat=len(log_probs_TV)):
        if [token for token, _ in itertools.groupby(path) if token] == list(target):
            score = sum(log_probs_TV[t, token] for t, token in enumerate(path))
            total = torch.logaddexp(total, score)
    return -total


@settings(max_examples=20)
@given(target=st.lists(st.integers(1, 3), max_size=2), frames=st.integers(3, 4))
def test_the_loss_is_the_sum_over_all_paths(target, frames):
    torch.manual_seed(0)
    log_probs = torch.randn(1, frames + 2, 4).log_softmax(2)
    found = torch_ctc_loss(log_probs, torch.tensor([frames]), [target])
    torch.testing.assert_close(found[0], brute_force(log_probs[0, :frames], target), atol=1e-5, rtol=1e-5)


@given(target=st.lists(st.integers(1, 2), max_size=4))
def test_frames_needed_is_the_least_that_has_a_finite_loss(target):
    needed = frames_needed(target)
    for frames in range(1, needed + 2):
        loss = torch_ctc_loss(torch.zeros(1, frames, 3).log_softmax(2), torch.tensor([frames]), [target])
        assert bool(loss.isfinite()) == (frames >= needed)


@given(targets=TARGETS)
def test_k2_gives_the_values_and_gradients_of_torch(targets):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    logits, lengths = problem(targets)
    values, gradients = [], []
    for loss in (torch_ctc_loss, k2_ctc_loss):
        losses = loss(logits.log_softmax(2), lengths, targets)
        values.append(losses.detach())
        weights = torch.arange(1.0, len(targets) + 1)  # a wrong order of utterances would show
        gradients.append(torch.autograd.grad((losses * weights).sum(), logits)[0])
    torch.testing.assert_close(values[1], values[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-4, rtol=1e-3)


def test_without_k2_the_error_says_how_to_go_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "k2", None)
    with pytest.raises(MissingPackage, match=r"loss.implementation=k2 needs the package k2.*loss.implementation=torch"):
        Ctc(implementation="k2")
