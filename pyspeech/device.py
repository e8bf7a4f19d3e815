"""The device a command computes on."""

import os
import re
import warnings
from dataclasses import dataclass

import torch

from pyspeech.errors import UserError, first_line
from pyspeech.processor import has_nvidia_gpu


def choose_device(name: str | None = None, number: int | None = None) -> torch.device:
    """Return the device of that name, or with no name a GPU where there is one, else the CPU.

    A GPU that is there and does not work is an error, never a reason to take the CPU in silence. The user hides it by
    an empty ``CUDA_VISIBLE_DEVICES``, or asks for the CPU by name.

    Args:
        name: ``cpu``, ``cuda`` or ``cuda:<number>``.
        number: Of the GPU, where the name says none: each of several processes has its own.

    Raises:
        UserError: no device has that name, or it does not work.
    """
    way_out = "choose --device cpu"
    if name is None:
        way_out += " (a recipe: CUDA_VISIBLE_DEVICES= before it)"
        name = "cuda" if _sees_gpu() or (has_nvidia_gpu() and not _is_hidden()) else "cpu"
    if name == "cuda" and number is not None:
        name = f"cuda:{number}"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"'{name}' is not a device; choose cpu, cuda, or cuda:<number>") from None
    if fault := _fault(device):
        raise UserError(f"the device '{name}' does not work: {fault.reason}; {fault.remedy}{way_out}")
    return device


def device_name(device: torch.device) -> str:
    """Return what to call it: the GPU's name and number, or the CPU with its threads."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}" if device.type == "cpu" else str(device)


@dataclass(frozen=True)
class _Fault:
    """What stops a device from computing; ``remedy`` is empty, or what helps and ``", or "``."""

    reason: str
    remedy: str = ""


def _sees_gpu() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of why not, which the error says
        return bool(torch.cuda.is_available())


def _is_hidden() -> bool:
    """Whether the user, or a cluster that lent no GPU, hides all: CUDA reads up to the first that names none."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0].strip()
    return not (first.isdecimal() or first.startswith(("GPU-", "MIG-")))


def _fault(device: torch.device) -> _Fault | None:
    """Try a small calculation: torch may see a GPU that it has no code for, or whose memory is full."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.zeros(1, device=device).add(1).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return _explained(device, first_line(error).partition(". ")[0])
    return None


def _explained(device: torch.device, said: str) -> _Fault:
    """Return why a device does not work, from what torch said of it."""
    if device.type != "cuda":
        return _Fault(said)
    options = "--lane modern" if int(torch.__version__.split(".")[0]) < 2 else "--torch auto"
    other_torch = f"run tools/install.sh {options}, or "
    if torch.version.cuda is None:
        reason = f"torch {torch.__version__} is built without CUDA"
        return _Fault(reason, "run tools/install.sh --torch auto, or " if has_nvidia_gpu() else "")
    if "out of memory" in said:
        return _Fault(said, "end what fills its memory (nvidia-smi shows it), or ")
    if "driver" in said and "old" in said:
        return _Fault(said, f"update the driver, or {other_torch}")
    if missing := _missing_code(device):
        return _Fault(missing, other_torch)
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        said += f" (CUDA_VISIBLE_DEVICES={visible})"
    return _Fault(f"torch {torch.__version__}: {said}", "see nvidia-smi and pyspeech env, or ")


def _missing_code(device: torch.device) -> str | None:
    """Say so where this torch was built for other generations than that of the GPU."""
    try:
        capability = torch.cuda.get_device_capability(device)
        gpu = torch.cuda.get_device_name(device)
    except (RuntimeError, AssertionError):
        return None
    built = torch.cuda.get_arch_list()
    if not built or any(_runs_on(capability, each) for each in built):
        return None
    generation = "sm_{}{}".format(*capability)
    return f"torch {torch.__version__} has code for {' '.join(built)}, and {gpu} is {generation}"


def _runs_on(capability: tuple[int, int], built: str) -> bool:
    """Whether code of ``sm_86`` runs, which later ones of its generation do too; ``compute_86`` is for all later."""
    parts = re.match(r"(sm|compute)_(\d+)(\d)", built)
    if parts is None:
        return False
    major, minor = int(parts[2]), int(parts[3])
    if parts[1] == "compute":
        return (major, minor) <= capability
    return major == capability[0] and minor <= capability[1]
