import gzip
import json
import re
import shutil
from collections import Counter

import pytest
import torch

from pyspeech.config import load_config
from pyspeech.data.stored_features import store_features
from pyspeech.decoding.token_offsets import NO_OFFSETS, OFFSETS, load_offsets
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.tasks.network import MODEL
from pyspeech.tasks.recognition import RecognitionTask, greedy_tokens, load_recogniser
from pyspeech.tensor_files import read_tensors
from pyspeech.training import loop
from pyspeech.training.experiment import Sources, run, training_data
from pyspeech.transcripts import read_transcripts
from tests.classifiers import YAML as LABELS_YAML
from tests.classifiers import labelled_manifest
from tests.experiments import YAML
from tests.messages import told
from tests.tones import PITCHES, tone_manifest
from tests.training.test_loop import Stop, stopping, timeless

TASK = RecognitionTask(CharacterTokens.from_words(PITCHES))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones")
    tone_manifest(folder / "train.jsonl.gz", 60)
    tone_manifest(folder / "dev.jsonl.gz", 12, seed=1000)
    CharacterTokens.from_words(PITCHES).save(folder / "lang")
    (folder / "conf.yaml").write_text(YAML)
    return folder


@pytest.fixture(scope="module")
def sources(folder):
    return Sources(folder / "train.jsonl.gz", folder / "dev.jsonl.gz", folder / "lang")


@pytest.fixture(scope="module")
def trained(folder, sources):
    config = load_config(folder / "conf.yaml")
    assert run(config, folder / "exp", sources, "cpu")
    return folder / "exp"


def seconds_of(data):
    batches = data.train(1)
    return sum(batches[number].seconds for number in range(len(batches)))


def metrics(exp):
    return [json.loads(line) for line in (exp / "metrics.jsonl").read_text().splitlines()]


def test_tone_words_are_learnt_from_audio(trained, sources):
    assert metrics(trained)[-1]["dev_token_error_rate"] < 0.2  # other seeds: up to 0.04
    recogniser = load_recogniser(trained, "cpu")
    data = training_data(recogniser.config, sources, TASK, CPU)
    for batch in data.dev():
        with torch.no_grad():
            outputs = recogniser.model(batch.features_BTF, batch.lengths_B)
        found = [" ".join(recogniser.tokens.decode(ids)) for ids in greedy_tokens(*outputs)]
        assert sum(left == right for left, right in zip(found, batch.texts, strict=True)) >= 0.5 * len(found)


def test_a_finished_training_is_left_as_it_is(trained, folder, sources):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*.safetensors")}
    assert not run(load_config(folder / "conf.yaml"), trained, sources, "cpu")
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*.safetensors")} == before


def test_the_folder_holds_all_that_inference_needs(trained):
    assert load_config(trained / "config.yaml").features.num_mel_bins == 24
    assert (trained / "lang" / "tokens.json").exists()
    assert read_tensors(trained / "model.safetensors", "model", "train again")["network.output.weight"].shape[0] == len(
        load_recogniser(trained, "cpu").tokens.symbols
    )


def test_the_words_of_the_training_text_are_counted_once(trained, folder, sources):
    counts = Counter(word for each in read_transcripts(sources.train) for word in each.text.split())
    lines = (trained / "train_words.tsv").read_text(encoding="utf-8").splitlines()
    found = [(word, int(count)) for word, count in (line.split("\t") for line in lines)]
    assert dict(found) == counts
    assert [count for _, count in found] == sorted(counts.values(), reverse=True)


def test_where_in_time_tokens_are_said_is_learnt_before_the_training_is_finished(trained, folder, sources, tmp_path):
    offsets = load_offsets(trained)
    assert offsets != NO_OFFSETS
    assert offsets.by_symbol.keys() <= set(TASK.tokens.symbols)
    shutil.copytree(trained, tmp_path / "exp")
    for name in (OFFSETS, MODEL):
        (tmp_path / "exp" / name).unlink()
    assert run(load_config(folder / "conf.yaml"), tmp_path / "exp", sources, "cpu")
    assert load_offsets(tmp_path / "exp") == offsets
    assert (tmp_path / "exp" / MODEL).read_bytes() == (trained / MODEL).read_bytes()


def test_a_training_begun_without_the_counts_of_words_goes_on(folder, sources, tmp_path):
    config = load_config(folder / "conf.yaml", ["training.epochs=1", "training.average_epochs=1"])
    assert run(config, tmp_path / "exp", sources, "cpu")
    for name in ("train_words.tsv", "model.safetensors"):
        (tmp_path / "exp" / name).unlink()
    assert run(config, tmp_path / "exp", sources, "cpu")
    assert (tmp_path / "exp" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs=11", "begun with training.epochs = 12, now it is 11; train into a new folder"),
        ("model.lstm_width=33", "begun with model.lstm_width = 32"),
        ("features.dither=1", "begun with features.dither = 0.0, now it is 1.0"),
    ],
)
def test_a_changed_configuration_is_refused_by_its_key(trained, folder, sources, override, message):
    with pytest.raises(UserError, match=message):
        run(load_config(folder / "conf.yaml", [override]), trained, sources, "cpu")


CONSTANT = ["training.warmup_fraction=0", "training.final_learning_rate=0.01", "augment.time_masks=1"]


def epochs(folder, count, *overrides):
    return load_config(folder / "conf.yaml", [f"training.epochs={count}", *CONSTANT, *overrides])


@pytest.mark.parametrize("average", ["best", "last"])
def test_epochs_that_are_raised_are_those_of_once_where_the_rate_does_not_follow_them(
    folder, sources, tmp_path, average
):
    kept = f"training.average={average}"
    assert run(epochs(folder, 4, kept), tmp_path / "once", sources, "cpu")
    assert run(epochs(folder, 2, kept), tmp_path / "raised", sources, "cpu")
    with told() as lines:
        assert run(epochs(folder, 4, kept), tmp_path / "raised", sources, "cpu")
    said = (
        "raised from 2 to 4: .*, which goes on after epoch 2 with the learning rate that is that of all epochs, 0.01$"
    )
    assert any(re.search(said, line) for line in lines)
    for name in ("model.safetensors", "config.yaml"):
        assert (tmp_path / "raised" / name).read_bytes() == (tmp_path / "once" / name).read_bytes()
    assert timeless(tmp_path / "raised" / "metrics.jsonl") == timeless(tmp_path / "once" / "metrics.jsonl")
    assert not run(epochs(folder, 4, kept), tmp_path / "raised", sources, "cpu")
    with pytest.raises(UserError, match=r"begun with training\.epochs = 4, now it is 2"):
        run(epochs(folder, 2, kept), tmp_path / "raised", sources, "cpu")


def test_what_the_learning_rate_becomes_with_more_epochs_is_said(folder, sources, tmp_path):
    overrides = ["training.final_learning_rate=0", "training.average_epochs=1"]
    assert run(epochs(folder, 1, *overrides), tmp_path / "exp", sources, "cpu")
    with told() as lines:
        assert run(epochs(folder, 2, *overrides), tmp_path / "exp", sources, "cpu")
    said = "after epoch 1 as a training of 2 epochs would: with the learning rate 0.005, where it had come to 0; so its"
    assert any(said in line for line in lines)
    rates = [line["learning_rate"] for line in metrics(tmp_path / "exp")]
    assert rates == [0, 0]
    assert metrics(tmp_path / "exp")[1]["step"] == 2 * metrics(tmp_path / "exp")[0]["step"]


def test_stopped_when_epochs_were_raised_it_goes_on(folder, sources, tmp_path, monkeypatch):
    for name in ("once", "stopped"):
        assert run(epochs(folder, 1), tmp_path / name, sources, "cpu")
    assert run(epochs(folder, 3), tmp_path / "once", sources, "cpu")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "write_average", stopping(None, 0))
        with pytest.raises(Stop):
            run(epochs(folder, 2), tmp_path / "stopped", sources, "cpu")
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    with pytest.raises(UserError, match=r"begun with training\.epochs = 2, now it is 1"):
        run(epochs(folder, 1), tmp_path / "stopped", sources, "cpu")
    assert run(epochs(folder, 3), tmp_path / "stopped", sources, "cpu")
    once, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("once", "stopped"))
    assert once == other


def test_epochs_are_raised_by_nothing_that_is_refused(folder, sources, tmp_path):
    exp = tmp_path / "exp"
    assert run(epochs(folder, 1), exp, sources, "cpu")
    before = {name: (exp / name).read_bytes() for name in ("model.safetensors", "config.yaml", "metrics.jsonl")}
    other = Sources(sources.dev, sources.dev, sources.table)
    with pytest.raises(UserError, match="was trained on other utterances"):
        run(epochs(folder, 2), exp, other, "cpu")
    assert {name: (exp / name).read_bytes() for name in before} == before
    shutil.rmtree(exp / "checkpoints")
    with pytest.raises(UserError, match=r"exp has no checkpoint from which training.epochs could be raised; train"):
        run(epochs(folder, 2), exp, sources, "cpu")
    assert not run(epochs(folder, 1), exp, sources, "cpu")


@pytest.mark.parametrize(
    "override",
    [
        "batches.workers=1",
        "batches.features_on=device",
        "batches.max_unreadable_fraction=0.5",
        "training.checkpoint_minutes=1",
        "training.validate_minutes=9",
    ],
)
def test_what_does_not_change_the_result_may_change(trained, folder, sources, override):
    assert not run(load_config(folder / "conf.yaml", [override]), trained, sources, "cpu")


def test_features_on_the_device_train_as_those_of_the_workers(folder, sources, tmp_path):
    overrides = [f"training.{change}" for change in ("epochs=1", "average_epochs=1", "precision=float32")]
    overrides.append("augment.time_masks=2")
    for place in ("workers", "device"):
        config = load_config(folder / "conf.yaml", [*overrides, f"batches.features_on={place}"])
        run(config, tmp_path / place, sources, "cpu")
    workers, device = (metrics(tmp_path / place)[0] for place in ("workers", "device"))
    assert device["train_loss"] == pytest.approx(workers["train_loss"], rel=1e-3)


def test_a_network_without_gradient_checkpointing_is_named(folder, tmp_path):
    labelled = labelled_manifest(tmp_path / "train.jsonl.gz", 4)
    LabelTable("text", tuple(sorted(PITCHES))).save(tmp_path / "labels")
    (tmp_path / "conf.yaml").write_text(LABELS_YAML)
    config = load_config(tmp_path / "conf.yaml", ["training.gradient_checkpointing=true"])
    with pytest.raises(UserError, match="gradient_checkpointing: the network speaker_lstm has none; set it to false"):
        run(config, tmp_path / "exp", Sources(labelled, labelled, tmp_path / "labels"), "cpu")


def test_gradient_checkpointing_learns_the_same(folder, sources, tmp_path):
    overrides = ["training.epochs=1", "training.average_epochs=1"]
    for name in ("false", "true"):
        config = load_config(folder / "conf.yaml", [*overrides, f"training.gradient_checkpointing={name}"])
        run(config, tmp_path / name, sources, "cpu")
    plain, less = (metrics(tmp_path / name)[0] for name in ("false", "true"))
    assert less["train_loss"] == pytest.approx(plain["train_loss"], rel=1e-5)
    assert less["dev_loss"] == pytest.approx(plain["dev_loss"], rel=1e-5)


def test_what_was_read_when_resumed_is_remembered_too(folder, sources, tmp_path):
    config = load_config(folder / "conf.yaml", ["training.epochs=1", "training.average_epochs=1"])
    again = tmp_path / "train.jsonl.gz"
    again.write_bytes(sources.train.read_bytes())
    for manifest in (sources.train, again):
        assert run(config, tmp_path / "exp", Sources(manifest, sources.dev, sources.table), "cpu")
        (tmp_path / "exp" / "model.safetensors").unlink()
    known = json.loads((tmp_path / "exp" / "contents.json").read_text())
    assert {key.split(" ")[1] for key in known} == {str(path) for path in (sources.train, again, sources.dev)}


def test_another_token_set_is_refused(trained, folder, sources):
    CharacterTokens.from_words(["LOW", "MID", "HIGX"]).save(folder / "other_lang")
    changed = Sources(sources.train, sources.dev, folder / "other_lang")
    with pytest.raises(UserError, match=r"begun with another table than .*other_lang"):
        run(load_config(folder / "conf.yaml"), trained, changed, "cpu")


def test_a_text_that_no_token_covers_is_named_before_training(folder, sources, tmp_path):
    CharacterTokens.from_words(["LOW", "MID"]).save(tmp_path / "lang")
    changed = Sources(sources.train, sources.dev, tmp_path / "lang")
    with pytest.raises(UserError, match=r"train.jsonl.gz, cut 'utt\d+.*': .*no token covers the character"):
        run(load_config(folder / "conf.yaml"), tmp_path / "exp", changed, "cpu")


@pytest.mark.parametrize("which", ["train", "dev"])
def test_an_empty_manifest_is_named(folder, sources, tmp_path, which):
    with gzip.open(tmp_path / "empty.jsonl.gz", "wb"):
        pass
    values = {"train": sources.train, "dev": sources.dev, which: tmp_path / "empty.jsonl.gz"}
    with pytest.raises(UserError, match=r"empty.jsonl.gz holds no utterances"):
        run(load_config(folder / "conf.yaml"), tmp_path / "exp", Sources(table=sources.table, **values), "cpu")


@pytest.mark.parametrize("speeds", ["[1.0]", "[0.9, 1.0, 1.1]"])
def test_the_seconds_of_an_epoch_are_those_of_its_batches(folder, sources, speeds):
    config = load_config(folder / "conf.yaml", [f"augment.speeds={speeds}", "batches.max_utterance_seconds=0.7"])
    data = training_data(config, sources, TASK, CPU)
    assert data.seconds_per_epoch == pytest.approx(seconds_of(data), rel=1e-3)


@pytest.mark.parametrize(("stored", "asked"), [((1.0,), "[0.9, 1.0]"), ((0.9, 1.0), "[1.0]")])
def test_features_stored_at_other_speeds_than_asked_for_are_refused(folder, sources, tmp_path, stored, asked):
    config = load_config(folder / "conf.yaml", [f"augment.speeds={asked}"])
    store_features(sources.dev, tmp_path / "stored.jsonl.gz", config.features, stored)
    changed = Sources(tmp_path / "stored.jsonl.gz", sources.dev, sources.table)
    with pytest.raises(UserError, match=rf"stored at the speeds {re.escape(str(list(stored)))}, augment.speeds is"):
        run(config, tmp_path / "exp", changed, "cpu")
    assert not (tmp_path / "exp").exists()
    same = load_config(folder / "conf.yaml", [f"augment.speeds={list(stored)}"])
    data = training_data(same, changed, TASK, CPU)
    assert data.seconds_per_epoch == pytest.approx(seconds_of(data), rel=1e-3)


def test_a_manifest_made_again_is_the_same_data(folder, sources, tmp_path):
    config = load_config(folder / "conf.yaml")
    lines = gzip.decompress(sources.train.read_bytes())
    again = tmp_path / "train.jsonl.gz"
    again.write_bytes(gzip.compress(lines, mtime=7))
    left, right = (
        training_data(config, Sources(p, sources.dev, sources.table), TASK, CPU) for p in (sources.train, again)
    )
    assert left.digest == right.digest
    again.write_bytes(gzip.compress(b"".join(lines.splitlines(keepends=True)[1:])))
    assert training_data(config, Sources(again, sources.dev, sources.table), TASK, CPU).digest != left.digest
