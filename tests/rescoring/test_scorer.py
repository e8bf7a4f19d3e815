import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.lm.ngram import LmSettings, train_lm
from pyspeech.rescoring import scorer as module
from pyspeech.rescoring.boosting import Boosting
from pyspeech.rescoring.language_model import LanguageModel
from pyspeech.rescoring.scorer import WordScorer
from tests.decodes import weighing

SYMBOLS = ("<eps>", "<unk>", "a", "b", "c", "d", "unheard")
PHRASES = {("a", "b", "a"): 1.5, ("b",): 0.5, ("c", "unheard"): 2.0}
SENTENCES = st.lists(st.lists(st.integers(1, len(SYMBOLS) - 1), max_size=7), min_size=1, max_size=20)
NUMBERS = st.floats(-3, 3).map(lambda value: round(value, 2))
WEIGHTS = st.builds(weighing, lm=st.sampled_from([0.0, 0.5, 1.0, 2.0]), word=NUMBERS, boost=st.sampled_from([0.0, 0.7]))


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    draw = random.Random(1)
    lines = (" ".join(draw.choices("abcd", (4, 3, 2, 1), k=draw.randint(1, 8))) for _ in range(60))
    (folder / "text").write_text("\n".join(lines))
    train_lm(folder / "lm", [folder / "text"], LmSettings(3), memory="100M")
    return LanguageModel(folder / "lm" / "lm.bin")


def read(scorer, sentences):
    """The states after ``sentences``, all read at once word by word, and the sum of what ``advance`` gave each."""
    states, scores = np.full(len(sentences), scorer.start, np.int32), np.zeros(len(sentences))
    for position in range(max(map(len, sentences))):
        those = np.array([number for number, sentence in enumerate(sentences) if len(sentence) > position])
        words = np.array([sentences[number][position] for number in those], np.int32)
        states[those], added = scorer.advance(states[those], words)
        scores[those] += added
    return states, scores


def spelled(sentence):
    return [SYMBOLS[word] for word in sentence]


def whole(lm, weights, boosting, sentence):
    """What a sentence costs, with neither states nor memory."""
    words = spelled(sentence)
    boost = sum(boosting.earned(words))
    return weights.lm * lm.score(words) + weights.word * len(words) + weights.boost * boost


@given(SENTENCES, WEIGHTS)
def test_a_sentence_costs_what_kenlm_and_boosting_say_of_it_as_a_whole(lm, sentences, weights):
    boosting = Boosting(PHRASES)
    scorer = WordScorer(lm, SYMBOLS, weights, boosting)
    expected = [whole(lm, weights, boosting, sentence) for sentence in sentences]
    for _ in range(2):  # the second time from memory
        states, scores = read(scorer, sentences)
        np.testing.assert_allclose(scores + scorer.finish(states), expected, rtol=1e-9, atol=1e-9)


@given(SENTENCES, SENTENCES, WEIGHTS)
def test_equal_states_score_every_continuation_equally(lm, sentences, continuations, weights):
    boosting = Boosting(PHRASES)
    scorer = WordScorer(lm, SYMBOLS, weights, boosting)
    states, _ = read(scorer, sentences)
    for state in set(states.tolist()):
        same = [sentences[number] for number in np.flatnonzero(states == state)]
        for after in continuations:
            costs = [
                whole(lm, weights, boosting, before + after) - read(scorer, [before])[1][0]  # of what comes after
                for before in same
            ]
            np.testing.assert_allclose(costs, costs[0], rtol=1e-6, atol=1e-6)


def test_histories_that_no_ngram_tells_apart_share_a_state(lm):
    scorer = WordScorer(lm, SYMBOLS, weighing())
    states, _ = read(scorer, [[2, 2], [3, 2, 2], [4, 5, 2, 2], [2, 3], [3, 2]])
    assert len({states[1], states[2]}) == 1
    assert len({states[1], states[3], states[4]}) == 3
    assert scorer.start not in states


def test_what_weighs_nothing_tells_no_states_apart(lm):
    sentences = [[2, 3], [3], [2, 3, 2]]
    nothing = WordScorer(lm, SYMBOLS, weighing(lm=0.0, word=-2.0), Boosting(PHRASES))
    states, scores = read(nothing, sentences)
    assert set(states) == {nothing.start}
    assert scores.tolist() == [-4.0, -2.0, -6.0]
    assert nothing.finish(states).tolist() == [0.0, 0.0, 0.0]
    alone, boosted = (WordScorer(lm, SYMBOLS, weighing(), boosting) for boosting in (None, Boosting(PHRASES)))
    np.testing.assert_array_equal(read(alone, sentences)[0], read(boosted, sentences)[0])


def test_without_a_model_phrases_and_words_count_alone():
    boosting = Boosting(PHRASES)
    scorer = WordScorer(None, SYMBOLS, weighing(word=-1.0, boost=2.0), boosting)
    states, scores = read(scorer, [[2, 3, 2], [2, 3], [6]])
    assert scores + scorer.finish(states) == pytest.approx([-3 + 2 * 4.5, -2 + 2 * 0.5, -1])


def test_a_word_that_the_model_lacks_costs_what_unk_does(lm):
    scorer = WordScorer(lm, SYMBOLS, weighing())
    states, scores = read(scorer, [[2, 1, 3], [2, 6, 3]])
    assert states[0] == states[1]
    assert scores[0] == scores[1]


def test_types_and_no_questions_at_all(lm):
    scorer = WordScorer(lm, SYMBOLS, weighing())
    for number in (0, 3):
        states, scores = scorer.advance(np.zeros(number, np.int32), np.full(number, 2, np.int32))
        assert (states.dtype, scores.dtype, scorer.finish(states).dtype) == (np.int32, np.float64, np.float64)
        assert states.shape == scores.shape == scorer.finish(states).shape == (number,)


def test_forgetting_gives_memory_back_only_once_there_is_much_and_changes_no_score(lm, monkeypatch):
    scorer = WordScorer(lm, SYMBOLS, weighing(word=0.5, boost=1.0), Boosting(PHRASES))
    sentences = [[2, 3, 4, 5], [3, 3], [5, 2, 6]]
    states, scores = read(scorer, sentences)
    ends = scorer.finish(states)
    scorer.forget()
    assert scorer.finish(states).tolist() == ends.tolist()
    for bound in ("MAX_STATES", "MAX_PAIRS"):
        monkeypatch.setattr(module, bound, 1)
        scorer.forget()
        monkeypatch.undo()
        assert (len(scorer._states), scorer._memo.size) == (1, 0)
        again, same = read(scorer, sentences)
        assert same.tolist() == scores.tolist()
        assert scorer.finish(again).tolist() == ends.tolist()


@given(st.integers(0, 2**32), st.sampled_from([50, 10**6, 2**62]))
def test_the_memo_holds_what_a_dictionary_holds(seed, largest):
    draw = np.random.default_rng(seed)
    memo, expected = module._Memo(), {}
    for number in (1, 30, 3000, 3000):
        keys = draw.integers(0, largest, number)
        slots = memo.find(keys)
        assert [slot < 0 for slot in slots] == [key not in expected for key in keys.tolist()]
        new = np.unique(keys[slots < 0])
        values = draw.integers(0, 2**31, len(new)).astype(np.int32)
        memo.insert(new, values, values * 0.5)
        expected.update(zip(new.tolist(), values.tolist(), strict=True))
        assert memo.size == len(expected)
    keys = np.array(list(expected))
    assert memo.following[memo.find(keys)].tolist() == list(expected.values())
    assert memo.scores[memo.find(keys)].tolist() == [value * 0.5 for value in expected.values()]
