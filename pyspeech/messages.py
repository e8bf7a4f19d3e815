"""What is told on the way: every module's ``logging.getLogger(__name__)``, on standard error, a line each.

Nothing is told until :func:`tell_from` is called, as every command line does. From Python, handlers are the user's own.
"""

import logging
import os
import sys
from contextlib import nullcontext

from pyspeech.errors import printable

PROJECT = "pyspeech"
ONCE = {"once": True}  # extra= of a message that is told once in a command, however often it is met


class OnStderr(logging.Handler):
    """Writes messages to what standard error is then, above progress bars."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()  # of those with ONCE
        self._process = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message, a line."""
        message = printable(record.getMessage())
        if getattr(record, "once", False):
            if message in self._told:
                return
            self._told.add(message)
        if sys.stderr is None:
            return
        # A forked process has no bars, and may have got their lock while it was held.
        bars = "tqdm" in sys.modules and os.getpid() == self._process
        with sys.modules["tqdm"].tqdm.external_write_mode(sys.stderr) if bars else nullcontext():
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()


def tell_from(level: int) -> None:
    """Tell messages of ``level`` and above on standard error."""
    log = logging.getLogger(PROJECT)
    if not any(isinstance(handler, OnStderr) for handler in log.handlers):
        log.addHandler(OnStderr())
    log.setLevel(level)
    log.propagate = False


def told_from() -> int | None:
    """The level that messages are told from; None where they are not told at all."""
    log = logging.getLogger(PROJECT)
    return log.level if any(isinstance(handler, OnStderr) for handler in log.handlers) else None
