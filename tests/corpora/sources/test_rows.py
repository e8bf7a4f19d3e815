import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.corpora.sources.rows import read_rows
from pyspeech.errors import UserError


def rows(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return [values for _, values in read_rows(path)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'id,text\n1,"Hi, Ann"\n'),
        ("a.csv", 'id;text\r\n\r\n1;"Hi, Ann"\r\n'),
        ("a.tsv", "id\ttext\n1 \t Hi, Ann\n"),
        ("a.tsv", 'id\ttext\n1\t"Hi, Ann"'),
        ("a.psv", "id|text\n\n1|Hi, Ann\n"),
        ("a.txt", "\ufeffid|text\n1|Hi, Ann\n"),
        ("a.csv", "\ufeffid | text\n1 | Hi, Ann\n"),
        ("a.csv", "id\ttext\r\n1\tHi, Ann\r\n"),
        ("a.csv", 'id,text\r1,"Hi, Ann"\r'),
        ("a.tsv", "id|text\n1|Hi, Ann\n"),
        ("a.txt", 'id,text\n1,"Hi, Ann"\n'),
        ("a.csv", 'sep=;\nid;text\n1;"Hi, Ann"\n'),
    ],
)
def test_the_ending_tells_the_delimiter(tmp_path, name, text):
    assert rows(tmp_path / name, text) == [["id", "text"], ["1", "Hi, Ann"]]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "1,a; b|c\n2,d; e\n3,f\n", [["1", "a; b|c"], ["2", "d; e"], ["3", "f"]]),
        ("a.csv", "1;a, b\n2;c; d, e\n3;f\n", None),
        ("a.csv", "1;a, b, c\n2;d\n", [["1", "a, b, c"], ["2", "d"]]),
        ("a.csv", "1|a, b; c|d\n2|e, f|g\n", [["1", "a, b; c", "d"], ["2", "e, f", "g"]]),
        ("a.csv", "id;text\n1;one, two\n2;two, one\n", [["id", "text"], ["1", "one, two"], ["2", "two, one"]]),
        ("a.csv", '1,"Go" he said\n2,she "came" in\n', [["1", '"Go" he said'], ["2", 'she "came" in']]),
        ("a.csv", '1,"Go\n2,"Come"\n', [["1", '"Go'], ["2", "Come"]]),
        ("a.csv", '1,"Go, now"\n2,"Come"\n', [["1", "Go, now"], ["2", "Come"]]),
        ("a.csv", '1;"a;b ""c"""\n2;d\n', [["1", 'a;b "c"'], ["2", "d"]]),
        ("a.txt", "1\ta|b\n2\tc\n", [["1", "a|b"], ["2", "c"]]),
        ("a.csv", "one\ntwo\n", [["one"], ["two"]]),
    ],
)
def test_the_delimiter_is_the_one_by_which_all_lines_agree(tmp_path, name, text, expected):
    if expected is None:
        with pytest.raises(UserError, match="line 2: 3 values for the 2 columns"):
            rows(tmp_path / name, text)
    else:
        assert rows(tmp_path / name, text) == expected


def test_columns_without_names_are_numbered(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeffx|One, two.|One\n\ny|Three|Three\n")
    found = list(read_rows(tmp_path / "a.csv", header=False))
    assert found == [(0, ["1", "2", "3"]), (1, ["x", "One, two.", "One"]), (3, ["y", "Three", "Three"])]


def test_lines_are_counted_as_an_editor_does(tmp_path):
    (tmp_path / "a.csv").write_text('id,text\n\n1,"two\nlines"\n2,x\n')
    assert [line for line, _ in read_rows(tmp_path / "a.csv")] == [1, 4, 5]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('Say "hi"', 'Say "hi"'),
        ('"Go" and "come"', '"Go" and "come"'),
        ('"open', '"open'),
        ('"""Go,"" he said."', '"Go," he said.'),
        ('"', '"'),
        ('""', ""),
    ],
)
def test_between_tabs_quotation_marks_are_the_text_s_own_unless_a_program_wrote_them(tmp_path, field, text):
    assert rows(tmp_path / "a.tsv", f"id\ttext\n1\t{field}\n2\tx\n")[1:] == [["1", text], ["2", "x"]]


@given(st.lists(st.lists(st.text(st.sampled_from('ab,;"\n\té ')), min_size=2, max_size=2), min_size=1))
def test_what_csv_writes_is_read_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["x", "y"], *table])
    expected = [[value.strip() for value in row] for row in table]
    assert [values for _, values in read_rows(path)][1:] == [row for row in expected if any(row)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "id,text\n1,Hi, Ann\n", r"a\.csv, line 2: 3 values for the 2 columns"),
        ("a.tsv", "id\ttext\n1\tx\n2\n", r"a\.tsv, line 3: 1 values for the 2 columns"),
        ("a.csv", 'id,text\n1,"open\n2,x, y\n', r"a\.csv is damaged: .*quotation mark"),
        ("a.csv", "id,text\n1,a\0b\n", r"a\.csv, line 2 holds a NUL"),
        ("a.xlsx", "", r"a\.xlsx is no table; its name must end in \.csv, \.tsv"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, text, message):
    with pytest.raises(UserError, match=message):
        rows(tmp_path / name, text)


@pytest.mark.parametrize(
    ("encoding", "message"), [("latin-1", "line 2 is not UTF-8"), ("utf-16", "line 1 begins a text in UTF-16")]
)
def test_another_encoding_is_refused(tmp_path, encoding, message):
    with pytest.raises(UserError, match=rf"a\.csv, {message}"):
        rows(tmp_path / "a.csv", "id,text\n1,é\n", encoding)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(UserError, match="no table at"):
        list(read_rows(tmp_path / "a.csv"))


@pytest.mark.parametrize("name", ["a.jsonl", "manifest.json"])
def test_json_lines_are_rows_of_all_their_keys(tmp_path, name):
    lines = [
        '{"audio_filepath": "a.wav", "duration": 2.5, "text": " Hi, Ann ", "more": [1]}',
        "",
        '{"audio_filepath": "b.wav", "text": null, "take": 3}',
    ]
    (tmp_path / name).write_text("\n".join(lines))
    columns = ["audio_filepath", "duration", "text", "take"]
    assert list(read_rows(tmp_path / name)) == [
        (0, columns),
        (1, ["a.wav", "2.5", "Hi, Ann", ""]),
        (3, ["b.wav", "", "", "3"]),
    ]


def test_a_line_that_is_no_object_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n[2]\n')
    with pytest.raises(UserError, match=r"a\.jsonl, line 2"):
        list(read_rows(tmp_path / "a.jsonl"))
