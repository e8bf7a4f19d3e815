"""What the processors of this machine are, as far as Linux says."""

import os
import shutil
import subprocess
from pathlib import Path

DEVICES = Path("/dev")


def is_amd() -> bool:
    """Whether AMD made it."""
    return "AuthenticAMD" in _description()


def multiplies_bf16() -> bool:
    """Whether it has units for matrices in bf16 (Intel's AMX)."""
    return " amx_bf16" in _description()


def has_nvidia_gpu() -> bool:
    """Whether there is a GPU of NVIDIA's that this process may use, whether or not it works."""
    # A cluster that lent none denies access to the files of those that are there.
    if any(os.access(path, os.R_OK | os.W_OK) for path in DEVICES.glob("nvidia[0-9]*")):
        return True
    program = shutil.which("nvidia-smi")  # Windows' Linux has no such files
    if program is None:
        return False
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, check=False, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and listed.stdout.startswith(b"GPU ")


def _description() -> str:
    cpu = Path("/proc/cpuinfo")
    return cpu.read_text(encoding="utf-8") if cpu.exists() else ""
