import json

import pytest
from click.testing import CliRunner

from pyspeech.cli.plot import plot
from pyspeech.errors import UserError
from tests.messages import told


def save_training(exp):
    exp.mkdir()
    line = {"epoch": 1, "step": 9, "train_loss": 2.0, "dev_loss": 3.0, "dev_label_error_rate": 0.5}
    (exp / "metrics.jsonl").write_text(json.dumps({**line, "learning_rate": 0.1, "audio_seconds_per_second": 7}) + "\n")
    return exp


def run(*words):
    return CliRunner().invoke(plot, [str(word) for word in words], catch_exceptions=False)


def test_pictures_have_names_of_their_own_and_are_in_tensorboard(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib, which this lane does not have")
    left, right = save_training(tmp_path / "left"), save_training(tmp_path / "right")
    assert run(left).output == f"{left / 'training.png'}\n"
    assert run(left, right).output == f"{left / 'comparison.png'}\n"
    assert run(right, "--out", tmp_path / "a.png").output == f"{tmp_path / 'a.png'}\n"
    for path in (left / "training.png", left / "comparison.png", tmp_path / "a.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in right.iterdir()] == ["metrics.jsonl"]


def test_averages_among_trainings_are_passed_over_and_told(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib, which this lane does not have")
    left, average = save_training(tmp_path / "left"), tmp_path / "average"
    average.mkdir()
    (average / "model.safetensors").touch()
    with told() as lines:
        assert run(average, left).stdout == f"{left / 'training.png'}\n"
    assert lines == [f"averages of other trainings have no course to draw: {average}"]


def test_a_folder_of_no_training_is_named(tmp_path):
    with pytest.raises(UserError, match="holds neither"):
        run(tmp_path)
    assert not list(tmp_path.iterdir())
