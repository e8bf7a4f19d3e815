import itertools
from fractions import Fraction

import pytest
from hypothesis import given

from pyspeech.speakers.equal_error_rate import equal_error_rate
from tests.trial_lists import SCORES, error_points, labelled


def by_definition(targets, non_targets):
    """Exactly: walk over all thresholds from the lowest, and find where the two error rates meet."""
    points = [
        (Fraction(rejected, len(targets)), Fraction(accepted, len(non_targets)))
        for rejected, accepted in error_points(targets, non_targets)
    ]
    for (rejected, accepted), (more, fewer) in itertools.pairwise(points):
        if rejected <= accepted and more >= fewer and (rejected, accepted) != (more, fewer):
            # Where the line between the two points has equal coordinates.
            part = (accepted - rejected) / ((accepted - rejected) + (more - fewer))
            return rejected + part * (more - rejected)
    raise AssertionError


def eer(targets, non_targets):
    return equal_error_rate(*labelled(targets, non_targets))


@given(SCORES, SCORES)
def test_equals_the_definition_with_ties_too(targets, non_targets):
    assert eer(targets, non_targets) == pytest.approx(float(by_definition(targets, non_targets)))


@given(SCORES, SCORES)
def test_only_the_order_of_scores_matters(targets, non_targets):
    stretched = [[float(score) ** 3 / 7 - 2 for score in scores] for scores in (targets, non_targets)]
    assert eer(*stretched) == eer(targets, non_targets)


@given(SCORES, SCORES)
def test_turning_the_scores_round_turns_the_rate_round(targets, non_targets):
    assert eer([-s for s in targets], [-s for s in non_targets]) == pytest.approx(1 - eer(targets, non_targets))


@pytest.mark.parametrize(
    ("targets", "non_targets", "expected"),
    [([3, 2], [1, 0], 0), ([0], [1], 1), ([1, 1], [1], 0.5), ([1, 3], [0, 2], 0.5), ([2, 3, 4], [0, 1, 3], 1 / 3)],
)
def test_known_rates(targets, non_targets, expected):
    assert eer(targets, non_targets) == pytest.approx(expected)
