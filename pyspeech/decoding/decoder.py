"""A decoder: the trained network and, unless greedy, a graph; batches in, hypotheses, lattices and frame scores out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pyspeech.data.batch import Batch
from pyspeech.decoding.config import DecodeConfig, Method
from pyspeech.decoding.frames import FrameScores, likely_tokens
from pyspeech.decoding.greedy import BestTokens, best_tokens
from pyspeech.decoding.hypothesis import Clock, Hypothesis, candidate_json, from_best_tokens, from_lattice
from pyspeech.decoding.lattice import BLANK, Lattice, linear_lattice
from pyspeech.decoding.nbest import n_best
from pyspeech.decoding.own_decoder import OwnDecoder
from pyspeech.decoding.results import Decoded
from pyspeech.decoding.token_offsets import load_offsets
from pyspeech.errors import MissingPackage, UserError
from pyspeech.files import digest
from pyspeech.graph.make import WITHOUT_K2
from pyspeech.tasks.recognition import Recogniser, load_recogniser

if TYPE_CHECKING:
    from pyspeech.decoding.search import SearchResult
    from pyspeech.graph.compose import Graph

NO_TOKENS = BestTokens(np.zeros(0, np.int32), np.zeros(0, np.float32))


@dataclass(frozen=True)
class Setup:
    """What makes a decoder; small, so that every process can load its own.

    Args:
        device: A name that torch knows.
        graph: One in memory, or the folder of ``pyspeech graph``; None exactly for the methods ``WITHOUT_GRAPH``.
        code: Folder of the class that ``config.own`` names.
    """

    exp: Path
    graph: "Path | Graph | None"
    method: Method
    device: str
    config: DecodeConfig
    code: Path | None = None


class Decoder:
    """Decodes batches.

    Raises:
        UserError: the experiment or the graph is missing or damaged, or they were made for different tokens.
        MissingPackage: a graph is to be searched and k2 is not installed.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.recogniser: Recogniser = load_recogniser(setup.exp, setup.device)
        self.frame_seconds = frame_seconds(self.recogniser)
        self.offsets = load_offsets(setup.exp)
        self.words: tuple[str, ...] = ()
        self._own = None
        if setup.method == "own":
            assert setup.config.own is not None
            assert setup.code is not None
            self._own = OwnDecoder(setup.config.own, setup.code, self.recogniser.tokens)
        self._search = None
        if setup.graph is not None:
            from pyspeech.decoding.search import GraphSearch
            from pyspeech.graph.compose import load_graph

            graph = load_graph(setup.graph) if isinstance(setup.graph, Path) else setup.graph
            _check_symbols(self.recogniser.tokens.symbols, graph, setup)
            self.words = graph.words
            self._search = GraphSearch(graph.fsa.to(setup.device), setup.config)

    def __call__(self, batch: Batch, seconds: Mapping[str, float]) -> Iterator[Decoded]:
        """Decode every utterance, in order; ``seconds`` gives the duration of each cut."""
        log_probs_BTV, lengths = self.log_probs(batch)
        penalised_BTV = _penalised(log_probs_BTV, self.setup.config.blank_penalty)
        best = best_tokens(penalised_BTV, lengths)
        finite = [bool(np.isfinite(each.log_probs).all()) for each in best]
        if self._own is not None:
            best = [
                self._own(id_, log_probs_BTV[n, : lengths[n]].cpu().numpy()) if finite[n] and lengths[n] else best[n]
                for n, id_ in enumerate(batch.ids)
            ]
        searched = self._searched(
            [n for n, length in enumerate(lengths) if length and finite[n]], batch, penalised_BTV, lengths
        )
        kept_lengths = [length if finite[n] else 0 for n, length in enumerate(lengths)]
        durations = [seconds[id_] for id_ in batch.ids]
        frames = likely_tokens(
            batch.ids,
            durations,
            log_probs_BTV.cpu().numpy(),
            kept_lengths,
            self.setup.config.frame_beam,
            self.setup.config.blank_penalty,
        )
        for n, scores in enumerate(frames):
            if not finite[n]:
                yield self._greedy(scores, NO_TOKENS, ("the network's output is not finite",))
            elif not lengths[n]:
                yield self._greedy(scores, NO_TOKENS, ("too short: the network gives no output frame",))
            elif n in searched:
                yield self._from_search(scores, searched[n], best[n])
            else:
                yield self._greedy(scores, best[n], ())

    def log_probs(self, batch: Batch) -> tuple[Tensor, list[int]]:
        """Return the network's outputs [B, T, V], and how many of them each utterance has."""
        if not int(batch.lengths_B.max()):
            return torch.zeros(len(batch.ids), 0, len(self.recogniser.tokens.symbols)), [0] * len(batch.ids)
        with torch.no_grad():
            log_probs_BTV, lengths_B = self.recogniser.model(
                batch.features_BTF.to(self.setup.device), batch.lengths_B.to(self.setup.device)
            )
        return log_probs_BTV, lengths_B.tolist()

    def _searched(
        self, rows: Sequence[int], batch: Batch, log_probs_BTV: Tensor, lengths: Sequence[int]
    ) -> "dict[int, SearchResult]":
        if self._search is None or not rows:
            return {}
        ids = [batch.ids[n] for n in rows]
        results = self._search(ids, log_probs_BTV[list(rows)], [lengths[n] for n in rows])
        return dict(zip(rows, results, strict=True))

    def _from_search(self, frames: FrameScores, searched: "SearchResult", best: BestTokens) -> Decoded:
        config, tokens = self.setup.config, self.recogniser.tokens
        if searched.lattice is None:
            return self._greedy(frames, best, (*searched.problems, "the greedy words stand in"))
        clock = Clock(self.frame_seconds, frames.seconds, self.offsets)
        line = from_lattice(searched.lattice, self.words, tokens, clock, config.acoustic_scale).as_json()
        if self.setup.method == "nbest":
            candidates = n_best(searched.lattice, config.nbest, searched.lattice.scores(config.acoustic_scale))
            line["nbest"] = [candidate_json(each, self.words) for each in candidates]
        return Decoded(line, searched.lattice, frames, searched.problems)

    def _greedy(self, frames: FrameScores, best: BestTokens, problems: tuple[str, ...]) -> Decoded:
        clock = Clock(self.frame_seconds, frames.seconds, self.offsets)
        line = self._of_tokens(frames.id, best, clock).as_json()
        if self.setup.method == "nbest":
            line["nbest"] = [{name: line[name] for name in ("words", "acoustic", "graph")}]
        lattice = None if self._search is None else self._stand_in(frames, best)
        return Decoded(line, lattice, frames, problems)

    def _of_tokens(self, id_: str, best: BestTokens, clock: Clock) -> Hypothesis:
        return from_best_tokens(id_, best, self.recogniser.tokens, clock, self.setup.config.acoustic_scale)

    def _stand_in(self, frames: FrameScores, best: BestTokens) -> Lattice:
        """The greedy path as a lattice, with those of its words that the graph knows, each on a frame of its own."""
        hypothesis = self._of_tokens(frames.id, best, Clock(self.frame_seconds, frames.seconds))
        number = {word: id_ for id_, word in enumerate(self.words) if id_}
        places = np.arange(len(hypothesis.words))
        starts = np.array([round(each.start / self.frame_seconds) for each in hypothesis.word_times], np.int64)
        starts = np.maximum.accumulate(starts - places) + places
        starts = np.minimum(starts, len(best.tokens) - len(places) + places)
        words = np.zeros(len(best.tokens), np.int32)
        words[starts] = [number.get(word, 0) for word in hypothesis.words]
        return linear_lattice(hypothesis.id, best.tokens, words, best.log_probs)


def _penalised(log_probs_BTV: Tensor, penalty: float) -> Tensor:
    if not penalty:
        return log_probs_BTV
    penalised_BTV: Tensor = log_probs_BTV.clone()
    penalised_BTV[:, :, BLANK] += penalty
    return penalised_BTV


def frame_seconds(recogniser: Recogniser) -> float:
    """Seconds from one output frame of the network to the next."""
    subsampling = recogniser.model.subsampling
    assert isinstance(subsampling, int)
    return recogniser.config.features.frame_shift_seconds * subsampling


def k2_has_cuda(method: Method) -> bool:
    """Whether k2 computes on GPUs.

    Raises:
        MissingPackage: it is not installed, or not for this Python.
    """
    try:
        from pyspeech.decoding.search import HAS_CUDA
    except ImportError as error:
        raise MissingPackage("k2", f"--method {method}", WITHOUT_K2) from error
    return HAS_CUDA


def _check_symbols(symbols: Sequence[str], graph: "Graph", setup: Setup) -> None:
    # Labels that the network has no output for would be looked up behind its end.
    if digest(list(symbols)) != graph.symbols_digest or int(graph.fsa.labels.max()) >= len(symbols):
        name = setup.graph if isinstance(setup.graph, Path) else "the graph"
        raise UserError(
            f"{name} was made for other tokens than {setup.exp / 'lang'}, which the model was trained with; "
            f"make the graph from {setup.exp / 'lang'}"
        )
