"""The three ways to rescore a stored decode; each gives for every utterance a lattice whose best path is the result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from pyspeech.decoding.frames import penalised_frames
from pyspeech.decoding.lattice import BLANK, NO_FRAME, Lattice, best_path, penalised_lattice, reordered
from pyspeech.decoding.nbest import Candidate, n_best
from pyspeech.decoding.results import DecodeResults
from pyspeech.decoding.times import token_runs
from pyspeech.rescoring.boosting import Boosting
from pyspeech.rescoring.compose import Rescored, compose
from pyspeech.rescoring.config import LatticeSettings, RescoreConfig, Weights
from pyspeech.rescoring.language_model import LanguageModel
from pyspeech.rescoring.lexicon_search import UNKNOWN_WORD, LexiconSearch, search_in_batches
from pyspeech.rescoring.lexicon_tree import LexiconTree
from pyspeech.rescoring.scorer import WordScorer
from pyspeech.rescoring.spelling import Speller
from pyspeech.rescoring.tuning import Features
from pyspeech.rescoring.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Outcome:
    """One utterance, rescored.

    Args:
        lattice: Its ``graph`` holds all that the weights make of words; with ``weights.acoustic * acoustic`` it adds
            up to the score.
        words: The lattice's words by id.
        cut: A limit on states, not the beam, left something out.
        problem: What stands in for a result that there is not.
    """

    lattice: Lattice
    words: Sequence[str]
    cut: bool = False
    problem: str | None = None


class Lister(Protocol):
    """Lists what may have been said in every utterance of a decode."""

    def candidates(
        self, weights: Weights, boosting: Boosting | None, count: int
    ) -> Iterator[tuple[str, list[Features]]]:
        """Yield the id and the ``count`` best word sequences of every utterance, as ``weights`` order them."""


class Method(Lister, Protocol):
    """Rescores every utterance of a decode."""

    @property
    def has_graph_scores(self) -> bool:
        """Whether ``weights.graph`` has something to weigh."""

    @property
    def words(self) -> Sequence[str]:
        """Words by id, but for the unknown ones that were spelled."""

    def outcomes(self, weights: Weights, boosting: Boosting | None) -> Iterator[Outcome]:
        """Yield every utterance, in order."""


class InLattices:
    """Every path of every stored lattice, with the language model composed on the fly."""

    has_graph_scores = True

    def __init__(self, decode: DecodeResults, lm: LanguageModel, limits: LatticeSettings) -> None:
        self.decode, self.lm, self.limits = decode, lm, limits
        self.words = decode.lattices.words

    def outcomes(self, weights: Weights, boosting: Boosting | None) -> Iterator[Outcome]:
        """Compose every lattice; see :class:`Method`."""
        for rescored in self._composed(weights, boosting):
            yield Outcome(rescored.lattice, self.words, rescored.cut)

    def candidates(
        self, weights: Weights, boosting: Boosting | None, count: int
    ) -> Iterator[tuple[str, list[Features]]]:
        """List the best of every composed lattice; see :class:`Method`."""
        for rescored in self._composed(weights, boosting):
            lattice = rescored.lattice
            listed = n_best(lattice, count, lattice.scores(weights.acoustic))
            features = [
                _features(
                    tuple(self.words[word] for word in each.words),
                    unpenalised(each, lattice, weights),
                    float(rescored.old_graph[list(each.arcs)].sum(dtype=np.float64)),
                    self.lm,
                    boosting,
                )
                for each in listed
            ]
            yield lattice.id, features

    def _composed(self, weights: Weights, boosting: Boosting | None) -> Iterator[Rescored]:
        scorer = WordScorer(self.lm, self.words, weights, boosting)
        for lattice in _lattices(self.decode, weights):
            yield compose(lattice, scorer, weights, self.limits)


class InNbest:
    """The n best word sequences of every stored lattice."""

    has_graph_scores = True

    def __init__(self, decode: DecodeResults, lm: LanguageModel, count: int) -> None:
        self.decode, self.lm, self.count = decode, lm, count
        self.words = decode.lattices.words

    def outcomes(self, weights: Weights, boosting: Boosting | None) -> Iterator[Outcome]:
        """Put each list's paths side by side into one lattice; see :class:`Method`."""
        for lattice, listed, features in self._every(weights, boosting):
            yield Outcome(_side_by_side(lattice, listed, features, weights), self.words)

    def candidates(
        self, weights: Weights, boosting: Boosting | None, count: int
    ) -> Iterator[tuple[str, list[Features]]]:
        """List all, which no weight but the blank's changes, only their order; see :class:`Method`."""
        for lattice, _, features in self._every(weights, boosting):
            yield lattice.id, features

    def _every(
        self, weights: Weights, boosting: Boosting | None
    ) -> Iterator[tuple[Lattice, list[Candidate], list[Features]]]:
        for lattice in _lattices(self.decode, weights):
            listed = n_best(lattice, self.count, lattice.scores(self.decode.acoustic_scale))
            said = [tuple(self.words[word] for word in each.words) for each in listed]
            yield (
                lattice,
                listed,
                [
                    _features(words, unpenalised(each, lattice, weights), each.graph, self.lm, boosting)
                    for words, each in zip(said, listed, strict=True)
                ],
            )


class OverFrames:
    """A new search over the stored frame scores: lexicon and language model together, any vocabulary."""

    has_graph_scores = False

    def __init__(
        self, decode: DecodeResults, lm: LanguageModel, vocabulary: Vocabulary, settings: RescoreConfig
    ) -> None:
        self.lm, self.settings = lm, settings
        self.words = vocabulary.words
        self._tree = LexiconTree.from_spellings(vocabulary.spellings, len(decode.tokens.symbols))
        self._look_ahead = lm.unigrams(vocabulary.words)
        self._speller = Speller(decode.tokens)
        self._frames = decode.frames

    def outcomes(self, weights: Weights, boosting: Boosting | None) -> Iterator[Outcome]:
        """Search every utterance; see :class:`Method`."""
        for found in self._searched(weights, boosting):
            yield self._spelled(found, weights)

    def candidates(
        self, weights: Weights, boosting: Boosting | None, count: int
    ) -> Iterator[tuple[str, list[Features]]]:
        """List the best of every search; see :class:`Method`."""
        for found in self._searched(weights, boosting):
            lattice = found.lattice
            # What is not acoustic belongs to the words, and is asked for anew; unknown words' own price is the rest.
            listed = n_best(lattice, count, lattice.scores(weights.acoustic))
            yield lattice.id, [self._features(each, lattice, weights, boosting) for each in listed]

    def _searched(self, weights: Weights, boosting: Boosting | None) -> Iterator[Outcome]:
        scorer = WordScorer(self.lm, self.words, weights, boosting)
        search = LexiconSearch(
            self._tree,
            scorer,
            weights,
            self.settings.search,
            self.settings.unknown,
            self._look_ahead,
        )
        for found in search_in_batches(search, (penalised_frames(each, weights.penalty) for each in self._frames)):
            broken = None if found.complete else "no path ended with a word: the last one is broken off"
            yield Outcome(found.lattice, self.words, problem=broken)

    def _features(self, found: Candidate, lattice: Lattice, weights: Weights, boosting: Boosting | None) -> Features:
        words = tuple(self.words[word] for word in found.words)
        lm, reward = self.lm.score(words), _reward(boosting, words)
        rest = found.graph - weights.lm * lm - weights.word * len(words) - weights.boost * reward
        acoustic, blanks = unpenalised(found, lattice, weights)
        return Features(words, acoustic + rest, 0.0, lm, reward, blanks)

    def _spelled(self, found: Outcome, weights: Weights) -> Outcome:
        """Give each unknown word on the best path an id of its own, whose symbol is its spelling.

        So do the unknown words of other paths that start nearer to it than to another unknown word of the best path:
        they are counted for its confidence, however they would be spelled.
        """
        lattice = found.lattice
        path = best_path(lattice, weights.acoustic)
        path = path[lattice.token[path] != NO_FRAME]
        words, tokens = lattice.word[path], lattice.token[path]
        starts = np.flatnonzero(words)
        unknown = np.flatnonzero(words == UNKNOWN_WORD)
        if not len(unknown):
            return found
        ends = np.append(starts[1:], len(path))[np.searchsorted(starts, unknown)]
        spelled = [
            self._speller([run.token for run in token_runs(tokens[start:end])])
            for start, end in zip(unknown.tolist(), ends.tolist(), strict=True)
        ]
        frames, everywhere = lattice.frame[path[unknown]], np.flatnonzero(lattice.word == UNKNOWN_WORD)
        nearest = np.searchsorted(frames[:-1] + frames[1:], 2 * lattice.frame[everywhere])
        labels = lattice.word.copy()
        labels[everywhere] = len(found.words) + nearest
        return replace(found, lattice=replace(lattice, word=labels), words=(*found.words, *spelled))


def _lattices(decode: DecodeResults, weights: Weights) -> Iterator[Lattice]:
    """Those of a decode, blanks with the penalty that is asked for in place of the one that it had."""
    added = weights.penalty - decode.blank_penalty
    return (penalised_lattice(each, added) for each in decode.lattices)


def unpenalised(found: Candidate, lattice: Lattice, weights: Weights) -> tuple[float, int]:
    """The acoustic score of a candidate from ``lattice`` without the penalty of ``weights``, and its blank frames."""
    blanks = int(np.count_nonzero(lattice.token[list(found.arcs)] == BLANK))
    return found.acoustic - weights.penalty * blanks, blanks


def _features(
    words: tuple[str, ...], acoustic: tuple[float, int], graph: float, lm: LanguageModel, boosting: Boosting | None
) -> Features:
    score, blanks = acoustic
    return Features(words, score, graph, lm.score(words), _reward(boosting, words), blanks)


def _reward(boosting: Boosting | None, words: Sequence[str]) -> float:
    return sum(boosting.earned(words)) if boosting else 0.0


def _side_by_side(
    lattice: Lattice, listed: Sequence[Candidate], features: Sequence[Features], weights: Weights
) -> Lattice:
    """A lattice of these paths alone, each with its score beside ``acoustic`` on its last arc."""
    arcs = np.array([arc for each in listed for arc in each.arcs])
    lengths = np.array([len(each.arcs) for each in listed])
    ends = lengths.cumsum() - 1
    starts = ends - lengths + 1
    inner = np.ones(len(arcs), np.bool_)
    inner[starts] = False
    # Every arc but a path's first starts in a state of its own.
    source = np.where(inner, inner.cumsum(), 0).astype(np.int32)
    target = np.append(source[1:], 0)
    target[ends] = inner.sum() + 1
    graph = np.zeros(len(arcs), np.float32)
    graph[ends] = [
        sum(weight * part for weight, part in zip(weights.of_words, each.sums[1:5], strict=True)) for each in features
    ]
    side_by_side = replace(reordered(lattice, arcs), source=source, target=target, graph=graph)
    return reordered(side_by_side, np.argsort(source, kind="stable"))
