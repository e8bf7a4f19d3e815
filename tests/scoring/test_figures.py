from pyspeech.scoring.figures import class_rows, counts_text, interval_text, interval_values, marked_interval, percent
from pyspeech.scoring.rare_words import score_by_training_count
from pyspeech.scoring.wer import ErrorCounts, score
from pyspeech.transcripts import Transcript

SCORE = score(
    [Transcript(id_, text, "", 1.0) for id_, text in (("u1", "the cat sat on"), ("u2", "the cat"), ("u4", "a b"))],
    {"u1": ["a", "the", "hat", "sat"], "u2": ["a", "the", "hat"]},
)


def test_rates_of_nothing_are_not_written_as_numbers():
    assert counts_text(ErrorCounts(insertions=1)) == "- [ 1 / 0, 1 ins, 0 del, 0 sub ]"
    assert (interval_text(None), interval_values(None), percent(float("nan"))) == ("n/a", None, None)


def test_recall_by_occurrences_in_training_is_a_table():
    rows = class_rows(score_by_training_count(SCORE, {"the": 20, "sat": 1, "cat": 2, "a": 5}))
    assert rows[0].split("  ")[0] == "In training"
    # on and b were never seen, nor was hat, which two hypotheses hold; cat twice became hat, and a was inserted twice.
    assert [row.split() for row in rows[1:-1]] == [
        ["0", "2", "0.00", "[", "0.0,", "0.0", "]", "*", "2"],
        ["1-2", "3", "33.33", "[", "0.0,", "50.0", "]", "0"],
        ["3-10", "1", "0.00", "[", "0.0,", "0.0", "]", "*", "2"],
        [">10", "2", "100.00", "[", "100.0,", "100.0", "]", "*", "0"],
    ]
    assert rows[-1].startswith("* all or none of n words; by the rule of three")


def test_a_class_without_a_word_has_neither_recall_nor_a_mark():
    rows = class_rows(score_by_training_count(SCORE, dict.fromkeys(["the", "sat", "cat", "a", "on", "b"], 1)))
    assert [row.split()[:4] for row in rows[1:]] == [
        ["0", "0", "n/a", "n/a"],
        ["1-2", "8", "37.50", "["],
        ["3-10", "0", "n/a", "n/a"],
        [">10", "0", "n/a", "n/a"],
    ]


def test_only_an_interval_that_says_all_or_none_is_marked():
    assert [marked_interval(one) for one in (None, (0.1, 0.1), (0.0, 0.5), (0.0, 0.0))] == [
        "n/a",
        "[ 10.0, 10.0 ]",
        "[ 0.0, 50.0 ]",
        "[ 0.0, 0.0 ] *",
    ]
