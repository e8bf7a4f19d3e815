from importlib.util import find_spec

import pytest
import torch

from pyspeech.config import load_config
from pyspeech.tasks.network import new_model
from pyspeech.training.distributed import Processes
from pyspeech.training.report import tell_setup
from tests.classifiers import YAML as LABELS_YAML
from tests.experiments import YAML
from tests.messages import told


def line(yaml, tmp_path, processes, per="frame", **settings):
    (tmp_path / "conf.yaml").write_text(yaml)
    config = load_config(tmp_path / "conf.yaml", [f"{key}={value}" for key, value in settings.items()])
    model = new_model(config, 5, per)
    with told() as lines:
        tell_setup(config, model, 2664.0, processes)
    (line,) = lines
    learnt = {name: each for name, each in model.state_dict().items() if "running_" not in name and each.dim() > 0}
    return line, sum(each.numel() for each in learnt.values())


def test_a_training_tells_where_it_is_and_what_it_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    said, parameters = line(YAML, tmp_path, Processes(), **{"training.precision": "float32", "model.dropout": 0.0})
    words = "words by a graph" if find_spec("k2") else "words by --method search, as k2 is not installed"
    assert said == (
        f"training tdnn_lstm with ctc: CPU, 4 threads; float32; torch {torch.__version__}; {parameters:,} parameters; "
        f"0.74 hours of train in an epoch; {words}"
    )


@pytest.mark.parametrize(("capability", "precision"), [((9, 0), "bf16"), ((7, 5), "fp16")])
def test_on_gpus_it_tells_which_and_in_how_many_processes(tmp_path, monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H200")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    processes = Processes(count=2, device=torch.device("cuda:0"))
    said, _ = line(LABELS_YAML, tmp_path, processes, "utterance")
    assert f": NVIDIA H200 (cuda:0) in 2 processes; {precision}; torch " in said
    assert "words by" not in said
