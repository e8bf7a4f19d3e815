"""What a decode gives, of one utterance or of many: for rescoring it is all one whether a folder holds it or memory."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pyspeech.decoding.frames import ROUNDING, FrameScores, likely_tokens
from pyspeech.decoding.lattice import Floats, Lattice
from pyspeech.decoding.token_offsets import NO_OFFSETS, TokenOffsets
from pyspeech.errors import UserError
from pyspeech.lang.tokens import TokenSet
from pyspeech.transcripts import Transcript

EVERYTHING = math.inf  # as a beam


@dataclass(frozen=True)
class Decoded:
    """One utterance.

    Args:
        line: Of ``hyps.jsonl``.
        lattice: None without a graph.
        frames: Without a frame where the network gave none, or none that are finite.
        problems: What went wrong on the way.
    """

    line: Mapping[str, Any]
    lattice: Lattice | None
    frames: FrameScores
    problems: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What was said."""
        return tuple(self.line["words"])


class Lattices(Protocol):
    """Lattices of many utterances, in order; ``words`` are the symbols of their words by id."""

    @property
    def words(self) -> Sequence[str]: ...

    def __iter__(self) -> Iterator[Lattice]: ...


class Frames(Protocol):
    """Scores of the frames of many utterances, in order."""

    def __iter__(self) -> Iterator[FrameScores]: ...


class DecodeResults(Protocol):
    """A decode, in a folder (:class:`pyspeech.decoding.stored.StoredDecode`) or in memory (:class:`HeldDecode`).

    Raises:
        UserError: something that is asked for is missing or damaged.
    """

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def tokens(self) -> TokenSet:
        """The token set of the network."""

    @property
    def frame_seconds(self) -> float:
        """Duration of an output frame of the network."""

    @property
    def acoustic_scale(self) -> float:
        """Of the search that made the lattices."""

    @property
    def blank_penalty(self) -> float:
        """What the acoustic scores of blanks in the lattices hold, and those of ``frames`` do not."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Duration of every utterance by its id, in order."""

    @property
    def hypotheses(self) -> Mapping[str, Sequence[str]]:
        """Words of every utterance by its id."""

    @property
    def has_lattices(self) -> bool:
        """Whether there are any."""

    @property
    def lattices(self) -> Lattices:
        """Those of all utterances."""

    @property
    def frames(self) -> Frames:
        """The log-probabilities of all utterances."""

    @property
    def train_words(self) -> Mapping[str, int] | None:
        """How often the text that the network was trained on holds each word; None where it is not said."""

    @property
    def offsets(self) -> TokenOffsets:
        """From the frames of tokens to their times."""

    def manifest(self) -> Path | None:
        """The manifest that was decoded, which may be gone by now; None where there was none."""

    def known_references(self) -> Mapping[str, Transcript]:
        """What was said in each utterance, where that is known."""


@dataclass(frozen=True)
class _HeldLattices:
    words: Sequence[str]
    every: Sequence[Lattice]

    def __iter__(self) -> Iterator[Lattice]:
        return iter(self.every)


@dataclass(frozen=True)
class HeldDecode:
    """A decode in memory.

    Args:
        decoded: The utterances.
        tokens: The token set of the network.
        frame_seconds: Duration of an output frame.
        words: Words by id, of the lattices; none where there are no lattices.
        acoustic_scale, blank_penalty: Of the search that made the lattices.
        train_words: How often the text that the network was trained on holds each word, where that is known.
        offsets: From the frames of tokens to their times.
    """

    decoded: Sequence[Decoded]
    tokens: TokenSet
    frame_seconds: float
    words: Sequence[str] = ()
    acoustic_scale: float = 1.0
    train_words: Mapping[str, int] | None = None
    offsets: TokenOffsets = NO_OFFSETS
    blank_penalty: float = 0.0
    name = "the decode in memory"

    @property
    def seconds(self) -> dict[str, float]:
        """Duration of every utterance by its id, in order."""
        return {each.frames.id: each.frames.seconds for each in self.decoded}

    @property
    def hypotheses(self) -> dict[str, tuple[str, ...]]:
        """Words of every utterance by its id."""
        return {each.frames.id: each.words for each in self.decoded}

    @property
    def has_lattices(self) -> bool:
        """Whether every utterance has one."""
        return all(each.lattice is not None for each in self.decoded)

    @property
    def lattices(self) -> Lattices:
        """Those of all utterances."""
        every = [each.lattice for each in self.decoded if each.lattice is not None]
        if len(every) < len(self.decoded):
            raise UserError(f"{self.name} holds no lattices; decode with a graph, or rescore by the method search")
        return _HeldLattices(self.words, every)

    @property
    def frames(self) -> Frames:
        """The log-probabilities of all utterances."""
        return [each.frames for each in self.decoded]

    def manifest(self) -> None:
        """There is none."""

    def known_references(self) -> dict[str, Transcript]:
        """They are not known."""
        return {}


def held_log_probs(log_probs_TV: Mapping[str, Floats], tokens: TokenSet, frame_seconds: float) -> HeldDecode:
    """Hold what any network gave, to be searched by the method ``search``.

    Args:
        log_probs_TV: Natural log-probabilities of ``tokens`` in every frame, by the id of the utterance, float32.
        tokens: The blank first.
        frame_seconds: From one frame to the next.

    Raises:
        UserError: an array of another shape, or with values that are no log-probabilities.
    """
    decoded = []
    for id_, scores_TV in log_probs_TV.items():
        if scores_TV.ndim != 2 or scores_TV.shape[1] != len(tokens.symbols) or not (scores_TV <= ROUNDING).all():
            raise UserError(
                f"'{id_}': log-probabilities of the form {list(scores_TV.shape)}, expected [frames, "
                f"{len(tokens.symbols)}] natural logarithms, one for each token and none above 0"
            )
        [frames] = likely_tokens([id_], [len(scores_TV) * frame_seconds], scores_TV[None], [len(scores_TV)], EVERYTHING)
        decoded.append(Decoded({"id": id_, "words": [], "seconds": frames.seconds}, None, frames))
    return HeldDecode(decoded, tokens, frame_seconds)
