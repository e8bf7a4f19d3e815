import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.losses import build_loss

SETTINGS = {
    "name": "aam_softmax",
    "scale": 4.0,
    "margin": 0.3,
    "margin_from": 0.25,
    "margin_full": 0.75,
    "sub_centres": 2,
}


def made(num_inputs=3, num_outputs=4, **change):
    torch.manual_seed(0)
    return build_loss({**SETTINGS, **change}, num_inputs, num_outputs).double()


def cosine(left, right):
    dot = sum(x * y for x, y in zip(left, right, strict=True))
    return dot / math.sqrt(sum(x * x for x in left) * sum(y * y for y in right))


@given(
    seed=st.integers(0, 10**6),
    margin=st.floats(0, 1.5),
    sub_centres=st.integers(1, 3),
    progress=st.sampled_from([0.0, 0.3, 0.5, 0.75, 1.0]),
)
def test_equals_arccosine_and_cosine_by_hand(seed, margin, sub_centres, progress):
    loss = made(margin=margin, sub_centres=sub_centres)
    torch.manual_seed(seed)
    embeddings, targets = torch.randn(6, 3).double(), torch.randint(0, 4, (6,))
    centres = loss.centres.view(4, sub_centres, 3).tolist()
    found = loss(embeddings, targets, progress)
    used = margin * min(max((progress - 0.25) / 0.5, 0), 1)
    for b, (embedding, target) in enumerate(zip(embeddings.tolist(), targets.tolist(), strict=True)):
        cosines = [max(cosine(embedding, centre) for centre in each) for each in centres]
        torch.testing.assert_close(loss.logits(embeddings)[b], 4 * torch.tensor(cosines, dtype=torch.float64))
        angle = math.acos(cosines[target]) + used
        # Beyond pi: the cosine goes on to fall, from -1, as fast as without the margin.
        cosines[target] = math.cos(angle) if angle < math.pi else cosines[target] - (1 - math.cos(used))
        expected = math.log(sum(math.exp(4 * each) for each in cosines)) - 4 * cosines[target]
        torch.testing.assert_close(found[b], torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("progress", "margin"), [(0, 0), (0.25, 0), (0.5, 0.15), (0.75, 0.3), (1, 0.3)])
def test_the_margin_grows_between_two_points_of_the_training(progress, margin):
    assert made().margin_at(progress) == pytest.approx(margin)


def test_a_margin_that_starts_where_it_is_full_is_full_at_once():
    assert made(margin_from=0.0, margin_full=0.0).margin_at(0.0) == 0.3
    step = made(margin_from=0.2, margin_full=0.2)
    assert [step.margin_at(progress) for progress in (0.0, 0.1, 0.2, 0.3)] == [0, 0, 0.3, 0.3]
    with pytest.raises(UserError, match=r"loss.margin_full = 0.1: expected no less than margin_from, 0.2"):
        made(margin_from=0.2, margin_full=0.1)


@given(margin=st.floats(0.01, 1.5))
def test_the_loss_rises_with_the_angle_all_the_way_without_a_step(margin):
    loss = made(num_inputs=2, num_outputs=2, margin=margin, sub_centres=1, scale=1.0)
    with torch.no_grad():
        loss.centres.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))  # the other logit is always 0
    angles = torch.linspace(0, math.pi, 1001).double()
    losses = loss(torch.stack([angles.cos(), angles.sin()], dim=1), torch.zeros(1001, dtype=torch.int64), 1.0)
    steps = losses.diff()
    assert steps.min() > -1e-4  # where a sine is too small for its square root, it is held
    assert steps.max() < 0.01


def test_gradients_are_those_of_small_differences():
    loss = made()
    torch.manual_seed(2)
    embeddings = torch.randn(5, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.tensor([0, 3, 1, 1, 2]), 0.6), embeddings)


def test_an_embedding_on_its_centre_or_opposite_has_a_finite_gradient():
    loss = made(sub_centres=1)
    embeddings = torch.cat([loss.centres, -loss.centres]).detach().requires_grad_()
    loss(embeddings, torch.arange(4).repeat(2), 1.0).sum().backward()
    assert embeddings.grad.isfinite().all()


def test_a_margin_of_a_right_angle_or_more_is_refused():
    with pytest.raises(UserError, match=r"loss.margin = 2: Input should be less than 1.57"):
        made(margin=2)
