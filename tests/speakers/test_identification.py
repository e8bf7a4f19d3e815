import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.speakers.embeddings import Embeddings
from pyspeech.speakers.identification import (
    People,
    Probes,
    choose_threshold,
    equal_errors,
    error_curve,
    mean_embedding,
    people_of,
    probes_of,
)


def embeddings(speakers, rows):
    ids = tuple(f"u{number:03d}" for number in range(len(speakers)))
    return Embeddings(ids, tuple(speakers), np.array(rows, dtype=np.float32), "net")


@st.composite
def crowds(draw):
    """Two to five speakers, of whom one has two utterances."""
    counts = draw(st.lists(st.integers(1, 6), min_size=2, max_size=5).filter(lambda counts: max(counts) > 1))
    speakers = [f"s{number}" for number, count in enumerate(counts) for _ in range(count)]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return embeddings(rng.permutation(speakers).tolist(), rng.standard_normal((len(speakers), 3)))


@st.composite
def searches(draw):
    """Probes whose cosines are often equal."""
    people, count = draw(st.integers(2, 4)), draw(st.integers(1, 8))
    eighths = st.lists(st.integers(-3, 8), min_size=people, max_size=people)
    return Probes(
        People(tuple("abcd"[:people]), np.eye(people)),
        tuple(map(str, range(count))),
        np.array(draw(st.lists(st.integers(0, people - 1), min_size=count, max_size=count))),
        np.array(draw(st.lists(eighths, min_size=count, max_size=count))) / 8,
    )


def decision(cosines, threshold):
    """Who it is, by looking at one person after the other, or None; among equally like ones it is the first."""
    best, highest = None, -2.0
    for person, cosine in cosines:
        if cosine > highest:
            best, highest = person, cosine
    return best if highest >= threshold else None


def errors_at(threshold, probes):
    known = unknown = 0
    for own, row in zip(probes.person_N, probes.cosines_NP, strict=True):
        cosines = list(enumerate(row))
        known += decision(cosines, threshold) != own
        unknown += decision([one for one in cosines if one[0] != own], threshold) is not None
    return known / len(probes.ids), unknown / len(probes.ids)


@given(searches())
def test_both_errors_are_those_of_one_search_after_the_other(probes):
    curve = error_curve(probes)
    for threshold, *errors in zip(curve.threshold_K, curve.known_K, curve.unknown_K, strict=True):
        assert errors_at(threshold, probes) == pytest.approx(tuple(errors))


@given(searches())
def test_no_threshold_has_errors_that_are_nearer_to_each_other(probes):
    found = equal_errors(error_curve(probes))
    every = [errors_at(sixteenths / 16, probes) for sixteenths in range(-17, 20)]
    nearest = min(abs(known - unknown) for known, unknown in every)
    assert abs(found.known_error - found.unknown_error) == pytest.approx(nearest)
    assert errors_at(found.value, probes) == pytest.approx((found.known_error, found.unknown_error))
    fewest = min(max(pair) for pair in every if abs(pair[0] - pair[1]) == pytest.approx(nearest))
    assert max(found.known_error, found.unknown_error) == pytest.approx(fewest)


@given(crowds(), st.integers(1, 4))
def test_probes_are_compared_with_the_mean_directions_of_all_people(stored, enrol):
    of = {}
    for id_, speaker, row in sorted(zip(stored.ids, stored.speakers, stored.rows_ND, strict=True), key=lambda u: u[0]):
        of.setdefault(speaker, []).append((id_, row.astype(float) / np.linalg.norm(row.astype(float))))
    means, expected = {}, {}
    for speaker, utterances in of.items():
        count = max(1, min(enrol, len(utterances) - 1))
        means[speaker] = sum(row for _, row in utterances[:count])
        expected |= {id_: (speaker, row) for id_, row in utterances[count:]}
    found = probes_of(stored, enrol)
    assert list(found.people.names) == sorted(means)
    assert set(found.ids) == set(expected)
    for id_, person, cosines in zip(found.ids, found.person_N, found.cosines_NP, strict=True):
        speaker, row = expected[id_]
        assert found.people.names[person] == speaker
        by_name = [row @ means[name] / np.linalg.norm(means[name]) for name in found.people.names]
        np.testing.assert_allclose(cosines, by_name, atol=1e-6)


@given(searches())
def test_the_curve_goes_from_all_accepted_to_all_refused(probes):
    curve = error_curve(probes)
    assert (np.diff(curve.threshold_K) > 0).all()
    assert (np.diff(curve.known_K) >= 0).all()
    assert (np.diff(curve.unknown_K) <= 0).all()
    assert (curve.unknown_K[0], curve.unknown_K[-1], curve.known_K[-1]) == (1, 0, 1)


def test_a_threshold_between_people_who_are_far_apart_makes_no_error():
    found = choose_threshold(
        embeddings("aabbcc", [[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 1, 0.1], [0, 0, 1], [0.1, 0, 1]])
    )
    assert (found.known_error, found.unknown_error) == (0, 0)
    near = 1 / np.sqrt(1.01)
    assert found.value == pytest.approx((near + 0.1 * near) / 2)


def test_equal_scores_are_accepted_or_refused_together():
    probes = Probes(People(("a", "b"), np.eye(2)), ("1", "2"), np.array([0, 1]), np.full((2, 2), 0.5))
    curve = error_curve(probes)  # both are taken for the first
    assert curve.known_K.tolist() == [0.5, 1.0]
    assert curve.unknown_K.tolist() == [1.0, 0.0]
    assert equal_errors(curve).value == 0.5


@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_the_utterances_does_not_matter(stored, random):
    order = list(range(len(stored.ids)))
    random.shuffle(order)
    other = Embeddings(
        tuple(stored.ids[i] for i in order), tuple(stored.speakers[i] for i in order), stored.rows_ND[order], "net"
    )
    ours, theirs = probes_of(stored), probes_of(other)
    assert (ours.ids, ours.people.names) == (theirs.ids, theirs.people.names)
    np.testing.assert_array_equal(ours.cosines_NP, theirs.cosines_NP)


def test_the_first_utterances_are_enrolled_and_one_is_left():
    stored = embeddings("aaaaabbc", np.eye(8))
    assert probes_of(stored, 3).ids == ("u003", "u004", "u006")
    assert probes_of(stored, 1).ids == ("u001", "u002", "u003", "u004", "u006")
    assert probes_of(stored, 3).people.names == ("a", "b", "c")


@given(crowds(), st.integers(1, 6))
def test_the_likest_people_are_the_best_of_all_in_descending_order(stored, top):
    people = probes_of(stored).people
    row_D = stored.rows_ND[0]
    found = people.likest(row_D, top)
    every = dict(zip(people.names, people.cosines(row_D[None])[0].tolist(), strict=True))
    assert found == sorted(every.items(), key=lambda item: (-item[1], item[0]))[:top]


def test_every_utterance_of_a_person_counts_alike():
    np.testing.assert_allclose(mean_embedding(np.array([[10.0, 0], [0, 0.1]]), "a"), [0.5, 0.5])
    assert people_of({"b": np.ones(2), "a": np.array([3.0, 4])}).unit_PD.tolist()[0] == pytest.approx([0.6, 0.8])
    with pytest.raises(UserError, match="the utterances of ann have nothing in common"):
        mean_embedding(np.array([[1.0, 0], [-2, 0]]), "ann")


@pytest.mark.parametrize(
    ("speakers", "message"),
    [
        ("aaa", "3 utterances of 1 speakers; identification needs two speakers, and one with two utterances"),
        ("abc", "3 utterances of 3 speakers; identification needs two"),
        (["a", "a", ""], "the embedding of u002 names no speaker"),
    ],
)
def test_too_few_speakers_are_told(speakers, message):
    with pytest.raises(UserError, match=message):
        choose_threshold(embeddings(speakers, np.eye(3)))
