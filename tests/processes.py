"""What Linux says of processes that a test starts and kills."""

from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended, and that nobody asked for its exit status, does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """Those that its main thread has started, in order."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
