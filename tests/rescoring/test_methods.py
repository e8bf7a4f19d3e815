import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.decoding.archive import LATTICE_CODEC, LatticeArchive, ShardWriter, finish_archive
from pyspeech.decoding.lattice import best_path
from pyspeech.decoding.posteriors import word_confidences
from pyspeech.decoding.stored import StoredDecode
from pyspeech.rescoring.boosting import Boosting
from pyspeech.rescoring.config import LatticeSettings, UnknownSettings, load_rescore_config
from pyspeech.rescoring.language_model import LanguageModel
from pyspeech.rescoring.lexicon_search import UNKNOWN_WORD
from pyspeech.rescoring.methods import InLattices, InNbest, OverFrames
from pyspeech.rescoring.vocabulary import make_vocabulary
from tests import lattices
from tests.decodes import FRAME_SECONDS, KNOWN, RARE, TOKENS, said, save_decode, save_lm, sentences, weighing

WORDS = ("<eps>", "CAT", "SAT", "MAT")
EVERYTHING = LatticeSettings(beam=1e9, max_states=10**9)
ALL = 10**6
CONFIG = load_rescore_config()
EXACT = CONFIG.model_copy(update={"search": CONFIG.search.model_copy(update={"beam": 1e6, "max_hypotheses": 10**6})})
WEIGHTS = [
    weighing(),
    weighing(lm=0.3, graph=1.0, word=0.7),
    weighing(acoustic=0.6, lm=1.4, graph=0.4, word=-0.5, boost=1.3),
    weighing(lm=0.0, graph=1.0, blank=-0.7),
]
BOOSTING = Boosting({("CAT", "MAT"): 1.0, ("SAT",): 0.5})


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = save_lm(tmp_path_factory.mktemp("lm") / "lm", sentences(200, seed=1))
    return LanguageModel(folder / "lm.bin")


@pytest.fixture(scope="module")
def random_decode(tmp_path_factory):
    """Lattices of any shape; their tokens spell nothing."""
    folder = save_decode(tmp_path_factory.mktemp("random") / "decode", {"utt": ["CAT"]}, with_lattices=False)
    with ShardWriter(folder / "lattices", LATTICE_CODEC) as archive:
        for seed in range(12):
            archive.write(lattices.random_lattice(seed, id_=f"utt{seed}"))
    finish_archive(folder / "lattices", {"tokens": TOKENS.symbols, "words": WORDS}, FRAME_SECONDS)
    return StoredDecode(folder)


@pytest.fixture(scope="module")
def spoken_decode(tmp_path_factory):
    spoken = said("utt", [*(words[:2] for words in sentences(5)), [], [RARE], ["SAT", RARE]])
    return StoredDecode(save_decode(tmp_path_factory.mktemp("spoken") / "decode", spoken, noise=0.8))


def vocabulary(words):
    return make_vocabulary(words, {}, TOKENS, None)


@dataclass(frozen=True)
class Penalised:
    """A decode as it would be with a penalty, by its own search; what nothing was pruned from."""

    decode: StoredDecode
    blank_penalty: float

    def __getattr__(self, name):
        return getattr(self.decode, name)

    @property
    def lattices(self):
        return _PenalisedLattices(self.decode.lattices, self.blank_penalty)


@dataclass(frozen=True)
class _PenalisedLattices:
    raw: LatticeArchive
    penalty: float

    @property
    def words(self):
        return self.raw.words

    def __iter__(self):
        for lattice in self.raw:
            acoustic = lattice.acoustic + np.float32(self.penalty) * (lattice.token == 0)
            yield replace(lattice, acoustic=acoustic)


def by_hand(lm, words, weights):
    """What the weights make of the words alone."""
    total = weights.lm * lm.score(words) + weights.word * len(words)
    return total + weights.boost * sum(BOOSTING.earned(words))


def every_score(lattice, lm, weights):
    """All paths: words, score under the weights, score of the search that made the lattice."""
    for path in lattices.all_paths(lattice):
        arcs = list(path)
        words = tuple(WORDS[word] for word in lattices.words_on(lattice, path))
        acoustic, graph = (float(each[arcs].sum(dtype=np.float64)) for each in (lattice.acoustic, lattice.graph))
        acoustic += weights.blank * np.count_nonzero(lattice.token[arcs] == 0)
        new = weights.acoustic * acoustic + weights.graph * graph + by_hand(lm, words, weights)
        yield words, new, acoustic + graph


def best_by_words(scored):
    best = {}
    for words, score in scored:
        best[words] = max(score, best.get(words, -math.inf))
    return best


def words_and_score(outcome, weights):
    lattices.assert_well_formed(outcome.lattice)
    path = best_path(outcome.lattice, weights.acoustic)
    words = [outcome.words[word] for word in outcome.lattice.word[path].tolist() if word]
    return tuple(words), float(outcome.lattice.scores(weights.acoustic)[path].sum())


def assert_best(found, expected):
    """Of equals any is right."""
    words, score = found
    assert score == pytest.approx(max(expected.values()), abs=1e-3)
    assert expected[words] == pytest.approx(score, abs=1e-3)


def assert_listed(features, expected, weights, count):
    best = sorted(expected.values(), reverse=True)[:count]
    for one, score in zip(features, best, strict=True):
        total = sum(weight * part for weight, part in zip(weights.of_sums, one.sums, strict=True))
        assert total == pytest.approx(expected[one.words], abs=1e-3)
        assert total == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_in_lattices_the_best_of_all_paths_is_found(random_decode, lm, weights):
    method = InLattices(random_decode, lm, EVERYTHING)
    listed = method.candidates(weights, BOOSTING, 5)
    for lattice, outcome, (id_, features) in zip(
        random_decode.lattices, method.outcomes(weights, BOOSTING), listed, strict=True
    ):
        expected = best_by_words((words, new) for words, new, _ in every_score(lattice, lm, weights))
        assert id_ == outcome.lattice.id == lattice.id
        assert not outcome.cut
        assert_best(words_and_score(outcome, weights), expected)
        assert_listed(features, expected, weights, 5)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("count", [3, ALL])
def test_the_best_of_the_nbest_is_found_at_the_score_of_its_best_path(random_decode, lm, weights, count):
    method = InNbest(random_decode, lm, count)
    listed = method.candidates(weights, BOOSTING, 5)
    for lattice, outcome, (id_, features) in zip(
        random_decode.lattices, method.outcomes(weights, BOOSTING), listed, strict=True
    ):
        of_search = {}
        for words, new, old in every_score(lattice, lm, weights):
            if words not in of_search or old > of_search[words][0]:
                of_search[words] = old, new
        kept = sorted(of_search.items(), key=lambda item: item[1][0], reverse=True)[:count]
        expected = {words: new for words, (_, new) in kept}
        assert id_ == outcome.lattice.id == lattice.id
        assert_best(words_and_score(outcome, weights), expected)
        assert {one.words for one in features} == set(expected)
        in_order = sorted(features, key=lambda one: expected[one.words], reverse=True)
        assert_listed(in_order, expected, weights, count)


def test_all_candidates_are_as_good_as_the_lattice(random_decode, lm):
    weights = weighing(lm=0.8, graph=1.0, word=0.2)  # of a word sequence, both take the same path
    pairs = zip(
        InLattices(random_decode, lm, EVERYTHING).outcomes(weights, None),
        InNbest(random_decode, lm, ALL).outcomes(weights, None),
        strict=True,
    )
    for in_lattice, in_list in pairs:
        (words, score), (same_words, same_score) = (words_and_score(each, weights) for each in (in_lattice, in_list))
        assert words == same_words
        assert score == pytest.approx(same_score, abs=1e-3)


def spoken_score(log_probs_TV, tokens):
    """Best path of CTC that says these tokens: blanks between them, where neighbours are equal one at least."""
    labels = [0]
    for token in tokens:
        labels += [token, 0]
    best = np.full(len(labels), -math.inf)
    best[0] = 0.0
    for row in log_probs_TV:
        before = best.copy()
        for place, label in enumerate(labels):
            ways = [before[place], before[place - 1] if place else -math.inf]
            if label and place > 1 and labels[place - 2] != label:
                ways.append(before[place - 2])
            best[place] = max(ways) + row[label]
        # Only the first blank and the first token can begin.
    return max(best[-1], best[-2] if len(best) > 1 else -math.inf)


@pytest.mark.parametrize("weights", [weighing(), weighing(acoustic=0.6, lm=1.4, word=-0.5, boost=1.3, blank=-0.8)])
def test_over_frames_the_best_of_all_word_sequences_is_found(spoken_decode, lm, weights):
    method = OverFrames(spoken_decode, lm, vocabulary(KNOWN), no_unknown(EXACT))
    outcomes = list(method.outcomes(weights, BOOSTING))
    listed = list(method.candidates(weights, BOOSTING, 3))
    assert [outcome.lattice.id for outcome in outcomes] == [id_ for id_, _ in listed] == list(spoken_decode.seconds)
    for frames, outcome, (_, features) in zip(spoken_decode.frames, outcomes, listed, strict=True):
        log_probs_TV = frames.dense(len(TOKENS.symbols)).astype(np.float64)
        log_probs_TV[:, 0] += weights.blank
        expected = {}
        for length in range(4):
            for words in itertools.product(KNOWN, repeat=length):
                acoustic = spoken_score(log_probs_TV, TOKENS.encode(words))
                if acoustic > -math.inf:
                    expected[words] = weights.acoustic * acoustic + by_hand(lm, words, weights)
        assert outcome.problem is None
        assert_best(words_and_score(outcome, weights), expected)
        for one in features:
            total = sum(weight * part for weight, part in zip(weights.of_sums, one.sums, strict=True))
            assert total == pytest.approx(expected[one.words], abs=1e-3)


def no_unknown(config):
    return config.model_copy(update={"unknown": UnknownSettings(word=-1e4, token=-1.0)})


def test_an_utterance_without_frames_has_no_words_in_any_method(spoken_decode, lm):
    methods = (
        InLattices(spoken_decode, lm, EVERYTHING),
        InNbest(spoken_decode, lm, 10),
        OverFrames(spoken_decode, lm, vocabulary(KNOWN), CONFIG),
    )
    for method in methods:
        (outcome,) = (each for each in method.outcomes(weighing(), None) if not each.lattice.num_frames)
        words, score = words_and_score(outcome, weighing())
        assert words == ()
        assert score == pytest.approx(lm.score(()), abs=1e-4)
        assert outcome.problem is None


@pytest.mark.parametrize("has_better_unknown", [True, False])
def test_an_unknown_word_is_spelled_by_its_tokens_at_the_end_too(spoken_decode, lm, has_better_unknown):
    """``DOT`` is in neither list; where unknown words cost much the nearest known one stands for it."""
    price = 1.5 if has_better_unknown else -100.0
    config = CONFIG.model_copy(update={"unknown": UnknownSettings(word=price, token=-1.0)})
    method = OverFrames(spoken_decode, lm, vocabulary(("CAT", "MAT", "SAT")), config)
    outcomes = {each.lattice.id: each for each in method.outcomes(weighing(), None)}
    found = [words_and_score(outcomes[id_], weighing())[0] for id_ in ("utt-006", "utt-007")]
    if not has_better_unknown:
        assert all(words and set(words) <= set(KNOWN) for words in found)
        return
    assert found == [(RARE,), ("SAT", RARE)]
    outcome = outcomes["utt-007"]
    assert outcome.words[: len(method.words)] == method.words
    path = best_path(outcome.lattice, 1.0)
    plain = np.where(outcome.lattice.word < len(method.words), outcome.lattice.word, UNKNOWN_WORD)
    confidences = word_confidences(outcome.lattice, path, 1.0)
    assert confidences == pytest.approx(word_confidences(replace(outcome.lattice, word=plain), path, 1.0))
    assert all(0 < each <= 1 for each in confidences)


def test_the_language_model_that_lacks_unknown_words_leaves_none_empty(spoken_decode, tmp_path):
    """Neither the one word of the vocabulary nor an unknown one is likely; something must be written."""
    path = tmp_path / "lm.arpa"
    path.write_text(
        "\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-0.5\tBAD\t-0.3\n-0.5\t</s>\n-99\t<s>\t-0.3\n\n"
        "\\2-grams:\n-0.1\t<s> BAD\n\n\\end\\\n"
    )
    lm = LanguageModel(path)
    assert not lm.has_unknown
    method = OverFrames(spoken_decode, lm, vocabulary(lm.words()), CONFIG)
    for outcome in method.outcomes(weighing(), None):
        words, _ = words_and_score(outcome, weighing())
        assert bool(words) == bool(outcome.lattice.num_frames)
        assert all(words)


def test_the_limit_of_states_is_told(random_decode, lm):
    tight = InLattices(random_decode, lm, LatticeSettings(beam=1e9, max_states=1))
    outcomes = list(tight.outcomes(weighing(), None))
    assert any(each.cut for each in outcomes)
    for outcome in outcomes:
        words_and_score(outcome, weighing())


penalties = st.integers(-8, 0).map(lambda quarters: quarters / 2)


@settings(max_examples=15)
@given(penalties, penalties)
def test_a_penalty_is_the_same_whatever_the_decode_had(lm, random_decode, spoken_decode, asked, had):
    for make in (
        lambda decode: InLattices(decode, lm, EVERYTHING),
        lambda decode: InNbest(decode, lm, ALL),
        lambda decode: OverFrames(decode, lm, vocabulary(KNOWN[:3]), EXACT),
    ):
        frames = isinstance(make(spoken_decode), OverFrames)
        decode = spoken_decode if frames else random_decode
        outcomes = [
            make(Penalised(decode, before)).outcomes(weighing(lm=0.5, blank=asked), None) for before in (had, asked)
        ]
        for ours, theirs in zip(*outcomes, strict=True):
            assert np.array_equal(best_path(ours.lattice, 1.0), best_path(theirs.lattice, 1.0))
            assert ours.lattice.acoustic == pytest.approx(theirs.lattice.acoustic, abs=1e-5)
