"""Decode a manifest by a graph, with the acoustic scale and the penalty of the blank that are best for another."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pyspeech.decoding.config import DecodeConfig
from pyspeech.decoding.frames import FrameScores
from pyspeech.decoding.lattice import BLANK, Lattice
from pyspeech.decoding.nbest import n_best
from pyspeech.decoding.run import Decode, decode
from pyspeech.decoding.stored import WEIGHTS, StoredDecode
from pyspeech.errors import UserError
from pyspeech.files import digest
from pyspeech.rescoring.boosting import Boosting
from pyspeech.rescoring.choose_weights import list_candidates
from pyspeech.rescoring.config import NOTHING_TO_WEIGH, Ranges, Weights
from pyspeech.rescoring.dev_decode import DevDecode, gained, refuse_both, refuse_reported
from pyspeech.rescoring.methods import unpenalised
from pyspeech.rescoring.run import refuse_read
from pyspeech.rescoring.tuning import Features, tune_rounds
from pyspeech.rescoring.weights_file import ChosenWeights, load_weights, marks, save_weights
from pyspeech.transcripts import read_transcripts, shown

if TYPE_CHECKING:
    from pyspeech.graph.compose import Graph

log = logging.getLogger(__name__)


def decode_by_graph(job: Decode, tune: Path | None, weights: Path | None, out: Path) -> dict[str, Any]:
    """Decode every utterance of ``job.cuts`` into the folder ``out`` and return its summary.

    Args:
        job: With a graph; its acoustic scale and penalty are those that a choice begins with.
        tune: A decode of other utterances, by whatever method, on whose frames the two are chosen.
        weights: ``weights.json`` of an earlier choice, in place of ``tune``.
        out: The folder.

    Raises:
        UserError: as :func:`pyspeech.decoding.run.decode`; or what is chosen on shares an utterance with ``job.cuts``,
            stores no frames, or is of other tokens than the graph; or weights of something else are given.
    """
    assert job.graph is not None
    refuse_both(tune, weights)
    refuse_read(out, tune)
    dev = None if tune is None else DevDecode.read(StoredDecode(tune), None)
    chosen = None if weights is None else _load(weights)
    refuse_reported(marks(read_transcripts(job.cuts)), shown(job.cuts), dev, chosen)
    purpose = f"decoding graph {digest(job.graph / 'graph.safetensors', job.graph / 'words.txt')}"
    if dev is not None:
        chosen = _choose(job.graph, job.config, dev, purpose)
    elif chosen is not None and chosen.chosen_for != purpose:
        log.warning(f"{weights} was chosen for {chosen.chosen_for}; here it weighs {purpose}")
    assert chosen is not None
    config = job.config.model_copy(update=_settings(chosen.weights))
    return decode(replace(job, config=config), out, partial(_keep, chosen))


def _settings(weights: Weights) -> dict[str, float]:
    return {"acoustic_scale": round(weights.acoustic / weights.graph, 6), "blank_penalty": weights.penalty}


def _keep(chosen: ChosenWeights, folder: Path) -> dict[str, Any]:
    save_weights(folder / WEIGHTS, chosen)
    return {"weights": chosen.weights.model_dump(), "weights_chosen_on": chosen.chosen_on}


def _load(path: Path) -> ChosenWeights:
    chosen = load_weights(path)
    weights = chosen.weights
    if not weights.graph > 0 or any((weights.lm, weights.word, weights.boost)):
        raise UserError(
            f"{path} was chosen for {chosen.chosen_for}, which a search over a graph cannot weigh; give weights that "
            "pyspeech decode --graph --tune chose"
        )
    return chosen


def _choose(graph: Path, config: DecodeConfig, dev: DevDecode, purpose: str) -> ChosenWeights:
    log.info(f"choosing acoustic_scale and blank_penalty on the {len(dev.references)} utterances of {dev.name}")
    lister = _OverGraph(graph, config, dev.decode)
    ranges = Ranges(lm=NOTHING_TO_WEIGH, graph=config.tuning.graph, word=NOTHING_TO_WEIGH, blank=config.tuning.blank)
    start = Weights(
        acoustic=1.0, lm=0.0, graph=1 / config.acoustic_scale, word=0.0, boost=0.0, blank=config.blank_penalty
    )
    result = tune_rounds(
        lambda weights: list_candidates(lister, weights, None, config.nbest, dev.references),
        dev.references,
        start,
        ranges,
    )
    if result.at_limit:
        log.warning(f"  {' and '.join(result.at_limit)} chosen at the end of the range; widen it in decode.tuning")
    settings = _settings(result.weights)
    # As search adds scores up.
    weights = result.weights.but(acoustic=settings["acoustic_scale"], graph=1.0)
    chosen = dev.chosen(replace(result, weights=weights), purpose, ranges)
    log.info(f"chosen: {', '.join(f'{name} {value:g}' for name, value in settings.items())}; {gained(chosen)}")
    return chosen


class _OverGraph:
    """Lists what the search over a graph finds in the stored frames of a decode."""

    def __init__(self, graph: Path, config: DecodeConfig, decode: StoredDecode) -> None:
        from pyspeech.graph.compose import load_graph

        self.config, self.decode = config, decode
        self.graph: Graph = load_graph(graph)
        self.num_tokens = len(decode.tokens.symbols)
        if digest(list(decode.tokens.symbols)) != self.graph.symbols_digest:
            raise UserError(f"{graph} was made for other tokens than those of {decode.name}; tune on a decode of these")

    def candidates(self, weights: Weights, _: Boosting | None, count: int) -> Iterator[tuple[str, list[Features]]]:
        """See :class:`pyspeech.rescoring.methods.Lister`."""
        from pyspeech.decoding.search import GraphSearch

        config = self.config.model_copy(update=_settings(weights))
        search = GraphSearch(self.graph.fsa, config)
        for batch in self._batches():
            ids, lengths = [each.id for each in batch], [each.num_frames for each in batch]
            log_probs_BTV = torch.zeros(len(batch), max(lengths), self.num_tokens)
            for n, each in enumerate(batch):
                scores_TV = each.complete(self.num_tokens, self.decode.frame_beam, self.decode.blank_penalty)
                log_probs_BTV[n, : lengths[n]] = torch.from_numpy(scores_TV)
            log_probs_BTV[:, :, BLANK] += config.blank_penalty
            for id_, found in zip(ids, search(ids, log_probs_BTV, lengths), strict=True):
                yield id_, [] if found.lattice is None else self._listed(found.lattice, weights, config, count)
        yield from ((each.id, []) for each in self.decode.frames if not each.num_frames)

    def _listed(self, lattice: Lattice, weights: Weights, config: DecodeConfig, count: int) -> list[Features]:
        features = []
        for one in n_best(lattice, count, lattice.scores(config.acoustic_scale)):
            words = tuple(self.graph.words[word] for word in one.words)
            acoustic, blanks = unpenalised(one, lattice, weights)
            features.append(Features(words, acoustic, one.graph, 0.0, 0.0, blanks))
        return features

    def _batches(self) -> Iterator[list[FrameScores]]:
        """Utterances that have frames, as many at once as ``batch_seconds`` hold."""
        batch: list[FrameScores] = []
        most, longest = self.config.batch_seconds / self.decode.frame_seconds, 0
        for scores in self.decode.frames:
            if not scores.num_frames:
                continue
            longest = max(longest, scores.num_frames)
            if batch and (len(batch) + 1) * longest > most:
                yield batch
                batch, longest = [], scores.num_frames
            batch.append(scores)
        if batch:
            yield batch
