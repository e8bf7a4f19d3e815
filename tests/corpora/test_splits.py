import shlex
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.corpora.splits import KINDS, divide, in_order, kind_of, names_for, split_name, usual_name
from pyspeech.errors import UserError

keys_of_any_script = st.lists(st.text(), min_size=3, unique=True)


@given(keys_of_any_script)
def test_every_key_has_one_split_and_every_split_a_key(keys):
    splits = divide(keys)
    assert splits.keys() == set(keys)
    counts = Counter(splits.values())
    assert counts["test"] == counts["dev"] == max(1, len(keys) // 10)
    assert counts["train"] >= 1


@given(keys_of_any_script, st.randoms())
def test_neither_order_nor_repetition_changes_a_split(keys, random):
    shuffled = keys * 2
    random.shuffle(shuffled)
    assert divide(shuffled) == divide(keys)


@given(keys_of_any_script, st.text())
def test_a_further_key_moves_at_most_one_other_for_each_of_dev_and_test(keys, further):
    before, after = divide(keys), divide([*keys, further])
    assert sum(before[key] != after[key] for key in keys) <= 2


@given(keys_of_any_script)
def test_test_keys_are_the_same_with_and_without_dev(keys):
    both, test, dev = divide(keys), divide(keys, ("test",)), divide(keys, ("dev",))
    for key in keys:
        assert (both[key] == "test") == (test[key] == "test")
        assert (both[key] == "dev") == (dev[key] == "dev")


def test_the_share_that_is_held_out_may_be_another():
    keys = [f"key {number}" for number in range(100)]
    assert Counter(divide(keys, ("dev",), one_in=25).values()) == {"train": 96, "dev": 4}
    assert Counter(divide(keys, ("dev",), at_least=10, one_in=25).values()) == {"train": 90, "dev": 10}


def test_at_least_as_many_are_held_out_as_asked():
    assert Counter(divide("abcde", ("test",), at_least=2).values()) == {"train": 3, "test": 2}


@pytest.mark.parametrize(("keys", "at_least"), [([], 1), (["a", "b"], 1), (["a", "a", "b", "b"], 1), (list("abcd"), 2)])
def test_too_few_keys_are_refused(keys, at_least):
    with pytest.raises(UserError, match=f"cannot hold dev and test out of {len(set(keys))}"):
        divide(keys, at_least=at_least)


def test_the_names_that_corpora_use_are_known_in_any_case():
    names = ["Training", "tr", "VALID", "validation", "val", "devel", "Eval", "evaluation", "validated", "test-clean"]
    expected = ["train", "train", "dev", "dev", "dev", "dev", "test", "test", "validated", "test-clean"]
    assert [usual_name(name) for name in names] == expected


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Training", "train"),
        ("test_clean", "test-clean"),
        ("eval_clean", "test-clean"),
        ("dev.clean 2", "dev-clean-2"),
        ("validated", "validated"),
        ("2019", "2019"),
        ("train-clean-100", "train-clean-100"),
    ],
)
def test_the_first_word_of_a_name_says_what_its_split_is_for(name, split):
    assert split_name(name) == split
    assert kind_of(name) == kind_of(split)
    assert kind_of(split) in KINDS or split in ("validated", "2019")


@pytest.mark.parametrize(
    "name", ["", "test-a;touch${IFS}pwned;echo", "-rf", "../x", "a/b", "tést", "test\n", "_", "$x"]
)
def test_a_name_that_a_script_could_take_for_more_is_refused(name):
    with pytest.raises(UserError, match="cannot name a split; use letters, digits, '-' and"):
        split_name(name)


@given(st.text(st.sampled_from("atT1-_. ;$/\n'é"), max_size=6))
def test_a_split_is_one_plain_word_and_its_own_name(name):
    try:
        split = split_name(name)
    except UserError:
        return
    assert shlex.split(split) == [shlex.quote(split)] == [split_name(split)]


def test_usual_names_go_before_those_that_begin_with_one():
    assert names_for("test", ["test_b", "train", "test_a"]) == ["test_a", "test_b"]
    assert names_for("test", ["test_b", "Eval", "test_a"]) == ["Eval"]


def test_splits_come_in_the_order_train_dev_test_others():
    found = ["validated", "test-other", "dev", "train", "test-clean", "dev"]
    assert in_order(found) == ("train", "dev", "test-clean", "test-other", "validated")
