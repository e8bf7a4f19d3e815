"""What is told on the way, as a test sees it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pyspeech.messages import PROJECT


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def told(level: int = logging.INFO) -> Iterator[list[str]]:
    """The messages of the block, from ``level`` on."""
    log, handler = logging.getLogger(PROJECT), Lines()
    before = log.level
    log.addHandler(handler)
    log.setLevel(level)
    try:
        yield handler.lines
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
