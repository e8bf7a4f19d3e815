"""Rescore a decode, from a folder into another or in memory: the same utterances, other words, no acoustic model."""

import logging
import time
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from tqdm import tqdm

from pyspeech.decoding.archive import LATTICE_CODEC, ShardWriter, finish_archive
from pyspeech.decoding.hypothesis import Clock, Hypothesis, from_lattice
from pyspeech.decoding.results import DecodeResults
from pyspeech.decoding.stored import (
    FILES,
    FRAMES,
    HYPOTHESES,
    LATTICES,
    SUMMARY,
    TRAIN_WORDS,
    WEIGHTS,
    StoredDecode,
    copy_words,
    utterance_writer,
    write_words,
)
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, refuse_others, write_json
from pyspeech.lang.tokens import TokenSet
from pyspeech.lang.unknown_words import unknown_words, word_counts
from pyspeech.rescoring.boosting import Boosting, Phrases, read_phrases
from pyspeech.rescoring.choose_weights import choose_boost, choose_weights, practice_list
from pyspeech.rescoring.config import Ranges, RescoreConfig, TuningSettings, Weights
from pyspeech.rescoring.dev_decode import DevDecode, gained, refuse_both, refuse_reported
from pyspeech.rescoring.fit import fit
from pyspeech.rescoring.language_model import LanguageModel, file_of, open_lm
from pyspeech.rescoring.lexicon_search import UNKNOWN_WORD
from pyspeech.rescoring.methods import InLattices, InNbest, Method, Outcome, OverFrames
from pyspeech.rescoring.tuning import BoostPoint
from pyspeech.rescoring.vocabulary import RESERVED, NewWords, Vocabulary, make_vocabulary, read_new_words
from pyspeech.rescoring.weights_file import ChosenWeights, load_weights, marks, save_weights
from pyspeech.scoring.wer import shortened

if TYPE_CHECKING:
    import kenlm

MethodName = Literal["lattice", "nbest", "search"]
NAMED = 3  # words that a message names
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rescoring:
    """How to rescore a decode.

    Args:
        lm: ARPA, KenLM binary, folder of ``pyspeech lm train``, or a text; or an open ``kenlm.Model``.
        tune: Another decode that the weights are chosen on; its references are in ``references``, else in the
            manifest that it was decoded from.
        weights: ``weights.json`` of an earlier rescoring, in place of ``tune``.
        words: List of words to add to the vocabulary of the method ``search``.
        boost: List of phrases to reward.
        espeak: Language that pronounces words without pronunciation; None for that of its token set.
    """

    lm: "Path | kenlm.Model"
    method: MethodName
    config: RescoreConfig
    tune: Path | None = None
    weights: Path | None = None
    references: Path | None = None
    words: Path | None = None
    boost: Path | None = None
    espeak: str | None = None
    drop_held_out: bool = False


@dataclass(frozen=True)
class Rescorer:
    """All that is needed to rescore ``decode``, weights included; ``chosen`` says what they were chosen on, if so."""

    decode: DecodeResults
    lm: LanguageModel
    method: Method
    weights: Weights
    boosting: Boosting | None
    chosen: ChosenWeights | None

    def __iter__(self) -> Iterator[tuple[Hypothesis, Outcome]]:
        """Yield every utterance, in order."""
        decode, weights = self.decode, self.weights
        every = self.method.outcomes(weights, self.boosting)
        bar = tqdm(every, "rescore", len(decode.seconds), unit=" utterances", disable=None)
        for seconds, outcome in _with_seconds(decode, bar):
            clock = Clock(decode.frame_seconds, seconds, decode.offsets)
            yield from_lattice(outcome.lattice, outcome.words, decode.tokens, clock, weights.acoustic), outcome


def rescorer(decode: DecodeResults, job: Rescoring) -> Rescorer:
    """Open, check and choose what rescoring needs.

    Raises:
        UserError: something given is missing, damaged or does not fit the rest; or weights would be chosen on the
            set that is reported.
    """
    refuse_both(job.tune, job.weights)
    if job.words and job.method != "search":
        raise UserError(f"the method {job.method} knows the stored words alone; new words (--words) need search")
    dev = None if job.tune is None else DevDecode.read(StoredDecode(job.tune), job.references)
    chosen = None if job.weights is None else load_weights(job.weights)
    # Where what was said is not known, the ids must do.
    reported = {id_: id_ for id_ in decode.seconds} | marks(decode.known_references().values())
    refuse_reported(reported, decode.name, dev, chosen)
    phrases = read_phrases(job.boost) if job.boost else None
    practice = _practice(dev, phrases, job.config.tuning) if dev and phrases else None
    lm = open_lm(job.lm, held_out=_held_out(decode, dev), drop_held_out=job.drop_held_out)
    for note in lm.notes:
        log.info(note)
    fit(lm, file_of(job.lm), decode, job.method == "search")
    if chosen is not None and chosen.chosen_for != (purpose := _purpose(job, lm)):
        log.warning(f"{job.weights} was chosen for {chosen.chosen_for}; here it weighs {purpose}")
    listed = {word for phrase in phrases or () for word in phrase}
    make = _Maker(job, lm, listed)
    method = make(decode)  # before weights are chosen, so that what is missing shows at once
    if lacking := sorted(listed.difference(method.words)):
        hint = "" if job.method == "search" else "; the method search adds them"
        log.warning(
            f"{job.boost} lists words that this method does not know and cannot find: {shortened(lacking)}{hint}"
        )
    _tell_unknown(decode, dev, _known(job, lm, method))
    if dev is not None:
        chosen = _choose(job, dev, _purpose(job, lm), make(dev.decode), phrases, practice)
    weights = chosen.weights if chosen else _given(job, decode)
    if phrases and not weights.boost:
        log.warning(f"the boost weight is 0, so {job.boost} changes nothing; choose one with --tune and --boost")
    return Rescorer(decode, lm, method, weights, Boosting(phrases) if phrases else None, chosen)


def rescore(source: Path, job: Rescoring, out: Path, keep_lattices: bool = False) -> dict[str, Any]:
    """Rescore every utterance of the decode folder ``source``, write the folder ``out`` and return its summary.

    Raises:
        UserError: as :func:`rescorer`, or ``out`` holds other things.
    """
    refuse_read(out, source, job.tune)
    # What stored frames is the work of a network, and not so quickly made again.
    refuse_others(out, FILES - {FRAMES}, "a rescored decode")
    decode = StoredDecode(source)
    rescored = rescorer(decode, job)
    with complete(out) as folder:
        folder.mkdir()
        copy_words(source, folder)
        summary = {
            **{name: decode.summary.get(name) for name in ("exp", "cuts", "graph", "frame_seconds")},
            "method": f"rescore {job.method}",
            "rescored": str(source),
            **write_found(folder, job, rescored, keep_lattices),
        }
        write_json(folder / SUMMARY, summary)
    return summary


def write_found(folder: Path, job: Rescoring, rescored: Rescorer, keep_lattices: bool) -> dict[str, Any]:
    """Write into ``folder`` what rescoring finds and the weights that were chosen; return what a summary says of it."""
    counts = _write(folder, rescored, keep_lattices)
    weights, chosen = rescored.weights, rescored.chosen
    if chosen:
        save_weights(folder / WEIGHTS, chosen)
    if job.method == "search":
        write_words((word for word in rescored.method.words if word not in RESERVED), folder)
    settings = job.config.model_dump(mode="json", exclude={"weights"})
    return {
        "lm": str(file_of(job.lm)),
        "lm_digest": digest(rescored.lm.path),
        "words": job.words and str(job.words),
        "boost": job.boost and str(job.boost),
        "weights": weights.model_dump(),
        "weights_chosen_on": chosen and chosen.chosen_on,
        "settings": {**settings, "acoustic_scale": weights.acoustic, "blank_penalty": weights.penalty},
        **counts,
    }


def _purpose(job: Rescoring, lm: LanguageModel) -> str:
    return f"method {job.method}, language model {digest(lm.path)}"


def refuse_read(out: Path, *read: Path | None) -> None:
    """Raise a :class:`UserError` where ``out`` is or lies in a decode that is read."""
    for path in read:
        if path is not None and out.resolve().is_relative_to(path.resolve()):
            raise UserError(f"{out} is or lies in {path}, a decode that is read; name another folder for the result")


def _practice(dev: DevDecode, phrases: Phrases, settings: TuningSettings) -> Phrases:
    counts = dev.decode.train_words
    if counts is None:
        raise UserError(
            f"{dev.name} has no {TRAIN_WORDS}, which tells the rare words that a boost is chosen on; train and "
            "decode again, or leave out --tune and set rescore.weights.boost"
        )
    return practice_list(dev.references, phrases, counts, settings)


def _held_out(decode: DecodeResults, dev: DevDecode | None) -> list[Path]:
    manifests = [path for path in (decode.manifest(), dev.manifest if dev else None) if path is not None]
    for path in manifests:
        if not path.exists():
            log.info(
                f"{path} is not here: a text for --lm is not searched for its sentences, and its ids alone are compared"
            )
    return [path for path in manifests if path.exists()]


class _Maker:
    """Makes the method for a decode; decodes with the same tokens share a vocabulary, which holds ``listed``, too."""

    def __init__(self, job: Rescoring, lm: LanguageModel, listed: Collection[str]) -> None:
        self.job, self.lm, self.listed = job, lm, listed
        self._vocabularies: dict[str, Vocabulary] = {}

    def __call__(self, decode: DecodeResults) -> Method:
        config, tokens = self.job.config, decode.tokens  # which all need in the end
        if self.job.method == "lattice":
            return InLattices(decode, self.lm, config.lattice)
        if self.job.method == "nbest":
            return InNbest(decode, self.lm, config.nbest)
        return OverFrames(decode, self.lm, self._vocabulary(tokens), config)

    def _vocabulary(self, tokens: TokenSet) -> Vocabulary:
        language, key = self.job.espeak or tokens.espeak, tokens.content
        if key not in self._vocabularies:
            new: NewWords = read_new_words(self.job.words, tokens) if self.job.words else {}
            self._vocabularies[key] = vocabulary = make_vocabulary(
                [*self.lm.words(), *self.listed], new, tokens, language
            )
            self._tell(vocabulary, new)
        return self._vocabularies[key]

    def _tell(self, vocabulary: Vocabulary, new: NewWords) -> None:
        # Those that were asked for by name come first.
        dropped = sorted(vocabulary.dropped.items(), key=lambda item: item[0] not in new and item[0] not in self.listed)
        if dropped:
            named = shortened([f"'{word}' ({why})" for word, why in dropped], NAMED)
            log.warning(f"left out, as they cannot be spelled in the model's tokens: {named}")
        if vocabulary.approximated:
            named = shortened(vocabulary.approximated, NAMED)
            log.warning(f"pronounced with the nearest phones that the model has: {named}")


def _known(job: Rescoring, lm: LanguageModel, method: Method) -> Container[str]:
    """The words that may be found: in lattices only those of the language model are known to it."""
    return frozenset(method.words) if job.method == "search" else lm


def _tell_unknown(decode: DecodeResults, dev: DevDecode | None, known: Container[str]) -> None:
    """Say what of dev cannot be found; without dev, what of the words that were found before, if there is any."""
    if dev is not None:
        log.info(f"words of {dev.name} that are unknown: {unknown_words(word_counts(dev.texts), known)}")
    elif decode.has_lattices:  # else they may be no words, but the tokens that no lexicon has joined
        unknown = unknown_words(word_counts(map(" ".join, decode.hypotheses.values())), known)
        if unknown.count:
            log.info(f"words of the hypotheses in {decode.name} that are unknown: {unknown}")


def _given(job: Rescoring, decode: DecodeResults) -> Weights:
    given = job.config.weights
    given = given.but(blank=decode.blank_penalty) if given.blank is None else given
    given = given.but(graph=0.0) if job.method == "search" else given
    return given if job.boost else given.but(boost=0.0)


def _choose(
    job: Rescoring,
    dev: DevDecode,
    purpose: str,
    method: Method,
    phrases: Phrases | None,
    practice: Phrases | None,
) -> ChosenWeights:
    tuning, count = job.config.tuning, job.config.nbest
    log.info(f"choosing weights on the {len(dev.references)} utterances of {dev.name}")
    result = choose_weights(method, dev.references, _given(job, dev.decode), tuning, count)
    weights, errors = result.weights, result.errors
    if result.at_limit:
        log.warning(f"  {' and '.join(result.at_limit)} chosen at the end of the range; widen it in rescore.tuning")
    if phrases and practice:
        log.info(
            f"choosing the boost with rare words of {dev.name} in place of your list, which may cost "
            f"{100 * tuning.max_harm:g} points of WER on other words"
        )
        boosted = choose_boost(method, dev.references, phrases, practice, weights, tuning, count)
        weights = boosted.weights
        for point in boosted.table:
            log.info(_boost_line(point, weights.boost))
        if weights.boost == tuning.boosts[-1]:
            log.warning("  boost chosen at the end of its range; widen rescore.tuning.boosts")
        errors = next(point.guard.words for point in boosted.table if point.boost == weights.boost)
    search = Ranges(lm=tuning.lm, graph=tuning.graph, word=tuning.word, blank=tuning.blank)
    chosen = dev.chosen(replace(result, weights=weights, errors=errors), purpose, search)
    log.info(f"chosen: {shown(weights.model_dump())}; {gained(chosen)}")
    return chosen


def _boost_line(point: BoostPoint, chosen: float) -> str:
    return (
        f"  boost {point.boost:g}: {point.practice.found} rare words found, {point.practice.words.errors} errors; your "
        f"list: {point.guard.false} false words, {100 * point.harm:+.2f} points of WER on others"
        f"{'  <- chosen' if point.boost == chosen else ''}"
    )


def weights_text(summary: Mapping[str, Any]) -> str:
    """The weights that a summary tells, and what they were chosen on."""
    chosen = summary["weights_chosen_on"]
    return f"weights: {shown(summary['weights'])} ({'chosen on ' + chosen if chosen else 'not tuned'})"


def shown(weights: Mapping[str, float]) -> str:
    """Weights as one line of text; that of the acoustic score unless it is 1."""
    return ", ".join(f"{name} {value:g}" for name, value in weights.items() if name != "acoustic" or value != 1)


def _write(folder: Path, rescored: Rescorer, keep_lattices: bool) -> dict[str, Any]:
    """Write hypotheses, warnings and perhaps lattices into ``folder``; return what was counted."""
    started = time.monotonic()
    decode, words = rescored.decode, rescored.method.words
    counts = Counter(utterances=0, cut=0, warnings=0, lattice_arcs=0)
    with ExitStack() as stack:
        write = stack.enter_context(utterance_writer(folder))
        archive = stack.enter_context(ShardWriter(folder / LATTICES, LATTICE_CODEC)) if keep_lattices else None
        for hypothesis, outcome in rescored:
            lattice = outcome.lattice
            write(hypothesis.as_json(), [outcome.problem] if outcome.problem else [])
            counts.update(utterances=1, cut=outcome.cut, warnings=bool(outcome.problem), lattice_arcs=lattice.num_arcs)
            if archive is not None:
                archive.write(replace(lattice, word=np.where(lattice.word < len(words), lattice.word, UNKNOWN_WORD)))
    if keep_lattices:
        symbols = {"tokens": decode.tokens.symbols, "words": words}
        finish_archive(folder / LATTICES, symbols, decode.frame_seconds)
    total, wall = sum(decode.seconds.values()), time.monotonic() - started
    return {
        **counts,
        "seconds": round(total, 3),
        "wall_seconds": round(wall, 2),
        "real_time_factor": round(wall / total, 5) if total else None,
    }


def _with_seconds(decode: DecodeResults, outcomes: Iterable[Outcome]) -> Iterator[tuple[float, Outcome]]:
    """Pair the outcomes with the durations of the utterances, which must be the same ones."""
    for line, outcome in zip_longest(decode.seconds.items(), outcomes):
        names = (line and line[0], outcome and outcome.lattice.id)
        if line is None or outcome is None or names[0] != names[1]:
            expected, found = (name or "no more" for name in names)
            raise UserError(
                f"{decode.name}: {HYPOTHESES} has utterance {expected} where the archive has {found}; decode again"
            )
        yield line[1], outcome
