"""What the processor of this machine is, as far as Linux says."""

from pathlib import Path


def is_amd() -> bool:
    """Whether AMD made it."""
    return "AuthenticAMD" in _description()


def multiplies_bf16() -> bool:
    """Whether it has units for matrices in bf16 (Intel's AMX)."""
    return " amx_bf16" in _description()


def _description() -> str:
    cpu = Path("/proc/cpuinfo")
    return cpu.read_text(encoding="utf-8") if cpu.exists() else ""
