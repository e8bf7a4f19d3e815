"""The settings of a decode."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from pyspeech.settings import SHARED_CONF, Named, Penalty, Range, Section, Weight, load_section

Method = Literal["greedy", "own", "search", "one-best", "nbest"]
UNJOINED = ("greedy", "own")  # which take tokens as they come, whatever words there are
WITHOUT_GRAPH = (*UNJOINED, "search")
DEFAULT = SHARED_CONF / "decode.yaml"


class DecodeTuning(Section):
    """Where ``--tune`` looks for the settings of a search over a graph: lowest value, highest value, step."""

    graph: Range  # weight of the graph where that of the network is 1: 1 / acoustic_scale
    blank: Range  # blank_penalty

    @model_validator(mode="after")
    def _of_one_sign(self) -> "DecodeTuning":
        if self.graph[0] <= 0:
            raise ValueError("graph cannot be 0 or below, being 1 / acoustic_scale; begin its range above 0")
        if self.blank[1] > 0:
            raise ValueError("blank cannot be above 0; end its range at 0 or below")
        return self


class DecodeConfig(Section):
    """Search over HLG, and what is kept. Beams are differences of natural logarithms."""

    acoustic_scale: Weight = Field(gt=0)  # of the log-probabilities, in search and in scores
    blank_penalty: Penalty  # added to the log-probability of the blank, before it is scaled
    search_beam: float = Field(gt=0)
    output_beam: float = Field(gt=0)
    min_active_states: int = Field(ge=0)
    max_active_states: int = Field(gt=0)
    max_lattice_arcs: int = Field(gt=0)
    frame_beam: float = Field(ge=0)  # of the tokens whose log-probabilities are kept, below the best of each frame
    batch_seconds: float = Field(gt=0)
    nbest: int = Field(gt=0)
    tuning: DecodeTuning
    own: Named | None  # module:Class and its keyword arguments, for the method of that name: see .own_decoder


def load_decode_config(path: Path = DEFAULT, overrides: Sequence[str] = ()) -> DecodeConfig:
    """Read the section ``decode`` of a YAML file and apply ``decode.key=value`` words.

    Raises:
        UserError: unreadable YAML, an unknown key (with the nearest name) or a value out of range.
    """
    return load_section(path, "decode", DecodeConfig, overrides, "decode.search_beam=15")
