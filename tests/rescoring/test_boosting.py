import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.rescoring.boosting import Boosting, read_phrases

WORDS = st.sampled_from("abc")
SENTENCES = st.lists(WORDS, max_size=9)
PHRASES = st.dictionaries(
    st.lists(WORDS, min_size=1, max_size=4).map(tuple), st.sampled_from([0.5, 1.0, 2.0]), min_size=1, max_size=6
)


def earned_by_looking(phrases, words):
    """What each word earns, by trying every phrase at every place."""
    earned = [0.0] * len(words)
    for phrase, weight in phrases.items():
        for start in range(len(words) - len(phrase) + 1):
            if tuple(words[start : start + len(phrase)]) == phrase:
                for place in range(start, start + len(phrase)):
                    earned[place] = max(earned[place], weight)
    return earned


def walk(boosting, words, state=Boosting.start):
    rewards = []
    for word in words:
        state, reward = boosting.advance(state, word)
        rewards.append(reward)
    return state, rewards


@given(PHRASES, SENTENCES)
def test_a_sentence_earns_what_each_phrase_at_each_place_says(phrases, words):
    boosting = Boosting(phrases)
    state, rewards = walk(boosting, words)
    expected = earned_by_looking(phrases, words)
    assert boosting.earned(words) == expected
    assert sum(rewards) + boosting.finish(state) == pytest.approx(sum(expected))


@given(PHRASES, SENTENCES)
def test_what_is_given_ahead_can_be_earned(phrases, words):
    boosting = Boosting(phrases)
    state, rewards = walk(boosting, words)
    completions = [end for phrase in phrases for end in (phrase[start:] for start in range(len(phrase)))]
    reachable = max(sum(earned_by_looking(phrases, [*words, *end])) for end in [(), *completions])
    given_ahead = -boosting.finish(state)
    assert given_ahead >= 0
    assert sum(rewards) <= reachable + 1e-9


@given(PHRASES, SENTENCES, SENTENCES)
def test_equal_states_score_every_continuation_equally(phrases, one, other):
    boosting = Boosting(phrases)
    states = walk(boosting, one)[0], walk(boosting, other)[0]
    if states[0] == states[1]:
        for following in itertools.product("abc", repeat=3):
            assert walk(boosting, following, states[0]) == walk(boosting, following, states[1])


@given(PHRASES, SENTENCES, SENTENCES)
def test_a_state_depends_on_the_latest_words_only(phrases, before, words):
    boosting = Boosting(phrases)
    longest = max(map(len, phrases))
    latest = (words * 9)[-2 * longest :] if words else []
    if len(latest) == 2 * longest:
        assert walk(boosting, [*before, *latest])[0] == walk(boosting, latest)[0]


@given(PHRASES, PHRASES, SENTENCES)
def test_a_longer_list_never_lowers_a_sentence(phrases, more, words):
    union = {each: max(phrases.get(each, 0), more.get(each, 0)) for each in {**phrases, **more}}
    assert sum(Boosting(union).earned(words)) >= sum(Boosting(phrases).earned(words))


def test_a_phrase_is_rewarded_word_by_word_and_taken_back_where_it_fails():
    boosting = Boosting({("lee", "harvey", "oswald"): 2.0})
    state, rewards = walk(boosting, ["lee", "harvey"])
    assert rewards == [2.0, 2.0]
    assert boosting.finish(state) == -4.0
    assert boosting.advance(state, "oswald")[1] == 2.0
    assert boosting.advance(state, "lee")[1] == -2.0  # begins again
    assert boosting.advance(state, "who") == (boosting.start, -4.0)


def test_a_complete_phrase_is_kept_and_the_next_may_overlap():
    boosting = Boosting({("a", "b"): 1.0, ("b", "c"): 1.0})
    assert walk(boosting, ["a", "b", "x"])[1] == [1.0, 1.0, 0.0]
    assert walk(boosting, ["a", "b", "c"])[1] == [1.0, 1.0, 1.0]  # "b" earns once


def test_a_name_within_a_name_earns_once():
    boosting = Boosting({("oswald",): 1.0, ("lee", "oswald"): 1.0})
    assert boosting.earned(["lee", "oswald"]) == [1.0, 1.0]
    assert boosting.earned(["mister", "oswald"]) == [0.0, 1.0]


def test_a_shorter_phrase_survives_the_failure_of_the_longer():
    boosting = Boosting({("new", "york"): 1.0, ("new", "york", "city", "hall"): 3.0})
    state, rewards = walk(boosting, ["new", "york", "city", "lights"])
    assert sum(rewards) + boosting.finish(state) == 2.0


def test_many_phrases_are_quick():
    boosting = Boosting({(f"w{number}", f"w{number + 1}", "x"): 1.0 for number in range(20_000)})
    state, rewards = walk(boosting, [f"w{number}" for number in range(20_000)])
    assert sum(rewards) + boosting.finish(state) == 0


def test_phrases_are_read_with_their_weights(tmp_path):
    path = tmp_path / "phrases.txt"
    path.write_text("\ufeffLEE  OSWALD\n\n#ONE\t2.5\r\nDEALEY PLAZA\t\n", encoding="utf-8")
    assert read_phrases(path) == {("LEE", "OSWALD"): 1.0, ("#ONE",): 2.5, ("DEALEY", "PLAZA"): 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n \n", "holds no phrase"),
        ("A B\t-1\n", "line 1: expected one weight above 0 after a TAB, found '-1'"),
        ("A\tnan\n", "found 'nan'"),
        ("A\tinf\n", "found 'inf'"),
        ("A\tB\n", "found 'B'"),
        ("A\t1\t2\n", "found '1 2'"),
        ("A B\nA  B\t2\n", "line 2: 'A B' is listed a second time"),
        ("\t2\n", "line 1: a weight without words"),
    ],
)
def test_a_bad_list_is_refused(tmp_path, text, message):
    path = tmp_path / "phrases.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_phrases(path)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(UserError, match="no list of phrases at"):
        read_phrases(tmp_path / "phrases.txt")
