"""Shared by all tests: property tests draw the same examples in every run, and messages are told as in a command."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

from pyspeech.messages import PROJECT, tell_from

settings.register_profile("pyspeech", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("pyspeech")


@pytest.fixture(autouse=True)
def _messages() -> Iterator[None]:
    log = logging.getLogger(PROJECT)
    before = log.handlers[:]
    tell_from(logging.INFO)
    yield
    log.handlers[:] = before
