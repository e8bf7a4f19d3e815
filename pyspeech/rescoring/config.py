"""The settings of rescoring."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, model_validator

from pyspeech.settings import SHARED_CONF, Penalty, Range, Section, Weight, load_section

DEFAULT = SHARED_CONF / "rescore.yaml"


class Weights(Section):
    """What a path's score is made of, in natural logarithms."""

    acoustic: Weight = Field(gt=0)  # times the acoustic score
    lm: Weight = Field(ge=0)  # times the log-probability that the new language model gives the words and ``</s>``
    graph: Weight  # times the score of the decoding graph, which holds the old language model
    word: Weight  # added for every word
    boost: Weight = Field(ge=0)  # times the weights of the boosted phrases found
    blank: (
        Penalty | None
    )  # added to the acoustic score of every blank; None: as much as the decode that is rescored did

    @property
    def penalty(self) -> float:
        """``blank``, once it is known of which decode."""
        assert self.blank is not None
        return self.blank

    @property
    def of_sums(self) -> tuple[float, float, float, float, float, float]:
        """Those of ``Features.sums``, none but that of words below 0."""
        return self.acoustic, *self.of_words, -self.acoustic * self.penalty

    @property
    def of_words(self) -> tuple[float, float, float, float]:
        """Those that weigh what is not acoustic."""
        return self.lm, self.graph, self.word, self.boost

    def but(self, **changes: float) -> "Weights":
        """The same but for ``changes``."""
        return self.model_copy(update=changes)


class LatticeSettings(Section):
    """How much of the lattice composed with the language model is kept."""

    # Paths that score worse than the best by more are left out. To be wider than the beam of the stored lattice, as its
    # paths change their order.
    beam: float = Field(gt=0)
    max_states: int = Field(gt=0)  # of more that stand side by side, those that promise least are left out


class SearchSettings(Section):
    """How much is kept in the search over lexicon and language model. Beams are differences of natural logarithms."""

    beam: float = Field(gt=0)  # hypotheses that score worse than the best of their frame by more are left out
    max_hypotheses: int = Field(gt=0)  # of an utterance that go on from a frame
    lattice_beam: float = Field(ge=0)  # arcs on no path this close to the best one are left out of the lattice
    unknown_beam: float = Field(ge=0)  # tokens of unknown words are this close to the likeliest token of their frame


class UnknownSettings(Section):
    """What is added to the language model's <unk> for a word that the vocabulary lacks, which any tokens may spell.

    Where the model puts <unk> very low, as one that saw all its text's words does, ``word`` may well be above 0.
    """

    word: Weight  # for each unknown word
    token: Weight = Field(le=0)  # for each token of it


NOTHING_TO_WEIGH = (0.0, 0.0, 1.0)  # the range of a weight that has nothing to weigh


class Ranges(Section):
    """Where weights are looked for, for an acoustic weight of about 1: lowest value, highest value, step.

    A weight that has nothing to weigh, as ``graph`` in a search over frames, gets a range of one value. No weight but
    that of words is below 0, and none of blanks above: a candidate that is worse in every part must never win.
    """

    lm: Range
    graph: Range
    word: Range
    blank: Range

    @property
    def axes(self) -> tuple[Range, Range, Range, Range]:
        """The four ranges."""
        return self.lm, self.graph, self.word, self.blank

    @model_validator(mode="after")
    def _of_one_sign(self) -> "Ranges":
        if min(self.lm[0], self.graph[0]) < 0:
            raise ValueError("lm and graph cannot be below 0; begin their ranges at 0 or above")
        if self.blank[1] > 0:
            raise ValueError("blank cannot be above 0; end its range at 0 or below")
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

    weights: Weights  # where no set is given to choose them on
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
