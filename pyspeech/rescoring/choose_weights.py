"""Weights for one decode, chosen on another."""

from collections.abc import Mapping

from tqdm import tqdm

from pyspeech.errors import UserError
from pyspeech.rescoring.boosting import Boosting, Phrases
from pyspeech.rescoring.config import NOTHING_TO_WEIGH, Ranges, TuningSettings, Weights
from pyspeech.rescoring.methods import Lister, Method
from pyspeech.rescoring.tuning import (
    BoostResult,
    Candidates,
    DevSet,
    Features,
    References,
    TuningResult,
    merge,
    practice_phrases,
    tune_boost,
    tune_rounds,
)
from pyspeech.scoring.wer import shortened


def choose_weights(
    method: Method, references: References, start: Weights, settings: TuningSettings, count: int
) -> TuningResult:
    """Choose the weights of language model, graph, words and blanks on the decode that ``method`` rescores.

    Raises:
        UserError: the decode stores nothing of an utterance, or nobody says a word.
    """
    graph = settings.graph if method.has_graph_scores else NOTHING_TO_WEIGH
    ranges = Ranges(lm=settings.lm, graph=graph, word=settings.word, blank=settings.blank)
    start = start.but(boost=0.0)
    return tune_rounds(
        lambda weights: list_candidates(method, weights, None, count, references), references, start, ranges
    )


def practice_list(
    references: References, phrases: Phrases, train_counts: Mapping[str, int], settings: TuningSettings
) -> Phrases:
    """Return the list that shows what a boost does: rare words that are said, and as many that are not as ``phrases``.

    Raises:
        UserError: no word that is rare in training is said.
    """
    practice = practice_phrases(references, train_counts, settings.rare, len(phrases))
    if all((word,) not in practice for words in references.values() for word in words):
        raise UserError(
            f"in the set that weights are chosen on nobody says a word that training holds {settings.rare} times or "
            "fewer, so no boost can be chosen; raise rescore.tuning.rare, or choose weights on another set"
        )
    return practice


def choose_boost(
    method: Method,
    references: References,
    phrases: Phrases,
    practice: Phrases,
    weights: Weights,
    settings: TuningSettings,
    count: int,
) -> BoostResult:
    """Choose how much ``phrases`` are boosted, the other weights as they are; see ``tune_boost``."""

    def dev_set(listed: Phrases) -> DevSet:
        boosting = Boosting(listed)
        found: Candidates = {}
        for boost in (0.0, settings.boosts[-1]):
            there = weights.but(boost=boost)
            found = merge(found, list_candidates(method, there, boosting, count, references))
        return DevSet(found, references, boosting)

    return tune_boost(dev_set(practice), dev_set(phrases), weights, settings.boosts, settings.max_harm)


def list_candidates(
    method: Lister, weights: Weights, boosting: Boosting | None, count: int, references: References
) -> dict[str, list[Features]]:
    """Return the best word sequences of every utterance.

    Raises:
        UserError: the decode stores nothing of one that has a reference.
    """
    every = method.candidates(weights, boosting, count)
    found = dict(tqdm(every, "choose weights", len(references), leave=False, unit=" utterances", disable=None))
    if missing := [id_ for id_ in references if id_ not in found]:
        raise UserError(f"the set that weights are chosen on stores nothing of {shortened(missing)}; decode it again")
    return found
