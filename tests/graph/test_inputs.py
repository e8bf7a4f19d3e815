import subprocess
import sys

import pytest

from pyspeech.errors import UserError
from pyspeech.graph.inputs import find_arpa, inputs_digest, is_current


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "lang").mkdir()
    (tmp_path / "lang" / "tokens.json").write_text("{}")
    (tmp_path / "lm").mkdir()
    (tmp_path / "lm" / "lm.arpa").write_text("a model")
    return tmp_path / "lang", tmp_path / "lm"


def test_looking_for_a_current_graph_imports_neither_torch_nor_k2():
    code = "import sys, pyspeech.graph.inputs; print(sorted({'k2', 'torch', 'lhotse', 'numpy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_contents_count_and_names_of_folders_do_not(folders, tmp_path):
    lang, lm = folders
    first = inputs_digest(lang, lm)
    assert inputs_digest(lang, find_arpa(lm)) == first
    assert inputs_digest(lang.rename(tmp_path / "moved"), lm) == first
    (lm / "lm.arpa").write_text("another")
    assert inputs_digest(tmp_path / "moved", lm) != first


def test_inputs_of_the_wrong_kind_are_named(folders, tmp_path):
    lang, lm = folders
    with pytest.raises(UserError, match=r"no token set at .*lm\.arpa/tokens\.json"):
        inputs_digest(lm / "lm.arpa", lm)
    (tmp_path / "other" / "lm.arpa").mkdir(parents=True)
    with pytest.raises(UserError, match=r"lm\.arpa is a folder or a pipe; the language model must be a file"):
        inputs_digest(lang, tmp_path / "other")


@pytest.mark.parametrize("table", ['{"digest": "other"}', "[]", "{", None])
def test_a_graph_without_the_digest_is_not_current(tmp_path, table):
    for name in ("graph.safetensors", "words.txt"):
        (tmp_path / name).touch()
    if table is not None:
        (tmp_path / "graph.json").write_text(table)
    assert not is_current(tmp_path, "key")
    (tmp_path / "graph.json").write_text('{"digest": "key"}')
    assert is_current(tmp_path, "key")
    (tmp_path / "words.txt").unlink()
    assert not is_current(tmp_path, "key")


def test_a_file_in_the_place_of_the_folder_is_not_replaced(tmp_path):
    (tmp_path / "graph").touch()
    with pytest.raises(UserError, match="graph would be replaced"):
        is_current(tmp_path / "graph", "key")
