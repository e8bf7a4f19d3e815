"""Trainings that begin with the weights of another one: what is taken, what stays as it is, what is refused."""

import json
import pickle
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.config import load_config
from pyspeech.data.batches import inference_batches
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.lang.tokens import BLANK, WORD_START, CharacterTokens
from pyspeech.tasks.network import NetworkWithLoss, new_model
from pyspeech.tasks.recognition import load_recogniser
from pyspeech.tensor_files import read_tensors, write_tensors
from pyspeech.training import loop
from pyspeech.training.checkpoint import checkpoint_path, stored_steps
from pyspeech.training.experiment import Sources, run
from pyspeech.training.origin import Origin, take_weights
from pyspeech.training.step import make_optimizer
from tests.classifiers import SPEAKERS_YAML, labelled_manifest
from tests.classifiers import YAML as LABELS_YAML
from tests.experiments import YAML
from tests.messages import told
from tests.models.test_models import SETTINGS
from tests.tones import PITCHES, tone_manifest

SHORT = ["training.epochs=2", "training.average_epochs=1", "augment.time_masks=1"]
FEW = ["training.epochs=1", "speakers.crops_each=4"]  # crops of a speaker
LETTERS = CharacterTokens.from_words(PITCHES).symbols[2:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("origin")
    tone_manifest(folder / "train.jsonl.gz", 12)
    tone_manifest(folder / "dev.jsonl.gz", 3, seed=1000)
    CharacterTokens.from_words(PITCHES).save(folder / "lang")
    CharacterTokens((BLANK, WORD_START, *LETTERS[::-1], "X", "Y")).save(folder / "more")
    labelled_manifest(folder / "labelled.jsonl.gz", 20)
    LabelTable("speaker", tuple(sorted(PITCHES))).save(folder / "speakers")
    LabelTable("text", ("OTHER", *sorted(PITCHES, reverse=True))).save(folder / "labels")
    for name, yaml in {"conf": YAML, "verification": SPEAKERS_YAML, "classification": LABELS_YAML}.items():
        (folder / f"{name}.yaml").write_text(yaml)
    train(folder, folder / "first")
    return folder


def train(folder, exp, overrides=(), origin=None, table="lang", conf="conf", manifest="train", dev="dev"):
    config = load_config(folder / f"{conf}.yaml", [*SHORT, "training.seed=5", *overrides])
    sources = Sources(folder / f"{manifest}.jsonl.gz", folder / f"{dev}.jsonl.gz", folder / table)
    return run(config, exp, sources, "cpu", origin=origin)


def weights(path):
    return read_tensors(path, "model", "train again")


def model_of(exp):
    return weights(exp / "model.safetensors")


def record(exp):
    return json.loads((exp / "origin.json").read_text())


def test_with_the_same_tokens_all_is_taken_and_then_learnt_on(folder, tmp_path):
    with told() as lines:
        train(
            folder, tmp_path / "on", ["training.learning_rate=1e-12", "training.final_learning_rate=0"], origin(folder)
        )
    (line,) = [line for line in lines if "begins with" in line]
    there, here = model_of(folder / "first"), model_of(tmp_path / "on")
    assert f"the training begins with {folder / 'first'}: {len(there)} tensors taken (network.tdnn, " in line
    assert "anew" not in line
    assert "unused" not in line
    for name, tensor in there.items():
        if "running" not in name:
            torch.testing.assert_close(here[name], tensor, atol=1e-6, rtol=0)
    assert not torch.equal(here["network.norms.0.running_mean"], there["network.norms.0.running_mean"])


def origin(folder, *freeze):
    return Origin(folder / "first", freeze)


def test_outputs_are_taken_by_the_names_of_their_tokens_and_it_is_said(folder, tmp_path):
    with told() as lines:
        train(folder, tmp_path / "moved", origin=origin(folder), table="more")
    (line,) = [line for line in lines if "begins with" in line]
    shared = len(LETTERS) + 2
    said = f"in network.output.weight, network.output.bias {shared} of {shared + 2} outputs taken by name, "
    assert said + "2 made anew (X, Y)" in line
    found = record(tmp_path / "moved")
    assert (found["new_outputs"], found["unused_outputs"], found["anew"], found["unused"]) == (["X", "Y"], [], [], [])
    assert found["exp"] == str((folder / "first").resolve())
    with told() as lines:
        train(folder, tmp_path / "back", ["training.epochs=1"], Origin(tmp_path / "moved"))
    assert any("none anew; left unused: 2 outputs (X, Y)" in line for line in lines)


def test_other_tokens_in_another_order_are_the_same_network(folder, tmp_path):
    first = load_recogniser(folder / "first", "cpu")
    moved, _ = begun(folder, folder / "more")
    batch = next(inference_batches(folder / "dev.jsonl.gz", first.config.features, 100))
    symbols = CharacterTokens((BLANK, WORD_START, *LETTERS[::-1])).symbols
    order = [first.tokens.symbols.index(symbol) for symbol in symbols]
    with torch.no_grad():
        there = first.model(batch.features_BTF, batch.lengths_B)[0][:, :, order]
        here = moved.eval()(batch.features_BTF, batch.lengths_B)[0][:, :, : len(order)].log_softmax(2)
    torch.testing.assert_close(here, there, atol=1e-5, rtol=1e-5)


def begun(folder, table, names=None):
    """A network with what it takes of the first training, and that before."""
    config = load_config(folder / "conf.yaml", SHORT)
    count = len(json.loads((table / "tokens.json").read_text())["symbols"])
    torch.manual_seed(1)
    model, wider = (new_model(config, outputs, "frame") for outputs in (count, count + 1))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    take_weights(origin(folder), model, wider, config, table)
    return model, before


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*LETTERS, *"XYZ"]), unique=True))
def test_each_row_is_that_of_its_token_or_as_it_was_made(folder, tmp_path_factory, letters):
    table = tmp_path_factory.mktemp("table") / "lang"
    CharacterTokens((BLANK, *letters, WORD_START)).save(table)
    model, before = begun(folder, table)
    theirs, old = model_of(folder / "first"), CharacterTokens.from_words(PITCHES).symbols
    for name, tensor in model.state_dict().items():
        if not name.startswith("network.output"):
            assert torch.equal(tensor, theirs[name])
            continue
        for place, symbol in enumerate((BLANK, *letters, WORD_START)):
            expected = theirs[name][old.index(symbol)] if symbol in old else before[name][place]
            assert torch.equal(tensor[place], expected)


def test_without_the_other_table_the_outputs_are_made_anew(folder, tmp_path):
    shutil.copytree(folder / "first", tmp_path / "first", ignore=shutil.ignore_patterns("lang"))
    with told() as lines:
        train(folder, tmp_path / "anew", ["training.epochs=1"], Origin(tmp_path / "first"), "more")
    assert any("; 2 tensors made anew (network.output.weight, network.output.bias)" in line for line in lines)


def test_a_classifier_begins_with_a_network_of_speakers_and_leaves_their_loss_there(folder, tmp_path):
    given = {"manifest": "labelled", "dev": "labelled"}
    train(folder, tmp_path / "ge2e", [*FEW, "loss={name: ge2e}"], None, "speakers", "verification", **given)
    with told() as lines:
        train(folder, tmp_path / "b", FEW[:1], Origin(tmp_path / "ge2e"), "labels", "classification", **given)
    (line,) = [line for line in lines if "begins with" in line]
    anew = "2 tensors made anew (loss.output.weight, loss.output.bias); left unused: 1 tensors (loss.log_scale)"
    assert line.endswith(anew)
    with told() as lines:  # a label is a speaker's name here
        train(folder, tmp_path / "c", FEW, Origin(tmp_path / "b"), "speakers", "verification", **given)
    (line,) = [line for line in lines if "begins with" in line]
    assert "3 of 3 outputs taken by name, none anew; left unused: 1 outputs (OTHER)" in line


def test_of_classes_with_several_centres_all_are_taken_or_none(folder, tmp_path):
    given = {"conf": "verification", "manifest": "labelled", "dev": "labelled", "table": "speakers"}
    loss = "loss={name: aam_softmax, scale: 30, margin: 0.2, margin_from: 0.1, margin_full: 0.3, sub_centres: 2}"
    train(folder, tmp_path / "a", [*FEW, loss], **given)
    train(folder, tmp_path / "same", [*FEW, loss, "loss.margin=0.4"], Origin(tmp_path / "a"), **given)
    assert "loss.centres" in record(tmp_path / "same")["whole"]
    train(folder, tmp_path / "faster", [*FEW, loss, "augment.speeds=[1.0, 1.1]"], Origin(tmp_path / "a"), **given)
    assert record(tmp_path / "faster")["anew"] == ["loss.centres"]


FROZEN = ("network.tdnn", "network.lstms", "network.norms")


@pytest.mark.parametrize(
    "change", ["precision=float32", "precision=bf16", "gradient_checkpointing=true", "accumulate=3"]
)
def test_what_is_frozen_keeps_its_bytes_and_all_else_learns(folder, tmp_path, change):
    overrides = [f"training.{change}", "training.average_epochs=2"]
    with told() as lines:
        train(folder, tmp_path / "frozen", overrides, origin(folder, *FROZEN), "more")
    assert any("frozen: " in line and "weights (network.tdnn, network.lstms, network.norms)" in line for line in lines)
    there, here = model_of(folder / "first"), model_of(tmp_path / "frozen")
    state = weights(checkpoint_path(tmp_path / "frozen", stored_steps(tmp_path / "frozen")[-1]))
    for name, tensor in here.items():
        assert torch.equal(tensor, there[name]) if name.startswith(FROZEN) else not torch.equal(tensor, there.get(name))
        assert (f"optimizer.{name}.exp_avg" in state) == (not name.startswith(FROZEN))
    assert {name for name in here if not name.startswith(FROZEN)} == {"network.output.weight", "network.output.bias"}


@pytest.mark.parametrize("name", list(SETTINGS))
def test_of_every_network_a_frozen_part_below_or_above_what_learns_stays(folder, tmp_path, name):
    head, _, rest = YAML.replace("tdnn_lstm]", f"{name}]").partition("model:")
    (tmp_path / "conf.yaml").write_text(head + f"model: {json.dumps(SETTINGS[name])}" + rest[rest.index("\n") :])
    for each in ("train.jsonl.gz", "dev.jsonl.gz", "lang", "more"):
        (tmp_path / each).symlink_to(folder / each)
    train(tmp_path, tmp_path / "first", ["training.epochs=1"])
    there = model_of(tmp_path / "first")
    parts = list(dict.fromkeys(".".join(each.split(".")[:2]) for each in there))
    for frozen in (tuple(parts[:1]), tuple(parts[1:])):
        exp = tmp_path / str(len(frozen))
        train(tmp_path, exp, ["training.epochs=1"], Origin(tmp_path / "first", frozen))
        for each, tensor in model_of(exp).items():
            assert torch.equal(tensor, there[each]) == each.startswith(frozen), each
        shutil.rmtree(exp)


def test_frozen_batch_statistics_are_used_as_after_training():
    torch.manual_seed(0)
    model = NetworkWithLoss(torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3)), torch.nn.Identity())
    model.network[0].bias.requires_grad_(False)  # a network may have weights that are never learnt
    model.freeze([])
    model.freeze(["network.1"])
    assert not model.network[0].bias.requires_grad
    model.train()
    assert [module.training for module in (model, model.network, *model.network)] == [True, True, True, False]
    assert model.eval().network[1].training is model.network.training is False
    model.train()
    before = model.network[1].running_mean.clone()
    model.network(torch.randn(4, 3)).sum().backward()
    assert torch.equal(model.network[1].running_mean, before)
    assert model.network[0].weight.grad is not None
    assert model.network[1].weight.grad is None
    config = load_training()
    assert [len(group["params"]) for group in make_optimizer(model, config).param_groups] == [1, 0]


def load_training():
    from tests.training.test_loop import CONFIG

    return CONFIG


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        (
            ["network.lstm", "netwrk.tdnn"],
            r"--freeze netwrk.tdnn: no weight .* begins so; did you mean 'network.tdnn'\?",
        ),
        (["encoder"], "begins so; allowed: network.lstms, network.norms, network.output, network.tdnn"),
        (["network"], "--freeze network leaves nothing to learn; freeze less"),
        (["network.output.b"], r"--freeze would keep network.output.bias, which is made anew .*; freeze less"),
    ],
)
def test_what_cannot_be_frozen_is_named(folder, tmp_path, freeze, message):
    with pytest.raises(UserError, match=message):
        train(folder, tmp_path / "never", origin=origin(folder, *freeze), table="more")
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("features.num_mel_bins=20", "on other features, features.num_mel_bins = 24 there and 20 here; "),
        ("features.normalise=mean", "features.normalise = 'mean-variance' there and 'mean' here"),
        ("features.sampling_rate=16000", "features.sampling_rate = 8000 there and 16000 here"),
        (
            "model.lstm_width=16",
            r"of another network: model.lstm_width = 32 there and 16 here; tensor network\.lstms\.0\.lstm\.weight_ih_l0"
            r" is of shape \[128, 32\] there, of shape \[64, 32\] here; set model as .*first/config.yaml has it",
        ),
        ("model.lstm_layers=2", r"tensor network\.lstms\.1\.lstm\.\S+ is missing there"),
        ("model.label_delay=3", "of another network: model.label_delay = 2 there and 3 here; set model as"),
    ],
)
def test_another_network_or_other_features_are_one_error(folder, tmp_path, override, message):
    with pytest.raises(UserError, match=message):
        train(folder, tmp_path / "never", [override], origin(folder))
    assert not (tmp_path / "never").exists()


def test_dropout_may_differ(folder, tmp_path):
    assert train(folder, tmp_path / "exp", ["model.dropout=0.4", "training.epochs=1"], origin(folder))


def test_a_training_that_is_not_finished_or_whole_is_no_origin(folder, tmp_path):
    with pytest.raises(UserError, match=r"no trained model to begin with at .*nowhere/model.safetensors"):
        train(folder, tmp_path / "never", origin=Origin(tmp_path / "nowhere"))
    exp = tmp_path / "first"
    shutil.copytree(folder / "first", exp)
    (exp / "model.safetensors").write_bytes(pickle.dumps(model_of(folder / "first")))
    with pytest.raises(
        UserError, match=r"model.safetensors is not a whole safetensors file of pyspeech.*train it again"
    ):
        train(folder, tmp_path / "never", origin=Origin(exp))
    content = bytearray((folder / "first" / "model.safetensors").read_bytes())
    content[-3] ^= 1
    (exp / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"tensor '.*': its numbers were changed\); train it again"):
        train(folder, tmp_path / "never", origin=Origin(exp))
    assert not (tmp_path / "never").exists()


class Stop(Exception):
    pass


def test_stopped_and_resumed_it_is_the_same_though_the_origin_is_gone(folder, tmp_path, monkeypatch):
    shutil.copytree(folder / "first", tmp_path / "first")
    wanted = Origin(tmp_path / "first", FROZEN)
    train(folder, tmp_path / "whole", [], wanted, "more")
    with monkeypatch.context() as patch:
        saves = []
        save = loop.save_checkpoint

        def stopping(*arguments):
            save(*arguments)
            saves.append(1)
            if len(saves) == 2:
                raise Stop

        patch.setattr(loop, "save_checkpoint", stopping)
        with pytest.raises(Stop):
            train(folder, tmp_path / "stopped", [], wanted, "more")
    shutil.rmtree(tmp_path / "first")
    assert train(folder, tmp_path / "stopped", [], wanted, "more")
    for name in ("model.safetensors", "origin.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_it_goes_on_only_with_what_it_began_with(folder, tmp_path):
    exp = tmp_path / "exp"
    train(folder, exp, ["training.epochs=1"], origin(folder, "network.tdnn"))
    shutil.copytree(folder / "first", tmp_path / "moved")
    same = Origin(tmp_path / "moved", ("network.tdnn",))
    assert not train(folder, exp, ["training.epochs=1"], same)
    tensors = model_of(tmp_path / "moved")
    write_tensors(tmp_path / "moved" / "model.safetensors", {n: t + 1 for n, t in tensors.items()}, {})
    began = r"begun with --init .*first --freeze network\.tdnn, now it is "
    for other, now in (
        (None, "without --init; go on as it was begun, or train into a new folder"),
        (same, "with --init .*moved --freeze network.tdnn;"),
        (origin(folder), "with --init .*first; go on"),
    ):
        with pytest.raises(UserError, match=began + now):
            train(folder, exp, ["training.epochs=1"], other)
    with pytest.raises(UserError, match=r"first was begun without --init, now it is with --init .*moved;"):
        train(folder, folder / "first", [], Origin(tmp_path / "moved"))
    (exp / "origin.json").write_text('{"exp": 3}')
    with pytest.raises(UserError, match=r"origin.json lacks exp, freeze or weights; train into a new folder"):
        train(folder, exp, ["training.epochs=1"], same)
