"""Kaldi-style speech recipes in Python."""

__version__ = "0.1.0"
