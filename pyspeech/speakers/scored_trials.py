"""What a folder of a verification holds: trials, their scores, and what the scores are."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyspeech.errors import UserError
from pyspeech.files import existing, existing_file
from pyspeech.json_files import read_json
from pyspeech.speakers.error_rates import Floats, check_measurable
from pyspeech.speakers.trials import Trial
from pyspeech.speakers.verify import MEANS, SCORES
from pyspeech.text_files import read_text

_PARTS = {"scores": str, "calibrated": bool, "made_with": dict, "speakers": list}  # of the description


@dataclass(frozen=True)
class ScoredTrials:
    """Trials of both kinds and, in the same order, their finite scores.

    Args:
        trials: At least one of each kind.
        score_T: Higher for one speaker; natural log-likelihood ratios where they are calibrated.
        means: What the scores are: ``cosine``, ``plda``, ...
        calibrated: Whether the scores are likelihood ratios.
        made_with: Digests by name: of the network, and where they were used of the PLDA and of the cohort.
        speakers: Whose utterances the trials are of, as far as is known.
    """

    trials: tuple[Trial, ...]
    score_T: Floats
    means: str
    calibrated: bool
    made_with: Mapping[str, object]
    speakers: tuple[str, ...]

    @property
    def targets(self) -> list[bool]:
        """Of each trial, whether it is of one speaker."""
        return [trial.target for trial in self.trials]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The two utterances of each trial, by their ids."""
        return [(trial.left, trial.right) for trial in self.trials]


def load_scored_trials(folder: Path) -> ScoredTrials:
    """Read a folder that ``pyspeech verify`` or ``pyspeech calibrate`` wrote.

    Raises:
        UserError: a file is missing or damaged, or there are trials of one kind only.
    """
    path = existing_file(existing(folder, "verification") / SCORES, "scores")
    description = _description(existing_file(folder / MEANS, "description of scores"))
    lines = list(_lines(path))
    scored = ScoredTrials(
        trials=tuple(trial for trial, _ in lines),
        score_T=np.array([score for _, score in lines], np.float64),
        means=description["scores"],
        calibrated=description["calibrated"],
        made_with=description["made_with"],
        speakers=tuple(description["speakers"]),
    )
    try:
        check_measurable(scored.score_T, np.array(scored.targets, bool))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return scored


def _description(path: Path) -> dict[str, Any]:
    description = read_json(path, "description of a verification", "run pyspeech verify again")
    for name, kind in _PARTS.items():
        if not isinstance(description.get(name), kind):
            raise UserError(f"{path}: expected an object with a {kind.__name__} '{name}'; run pyspeech verify again")
    if not all(isinstance(speaker, str) for speaker in description["speakers"]):
        raise UserError(f"{path}: expected names as 'speakers'; run pyspeech verify again")
    return description


def _lines(path: Path) -> Iterator[tuple[Trial, float]]:
    for number, line in enumerate(read_text(path, "scores"), 1):
        words = line.rstrip("\r\n").split("\t")
        score = _number(words[1]) if len(words) == 4 and words[0] in ("0", "1") else math.nan
        if not math.isfinite(score):
            raise UserError(
                f"{path}, line {number}: expected 0 or 1, a score and two ids between tabs, found "
                f"'{line.strip()}'; run pyspeech verify again"
            )
        yield Trial(words[0] == "1", words[2], words[3]), score


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
