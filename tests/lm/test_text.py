import gzip
import json
import lzma

import pytest

from pyspeech.errors import UserError
from pyspeech.lm.text import read_lines

TEXT = "one two\n\n  three\tfour \r\nfünf\u00a0six"
WORDS = [(1, ["one", "two"]), (3, ["three", "four"]), (4, ["fünf", "six"])]


@pytest.mark.parametrize(("name", "pack"), [("a.txt", bytes), ("a.gz", gzip.compress), ("a.txt.xz", lzma.compress)])
def test_plain_and_packed_text_give_the_same_lines(tmp_path, name, pack):
    path = tmp_path / name
    path.write_bytes(pack(TEXT.encode()))
    assert [(line.number, line.words) for line in read_lines([path])] == WORDS


def test_a_manifest_gives_its_transcripts(tmp_path):
    path = tmp_path / "cuts.jsonl.gz"
    cut = {"id": "a", "duration": 1.0, "supervisions": [{"text": "one two", "speaker": "s"}]}
    path.write_bytes(gzip.compress(json.dumps(cut).encode()))
    assert [(line.number, line.words) for line in read_lines([path])] == [(1, ["one", "two"])]


def test_files_follow_each_other_and_a_byte_order_mark_is_no_word(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes("\ufeffx\ny".encode())
    lines = list(read_lines([tmp_path / "b", tmp_path / "a"]))
    assert [(line.file.name, line.number, *line.words) for line in lines] == [
        ("b", 1, "x"),
        ("b", 2, "y"),
        ("a", 1, "x"),
        ("a", 2, "y"),
    ]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no text at .*nothing\.txt"):
        list(read_lines([tmp_path / "nothing.txt"]))


def test_a_character_that_is_no_text_is_refused_with_its_place(tmp_path):
    (tmp_path / "a").write_text("one\ntwo\0three\n")
    with pytest.raises(UserError, match="a, line 2 holds a NUL character"):
        list(read_lines([tmp_path / "a"]))


def test_a_word_that_language_models_reserve_is_refused_with_its_place(tmp_path):
    (tmp_path / "a").write_text("one\n<b> two\n<s> three\n")
    with pytest.raises(UserError, match="a, line 3 holds <s>"):
        list(read_lines([tmp_path / "a"]))
