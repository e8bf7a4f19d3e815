"""LSTM layers that are fast on every CPU under torch 1.13 as well, and blind to padding in both directions.

Measured on one core, forward and backward of about 60 utterances of 100 frames, width 320. AMD, torch 1.13.1:
``nn.LSTM`` 0.90 s, ``LstmFunction`` 0.42 s (torch 2.11's ``nn.LSTM``: 0.36 s), since that torch multiplies with an MKL
that keeps AVX-512 from AMD processors; numpy's OpenBLAS does not. It is for training: without gradients ``nn.LSTM``
runs, so that a traced or exported network holds no code of ours. Intel, torch 1.13.1: 0.42 s and 0.53 s. Bidirectional
layers turn each utterance round instead of packing: ``pack_padded_sequence`` takes two (width 256) to three times
(width 320) as long on the CPU.
"""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp.autocast_mode import autocast

from pyspeech.models.masking import reverse_frames
from pyspeech.models.precision import at_least_float32
from pyspeech.processor import is_amd, multiplies_bf16

# On AMD processors, the matrix products of torch 1 are far slower than numpy's.
MKL_IS_SLOW = int(torch.__version__.split(".")[0]) < 2 and is_amd()
HAS_BF16 = multiplies_bf16()
LSTM: Any = nn.LSTM  # torch has no types for it


class Lstm(nn.Module):
    """One LSTM layer, forward in time: ``[B, T, input] -> [B, T, width]``; padding comes after all that is real."""

    def __init__(self, *, num_inputs: int, width: int) -> None:
        super().__init__()
        self.lstm = LSTM(num_inputs, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_TBD = x_BTD.transpose(0, 1)
        by_numpy = MKL_IS_SLOW and torch.is_grad_enabled()
        if by_numpy and x_BTD.device.type == "cpu" and x_BTD.dtype == torch.float32:
            y_TBD: Tensor = LstmFunction.apply(x_TBD, *self.lstm.parameters())
        elif x_BTD.device.type == "cuda" or not HAS_BF16:
            # In bf16, torch 1.13 has no LSTM on a GPU, and later ones one kernel after the other for each frame. cuDNN
            # takes float32, and multiplies it in TF32 where the GPU does (torch.backends.cudnn.allow_tf32). Nor has
            # oneDNN one for processors without units for bf16.
            with autocast(x_BTD.device.type, enabled=False):
                y_TBD, _ = self.lstm(at_least_float32(x_TBD))
        else:
            y_TBD, _ = self.lstm(x_TBD)
        y_BTD: Tensor = y_TBD.transpose(0, 1)
        return y_BTD


class BidirectionalLstm(nn.Module):
    """One LSTM layer in each direction: ``[B, T, input] -> [B, T, 2 width]``, the later half backward in time."""

    def __init__(self, *, num_inputs: int, width: int) -> None:
        super().__init__()
        self.ahead = Lstm(num_inputs=num_inputs, width=width)
        self.back = Lstm(num_inputs=num_inputs, width=width)

    def forward(self, x_BTD: Tensor, lengths_B: Tensor) -> Tensor:
        back_BTD = reverse_frames(self.back(reverse_frames(x_BTD, lengths_B)), lengths_B)
        return torch.cat([self.ahead(x_BTD), back_BTD], dim=2)


class _Context(Protocol):
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class LstmFunction(torch.autograd.Function):
    """The LSTM of ``nn.LSTM`` (gates i, f, g, o), matrices multiplied by numpy.

    ``apply(x_TBD, weight_ih, weight_hh, bias_ih, bias_hh) -> h_TBH`` from a zero state. Backward in time only the gate
    gradients are chained; all weight gradients are two products at the end.
    """

    @staticmethod
    def forward(
        ctx: _Context, x_TBD: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
    ) -> Tensor:
        T, B, D = x_TBD.shape
        H = weight_hh.shape[1]
        x_TBD = x_TBD.contiguous()
        gates = _product(x_TBD.view(T * B, D), weight_ih.t()).add_(bias_ih + bias_hh).view(T, B, 4 * H)
        h_TBH: Tensor = x_TBD.new_empty(T, B, H)
        c_TBH, tanh_c_TBH = torch.empty_like(h_TBH), torch.empty_like(h_TBH)
        recurrent = x_TBD.new_empty(B, 4 * H)
        for t in range(T):
            if t > 0:
                _product(h_TBH[t - 1], weight_hh.t(), out=recurrent)
                gates[t] += recurrent
            gates[t, :, : 2 * H].sigmoid_()
            gates[t, :, 2 * H : 3 * H].tanh_()
            gates[t, :, 3 * H :].sigmoid_()
            i, f, g, o = gates[t].chunk(4, dim=1)
            torch.mul(i, g, out=c_TBH[t])
            if t > 0:
                c_TBH[t].addcmul_(f, c_TBH[t - 1])
            torch.tanh(c_TBH[t], out=tanh_c_TBH[t])
            torch.mul(o, tanh_c_TBH[t], out=h_TBH[t])
        ctx.save_for_backward(x_TBD, weight_ih, weight_hh, gates, h_TBH, c_TBH, tanh_c_TBH)
        return h_TBH

    @staticmethod
    def backward(ctx: _Context, dh_TBH: Tensor) -> tuple[Tensor | None, ...]:
        x_TBD, weight_ih, weight_hh, gates, h_TBH, c_TBH, tanh_c_TBH = ctx.saved_tensors
        dgates = _gate_gradients(dh_TBH, weight_hh, gates, c_TBH, tanh_c_TBH)
        T, B, D = x_TBD.shape
        flat = dgates.view(T * B, -1)
        dx_TBD = _product(flat, weight_ih).view(T, B, D) if ctx.needs_input_grad[0] else None
        dweight_ih = _product(flat.t(), x_TBD.view(T * B, D))
        dweight_hh = _product(flat[B:].t(), h_TBH[:-1].reshape((T - 1) * B, weight_hh.shape[1]))
        dbias: Tensor = flat.sum(0)
        return dx_TBD, dweight_ih, dweight_hh, dbias, dbias.clone()


def _gate_gradients(dh_TBH: Tensor, weight_hh: Tensor, gates_TBG: Tensor, c_TBH: Tensor, tanh_c_TBH: Tensor) -> Tensor:
    """Gradients of the gates before their sigmoid or tanh: ``[T, B, 4 H]``."""
    i, f, g, o = gates_TBG.chunk(4, dim=2)
    # What the cell's or the output's gradient is multiplied by for each gate, for all frames at once.
    factors = torch.empty_like(gates_TBG)
    to_i, to_f, to_g, to_o = factors.chunk(4, dim=2)
    torch.mul(i * (1 - i), g, out=to_i)
    torch.mul(f[1:] * (1 - f[1:]), c_TBH[:-1], out=to_f[1:])
    to_f[0] = 0
    torch.mul(1 - g * g, i, out=to_g)
    torch.mul(o * (1 - o), tanh_c_TBH, out=to_o)
    output_to_cell = o * (1 - tanh_c_TBH * tanh_c_TBH)

    T, B, H = c_TBH.shape
    dh = dh_TBH.new_empty(B, H)
    dc = dh_TBH.new_zeros(B, H)
    for t in range(T - 1, -1, -1):
        if t < T - 1:
            _product(factors[t + 1], weight_hh, out=dh)
            dh += dh_TBH[t]
            dc *= f[t + 1]
        else:
            dh.copy_(dh_TBH[t])
        dc.addcmul_(dh, output_to_cell[t])
        factors[t].view(B, 4, H)[:, :3] *= dc[:, None]
        factors[t, :, 3 * H :] *= dh
    return factors


def _product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """``a @ b`` by numpy's BLAS, on the tensors' own memory."""
    if out is None:
        out = a.new_empty(a.shape[0], b.shape[1])
    np.matmul(a.detach().numpy(), b.detach().numpy(), out=out.numpy())
    return out
