import pytest

from pyspeech.corpora.split_lists import listed, lists_within, read_split_lists
from pyspeech.errors import UserError

IDS = ["a", "b", "c", "d"]


def test_a_list_is_read_from_the_file_of_its_name(tmp_path):
    (tmp_path / "dev.txt").write_text("b\n")
    (tmp_path / "test-clean.txt").write_text("d\na\n")
    assert read_split_lists(tmp_path) == {"dev": ["b"], "test-clean": ["d", "a"]}
    assert read_split_lists(tmp_path / "nowhere") == {}


def test_ids_come_in_the_order_of_the_corpus_and_train_is_what_is_left():
    lists = {"dev": ["b"], "test": ["d", "a"]}
    assert listed("test", lists, IDS) == ["a", "d"]
    assert listed("train", lists, IDS) == ["c"]
    assert listed("train", {"train": ["d"], "dev": ["b"]}, IDS) == ["d"]


def test_an_id_that_the_corpus_does_not_have_is_named():
    with pytest.raises(UserError, match="name 2 utterances that the corpus does not have, such as 'x'"):
        listed("train", {"dev": ["y", "b"], "test": ["x"]}, IDS)


def test_an_id_in_two_lists_is_refused(tmp_path):
    (tmp_path / "dev.txt").write_text("b\na\n")
    (tmp_path / "test.txt").write_text("a\n")
    with pytest.raises(UserError, match="'a' is listed for dev and for test"):
        read_split_lists(tmp_path)


def test_a_split_without_a_list_is_refused():
    with pytest.raises(UserError, match=r"no list names the utterances of dev, only those of test; add dev\.txt"):
        listed("dev", {"test": ["a"]}, IDS)


def test_published_lists_are_those_of_a_corpus_that_has_more_than_half_of_each():
    lists = {"dev": ["a", "b", "x"], "test": ["c"]}
    assert lists_within(lists, IDS) == {"dev": ["a", "b"], "test": ["c"]}
    assert lists_within({**lists, "test": ["c", "y"]}, IDS) == {}
    assert lists_within({}, IDS) == {}


def test_a_list_that_is_no_utf_8_is_named(tmp_path):
    (tmp_path / "dev.txt").write_bytes(b"a\n\xff\n")
    with pytest.raises(UserError, match=r"dev\.txt, line 2 is not UTF-8"):
        read_split_lists(tmp_path)
