import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.validation.damaged_lines import read_lines, side_of
from pyspeech.validation.faults import CUT_SHORT, NOT_JSON, NOT_UTF8, Finding


def kind_of(content):
    return content.kind if isinstance(content, Finding) else None


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_a_damaged_line_is_one_line(tmp_path, ending):
    path = tmp_path / f"train.{ending}"
    content = b'{"a": 1}\n\n[1]\n{"b": "\xff"}\n{\n' + b"[" * 100000 + b'\n{"c": 2}'
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    lines = list(read_lines(path))
    assert [line.number for line in lines] == [1, 3, 4, 5, 6, 7]
    assert [kind_of(line.content) for line in lines] == [None, NOT_JSON, NOT_UTF8, NOT_JSON, NOT_JSON, None]
    assert b"".join(line.raw for line in lines) == content.replace(b"\n\n", b"\n")


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_stop_the_reader(tmp_path_factory, content, kept):
    path = tmp_path_factory.mktemp("lines") / "train.jsonl.gz"
    path.write_bytes(gzip.compress(content)[:kept])
    lines = list(read_lines(path))
    damaged = [line for line in lines if kind_of(line.content) is CUT_SHORT]
    assert damaged in ([], lines[-1:])
    assert bool(damaged) == (0 < kept < len(gzip.compress(content)))


@pytest.mark.parametrize(
    ("name", "side"), [("train", "train"), ("valid", "dev"), ("Eval", "test"), ("test-clean", "test"), ("cuts", "cuts")]
)
def test_the_side_of_a_split_is_known_by_its_usual_names(tmp_path, name, side):
    assert side_of(tmp_path / f"{name}.jsonl.gz") == side
