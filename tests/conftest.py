"""Shared by all tests: property tests draw the same examples in every run."""

from hypothesis import settings

settings.register_profile("pyspeech", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("pyspeech")
