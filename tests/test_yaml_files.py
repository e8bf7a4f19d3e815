"""One reader of YAML: plain values under words as keys, or one clear error, soon and in little memory."""

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.yaml_files import parse_yaml, read_yaml_mapping

PROJECT = Path(__file__).resolve().parents[1]
FILES = sorted([*PROJECT.glob("conf/*.yaml"), *PROJECT.glob("recipes/*/conf/**/*.yaml")])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(), parts, max_size=4),
    max_leaves=20,
)
EXPLODES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
# Of a text that is refused, a part of the reason.
REFUSED = {
    EXPLODES: "more than 100000 values",
    "a: &a [*a]": "holds itself",
    "a: &a {b: {c: *a}}": "holds itself",
    "[" * 5000: "nested more than",
    "{a: " * 5000: "nested more than",
    "- " * 5000: "nested more than",
    "".join(f"{' ' * depth}a:\n" for depth in range(1000)): "nested more than",
    f"a: {'9' * 5000}": "number of 5000 characters",
    f"a: {'1:' * 5000}1": "number of 10001 characters",
    f"a: 0x{'f' * 5000}": "number of",
    "1: 2": "line 1: the key '1' is no word",
    "a: {on: 2}": "key 'on' is no word",
    "{[1]: 2}": "list or a mapping is no word",
    "a: 1\nb: 2\na: 3": "line 3: the key 'a' stands twice",
    "a: !!python/object/apply:os.system [true]": "tags",
    "a: !!timestamp x": "tags",
    "a: 2001-99-99": "month",
    "a: [": "expected",
    "a: \0": "not allowed",
    "a: *b": "undefined alias",
    "--- a\n--- b": "single document",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_project_s_own_files_are_read_as_pyyaml_reads_them(path):
    assert read_yaml_mapping(path, "configuration") == yaml.safe_load(path.read_text())


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_what_pyyaml_writes_is_read_as_it_was(values):
    assert parse_yaml(yaml.safe_dump(values, allow_unicode=True)) == values


@given(st.text(alphabet="ab:-[]{}&*!?|>'\"#%,<0123. \n", max_size=60))
def test_any_text_is_a_value_or_a_value_error(text):
    with suppress(ValueError):
        assert parse_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_no_setting_is_one_error_that_names_the_file(tmp_path, text, reason):
    path = tmp_path / "train.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"train\.yaml is not valid YAML: .*{reason}") as told:
        read_yaml_mapping(path, "configuration")
    assert len(str(told.value)) < len(str(path)) + 300
    assert "\n" not in str(told.value)


def test_anchors_and_merged_keys_are_read():
    assert parse_yaml("a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}\ne: *a") == {
        "a": {"b": 1, "c": 2},
        "d": {"b": 1, "c": 3},
        "e": {"b": 1, "c": 2},
    }


def test_a_byte_order_mark_is_none_of_the_first_key(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_bytes("a: 1\n".encode("utf-8-sig"))
    assert read_yaml_mapping(path, "configuration") == {"a": 1}


def test_a_large_file_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "train.yaml"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(UserError, match="more than 1024 KiB"):
        read_yaml_mapping(path, "configuration")
