import json

import numpy as np
import pytest

from pyspeech.errors import UserError
from pyspeech.training.history import read_history


def write_lines(path, lines, end="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(line) for line in lines) + end)


def test_a_training_of_before_has_validations_alone(tmp_path):
    lines = [{"epoch": n, "step": 10 * n, "dev_loss": 1 / n, "dev_token_error_rate": 0.5 / n} for n in (1, 2)]
    write_lines(tmp_path / "metrics.jsonl", lines)
    history = read_history(tmp_path)
    assert (history.steps, history.error_name) == ({}, "token_error_rate")
    assert history.errors.tolist() == [0.5, 0.25]
    assert history.validations["step"].tolist() == [10, 20]


def test_steps_stand_between_validations_and_go_on_at_the_same_pace(tmp_path):
    write_lines(tmp_path / "metrics.jsonl", [{"epoch": 0.5, "step": 10}, {"epoch": 2, "step": 50}])
    history = read_history(tmp_path)
    assert history.epochs(np.array([0.0, 5.0, 10.0, 30.0, 50.0, 100.0])).tolist() == [0, 0.25, 0.5, 1.25, 2, 4]


def test_what_a_line_lacks_is_not_a_number(tmp_path):
    lines = [{"step": 1, "epoch": 1, "loss": None}, {"step": 2, "epoch": 1, "loss": 3.0, "note": "x"}]
    write_lines(tmp_path / "steps.jsonl", [*lines, {"step": 3, "epoch": 1, "loss": float("nan")}])
    steps = read_history(tmp_path).steps
    assert list(steps) == ["step", "epoch", "loss"]
    assert np.isnan(steps["loss"]).tolist() == [True, False, True]


def test_a_line_that_is_just_being_written_does_not_count(tmp_path):
    write_lines(tmp_path / "steps.jsonl", [{"step": 1, "epoch": 1, "loss": 2.0}], end='\n{"step": 2, "ep')
    assert read_history(tmp_path).steps["step"].tolist() == [1]


def test_other_folders_and_damaged_lines_are_named(tmp_path):
    with pytest.raises(UserError, match="no folder of a training at"):
        read_history(tmp_path / "none")
    with pytest.raises(UserError, match=r"holds neither steps.jsonl nor metrics.jsonl"):
        read_history(tmp_path)
    for text, message in (("{\n", "line 1 is damaged"), ("[]\n", "expected the numbers"), ('{"step": 1}\n', "'epoch'")):
        (tmp_path / "metrics.jsonl").write_text(text)
        with pytest.raises(UserError, match=message):
            read_history(tmp_path)
