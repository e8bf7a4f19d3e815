import pytest

from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.rescoring.choose_weights import choose_boost, choose_weights, practice_list
from pyspeech.rescoring.config import LatticeSettings, load_rescore_config
from pyspeech.rescoring.language_model import LanguageModel
from pyspeech.rescoring.methods import InLattices, InNbest, OverFrames
from pyspeech.rescoring.vocabulary import make_vocabulary
from tests.decodes import KNOWN, TOKENS, said, save_decode, save_lm, sentences, weighing

CONFIG = load_rescore_config(overrides=["rescore.tuning.lm=[0, 2, 0.5]", "rescore.tuning.word=[-2, 2, 1]"])
NEVER_READ = "BAD"  # is in no text of the language model
SPOKEN = said("dev", sentences(25, seed=3))
METHODS = ("lattice", "nbest", "search")
COUNT = 20


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    texts = [[word if word != NEVER_READ else "MAT" for word in words] for words in sentences(200, seed=1)]
    return LanguageModel(save_lm(tmp_path_factory.mktemp("lm") / "lm", texts) / "lm.bin")


@pytest.fixture(scope="module")
def decode(tmp_path_factory):
    return StoredDecode(save_decode(tmp_path_factory.mktemp("dev") / "dev", SPOKEN, noise=1.7))


def make(name, decode, lm):
    if name == "lattice":
        return InLattices(decode, lm, LatticeSettings(beam=30.0, max_states=500))
    if name == "nbest":
        return InNbest(decode, lm, COUNT)
    return OverFrames(decode, lm, make_vocabulary(KNOWN, {}, TOKENS, None), CONFIG)


@pytest.mark.parametrize("name", METHODS)
def test_chosen_weights_make_fewer_errors_than_those_before_and_weigh_only_what_is_there(decode, lm, name):
    start = weighing(lm=0.0, boost=1.0)
    method = make(name, decode, lm)
    result = choose_weights(method, SPOKEN, start, CONFIG.tuning, COUNT)
    assert result.errors.errors < result.start_errors.errors
    assert result.weights.lm > 0
    assert result.weights.boost == 0  # without a list nothing is boosted
    assert result.weights.graph == 0 or method.has_graph_scores
    assert choose_weights(make(name, decode, lm), SPOKEN, start, CONFIG.tuning, COUNT) == result


def test_a_decode_that_lost_an_utterance_chooses_no_weights(decode, lm):
    with pytest.raises(UserError, match="stores nothing of lost; decode it again"):
        choose_weights(make("nbest", decode, lm), {**SPOKEN, "lost": ["CAT"]}, weighing(), CONFIG.tuning, COUNT)


def test_the_practice_list_holds_rare_words_that_are_said_and_others(decode):
    counts = {"CAT": 2, "DOG": 100, "SAT": 1, "ZEBRA": 1, "YAK": 2, "OX": 3}
    listed = practice_list({"a": ["CAT", "DOG", NEVER_READ]}, {("PET",): 1.0, ("APE",): 1.0}, counts, CONFIG.tuning)
    assert {("CAT",), (NEVER_READ,)} < set(listed)
    assert len(listed) == 4
    assert {("DOG",), ("OX",)}.isdisjoint(listed)


def test_a_set_without_a_rare_word_cannot_choose_a_boost():
    with pytest.raises(UserError, match=r"nobody says a word .* 2 times or fewer.*; raise rescore.tuning.rare"):
        practice_list({"a": ["CAT"]}, {("PET",): 1.0}, {"CAT": 3, "ZEBRA": 1}, CONFIG.tuning)


@pytest.mark.parametrize("name", METHODS)
def test_a_boost_is_chosen_that_finds_rare_words(decode, lm, name):
    practice = {(NEVER_READ,): 1.0}
    weights = weighing(lm=1.0)
    result = choose_boost(make(name, decode, lm), SPOKEN, {("DOT",): 1.0}, practice, weights, CONFIG.tuning, COUNT)
    none, chosen = (
        next(point for point in result.table if point.boost == boost) for boost in (0, result.weights.boost)
    )
    assert chosen.boost > 0
    assert chosen.practice.found > none.practice.found
    assert chosen.practice.words.errors < none.practice.words.errors
    assert (chosen.guard.false, chosen.harm) == (0, 0.0)


def test_a_list_whose_words_are_heard_everywhere_is_boosted_no_further_than_it_may_harm(decode, lm):
    """``COT`` sounds like ``CAT`` and ``CUT``: a boost that is good for rare words is too much for this list."""
    lists = ({("COT",): 1.0}, {(NEVER_READ,): 1.0})
    method = make("lattice", decode, lm)
    result = choose_boost(method, SPOKEN, *lists, weighing(lm=1.0), CONFIG.tuning, COUNT)
    harmless = choose_boost(method, SPOKEN, {("DOT",): 1.0}, lists[1], weighing(lm=1.0), CONFIG.tuning, COUNT)
    assert result.table[-1].guard.false > result.table[0].guard.false
    assert result.table[-1].harm > CONFIG.tuning.max_harm
    chosen = next(point for point in result.table if point.boost == result.weights.boost)
    assert chosen.harm <= CONFIG.tuning.max_harm
    assert result.weights.boost < harmless.weights.boost
