import json
import shutil

import pytest
from click.testing import CliRunner

from pyspeech.cli.results import results
from pyspeech.scoring.report import report_decode
from tests.decodes import said, save_decode, sentences
from tests.processes import run_and_list_imports


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    report_decode(folder / "test.jsonl", save_decode(folder / "test", said("t", sentences(3))))
    return folder


def run(*words):
    return CliRunner().invoke(results, [str(word) for word in words], catch_exceptions=False)


def test_a_table_or_json_of_a_folder_or_of_the_current_one(scored, monkeypatch):
    text = run(scored).stdout
    assert text.startswith("WER of test: 12 words of ")
    assert f"  {scored / 'test'}  " in text
    (only,) = json.loads(run(scored, "--json").stdout)
    assert only["folder"] == str(scored / "test")
    monkeypatch.chdir(scored)
    assert json.loads(run("--json").stdout) == [{**only, "folder": "test"}]


def test_neither_torch_nor_k2_is_needed_and_what_is_left_out_goes_to_standard_error(scored, tmp_path):
    shutil.copytree(scored / "test", tmp_path / "test")
    (tmp_path / "score.json").write_text("[]")
    done, imported = run_and_list_imports("results", tmp_path)
    assert not {"torch", "k2", "lhotse", "scipy"} & imported
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"left out: {tmp_path / 'score.json'}")
