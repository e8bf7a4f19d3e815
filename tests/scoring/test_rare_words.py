import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.scoring.rare_words import (
    RareWordCounts,
    count_rare_words,
    read_train_words,
    read_word_list,
    recall_interval,
    score_by_training_count,
)
from pyspeech.scoring.wer import GAP, ErrorCounts, Score, score_utterance
from pyspeech.transcripts import Transcript

WORDS = st.lists(st.sampled_from(["a", "b", "rare", "É", "東京"]), max_size=8)
ROWS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6)
LISTS = st.frozensets(st.sampled_from(["rare", "É", "a", "never"]))


def scored(*rows):
    return Score(
        tuple(
            score_utterance(Transcript(f"u{index}", " ".join(reference), "", 1.0), hypothesis)
            for index, (reference, hypothesis) in enumerate(rows)
        )
    )


def counts_one_by_one(score, words):
    """Le et al.: every error by hand, by its reference word or else by the inserted one."""
    tables = {True: Counter(), False: Counter()}
    for one in score.utterances:
        for reference, hypothesis in one.pairs:
            table = tables[(hypothesis if reference == GAP else reference) in words]
            if reference == GAP:
                table["insertions"] += 1
                continue
            table["reference"] += 1
            if hypothesis == GAP:
                table["deletions"] += 1
            elif hypothesis != reference:
                table["substitutions"] += 1
    return [
        ErrorCounts(table["substitutions"], table["insertions"], table["deletions"], table["reference"])
        for table in (tables[True], tables[False])
    ]


def count_all(score, words):
    return sum((count_rare_words(one.pairs, frozenset(words)) for one in score.utterances), RareWordCounts())


@given(ROWS, LISTS)
def test_every_error_is_counted_once_by_its_word(rows, words):
    score = scored(*rows)
    counts = count_all(score, words)
    assert [counts.listed, counts.unlisted] == counts_one_by_one(score, words)
    assert counts.listed + counts.unlisted == score.words
    found = sum(word in words for _, hypothesis in rows for word in hypothesis)
    assert counts.hypothesised == found
    assert counts.listed.insertions <= counts.false <= found


@given(ROWS, ROWS, LISTS)
def test_counts_add(first, second, words):
    parts = count_all(scored(*first), words) + count_all(scored(*second), words)
    assert parts == count_all(scored(*first, *second), words)
    assert parts + RareWordCounts() == parts


@given(ROWS)
def test_all_words_and_none_are_the_word_errors(rows):
    score = scored(*rows)
    everything = count_all(score, {word for row in rows for side in row for word in side})
    assert everything.listed == score.words == count_all(score, []).unlisted
    assert everything.unlisted == ErrorCounts()


def test_counts_of_a_small_example():
    score = scored(
        (["the", "zebra", "ran"], ["the", "zebra", "zebra", "ran"]),  # a listed word inserted
        (["a", "zebra"], ["a", "cobra"]),  # one listed word for another
        (["gnu", "here"], ["here", "now"]),  # a listed word deleted, another word inserted
        (["the", "cat"], ["the", "gnu"]),  # a listed word for another word: its error, and yet a false gnu
    )
    counts = count_all(score, ["zebra", "cobra", "gnu", "emu"])
    assert counts.listed == ErrorCounts(substitutions=1, insertions=1, deletions=1, reference_length=3)
    assert counts.unlisted == ErrorCounts(substitutions=1, insertions=1, deletions=0, reference_length=6)
    assert (counts.false, counts.hypothesised) == (3, 4)
    assert (counts.recall, counts.false_rate) == (1 / 3, 3 / 4)


def test_rates_of_nothing_are_no_numbers():
    counts = count_all(scored((["a"], ["b"])), ["zebra"])
    assert math.isnan(counts.listed.rate)
    assert math.isnan(counts.recall)
    assert math.isnan(counts.false_rate)
    assert recall_interval([counts]) is None


@given(ROWS, st.dictionaries(st.sampled_from(["a", "b", "rare", "É"]), st.integers(1, 12)))
def test_classes_split_the_words_by_their_count(rows, training):
    score = scored(*rows)
    classes = score_by_training_count(score, training)
    assert [one.name for one in classes] == ["0", "1-2", "3-10", ">10"]
    assert sum((one.counts.listed for one in classes), ErrorCounts()) == score.words
    assert sum(one.counts.false for one in classes) == sum(
        hypothesis not in (GAP, reference) for one in score.utterances for reference, hypothesis in one.pairs
    )
    unseen = [pair for one in score.utterances for pair in one.pairs if pair[0] != GAP and pair[0] not in training]
    assert classes[0].counts.listed.reference_length == len(unseen)
    assert classes[0].counts.listed.hits == sum(reference == hypothesis for reference, hypothesis in unseen)
    for one in classes:
        assert (one.interval is None) == (one.counts.listed.reference_length == 0)


@pytest.mark.parametrize(("count", "name"), [(1, "1-2"), (2, "1-2"), (3, "3-10"), (10, "3-10"), (11, ">10")])
def test_the_bounds_of_a_class_belong_to_it(count, name):
    classes = score_by_training_count(scored((["a"], ["a"])), {"a": count})
    assert [one.name for one in classes if one.counts.listed.reference_length] == [name]


def test_a_list_holds_words_and_phrases_and_other_columns_are_not_read(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\N{BYTE ORDER MARK}zebra\r\n\nÉmile Zola\t2.5\nzebra\ncobra\tK OW B R AH\n", encoding="utf-8")
    assert read_word_list(path) == {"zebra", "Émile", "Zola", "cobra"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "lists no word; write one"), (b" \n\t1.0\n", "lists no word"), (b"a\n\xe9\n", "line 2 is not UTF-8")],
)
def test_a_list_without_words_or_in_another_encoding_is_an_error(tmp_path, content, message):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(UserError, match=rf"list\.txt,? {message}"):
        read_word_list(tmp_path / "list.txt")


def test_a_list_that_is_not_there_or_a_folder_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"no list of words at .*nowhere"):
        read_word_list(tmp_path / "nowhere")
    with pytest.raises(UserError, match="the list of words must be a file"):
        read_word_list(tmp_path)


def test_training_counts_are_read_where_the_decode_has_them(tmp_path):
    assert read_train_words(tmp_path) is None
    (tmp_path / "train_words.tsv").write_text("a\t12\nÉ\t1\n", encoding="utf-8")
    assert read_train_words(tmp_path) == {"a": 12, "É": 1}


@pytest.mark.parametrize("line", ["b", "b\t", "b\t0", "b\t-1", "b\tx", "b c\t1", "\t1", "a\t1", "", "b\t1\t2"])
def test_a_damaged_training_count_is_named_by_line(tmp_path, line):
    (tmp_path / "train_words.tsv").write_text(f"a\t12\n{line}\n")
    with pytest.raises(UserError, match=r"train_words\.tsv, line 2: expected a new word, a tab and its count"):
        read_train_words(tmp_path)
