import pytest
from click.testing import CliRunner

from pyspeech.cli.average import average
from pyspeech.tensor_files import read_header
from tests.classifiers import train_on_tones


@pytest.fixture(scope="module")
def exp(tmp_path_factory):
    return train_on_tones(tmp_path_factory.mktemp("average"), "text")


def invoke(*words):
    return CliRunner().invoke(average, list(map(str, words)), catch_exceptions=False)


def epochs_of(model):
    return read_header(model, "model", "train again")["epochs"]


def test_it_prints_the_model_that_it_writes(exp, tmp_path):
    kept = epochs_of(exp / "model.safetensors")
    assert invoke(exp, "--best", 1, "--out", tmp_path / "a").stdout == f"{tmp_path / 'a' / 'model.safetensors'}\n"
    assert epochs_of(tmp_path / "a" / "model.safetensors")[0] in kept
    assert invoke(exp, "--last", 1, "--out", tmp_path / "b").exit_code == 0
    assert epochs_of(tmp_path / "b" / "model.safetensors") == [12]
    assert invoke(exp, "--epochs", ", ".join(map(str, kept))).stdout == f"{exp / 'model.safetensors'}\n"
    assert epochs_of(exp / "model.safetensors") == kept


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give one of --epochs, --last and --best"),
        (["--last", "1", "--best", "1"], "give one of --epochs, --last and --best"),
        (["--last", "0"], "Invalid value for '--last'"),
        (["--epochs", "5,"], "Invalid value for '--epochs': '' is not a valid float"),
        (["--epochs", "5,nan"], "Invalid value for '--epochs': nan is no finite number"),
    ],
)
def test_what_is_to_be_averaged_is_one_choice(tmp_path, words, message):
    result = invoke(tmp_path, *words)
    assert result.exit_code == 2
    assert message in result.output
