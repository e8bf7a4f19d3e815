"""A recogniser trained by LF-MMI: killed and resumed within an epoch, searched, with confidences and times of words."""

import json

import pytest

from pyspeech.config import load_config
from pyspeech.data.stored_features import store_features
from pyspeech.decoding.config import load_decode_config
from pyspeech.decoding.run import Decode, decode
from pyspeech.errors import UserError
from pyspeech.lang.tokens import PhoneTokens
from pyspeech.rescoring.config import load_rescore_config
from pyspeech.rescoring.run import Rescoring, rescore
from pyspeech.tasks.recognition import train_texts
from pyspeech.tensor_files import read_tensors
from pyspeech.training.experiment import Sources, run
from pyspeech.training.step import Stepper
from pyspeech.transcripts import read_transcripts
from tests.decodes import save_lm
from tests.experiments import YAML
from tests.tones import PITCHES, tone_manifest
from tests.training.test_experiment import metrics
from tests.training.test_loop import Stop, stopping

# MID is pronounced in two ways, of which only the first is right.
LEXICON = {"LOW": [("l",)], "MID": [("m",), ("m", "l")], "HIGH": [("h", "h2")]}
OVERRIDES = ("training.epochs=10", "loss.begins=0.4", "loss.min_count=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lfmmi")
    tone_manifest(folder / "train.jsonl.gz", 60)
    tone_manifest(folder / "dev.jsonl.gz", 12, seed=1000)
    PhoneTokens.from_lexicon(LEXICON).save(folder / "lang")
    (folder / "conf.yaml").write_text(YAML.replace("ctc,", "lfmmi,"))
    return folder


@pytest.fixture(scope="module")
def sources(folder):
    return Sources(folder / "train.jsonl.gz", folder / "dev.jsonl.gz", folder / "lang")


@pytest.fixture(scope="module")
def trained(folder, sources):
    assert run(load_config(folder / "conf.yaml", OVERRIDES), folder / "exp", sources, "cpu")
    return folder / "exp"


def test_it_learns_and_stores_a_network_alone(trained):
    assert metrics(trained)[-1]["dev_token_error_rate"] < 0.2
    assert all(line["dev_loss"] > 0 for line in metrics(trained))
    assert all(name.startswith("network.") for name in read_tensors(trained / "model.safetensors", "model", ""))


@pytest.mark.parametrize("steps", [5, 60])  # in the part that is CTC alone, and after it
def test_killed_within_an_epoch_it_ends_with_the_same_weights(trained, folder, sources, tmp_path, monkeypatch, steps):
    config = load_config(folder / "conf.yaml", [*OVERRIDES, "training.checkpoint_minutes=0.00001"])
    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "take", stopping(Stepper.take, steps))
        with pytest.raises(Stop):
            run(config, tmp_path / "exp", sources, "cpu")
    assert run(config, tmp_path / "exp", sources, "cpu")
    assert (tmp_path / "exp" / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


def test_words_are_searched_with_confidences_and_times(trained, folder, tmp_path):
    save_lm(tmp_path / "lm", [list(PITCHES)[n:] + list(PITCHES)[:n] for n in range(3)] * 9)
    cuts = folder / "dev.jsonl.gz"
    decode(Decode(trained, cuts, None, "greedy", load_decode_config(), device="cpu", jobs=1), tmp_path / "dev")
    how = Rescoring(tmp_path / "lm", "search", load_rescore_config())
    rescore(tmp_path / "dev", how, tmp_path / "found")
    lines = [json.loads(line) for line in (tmp_path / "found" / "hyps.jsonl").read_text().splitlines()]
    transcripts = list(read_transcripts(cuts))
    assert sum(line["words"] == each.text.split() for line, each in zip(lines, transcripts, strict=True)) >= 8
    for line, each in zip(lines, transcripts, strict=True):
        assert all(0 <= found["confidence"] <= 1 for found in line["word_times"])
        times = [(found["start"], found["end"]) for found in line["word_times"]]
        assert times == sorted(times)
        assert all(0 <= start < end <= each.seconds + 1e-6 for start, end in times)


def test_a_text_that_no_token_covers_is_named_with_its_utterance(folder, sources, tmp_path):
    PhoneTokens.from_lexicon({"LOW": [("l",)], "HIGH": [("h",)]}).save(tmp_path / "lang")
    changed = Sources(sources.train, sources.dev, tmp_path / "lang")
    with pytest.raises(UserError, match=r"train.jsonl.gz, cut 'utt\d+.*': .*the lexicon has no word 'MID'"):
        run(load_config(folder / "conf.yaml", OVERRIDES), tmp_path / "exp", changed, "cpu")


def test_stored_features_at_several_speeds_teach_each_text_once(folder, sources, tmp_path):
    config = load_config(folder / "conf.yaml")
    store_features(sources.train, tmp_path / "train.jsonl.gz", config.features, (0.9, 1.0, 1.1), jobs=1)
    assert len(list(read_transcripts(tmp_path / "train.jsonl.gz"))) == 180
    assert list(train_texts(tmp_path / "train.jsonl.gz")) == [each.text for each in read_transcripts(sources.train)]
