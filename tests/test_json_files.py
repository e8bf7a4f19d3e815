"""One reader of JSON: whatever a file holds, it is its value or one clear error, soon and in little memory."""

import gzip
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.json_files import (
    MAX_DEPTH,
    is_made_from,
    parse_json,
    read_json,
    read_json_lines,
    read_json_list,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=30,
)


@given(VALUES)
def test_what_python_writes_is_read_as_it_was_unless_a_string_holds_what_no_path_can(value):
    for ensure_ascii in (False, True):
        text = json.dumps(value, ensure_ascii=ensure_ascii).encode()
        if "\\u0000" in json.dumps(value):
            with pytest.raises(ValueError, match="NUL"):
                parse_json(text)
        else:
            assert parse_json(text) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_value_error(text):
    with suppress(ValueError):
        parse_json(text)


DAMAGED = {
    "nested beyond Python's own depth": b"[" * 200_000 + b"]" * 200_000,
    "nested less deeply": b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "half of a surrogate pair": b'{"a": "\\ud800"}',
    "half of one as a key": b'{"\\uDFFF": 1}',
    "half of one as bytes": b'{"a": "\xed\xa0\x80"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a number of 65 bits": b'{"a": 18446744073709551616}',
    "a number that no float holds": b'{"a": -1' + b"0" * 400 + b"}",
    "NUL": b'{"a": ["\\u0000"]}',
    "a million empty objects": b"[" + b"{}," * (1 << 20) + b"{}]",
    "not UTF-8": b'{"a": "\xff"}',
    "nothing": b"",
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_of_no_use_is_one_error_that_names_the_file_or_the_line(tmp_path, text):
    path = tmp_path / "table.json"
    path.write_bytes(text)
    for read in (read_json, read_json_list):
        with pytest.raises(UserError, match=r"table\.json is not valid JSON \(.*\); make it again"):
            read(path, "table", "make it again")
    assert not is_made_from(tmp_path, {"table.json"}, "table.json", "0")
    lines = tmp_path / "lines.jsonl"
    lines.write_bytes(b'{"a": 1}\n' + (text or b"x"))
    rows = read_json_lines(lines)
    assert next(rows) == (1, {"a": 1})
    with pytest.raises(UserError, match=r"lines\.jsonl, line 2 is not valid JSON"):
        next(rows)


@given(st.integers(-(2**70), 2**70), st.text("0123456789"))
def test_whole_numbers_of_64_bits_are_read_and_longer_ones_only_within_words(number, digits):
    text = json.dumps({"a": [number], "b": digits}).encode()
    if -(2**63) <= number < 2**64:
        assert parse_json(text) == {"a": [number], "b": digits}
    else:
        with pytest.raises(ValueError, match="a whole number of more than 64 bits"):
            parse_json(text)


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_whole_surrogate_pairs_and_escaped_backslashes_are_text():
    assert parse_json(b'["\\ud83d\\ude00", "\\\\u0000", "\\\\ud800"]') == ["\U0001f600", "\\u0000", "\\ud800"]


@pytest.mark.parametrize("name", ["lines.jsonl", "lines.jsonl.gz"])
def test_a_line_without_an_end_is_not_read_to_its_end(tmp_path, name):
    path = tmp_path / name
    with gzip.open(path, "wb") if name.endswith("gz") else path.open("wb") as stream:
        stream.write(b'{"a": "')
        for _ in range(64):
            stream.write(b"x" * (1 << 20))
    with pytest.raises(UserError, match=r"line 1 is not valid JSON .*MiB in one line"):
        list(read_json_lines(path))


def test_a_file_without_an_end_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "table.json"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # a sparse file of a terabyte
    with pytest.raises(UserError, match="more than 64 MiB"):
        read_json(path, "table", "make it again")


def test_blank_lines_are_no_lines_and_a_file_that_was_cut_names_the_last_whole_one(tmp_path):
    path = tmp_path / "lines.jsonl.gz"
    whole = gzip.compress(b'{"a": 1}\n\n  \n' + b"".join(b'{"a": %d}\n' % n for n in range(9999)))
    path.write_bytes(whole)
    assert [number for number, _ in read_json_lines(path)] == [1, *range(4, 10003)]
    path.write_bytes(whole[:-30])
    with pytest.raises(UserError, match=r"cannot be read after line \d+"):
        list(read_json_lines(path))


def test_another_kind_of_value_and_a_missing_file_are_named(tmp_path):
    path = tmp_path / "table.json"
    with pytest.raises(UserError, match=r"no table at .*table\.json"):
        read_json(path, "table", "make it again")
    path.write_text("[1]")
    assert read_json_list(path, "table", "make it again") == [1]
    with pytest.raises(UserError, match="expected a JSON object, found list; make it again"):
        read_json(path, "table", "make it again")
