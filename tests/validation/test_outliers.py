import math

import pytest

from pyspeech.entries import Entry
from pyspeech.validation import faults
from pyspeech.validation.outliers import check_outliers, letters


def entry(number, duration, text="ABCDEFGHIJ KLMNOPQRST"):
    return Entry(0, number, str(number), 0.0, duration, 0, 1, text, "", (0.0, duration), None, None)


def found(entries):
    return {(one.id, finding.kind) for one, finding in check_outliers(entries)}


def usual(count=60):
    return [entry(number, 2.0 + 0.5 * math.sin(number)) for number in range(count)]


def test_lengths_far_from_all_others_are_named_and_no_other():
    odd = [entry(100, 0.3, "AB"), entry(101, 12.0, "ABCDEFGHIJ " * 10)]
    assert found(usual() + odd) == {("100", faults.ODD_DURATION), ("101", faults.ODD_DURATION)}


def test_paces_far_from_all_others_are_named():
    assert found([*usual(), entry(100, 2.0, "AB")]) == {("100", faults.ODD_PACE)}


def test_a_few_utterances_have_nothing_usual():
    assert found([*usual(10), entry(100, 9.0)]) == set()


def test_nobody_says_a_table_in_three_seconds():
    assert found([entry(0, 3.264, "Hello world " * 30)]) == {("0", faults.TOO_FAST)}
    assert found([entry(0, 30.0, "YES")]) == {("0", faults.TOO_SLOW)}
    assert found([entry(0, 0.2, "THREE"), entry(1, 1.0, "NO"), entry(2, 0.0, "NO")]) == set()


@pytest.mark.parametrize(("text", "count"), [("AB CD", 4), ("日本", 6), ("é!", 1), ("", 0), (None, 0)])
def test_a_character_that_is_a_syllable_counts_as_one(text, count):
    assert letters(text) == count
