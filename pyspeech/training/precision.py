"""Numbers of 16 bits where they are enough: networks under torch's autocast, and the loss scale that fp16 needs."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch.amp.autocast_mode import autocast

from pyspeech.errors import UserError
from pyspeech.processor import multiplies_bf16

Name = Literal["auto", "float32", "bf16", "fp16"]
BF16_CAPABILITY = (8, 0)  # of an NVIDIA GPU: earlier ones compute bf16 slowly or not at all
# Losses are sums over a batch, which fp16 holds as they are, or less: a scale for means would be thousands larger.
FIRST_SCALE, LEAST_SCALE = 1.0, 2.0**-24
GROWTH_STEPS = 2000  # without an overflow, then the scale is doubled


class Precision:
    """In which numbers a network is computed on a device; its weights and all sums over losses stay in float32.

    Raises:
        UserError: the device does not compute in these.
    """

    def __init__(self, name: Name, device: torch.device) -> None:
        self.device = device
        self.name = _fastest(device) if name == "auto" else name
        if self.name == "fp16" and device.type != "cuda":
            raise UserError(f"training.precision = fp16 is for GPUs, the device is {device}; choose bf16 or float32")
        if self.name == "bf16" and device.type == "cuda" and not _has_bf16(device):
            raise UserError(f"training.precision = bf16, which {device} does not compute in; choose fp16 or auto")

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context for a forward pass and its loss."""
        if self.name == "float32":
            return nullcontext()
        dtype = torch.bfloat16 if self.name == "bf16" else torch.float16
        return autocast(self.device.type, dtype=dtype)

    def loss_scale(self) -> "LossScale":
        """Return the scale that a training in these numbers begins with."""
        return LossScale(FIRST_SCALE if self.name == "fp16" else None)


class LossScale:
    """What losses are multiplied by, so that small gradients do not vanish in fp16 (https://arxiv.org/abs/1710.03740).

    It is halved by a step whose gradients overflow, and doubled after many without. The same as torch's GradScaler,
    which torch 1.13 has for GPUs alone; here gradients are divided once, after they were summed over processes.
    """

    def __init__(self, first: float | None) -> None:
        self.adapts = first is not None
        self.value = first or 1.0
        self.good_steps = 0

    @property
    def state(self) -> tuple[float, int] | None:
        """What a resumed training goes on with."""
        return (self.value, self.good_steps) if self.adapts else None

    def restore(self, state: tuple[float, int] | None) -> None:
        """Go on with it, unless the training began in other numbers than these."""
        if self.adapts and state is not None:
            self.value, self.good_steps = state

    def update(self, finite: bool) -> bool:
        """Heed whether a step's gradients were finite; return whether they overflowed because of the scale."""
        if not self.adapts:
            return False
        if finite:
            self.good_steps += 1
            if self.good_steps == GROWTH_STEPS:
                self.value, self.good_steps = self.value * 2, 0
            return False
        overflow = self.value > LEAST_SCALE
        self.value, self.good_steps = max(self.value / 2, LEAST_SCALE), 0
        return overflow


def _fastest(device: torch.device) -> Name:
    if device.type == "cuda":
        return "bf16" if _has_bf16(device) else "fp16"
    # Torch 1.13 makes little of such units: 1.0 to 1.2 times float32's speed, where torch 2.11 makes 1.3 to 2.
    fast = device.type == "cpu" and multiplies_bf16() and int(torch.__version__.split(".")[0]) >= 2
    return "bf16" if fast else "float32"


def _has_bf16(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) >= BF16_CAPABILITY
