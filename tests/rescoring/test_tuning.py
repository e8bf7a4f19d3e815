import itertools
import random
from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.rescoring.boosting import Boosting
from pyspeech.rescoring.config import Ranges
from pyspeech.rescoring.tuning import (
    BoostResult,
    DevSet,
    Features,
    merge,
    practice_phrases,
    tune,
    tune_boost,
    tune_rounds,
)
from pyspeech.scoring.wer import ErrorCounts, align, count_errors
from tests.decodes import weighing

NONE = (0.0, 0.0, 1.0)
START = weighing(lm=1.0, graph=0.0, word=0.0)
WIDE = Ranges(lm=(0.0, 2.0, 0.25), graph=(0.0, 1.0, 0.25), word=(-4.0, 6.0, 1.0), blank=(-3.0, 0.0, 0.5))
TINY = Ranges(lm=(0.0, 1.0, 0.5), graph=(0.0, 0.5, 0.5), word=(-1.0, 1.0, 1.0), blank=NONE)
BLANKS = TINY.model_copy(update={"blank": (-1.0, 0.0, 0.5)})
SEEDS = st.integers(0, 10_000)


def random_dev(seed, num_utterances=6, num_candidates=6):
    draw = random.Random(seed)
    references = {f"utt-{number}": draw.choices("abc", k=draw.randint(1, 5)) for number in range(num_utterances)}
    candidates = {
        name: [
            Features(
                tuple(draw.choices("abc", k=draw.randint(0, 5))),
                *(round(draw.gauss(-5, 3), draw.randint(0, 2)) for _ in range(3)),
                float(draw.randint(0, 2)),
                draw.randint(0, 9),
            )
            for _ in range(draw.randint(0, num_candidates))
        ]
        for name in references
    }
    return candidates, references


def total(weights, one):
    return sum(weight * part for weight, part in zip(weights.of_sums, one.sums, strict=True))


def decode(candidates, references, weights):
    """Words of the best candidate of each utterance."""
    rows = {name: sorted(candidates.get(name, []), key=lambda one: one.words) for name in references}
    return {name: max(row, key=lambda one: total(weights, one)).words if row else () for name, row in rows.items()}


def count(candidates, references, weights):
    errors = ErrorCounts()
    for name, words in decode(candidates, references, weights).items():
        errors += count_errors(align(references[name], words))
    return errors


def values(axis):
    low, high, step = axis
    return [low + number * step for number in range(round((high - low) / step) + 1)]


def grid(search):
    return [START.but(lm=a, graph=b, word=c, blank=d) for a, b, c, d in itertools.product(*map(values, search.axes))]


def cost(dev, search, weights):
    """The mean errors of a point and its neighbours and its way from the start, as the module describes them."""
    names = ("lm", "graph", "word")
    mean = sum(
        abs(getattr(weights, name) - getattr(START, name)) / step
        for name, (_, _, step) in zip(names, search.axes[:3], strict=True)
    )
    for signs in itertools.product((-1, 0, 1), repeat=3):
        near = [
            min(max(getattr(weights, name) + sign * step, low), high)
            for name, sign, (low, high, step) in zip(names, signs, search.axes[:3], strict=True)
        ]
        share = 0.5 ** sum(2 if sign else 1 for sign in signs)
        mean += share * dev.errors_at(weights.but(lm=near[0], graph=near[1], word=near[2])).errors
    return mean


@given(SEEDS, st.sampled_from(grid(BLANKS)), st.sampled_from([0.0, 1.0]))
def test_errors_are_those_of_the_best_candidates(seed, weights, boost):
    candidates, references = random_dev(seed)
    weights = weights.but(boost=boost)
    scores = [total(weights, one) for row in candidates.values() for one in row]
    if len(set(scores)) == len(scores):
        assert DevSet(candidates, references).errors_at(weights) == count(candidates, references, weights)


@settings(max_examples=15)
@given(SEEDS)
def test_the_choice_is_as_good_as_every_point_of_the_grid(seed):
    dev = DevSet(*random_dev(seed))
    result = tune(dev, START, TINY)
    fair = [each for each in grid(TINY) if dev.errors_at(each).errors <= result.start_errors.errors]
    chosen = cost(dev, TINY, result.weights)
    assert all(chosen <= cost(dev, TINY, each) + 1e-5 for each in [*fair, START])


@settings(max_examples=15)
@given(
    SEEDS,
    st.sampled_from([*grid(BLANKS), weighing(acoustic=0.5, lm=3.0, graph=0.7, word=-9.0, boost=2.0, blank=-5.0)]),
    st.sampled_from([TINY, BLANKS]),
)
def test_the_choice_has_no_more_errors_than_the_start_and_stays_in_range(seed, start, search):
    dev = DevSet(*random_dev(seed))
    result = tune(dev, start, search)
    assert result.errors.errors <= result.start_errors.errors == dev.errors_at(start).errors
    assert result.errors == dev.errors_at(result.weights)
    assert (result.weights.acoustic, result.weights.boost) == (start.acoustic, start.boost)
    found = result.weights.lm, result.weights.graph, result.weights.word, result.weights.blank
    in_range = all(low <= value <= high for value, (low, high, _) in zip(found, search.axes, strict=True))
    assert in_range or result.weights == start


@settings(max_examples=15)
@given(SEEDS)
def test_the_order_of_candidates_does_not_matter(seed):
    candidates, references = random_dev(seed)
    shuffled = {name: random.Random(0).sample(row, len(row)) for name, row in reversed(candidates.items())}
    assert tune(DevSet(candidates, references), START, TINY) == tune(DevSet(shuffled, references), START, TINY)


def known_dev(seed, truth, num_utterances=100, num_candidates=10):
    """Utterances whose right candidate is best with ``truth``, and less often so the farther weights are from it."""
    draw, silent = random.Random(seed), random.Random(seed)
    candidates, references = {}, {}
    for name in (f"utt-{number}" for number in range(num_utterances)):
        references[name] = draw.choices("abcdefgh", k=8)
        right = Features(tuple(references[name]), 0.0, -40.0, -40.0, 2.0, 20)
        candidates[name] = [right]
        for _ in range(num_candidates):
            words = tuple(draw.choices("abcdefgh", k=draw.randint(6, 10)))
            wrong = Features(
                words, 0.0, draw.gauss(-40, 5), draw.gauss(-40, 5), draw.choice([0.0, 2.0]), silent.randint(17, 23)
            )
            behind = total(truth, right) - total(truth, wrong) - draw.uniform(0.1, 4)
            candidates[name].append(replace(wrong, acoustic=behind / truth.acoustic))
    return candidates, references


@pytest.mark.parametrize(
    "truth", [weighing(lm=0.75, graph=0.5, word=2.0), weighing(acoustic=0.7, lm=1.5, graph=0.25, word=-1.0, boost=3.0)]
)
def test_the_weights_that_made_the_scores_are_found(truth):
    dev = DevSet(*known_dev(1, truth))
    start = truth.but(lm=1.0, graph=0.0, word=0.0)
    result = tune(dev, start, WIDE)
    assert dev.errors_at(truth).errors == result.errors.errors == 0 < result.start_errors.errors
    assert result.weights.lm == pytest.approx(truth.lm, abs=0.25)
    assert result.weights.graph == pytest.approx(truth.graph, abs=0.25)
    assert tune(dev, start, WIDE) == result


@pytest.mark.parametrize("start", [0.0, -3.0])
def test_the_penalty_that_made_the_scores_is_found(start):
    truth = weighing(acoustic=0.8, lm=1.0, graph=0.25, blank=-1.75)
    dev = DevSet(*known_dev(4, truth))
    result = tune(dev, truth.but(graph=0.0, blank=start), WIDE)
    assert dev.errors_at(truth).errors == result.errors.errors == 0 < result.start_errors.errors
    assert result.weights.blank == pytest.approx(truth.blank, abs=0.5)


@pytest.mark.parametrize("seed", range(3))
def test_of_all_penalties_with_the_other_weights_none_makes_fewer_errors(seed):
    """Chosen beside the others: that none is better together with others is not promised."""
    dev = DevSet(*known_dev(seed, weighing(lm=0.75, blank=-2.0)))
    alone = WIDE.model_copy(update={"lm": (1.0, 1.0, 1.0), "graph": NONE, "word": NONE, "blank": (-3.0, 0.0, 0.5)})
    result = tune(dev, START, alone)

    def mean(blank):
        near = [min(max(blank + step, -3.0), 0.0) for step in (-0.5, 0.0, 0.0, 0.5)]
        return sum(dev.errors_at(START.but(blank=each)).errors for each in near) / 4 + abs(blank) / 0.5

    assert mean(result.weights.blank) == min(map(mean, [*values(alone.blank), result.weights.blank]))


def two_by_two(right_where):
    """A dev set of two candidates an utterance; the second wins where the lm weight lies in one of its ranges.

    Every range (low, high) takes 20 utterances that are right above ``low`` and 20 that are right below ``high``.
    """
    candidates, references = {}, {}
    for number, (low, high) in enumerate(20 * right_where):
        for end, sign in ((low, 1.0), (high, -1.0)):
            name = f"utt-{number}-{sign}"
            references[name] = ["right"]
            candidates[name] = [
                Features(("wrong",), 0.0, 0.0, 0.0, 0.0, 0),
                Features(("right",), -sign * end, 0, sign, 0, 0),
            ]
    return candidates, references


LM_ONLY = Ranges(lm=(0.0, 3.0, 0.25), graph=NONE, word=NONE, blank=NONE)


@pytest.mark.parametrize("start", [0.0, 3.0])
def test_the_choice_stays_away_from_the_rim_of_a_plain(start):
    dev = DevSet(*two_by_two([(0.9, 2.1)]))
    result = tune(dev, START.but(lm=start), LM_ONLY)
    assert result.errors.errors == 0
    assert 0.9 + 0.25 <= result.weights.lm <= 2.1 - 0.25


def test_of_equals_the_nearest_to_the_start_is_chosen():
    dev = DevSet(*two_by_two([(-1.0, 9.0)]))
    assert tune(dev, START.but(lm=1.1), LM_ONLY).weights.lm == 1.1


def test_a_way_that_saves_less_than_an_error_a_step_is_not_gone():
    candidates, references = two_by_two([(-1.0, 9.0)])
    for number in range(2):
        name = f"far-{number}"
        references[name] = ["right"]
        candidates[name] = [Features(("wrong",), 0.0, 0.0, 0.0, 0.0, 0), Features(("right",), -2.4, 0, 1.0, 0, 0)]
    dev = DevSet(candidates, references)
    assert dev.errors_at(START.but(lm=2.5)).errors == 0
    assert tune(dev, START, LM_ONLY).weights == START


def test_the_end_of_a_range_is_reported():
    assert tune(DevSet(*two_by_two([(2.9, 9.0)])), START, LM_ONLY).at_limit == ("lm",)
    assert tune(DevSet(*two_by_two([(-1.0, 0.2)])), START, LM_ONLY).at_limit == ()  # nothing lies below 0
    assert tune(DevSet(*two_by_two([(0.9, 2.1)])), START, LM_ONLY).at_limit == ()


class Searcher:
    """Finds the few best of all candidates, as a search with these weights would."""

    def __init__(self, candidates, most):
        self.candidates, self.most, self.asked = candidates, most, []

    def __call__(self, weights):
        self.asked.append(weights)
        return {
            name: sorted(row, key=lambda one: -total(weights, one))[: self.most]
            for name, row in self.candidates.items()
        }


def test_rounds_find_what_one_list_hides():
    truth = weighing(lm=0.5, graph=0.75, word=2.0)
    candidates, references = known_dev(2, truth)
    search = Searcher(candidates, most=4)
    result = tune_rounds(search, references, START, WIDE)
    assert search.asked[0] == START
    assert len(search.asked) == result.rounds <= 4
    once = tune(DevSet(Searcher(candidates, most=4)(START), references), START, WIDE).weights
    assert result.errors.errors < count(candidates, references, once).errors
    assert result.errors == count(candidates, references, result.weights)
    assert result.start_errors == count(candidates, references, START)


def test_rounds_end_when_nothing_changes():
    candidates, references = known_dev(3, weighing(lm=0.5))
    search = Searcher(candidates, most=1000)
    result = tune_rounds(search, references, START, WIDE)
    assert search.asked == [START, result.weights]
    assert result.weights == tune(DevSet(candidates, references), START, WIDE).weights


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 3))
def test_rounds_never_end_worse_than_they_began(seed, most):
    candidates, references = random_dev(seed)
    result = tune_rounds(Searcher(candidates, most), references, START, TINY)
    assert result.errors.errors <= result.start_errors.errors


@given(SEEDS, st.sampled_from(grid(BLANKS)))
def test_merging_keeps_every_candidate_that_can_win(seed, weights):
    candidates, _ = random_dev(seed, num_utterances=1, num_candidates=8)
    rows = [[replace(one, words=one.words[:1]) for one in row] for row in candidates.values()]
    halves = [{"utt": row[half::2]} for row in rows for half in (0, 1)]
    merged = merge(*halves)
    assert sorted(map(astuple, merge(merged, halves[1])["utt"])) == sorted(map(astuple, merged["utt"]))
    for words in {one.words for one in rows[0]}:
        everything, kept = (
            max(total(weights, one) for one in row if one.words == words) for row in (rows[0], merged["utt"])
        )
        assert kept == pytest.approx(everything, abs=0.01)


def test_an_utterance_without_candidates_is_all_deletions():
    assert DevSet({}, {"utt": ["a", "b"]}).errors_at(START) == ErrorCounts(0, 0, 2, 2)


def test_a_dev_set_that_says_nothing_is_refused():
    with pytest.raises(UserError, match="2 utterances with no word at all"):
        DevSet({}, {"utt-1": [], "utt-2": []})


def test_candidates_without_reference_are_refused():
    with pytest.raises(UserError, match="no reference for utt-2"):
        DevSet({"utt-2": []}, {"utt-1": ["a"]})


def features(words, boost=0.0, acoustic=0.0):
    return Features(tuple(words.split()), acoustic, 0.0, 0.0, boost, 0)


def test_errors_beside_the_list_are_told_from_those_in_it():
    boosting = Boosting({("lee", "oswald"): 1.0})
    references = {"utt": ["lee", "met", "lee", "oswald", "today"]}

    def counts(words):
        found = DevSet({"utt": [features(words)]}, references, boosting).counts(START)
        return found.others, found.found, found.false

    assert counts("lee met lee oswald today") == (0, 2, 0)
    assert counts("x met lee oswald today") == (1, 2, 0)
    assert counts("lee met lee harvest today") == (0, 1, 0)
    assert counts("lee oswald met lee oswald today") == (1, 2, 1)  # an insertion counts as harm
    assert counts("lee met lee oswald lee oswald") == (2, 2, 2)  # so does a word that was said and is gone
    assert DevSet({}, references, boosting).num_listed == 2


def boosted_dev(gains, harms, num_words=100):
    """A listed name that is recognised from a boost in ``gains`` on, and words that suffer from one in ``harms`` on."""
    candidates, references = {}, {}
    for number, boost in enumerate(gains):
        references[f"said-{number}"] = ["oswald"]
        candidates[f"said-{number}"] = [features("as wall"), features("oswald", 1.0, -boost)]
    for number, boost in enumerate(harms):
        references[f"other-{number}"] = ["oswalt"]
        candidates[f"other-{number}"] = [features("oswalt"), features("oswald", 1.0, -boost)]
    references["rest"] = ["word"] * num_words
    candidates["rest"] = [features("word " * num_words)]
    return DevSet(candidates, references, Boosting({("oswald",): 1.0}))


HARM = 0.001
BOOSTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


def boost_of(result: BoostResult):
    return result.weights.boost


def test_the_boost_that_finds_most_is_chosen_within_the_harm_that_is_allowed():
    practice = boosted_dev(gains=[0.5, 1.5, 2.5, 3.5], harms=[])
    assert boost_of(tune_boost(practice, boosted_dev([], []), START, BOOSTS, HARM)) == 5.0
    guarded = tune_boost(practice, boosted_dev([], harms=[2.5]), START, BOOSTS, HARM)
    assert boost_of(guarded) == 2.0
    assert [point.harm > 0 for point in guarded.table] == [False, False, False, True, True, True]
    assert [point.guard.false for point in guarded.table] == [0, 0, 0, 1, 1, 1]
    assert [point.practice.found for point in guarded.table] == [0, 1, 2, 3, 4, 4]
    assert boost_of(tune_boost(practice, boosted_dev([], harms=[2.5]), START, BOOSTS, max_harm=0.02)) == 5.0
    assert guarded.weights == START.but(boost=2.0)


def test_harm_that_practice_shows_is_weighed_against_what_is_found():
    practice = boosted_dev(gains=[0.5, 0.5], harms=[2.5, 2.5, 3.5, 3.5])
    assert 1.0 <= boost_of(tune_boost(practice, boosted_dev([], []), START, BOOSTS, HARM)) <= 2.0


def test_no_boost_is_chosen_where_every_one_harms():
    practice = boosted_dev(gains=[0.5], harms=[])
    assert boost_of(tune_boost(practice, boosted_dev([], harms=[0.5]), START, BOOSTS, HARM)) == 0.0


def test_practice_needs_listed_words_that_are_said():
    with pytest.raises(UserError, match="no reference holds a word of the practice list"):
        tune_boost(boosted_dev([], []), boosted_dev([], []), START, BOOSTS, HARM)


def test_the_practice_list_is_of_rare_words_said_and_not():
    references = {"utt-1": ["THE", "OSWALD"], "utt-2": ["RUBY", "THE"]}
    counts = {"THE": 900, "OSWALD": 2, **{f"RARE{number}": 1 for number in range(10)}, "OFTEN": 50}
    listed = practice_phrases(references, counts, rare=2, distractors=5)
    assert listed == {(word,): 1.0 for word in ("OSWALD", "RUBY", "RARE0", "RARE2", "RARE4", "RARE6", "RARE8")}
    assert set(practice_phrases(references, counts, rare=2, distractors=0)) == {("OSWALD",), ("RUBY",)}
    assert len(practice_phrases(references, counts, rare=2, distractors=1000)) == 12
