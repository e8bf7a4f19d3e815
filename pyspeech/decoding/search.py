"""Search over HLG with k2: log-probabilities in, stored lattices out, whatever happens to a batch.

Needs k2, as nothing else in this folder does. Beams and pruning: https://arxiv.org/abs/2110.04590 and k2's
``intersect_dense_pruned``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import k2
import numpy as np
import torch
from torch import Tensor

from pyspeech.decoding.config import DecodeConfig
from pyspeech.decoding.lattice import NO_FRAME, Floats, Ints, Lattice, prune, reordered
from pyspeech.errors import first_line

# Searches for one utterance alone, by factors of its beams: when no path reached the end within them, and when the
# search broke off, for want of memory as a rule.
WIDER = (2.0, 4.0, 16.0)
NARROWER = (0.5, 0.25)
HAS_CUDA = bool(k2.with_cuda)
FAILURES = (RuntimeError, MemoryError)  # k2 and torch tell memory, overflow and damage apart in no other way


@dataclass(frozen=True)
class SearchResult:
    """What search found for one utterance: no lattice where even wide beams reached no end."""

    lattice: Lattice | None
    problems: tuple[str, ...] = ()


class GraphSearch:
    """Searches one decoding graph, on the device where the graph is."""

    def __init__(self, graph: k2.Fsa, config: DecodeConfig) -> None:
        self.config = config
        # The graph that is searched names its arcs by number: all that belongs to them is looked up afterwards.
        self._graph = k2.Fsa(graph.arcs)
        self._graph.graph_arc = torch.arange(graph.num_arcs, dtype=torch.int32, device=graph.device)
        self._graph_scores: Floats = graph.scores.detach().cpu().numpy()
        self._words = _Words.from_labels(graph.aux_labels)

    def __call__(self, ids: Sequence[str], log_probs_BTV: Tensor, lengths_B: Sequence[int]) -> list[SearchResult]:
        """Find the lattice of every utterance; ``lengths_B`` are its output frames, at least one.

        ``log_probs_BTV`` are finite natural logarithms, float32, on the device of the graph.
        """
        searched = self._search([_Utterance(*each) for each in zip(ids, log_probs_BTV, lengths_B, strict=True)])
        return [self._bounded(each) for each in searched]

    def _search(self, utterances: "Sequence[_Utterance]") -> list[SearchResult]:
        try:
            lattices = self._intersect(utterances)
        except FAILURES as error:
            if len(utterances) > 1:
                half = len(utterances) // 2
                return self._search(utterances[:half]) + self._search(utterances[half:])
            return [self._search_alone(utterances[0], NARROWER, f"search failed ({first_line(error)})")]
        return [
            SearchResult(lattice) if lattice else self._search_alone(utterance, WIDER, "no path reached the end")
            for utterance, lattice in zip(utterances, lattices, strict=True)
        ]

    def _search_alone(self, utterance: "_Utterance", factors: Iterable[float], problem: str) -> SearchResult:
        for factor in factors:
            try:
                lattice = self._intersect([utterance], factor)[0]
            except FAILURES as error:
                problem += f"; beams x {factor:g} failed ({first_line(error)})"
                continue
            if lattice:
                return SearchResult(lattice, (f"{problem}; found with beams x {factor:g}",))
        return SearchResult(None, (problem,))

    def _intersect(self, utterances: "Sequence[_Utterance]", factor: float = 1.0) -> list[Lattice | None]:
        longest = max(each.num_frames for each in utterances)
        log_probs_BTV = torch.stack([each.log_probs_TV[:longest] for each in utterances])
        segments = torch.tensor([[n, 0, each.num_frames] for n, each in enumerate(utterances)], dtype=torch.int32)
        fsas = k2.intersect_dense_pruned(
            self._graph,
            k2.DenseFsaVec(log_probs_BTV * self.config.acoustic_scale, segments),
            search_beam=self.config.search_beam * factor,
            output_beam=self.config.output_beam,
            min_active_states=self.config.min_active_states,
            max_active_states=int(self.config.max_active_states * factor),
            frame_idx_name="frame",
        )
        return self._lattices(fsas, utterances, log_probs_BTV.detach().cpu().numpy())

    def _lattices(
        self, fsas: k2.Fsa, utterances: "Sequence[_Utterance]", log_probs_BTV: Floats
    ) -> list[Lattice | None]:
        arcs, frames, graph_arcs = (each.cpu().numpy() for each in (fsas.arcs.values(), fsas.frame, fsas.graph_arc))
        shape = fsas.arcs.shape()
        bounds = shape.row_splits(2)[shape.row_splits(1).long()].tolist()
        lattices: list[Lattice | None] = []
        for n, utterance in enumerate(utterances):
            part = slice(bounds[n], bounds[n + 1])
            source, target, token = arcs[part, :3].T.copy()
            frame, graph_arc = frames[part].copy(), graph_arcs[part]
            is_final = token < 0
            # The row after the last frame, which holds the final arcs' score of zero, is no output of the network.
            acoustic = log_probs_BTV[n, np.minimum(frame, utterance.num_frames - 1), token]
            lattice = Lattice(
                id=utterance.id,
                source=source,
                target=target,
                token=token,
                word=graph_arc,  # by its arc of the graph, until pruning is done
                acoustic=np.where(is_final, 0, acoustic).astype(np.float32),
                graph=self._graph_scores[graph_arc],
                frame=frame,
                num_frames=utterance.num_frames,
            )
            # k2 leaves arcs that lead nowhere, at times more than others: pruning makes away with them too.
            beam, scale = self.config.output_beam, self.config.acoustic_scale
            lattices.append(prune(lattice, beam, lattice.num_arcs, scale) if is_final.any() else None)
        return lattices

    def _bounded(self, searched: SearchResult) -> SearchResult:
        lattice, limit = searched.lattice, self.config.max_lattice_arcs
        if lattice is None:
            return searched
        kept = prune(lattice, self.config.output_beam, limit, self.config.acoustic_scale)
        harder = () if kept is lattice else (f"pruned harder, from {lattice.num_arcs} arcs to {kept.num_arcs}",)
        return SearchResult(self._words.spell_out(kept), searched.problems + harder)


@dataclass(frozen=True)
class _Utterance:
    id: str
    log_probs_TV: Tensor
    num_frames: int


@dataclass(frozen=True)
class _Words:
    """The words on every arc of a graph: those of arc a are ``values[splits[a]:splits[a + 1]]``."""

    splits: Ints
    values: Ints

    @classmethod
    def from_labels(cls, labels: "Tensor | k2.RaggedTensor") -> "_Words":
        """Leave out all that is no word: epsilon (0) and the label of final arcs (-1)."""
        if isinstance(labels, Tensor):
            counts, values = np.ones(len(labels), np.int32), labels.cpu().numpy()
        else:
            counts, values = np.diff(labels.shape.row_splits(1).cpu().numpy()), labels.values.cpu().numpy()
        is_word = values > 0
        before = np.insert(np.cumsum(is_word), 0, 0)  # words among the labels before each
        splits = before[np.insert(np.cumsum(counts), 0, 0)]
        return cls(splits.astype(np.int32), values[is_word])

    def spell_out(self, lattice: Lattice) -> Lattice:
        """Put words in the place of the graph's arcs: of several on one arc, each but the first gets its own arc."""
        graph_arc = lattice.word
        counts = self.splits[graph_arc + 1] - self.splits[graph_arc]
        first = np.where(counts > 0, np.append(self.values, 0)[self.splits[graph_arc]], 0).astype(np.int32)
        lattice = replace(lattice, word=first)
        if counts.max() <= 1:
            return lattice
        # One row for each arc and one more for each further word of it; place is 0 for the arc itself, then 1, 2, ...
        rows = np.repeat(np.arange(lattice.num_arcs), np.maximum(counts, 1))
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)
        further = place > 0
        return _with_chains(
            replace(
                lattice,
                source=lattice.source[rows],
                target=lattice.target[rows],
                token=np.where(further, NO_FRAME, lattice.token[rows]).astype(np.int32),
                word=np.where(
                    further, self.values[np.where(further, self.splits[graph_arc[rows]] + place, 0)], first[rows]
                ).astype(np.int32),
                acoustic=np.where(further, 0, lattice.acoustic[rows]).astype(np.float32),
                graph=np.where(further, 0, lattice.graph[rows]).astype(np.float32),
                frame=(lattice.frame[rows] + (further & (lattice.token[rows] >= 0))).astype(np.int32),
            ),
            place,
        )


def _with_chains(lattice: Lattice, place: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Lattice:
    """Join each row with the next where that has place > 0 (a further word) by a state of their own, and renumber."""
    num_old = lattice.num_states
    to_next = np.append(place[1:] > 0, False)
    extra = num_old + np.cumsum(to_next) - 1  # of the rows that lead to the next
    target = np.where(to_next, extra, lattice.target)
    source = np.where(place > 0, np.roll(target, 1), lattice.source)
    # A new state stands just before the states that its chain leads to: between two frames, by place.
    times = np.full(num_old, 2 * lattice.num_frames + 2)
    times[lattice.source[place == 0]] = 2 * lattice.frame[place == 0]
    before = lattice.frame[np.flatnonzero(to_next) - place[to_next]]
    order = np.lexsort(
        (
            np.append(np.zeros(num_old), place[to_next]),
            np.append(times, 2 * before + 1),
        )
    )
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order))
    lattice = replace(lattice, source=number[source], target=number[target])
    return reordered(lattice, np.argsort(lattice.source, kind="stable"))
