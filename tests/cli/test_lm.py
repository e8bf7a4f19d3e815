import json

import pytest
from click.testing import CliRunner

from pyspeech.cli.lm import lm
from pyspeech.errors import UserError


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text").write_text("call anna\ncall bert now\n")
    return str(tmp_path / "text")


def invoke(*arguments):
    result = CliRunner().invoke(lm, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_model_is_trained_once_and_measured(tmp_path, text):
    out = tmp_path / "lm"
    arguments = ("train", out, text, "--order", 3, "--prune", "0 0 1", "--vocabulary-limit", 9, "--memory", "100M")
    assert "lm: 4 words, 7 1-grams" in invoke(*arguments)
    assert "is up to date" in invoke(*arguments)
    assert "[ 2 sentences, 5 words, 0 unknown = 0.00% ]" in invoke("perplexity", out, text)
    measured = json.loads(invoke("perplexity", out, text, "--json"))
    assert measured["tokens"] == 7
    assert measured["perplexity"] == measured["perplexity_without_oov"] > 1
    assert measured["oov_rate"] == 0


def test_pruning_that_is_not_numbers_is_an_error(tmp_path, text):
    with pytest.raises(UserError, match="--prune 'some': expected whole numbers"):
        invoke("train", tmp_path / "lm", text, "--order", 2, "--prune", "some")


def test_held_out_sentences_are_refused_or_left_out(tmp_path, text):
    cut = {"id": "a", "duration": 1.0, "supervisions": [{"text": "CALL ANNA"}]}
    (tmp_path / "dev.jsonl").write_text(json.dumps(cut) + "\n")
    arguments = ("train", tmp_path / "lm", text, "--order", 2, "--held-out", tmp_path / "dev.jsonl")
    with pytest.raises(UserError, match="1 lines of the text hold a whole held-out sentence"):
        invoke(*arguments)
    assert "left out 1 lines" in invoke(*arguments, "--drop-held-out", "--memory", "100M")
