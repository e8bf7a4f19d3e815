"""The settings of rescoring."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, model_validator

from pyspeech.settings import SHARED_CONF, Section, Weight, load_section

DEFAULT = SHARED_CONF / "rescore.yaml"


class WeightSettings(Section):
    """What the scores are multiplied by where no set is given to choose weights on; natural logarithms."""

    lm: Weight = Field(ge=0)
    graph: Weight
    word: Weight
    boost: Weight = Field(ge=0)


class LatticeSettings(Section):
    """How much of the lattice composed with the language model is kept."""

    beam: float = Field(gt=0)
    max_states: int = Field(gt=0)


class SearchSettings(Section):
    """How much is kept of each frame in the search over lexicon and language model."""

    beam: float = Field(gt=0)
    max_hypotheses: int = Field(gt=0)


class UnknownSettings(Section):
    """What is added to the language model's <unk> for a word that the vocabulary lacks, and for each of its tokens.

    Where the model puts <unk> very low, as one that saw all its text's words does, ``word`` may well be above 0.
    """

    word: Weight
    token: Weight = Field(le=0)


MOST_STEPS = 10_000
Range = tuple[Weight, Weight, Weight]  # lowest value, highest value, step


class Ranges(Section):
    """Where weights are looked for: from, to, step."""

    lm: Range
    graph: Range
    word: Range

    @model_validator(mode="after")
    def _can_be_searched(self) -> "Ranges":
        for name in ("lm", "graph", "word"):
            low, high, step = getattr(self, name)
            if not (low <= high and step > 0):
                raise ValueError(f"{name} = [{low:g}, {high:g}, {step:g}] is no range; write [lowest, highest, step]")
            if high - low > MOST_STEPS * step:
                raise ValueError(
                    f"{name} = [{low:g}, {high:g}, {step:g}] has more than {MOST_STEPS} steps; take larger"
                )
        if min(self.lm[0], self.graph[0]) < 0:
            raise ValueError("lm and graph cannot be below 0; begin their ranges at 0 or above")
        return self


class TuningSettings(Ranges):
    """Where weights are looked for, and how far boosting may harm what is not boosted."""

    boosts: tuple[Weight, ...] = Field(min_length=2)  # ascending from 0
    max_harm: float = Field(ge=0)  # of the word error rate beside boosted words
    rare: int = Field(ge=0)  # a word that training has at most so often serves to choose the boost on

    @model_validator(mode="after")
    def _ascending(self) -> "TuningSettings":
        if list(self.boosts) != sorted({0.0, *self.boosts}):
            raise ValueError(f"boosts = {list(self.boosts)}: expected different weights, ascending from 0")
        return self


class RescoreConfig(Section):
    """Rescoring of stored decodes."""

    weights: WeightSettings
    lattice: LatticeSettings
    search: SearchSettings
    unknown: UnknownSettings
    tuning: TuningSettings
    nbest: int = Field(gt=0)


def load_rescore_config(path: Path = DEFAULT, overrides: Sequence[str] = ()) -> RescoreConfig:
    """Read the section ``rescore`` of a YAML file and apply ``rescore.key=value`` words.

    Raises:
        UserError: unreadable YAML, an unknown key (with the nearest name) or a value out of range.
    """
    return load_section(path, "rescore", RescoreConfig, overrides, "rescore.lattice.beam=10")
