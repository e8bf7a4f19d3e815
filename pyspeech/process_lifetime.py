"""Processes that end when the one that started them does, however that ends: a killed run leaves nothing that writes.

By Linux's parent-death signal, which stays with a process that becomes another program (man 2 prctl). This file is a
program, too, for shells: ``python process_lifetime.py PARENT COMMAND...`` becomes COMMAND.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Have the system kill this process when the thread that started it ends; at once, where ``parent`` is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def bound(command: Sequence[str]) -> list[str]:
    """Return a command that runs ``command`` and ends with this process; the main thread has to start it."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main() -> None:
    """Become the command of the arguments."""
    die_with_parent(int(sys.argv[1]))
    try:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 -- words, not a shell string
    except OSError as error:
        sys.exit(f"error: cannot run {sys.argv[2]}: {error.strerror}")


if __name__ == "__main__":
    main()
