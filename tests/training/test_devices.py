"""Every network and loss for two steps on a device: features there, batches pinned, numbers of 16 bits."""

import json

import pytest
import torch

from pyspeech.config import load_config
from pyspeech.lang.labels import LabelTable
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.losses import OF_UTTERANCES
from pyspeech.settings import SHARED_CONF, read_yaml
from pyspeech.training.experiment import Sources, run
from tests.classifiers import SPEAKERS_YAML, labelled_manifest
from tests.experiments import YAML
from tests.models.test_models import SETTINGS
from tests.tones import PITCHES, tone_manifest

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
devices = pytest.mark.parametrize(
    ("device", "precision"),
    [("cpu", "bf16"), *(pytest.param("cuda", name, marks=needs_gpu) for name in ("auto", "fp16", "float32"))],
)


def train(folder, yaml, device, precision, sources):
    (folder / "conf.yaml").write_text(yaml)
    overrides = ["training.epochs=1", f"training.precision={precision}"]
    overrides += ["batches.features_on=device", f"batches.workers={0 if device == 'cpu' else 1}"]
    assert run(load_config(folder / "conf.yaml", overrides), folder / "exp", sources, device)
    steps = [json.loads(line) for line in (folder / "exp" / "steps.jsonl").read_text().splitlines()]
    assert steps[-1]["step"] >= 2
    assert not (folder / "exp" / "bad_batches.jsonl").exists()


@devices
@pytest.mark.parametrize(("name", "loss"), [*((name, "ctc") for name in SETTINGS), ("tdnn_lstm", "lfmmi")])
def test_a_frame_network_trains(tmp_path, name, loss, device, precision):
    tone_manifest(tmp_path / "train.jsonl.gz", 12)
    CharacterTokens.from_words(PITCHES).save(tmp_path / "lang")
    head, _, rest = YAML.replace("max_seconds: 6", "max_seconds: 3").partition("model:")
    yaml = (
        head.replace("ctc, tdnn_lstm]", f"{loss}, {name}]")
        + f"model: {json.dumps(SETTINGS[name])}"
        + rest[rest.index("\n") :]
    )
    sources = Sources(tmp_path / "train.jsonl.gz", tmp_path / "train.jsonl.gz", tmp_path / "lang")
    train(tmp_path, yaml, device, precision, sources)


@devices
@pytest.mark.parametrize("name", list(OF_UTTERANCES))
def test_a_loss_trains(tmp_path, name, device, precision):
    cuts = labelled_manifest(tmp_path / "train.jsonl.gz", 20)
    LabelTable("speaker", tuple(sorted(PITCHES))).save(tmp_path / "labels")
    assert read_yaml(SHARED_CONF / f"{name}.yaml")["loss"]["name"] == name
    yaml = SPEAKERS_YAML.replace("softmax,", f"{name},").replace("crops_each: 40", "crops_each: 8")
    train(tmp_path, yaml, device, precision, Sources(cuts, cuts, tmp_path / "labels"))
