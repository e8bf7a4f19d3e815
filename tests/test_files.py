import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing, existing_file, write_json, write_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    with complete(tmp_path / "new" / "a.txt") as partial:
        partial.write_text("whole")
        assert names(tmp_path / "new") == ["partial.a.txt", "partial.a.txt.lock"]
    assert names(tmp_path / "new") == ["a.txt"]
    assert (tmp_path / "new/a.txt").read_text() == "whole"


def test_the_partial_name_keeps_the_suffix(tmp_path):
    with complete(tmp_path / "a.jsonl.gz") as partial:
        assert partial.name.endswith(".jsonl.gz")
        partial.touch()


def test_a_folder_takes_the_place_of_an_earlier_one(tmp_path):
    for name in ("first", "second"):
        with complete(tmp_path / "folder") as partial:
            partial.mkdir()
            (partial / name).touch()
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["second"]


def test_a_folder_replaces_a_file_but_no_file_a_folder(tmp_path):
    write_text(tmp_path / "a", "x")
    with complete(tmp_path / "a") as partial:
        partial.mkdir()
        (partial / "kept").touch()
    with pytest.raises(UserError, match="a is a folder, which a file would replace; name a file in it"):
        write_text(tmp_path / "a", "x")
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["kept"]


def test_a_link_to_a_folder_is_replaced_and_what_it_points_to_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/kept").touch()
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with complete(tmp_path / "a") as partial:
        partial.mkdir()
    assert not (tmp_path / "a").is_symlink()
    assert names(tmp_path / "elsewhere") == ["kept"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("is_folder", [True, False])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, error, is_folder):
    write_text(tmp_path / "a", "old")
    with pytest.raises((type(error), UserError)):  # noqa: PT012, SIM117
        with complete(tmp_path / "a") as partial:
            if is_folder:
                partial.mkdir()
                (partial / "inside").touch()
            else:
                partial.write_text("new")
            raise error
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_what_a_killed_run_left_is_overwritten(tmp_path):
    (tmp_path / "partial.a").mkdir()
    (tmp_path / "partial.a/rest").touch()
    write_text(tmp_path / "a", "new")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("inside", ["", "shard.npz"])
def test_a_full_disk_is_one_sentence_that_names_the_output(tmp_path, inside):
    with pytest.raises(UserError, match=r"cannot write .*/a: No space left on device; free space"):  # noqa: SIM117
        with complete(tmp_path / "a") as partial:
            raise OSError(28, "No space left on device", str(partial / inside))


def test_a_full_device_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*/a: No space left on device"):  # noqa: PT012, SIM117
        with complete(tmp_path / "a") as partial:
            partial.symlink_to("/dev/full")
            partial.write_text("more than nothing")
    assert names(tmp_path) == []


@pytest.mark.parametrize("below", ["b", "b/c"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path, below):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write .*a/b"):
        write_text(tmp_path / "a" / below, "text")


def test_an_input_that_cannot_be_read_is_not_blamed_on_the_output(tmp_path):
    with pytest.raises(FileNotFoundError):  # noqa: SIM117
        with complete(tmp_path / "a"):
            (tmp_path / "input").read_text()


@given(value=JSON)
def test_json_comes_back_as_it_was(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "a.json"
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_json_keeps_letters_readable(tmp_path):
    write_json(tmp_path / "a.json", {"word": "été"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "word": "été"\n}\n'


def test_an_existing_path_is_returned_and_a_missing_one_named(tmp_path):
    assert existing(tmp_path, "folder") == tmp_path
    with pytest.raises(UserError, match=r"no lexicon at .*/b; check the path, or run the stage that makes it"):
        existing(tmp_path / "b", "lexicon")


def test_a_folder_and_a_pipe_are_no_files(tmp_path):
    (tmp_path / "a").touch()
    assert existing_file(tmp_path / "a", "text") == tmp_path / "a"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UserError, match=f"{path} is a folder or a pipe; the text must be a file"):
            existing_file(path, "text")


@pytest.mark.parametrize("name", [".", "..", "new/.."])
def test_a_path_that_ends_in_no_name_is_not_written(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"'{name}' cannot be replaced by what is written"):
        write_text(Path(name), "text")
    assert names(tmp_path) == []


def test_a_digest_follows_contents_and_not_names(tmp_path):
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / name).write_text(text)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")
    assert digest({"x": 1, "y": 2}) == digest({"y": 2, "x": 1}) != digest({"x": 1, "y": 3})
    assert digest("a", "b") != digest("ab") != digest("b", "a")
    assert len(digest()) == 16


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_not_replaced(tmp_path, linked):
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "pipe"
    if linked:
        path = tmp_path / "link"
        path.symlink_to("pipe")
    with pytest.raises(UserError, match="is a device or a pipe"):
        write_text(path, "x")
    assert path.is_fifo()
    assert len(list(tmp_path.iterdir())) == 1 + linked


def test_what_was_never_written_has_no_digest(tmp_path):
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", 1 << 40)
    with pytest.raises(UserError, match="a begins with 1048576 zero bytes"):
        digest(tmp_path / "a")
    with pytest.raises(UserError, match="is a folder or a pipe"):
        digest(tmp_path)
