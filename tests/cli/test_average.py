import pytest
import torch
from click.testing import CliRunner

from pyspeech.cli.average import average
from pyspeech.tensor_files import read_header
from pyspeech.training.checkpoint import Progress, checkpoint_path, save_checkpoint
from tests.experiments import save_untrained


@pytest.fixture
def exp(tmp_path):
    """A training of three epochs, of which the second was the best."""
    exp = tmp_path / "exp"
    save_untrained(exp)
    lines = [{"step": n, "epoch": n, "dev_loss": 1.0, "dev_error": abs(n - 2.1)} for n in (1, 2, 3)]
    for number in (1, 2, 3):
        layer = torch.nn.Linear(2, 2)
        progress = Progress(epoch=number, step=number, metrics=lines[:number])
        save_checkpoint(checkpoint_path(exp, number), layer, torch.optim.AdamW(layer.parameters()), progress)
    return exp


def invoke(*words):
    return CliRunner().invoke(average, list(map(str, words)), catch_exceptions=False)


def epochs_of(model):
    return read_header(model, "model", "train again")["epochs"]


def test_it_prints_the_model_that_it_writes(exp, tmp_path):
    assert invoke(exp, "--best", 1, "--out", tmp_path / "a").stdout == f"{tmp_path / 'a' / 'model.safetensors'}\n"
    assert epochs_of(tmp_path / "a" / "model.safetensors") == [2]
    assert invoke(exp, "--last", 1, "--out", tmp_path / "b").exit_code == 0
    assert epochs_of(tmp_path / "b" / "model.safetensors") == [3]
    assert invoke(exp, "--epochs", "3, 1.0").stdout == f"{exp / 'model.safetensors'}\n"
    assert epochs_of(exp / "model.safetensors") == [1, 3]


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
