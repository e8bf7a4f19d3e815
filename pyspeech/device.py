"""The device a command computes on."""

import torch

from pyspeech.errors import UserError, first_line


def choose_device(name: str | None = None) -> torch.device:
    """Return the device of that name, or with no name a CUDA device if one works, else the CPU.

    Raises:
        UserError: no device has that name, or it does not work.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() and _fault(torch.device("cuda")) is None else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"'{name}' is not a device; choose cpu, cuda, or cuda:<number>") from None
    if fault := _fault(device):
        raise UserError(f"the device '{name}' does not work ({fault}); choose --device cpu, or see: pyspeech env")
    return device


def _fault(device: torch.device) -> str | None:
    """Return what stops the device from computing: a GPU may be there and yet be too new for this torch."""
    try:
        torch.zeros(1, device=device).add(1).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return first_line(error)
    return None
