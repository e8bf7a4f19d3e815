"""All checks of one utterance by itself, for the first look at it and for the one after it was mended."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyspeech.corpora.splits import DEV, TEST
from pyspeech.data.audio_reading import Header
from pyspeech.entries import Entry
from pyspeech.lang.tokens import TokenSet, load_tokens
from pyspeech.settings import SHARED_CONF
from pyspeech.validation.audio import check_audio
from pyspeech.validation.faults import EMPTY_TEXT, NO_SUPERVISION, SEVERAL_SUPERVISIONS, TOO_SHORT, Finding
from pyspeech.validation.text import TextCheck

if TYPE_CHECKING:
    from pyspeech.config import FeatureConfig
    from pyspeech.validation.fits import FitCheck


@dataclass(frozen=True)
class Checks:
    """What utterances are checked against; ``sides`` are those of the manifests.

    ``features`` are those of the model, or the usual ones. ``wordless`` tells that no utterance has any text, as
    speakers to verify need none.
    """

    sides: Sequence[str]
    headers: Mapping[str, Header | Finding]
    text: TextCheck
    fit: "FitCheck | None"
    wordless: bool
    features: "FeatureConfig"

    @property
    def _window(self) -> int:
        """Samples, as the features count them."""
        return math.floor(self.features.frame_length_seconds * self.features.sampling_rate)

    def __call__(self, entry: Entry) -> list[Finding]:
        """Find everything that is wrong with ``entry`` by itself, its samples aside."""
        findings = list(check_audio(entry, self.headers))
        if entry.stored is None and 0 < round(entry.duration * self.features.sampling_rate) < self._window:
            findings.append(Finding(TOO_SHORT, f"{1000 * entry.duration:g} ms"))
        if entry.supervisions != 1:
            kind = SEVERAL_SUPERVISIONS if entry.supervisions else NO_SUPERVISION
            return [*findings, Finding(kind, str(entry.supervisions) if entry.supervisions else "")]
        side = self.sides[entry.manifest]
        findings += self.text(entry.text, is_test=side == TEST)
        if self.fit is not None and entry.text is not None and entry.duration > 0 and side != TEST:
            findings += self.fit(entry, self.text.tidied(entry.text), is_dev=side == DEV)
        return [finding for finding in findings if not (self.wordless and finding.kind is EMPTY_TEXT)]


def load_checks(
    sides: Sequence[str],
    entries: Sequence[Entry],
    headers: Mapping[str, Header | Finding],
    lang: Path | None,
    model: Path | None,
) -> Checks:
    """Read the token set and the configuration to check against.

    Raises:
        UserError: as ``load_tokens`` and ``load_config``, or there is no such network.
    """
    tokens = None if lang is None else load_tokens(lang)
    wordless = tokens is None and not any(entry.text for entry in entries)
    fit = _fit_check(model, tokens)
    features = _usual_features() if fit is None else fit.config.features
    return Checks(sides, headers, TextCheck(tokens), fit, wordless, features)


def _usual_features() -> "FeatureConfig":
    from pyspeech.config import load_feature_config

    return load_feature_config(SHARED_CONF / "fbank.yaml")


def _fit_check(model: Path | None, tokens: TokenSet | None) -> "FitCheck | None":
    if model is None:
        return None
    from pyspeech.config import load_config
    from pyspeech.validation.fits import FitCheck  # which imports torch

    return FitCheck(load_config(model), tokens)
