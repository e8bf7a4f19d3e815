import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.models import rotary
from pyspeech.models.masking import frame_mask
from pyspeech.models.rotary import BASE, FUSED, RotaryAttention, rotations
from pyspeech.models.rotary import _turned as turned


def by_hand(layer, x_TD, length):
    """Equations 13 to 16 of the paper with a rotation matrix for each frame and pair, one frame after the other."""
    width = x_TD.shape[1]
    head_width = width // layer.heads
    q, k, v = layer.inputs(x_TD).chunk(3, dim=1)
    turn = torch.zeros(len(x_TD), head_width, head_width, dtype=x_TD.dtype)
    for m in range(len(x_TD)):
        for pair in range(head_width // 2):
            angle = m * BASE ** (-2 * pair / head_width)
            cosine, sine = math.cos(angle), math.sin(angle)
            turn[m, 2 * pair : 2 * pair + 2, 2 * pair : 2 * pair + 2] = torch.tensor([[cosine, -sine], [sine, cosine]])
    heard = torch.zeros_like(x_TD)
    for head in range(layer.heads):
        own = slice(head * head_width, (head + 1) * head_width)
        for m in range(len(x_TD)):
            scores = torch.stack([(turn[m] @ q[m, own]) @ (turn[n] @ k[n, own]) for n in range(length)])
            heard[m, own] = (scores / math.sqrt(head_width)).softmax(0) @ v[:length, own]
    return layer.output(heard)


@pytest.mark.parametrize("lengths", [[5, 3], [4, 4], [1]])
def test_equals_the_equations_written_out(lengths):
    torch.manual_seed(0)
    layer = RotaryAttention(width=12, heads=3).double()
    x = torch.randn(len(lengths), max(lengths), 12).double()
    mask = frame_mask(torch.tensor(lengths), max(lengths))
    with torch.no_grad():
        found = layer(x, mask, rotations(max(lengths), 4, x.device))
        for b, length in enumerate(lengths):
            torch.testing.assert_close(found[b], by_hand(layer, x[b], length), atol=1e-5, rtol=1e-5)


@given(first=st.integers(0, 900), second=st.integers(0, 900), later=st.integers(0, 900))
def test_products_depend_on_the_distance_alone(first, second, later):
    torch.manual_seed(0)
    pair = torch.randn(2, 8)
    turns = rotations(2000, 8, pair.device)

    def product(m, n):
        q, k = (
            turned(x.view(1, 1, 1, 1, 8), turns[frame][None])[0, 0, 0, 0] for x, frame in zip(pair, (m, n), strict=True)
        )
        return q @ k

    torch.testing.assert_close(product(first, second), product(first + later, second + later), atol=2e-3, rtol=1e-3)


@pytest.mark.skipif(FUSED is None, reason="torch 1.13 has no fused attention")
def test_both_routes_agree(monkeypatch):
    torch.manual_seed(0)
    layer, x = RotaryAttention(width=8, heads=2), torch.randn(3, 7, 8)
    mask, turns = frame_mask(torch.tensor([7, 2, 5]), 7), rotations(7, 4, x.device)
    products = layer(x, mask, turns)
    called = []
    monkeypatch.setattr(rotary, "FEW_FRAMES", 6)
    monkeypatch.setattr(rotary, "FUSED", lambda *given, **more: called.append(1) or FUSED(*given, **more))
    torch.testing.assert_close(layer(x, mask, turns), products, atol=1e-5, rtol=1e-5)
    assert called
