import dataclasses
import itertools
import json
from types import SimpleNamespace

import pytest
import torch

from pyspeech.config import TrainingConfig
from pyspeech.data.batch import Batch, Unreadable
from pyspeech.errors import UserError
from pyspeech.models.masking import MaskedBatchNorm
from pyspeech.settings import SHARED_CONF, read_yaml
from pyspeech.tasks.counts import Counts
from pyspeech.tensor_files import read_header, read_tensors
from pyspeech.training import average, json_lines, loop
from pyspeech.training.checkpoint import checkpoint_path, load_weights, stored_steps
from pyspeech.training.loop import TrainingData, train

DEFAULTS = read_yaml(SHARED_CONF / "train.yaml")["training"]
CHANGES = {"epochs": 4, "average_epochs": 2, "learning_rate": 0.02, "max_bad_batches": 2, "precision": "float32"}
CONFIG = TrainingConfig(**{**DEFAULTS, **CHANGES})
# In the lines of steps, seconds are of audio.
TIMES = {
    "metrics.jsonl": ("seconds", "audio_seconds_per_second", "data_wait"),
    "steps.jsonl": ("data_wait", "wall"),
}


class Net(torch.nn.Module):
    def __init__(self, norm=True, dropout=0.3):
        super().__init__()
        self.norm = MaskedBatchNorm(num_channels=3) if norm else None
        self.dropout = torch.nn.Dropout(dropout)
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, features_BTF, lengths_B):
        if self.norm is not None:
            mask = torch.ones(features_BTF.shape[:2], dtype=torch.bool)
            features_BTF = self.norm(features_BTF.transpose(1, 2), mask).transpose(1, 2)
        return self.layer(self.dropout(features_BTF)), lengths_B


class Regression:
    """Says how far the mean output of an utterance is from the number that is its text."""

    error_name = "miss_rate"
    left_out_reason = "no number"

    def loss(self, model, batch, progress=1.0):
        kept = [b for b, text in enumerate(batch.texts) if text]
        found_B = model(batch.features_BTF, batch.lengths_B)[0].mean((1, 2))[kept]
        wanted_B = torch.tensor([float(batch.texts[b]) for b in kept])
        loss = ((found_B - wanted_B) ** 2).sum()
        left_out = tuple(id_ for id_, text in zip(batch.ids, batch.texts, strict=True) if not text)
        return loss, Counts(loss=float(loss.detach()), weight=len(kept), utterances=len(kept), left_out=left_out)

    def evaluate(self, model, batches):
        counts = [self.loss(model, batch)[1] for batch in batches]
        return sum((each + Counts(errors=int(each.loss > 0.5), labels=1) for each in counts), Counts())


class Steep(Regression):
    """One batch has a gradient that is not finite."""

    def loss(self, model, batch, progress=1.0):
        loss, counts = super().loss(model, batch, progress)
        if model.training and "utt2a" in batch.ids:
            loss = loss + (model.layer.weight.sum() * 0).abs().sqrt()  # 0, with an infinite slope
        return loss, counts


def batch(number, texts=None, scale=1.0):
    generator = torch.Generator().manual_seed(number)
    features = torch.randn(2, 5, 3, generator=generator) * scale
    return Batch(
        ids=(f"utt{number}a", f"utt{number}b"),
        features_BTF=features,
        lengths_B=torch.tensor([5, 5]),
        texts=texts or tuple(f"{x:.3f}" for x in features.mean((1, 2)).tolist()),
        seconds=1.0,
    )


BATCHES = [batch(n) for n in range(5)]


class Listed(torch.utils.data.Dataset):
    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        return self.batches[number]


def data_of(batches=BATCHES, digest="d", max_unreadable=1):
    return TrainingData(
        train=lambda epoch: Listed(batches[epoch % 2 :] + batches[: epoch % 2]),
        dev=lambda: iter(BATCHES[:2]),
        seconds_per_epoch=sum(batch.seconds for batch in batches),
        digest=digest,
        max_unreadable=max_unreadable,
    )


def run(exp, data=None, config=CONFIG, net=None, task=None):
    torch.manual_seed(0)
    model = (net or Net)()
    train(exp, config, task or Regression(), model, data or data_of())
    return model


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def timeless(path):
    return [{key: value for key, value in line.items() if key not in TIMES[path.name]} for line in read(path)]


def metrics(exp):
    return timeless(exp / "metrics.jsonl")


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def changed(**values):
    return CONFIG.model_copy(update=values)


def test_each_epoch_has_its_line_and_the_loss_falls(tmp_path):
    run(tmp_path, config=changed(epochs=15))
    lines = metrics(tmp_path)
    assert [line["epoch"] for line in lines] == list(range(1, 16))
    assert [line["step"] for line in lines] == list(range(5, 80, 5))
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    assert lines[-1]["dev_loss"] < lines[0]["dev_loss"]
    assert lines[-1]["learning_rate"] == pytest.approx(CONFIG.final_learning_rate)
    assert {"dev_miss_rate", "bad_batches", "left_out"} <= lines[0].keys()
    assert {*TIMES["metrics.jsonl"]} <= json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0]).keys()


class Stop(Exception):
    pass


def stopping(function, count):
    calls = []

    def wrapped(*args, **kwargs):
        calls.append(1)
        if len(calls) > count:
            raise Stop
        return function(*args, **kwargs)

    return wrapped


@pytest.mark.parametrize("place", ["while training", "between checkpoint and metrics", "before the average"])
def test_stopped_and_resumed_equals_never_stopped(tmp_path, monkeypatch, place):
    run(tmp_path / "whole")
    with monkeypatch.context() as patch:
        if place == "while training":
            patch.setattr(Regression, "loss", stopping(Regression.loss, 5 + 2 + 5 + 2 + 3))  # in epoch 3
        elif place == "between checkpoint and metrics":
            patch.setattr(json_lines.Lines, "replace", stopping(json_lines.Lines.replace, 2))
        else:
            patch.setattr(average, "average_weights", stopping(None, 0))
        with pytest.raises(Stop):
            run(tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    torch.manual_seed(99)
    run(tmp_path / "stopped")
    assert_the_same(tmp_path, "stopped")


def assert_the_same(folder, name):
    assert metrics(folder / name) == metrics(folder / "whole")
    assert timeless(folder / name / "steps.jsonl") == timeless(folder / "whole" / "steps.jsonl")
    one, other = ((folder / each / "model.safetensors").read_bytes() for each in (name, "whole"))
    assert one == other


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("calls", [1, 3, 4, 9, 12])
def test_stopped_within_an_epoch_it_goes_on_at_the_next_batch(tmp_path, monkeypatch, calls, accumulate):
    bad = dataclasses.replace(batch(7), texts=("nan", "1"))
    partly = dataclasses.replace(batch(8), texts=("", "0.5"))
    data = data_of([*BATCHES[:3], bad, *BATCHES[3:], partly])
    config = changed(accumulate=accumulate, checkpoint_minutes=1e-9, epochs=2)
    run(tmp_path / "whole", data, config)
    with monkeypatch.context() as patch:
        patch.setattr(Regression, "loss", stopping(Regression.loss, calls))
        with pytest.raises(Stop):
            run(tmp_path / "stopped", data, config)
    computed = []
    with monkeypatch.context() as patch:
        loss = Regression.loss
        patch.setattr(Regression, "loss", lambda *args: computed.append(args[1].training) or loss(*args))
        run(tmp_path / "stopped", data, config)
    done = calls - (2 if calls > 7 else 0)  # two batches of dev after the first epoch
    assert sum(computed) == 2 * 7 - done + (done % 7) % accumulate
    assert_the_same(tmp_path, "stopped")
    for name in ("bad_batches.jsonl", "left_out.jsonl"):
        assert read(tmp_path / "stopped" / name) == read(tmp_path / "whole" / name)


def test_each_step_has_its_line(tmp_path):
    run(tmp_path, config=changed(accumulate=2, epochs=2))
    found = read(tmp_path / "steps.jsonl")
    assert [(line["step"], line["epoch"], line["batch"]) for line in found] == [
        (1, 1, 0),
        (2, 1, 2),
        (3, 1, 4),
        (4, 2, 0),
        (5, 2, 2),
        (6, 2, 4),
    ]
    assert [line["seconds"] for line in found[:3]] == [2.0, 2.0, 1.0]
    assert all(0 <= line["data_wait"] <= line["wall"] + 1e-4 for line in found)
    assert metrics(tmp_path)[0]["train_loss"] == pytest.approx(
        (4 * found[0]["loss"] + 4 * found[1]["loss"] + 2 * found[2]["loss"]) / 10
    )


def test_a_step_that_changed_nothing_has_a_line_without_a_loss(tmp_path):
    bad = dataclasses.replace(batch(7), texts=("nan", "1"))
    data = dataclasses.replace(data_of(), train=lambda _: Listed([BATCHES[0], bad, BATCHES[1]]))
    run(tmp_path, data, changed(epochs=1))
    found = read(tmp_path / "steps.jsonl")
    assert [(line["step"], line["batch"]) for line in found] == [(1, 0), (1, 1), (2, 2)]
    assert [line["loss"] is None for line in found] == [False, True, False]
    assert [line["gradient_norm"] is None for line in found] == [False, True, False]
    assert all(line.keys() == found[0].keys() for line in found)


@pytest.mark.parametrize("after", [1, 3, 4])
def test_dev_that_fails_costs_no_step(tmp_path, after):
    """It fails after the epoch ``after``: the first, the third, the last."""
    run(tmp_path / "whole")
    calls = []

    def damaged():
        calls.append(1)
        if len(calls) == after:
            raise UserError("this file is damaged")
        return iter(BATCHES[:2])

    data = dataclasses.replace(data_of(), dev=damaged)
    with pytest.raises(UserError, match="this file is damaged"):
        run(tmp_path / "mended", data)
    assert stored_steps(tmp_path / "mended")[-1] == 5 * after
    computed = []

    class Counting(Regression):
        def loss(self, model, batch, progress=1.0):
            computed.append(model.training)
            return super().loss(model, batch, progress)

    run(tmp_path / "mended", data, task=Counting())
    assert sum(computed) == 5 * (4 - after)
    assert_the_same(tmp_path, "mended")


def test_where_nothing_was_learnt_since_it_was_measured_it_is_not_measured_again_after_each_step(tmp_path, monkeypatch):
    bad = dataclasses.replace(batch(7), texts=("", ""))
    data = dataclasses.replace(data_of(), train=lambda _: Listed([BATCHES[0], *[bad] * 20]))
    saved = []
    monkeypatch.setattr(loop, "save_checkpoint", lambda path, *_: saved.append(path.name))
    clock = itertools.count(step=5)  # a step looks at it four times, so three make a minute
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(loop._Trainer, "write_average", lambda *_: None)
    run(tmp_path, data, changed(epochs=1, validate_minutes=1.0, checkpoint_minutes=None))
    assert len(saved) < 12


def test_it_is_measured_by_the_minute_too_and_by_name_of_the_step(tmp_path):
    run(tmp_path, config=changed(validate_minutes=1e-9, epochs=2))
    lines_ = metrics(tmp_path)
    assert [line["epoch"] for line in lines_] == [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 2]
    assert [line["step"] for line in lines_] == list(range(1, 11))
    run(tmp_path / "seldom", config=changed(epochs=2))
    steps = [timeless(folder / "steps.jsonl") for folder in (tmp_path, tmp_path / "seldom")]
    assert steps[0] == steps[1]  # to measure changes nothing


def test_it_ends_when_dev_gets_no_better(tmp_path, capsys):
    class Growing(Regression):
        def evaluate(self, model, batches):
            errors = next(rates)
            return Counts(loss=1.0, weight=1, errors=errors, labels=100)

    rates = iter([9, 5, 6, 5, 7, 4])
    run(tmp_path, config=changed(epochs=9, patience=3), task=Growing())
    assert [line["dev_miss_rate"] for line in metrics(tmp_path)] == [0.09, 0.05, 0.06, 0.05, 0.07]
    assert read_header(tmp_path / "model.safetensors", "model", "train again") == {"steps": [10, 20], "epochs": [2, 4]}
    assert "no better dev figure in 3 validations: training ends" in capsys.readouterr().err
    (tmp_path / "model.safetensors").unlink()  # killed before the average: nothing is trained again
    run(tmp_path, config=changed(epochs=9, patience=3), task=Growing())
    assert len(metrics(tmp_path)) == 5


def test_another_number_of_batches_in_a_step_is_refused(tmp_path):
    run(tmp_path, config=changed(epochs=2))
    with pytest.raises(UserError, match=r"begun with 1 batches in a step, now there are 2 .*that their product stays"):
        run(tmp_path, config=changed(accumulate=2))


def test_what_cannot_be_read_is_named_once_counted_and_limited(tmp_path, capsys):
    partly = dataclasses.replace(BATCHES[1], unreadable=(Unreadable("lost", "no header"),))
    nothing = dataclasses.replace(
        BATCHES[2],
        ids=(),
        features_BTF=torch.zeros(0, 5, 3),
        lengths_B=torch.zeros(0),
        texts=(),
        seconds=0.0,
        unreadable=(Unreadable("gone", "no file"), Unreadable("lost too", "no file")),
    )
    data = data_of([BATCHES[0], partly, nothing], max_unreadable=3)
    run(tmp_path / "a", data, changed(epochs=2))
    assert [line["unreadable"] for line in metrics(tmp_path / "a")] == [3, 3]
    assert metrics(tmp_path / "a")[-1]["step"] == 4
    found = read(tmp_path / "a" / "unreadable.jsonl")
    assert [(line["epoch"], line["id"]) for line in found] == [
        (1, "lost"),
        (1, "gone"),
        (1, "lost too"),
        (2, "lost"),
        (2, "gone"),
        (2, "lost too"),
    ]
    assert capsys.readouterr().err.count("left out 'gone': no file\n") == 1
    with pytest.raises(
        UserError, match=r"3 utterances of epoch 1 are lost, .*allows 2: lost, gone, lost too \(no file\)"
    ):
        run(tmp_path / "b", dataclasses.replace(data, max_unreadable=2))


def test_epochs_draw_different_random_numbers(tmp_path):
    drawn = []

    class Watching(Regression):
        def loss(self, model, batch, progress=1.0):
            if model.training:
                drawn.append(float(torch.rand(())))
            return super().loss(model, batch, progress)

    run(tmp_path, task=Watching())
    assert len(set(drawn)) == len(drawn) == 20


def test_the_last_and_the_needed_checkpoints_stay_and_make_the_average(tmp_path):
    run(tmp_path, config=changed(average="last", epochs=5))
    assert stored_steps(tmp_path) == [20, 25]
    assert read_header(tmp_path / "model.safetensors", "model", "train again") == {"steps": [20, 25], "epochs": [4, 5]}
    both = [load_weights(checkpoint_path(tmp_path, step)) for step in (20, 25)]
    mean = {name: (both[0][name].double() + both[1][name].double()).div(2).float() for name in both[0]}
    assert equal(read_tensors(tmp_path / "model.safetensors", "model", "train again"), mean)


def test_accumulating_two_batches_equals_one_batch_of_both(tmp_path):
    joined = [
        dataclasses.replace(
            left,
            ids=left.ids + right.ids,
            features_BTF=torch.cat([left.features_BTF, right.features_BTF]),
            lengths_B=torch.cat([left.lengths_B, right.lengths_B]),
            texts=left.texts + right.texts,
            seconds=2.0,
        )
        for left, right in [(BATCHES[0], BATCHES[1]), (BATCHES[2], BATCHES[3])]
    ]
    plain = dataclasses.replace(data_of(BATCHES[:4]), train=lambda _: Listed(BATCHES[:4]))
    whole = dataclasses.replace(data_of(joined), train=lambda _: Listed(joined))
    nets = [
        run(tmp_path / name, data, changed(accumulate=accumulate), lambda: Net(norm=False, dropout=0.0))
        for name, data, accumulate in (("accumulated", plain, 2), ("joined", whole, 1))
    ]
    for left, right in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-5)


def test_a_batch_with_a_non_finite_loss_leaves_no_trace_but_a_line(tmp_path):
    bad = dataclasses.replace(batch(7), texts=("nan", "1"))
    poisoned = dataclasses.replace(batch(8), features_BTF=torch.full((2, 5, 3), torch.inf))
    nothing = dataclasses.replace(batch(9), texts=("", ""))
    # In place of the first batch, so that all are as far in the schedule.
    for number, extra in enumerate([[nothing], [bad], [poisoned]]):
        data = dataclasses.replace(data_of(), train=lambda epoch, extra=extra: Listed(extra[: epoch == 1] + BATCHES))
        run(tmp_path / str(number), data, net=lambda: Net(dropout=0.0))
    weights = [
        read_tensors(tmp_path / str(number) / "model.safetensors", "model", "train again") for number in range(3)
    ]
    assert equal(weights[0], weights[1])
    assert equal(weights[0], weights[2])
    assert [line["bad_batches"] for line in metrics(tmp_path / "1")] == [1, 0, 0, 0]
    (line,) = (tmp_path / "1" / "bad_batches.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "epoch": 1,
        "batch": 0,
        "step": 0,
        "not_finite": "loss",
        "ids": ["utt7a", "utt7b"],
    }


def test_a_batch_with_a_non_finite_gradient_is_skipped(tmp_path):
    model = run(tmp_path, task=Steep(), config=changed(max_bad_batches=4))
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    lines = [json.loads(line) for line in (tmp_path / "bad_batches.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["not_finite"], line["ids"]) for line in lines] == [
        (epoch, "gradient", ["utt2a", "utt2b"]) for epoch in (1, 2, 3, 4)
    ]
    assert metrics(tmp_path)[-1]["step"] == 16


def test_too_many_bad_batches_stop_the_run_and_name_the_cuts(tmp_path):
    bad = dataclasses.replace(batch(7), texts=("nan", "1"))
    with pytest.raises(UserError, match=r"3 batches had a non-finite loss.*allows 2.*utt7a, utt7b.*bad_batches.jsonl"):
        run(tmp_path, data_of([*BATCHES, bad]))
    assert stored_steps(tmp_path) == [5, 10]
    # The same again: the count goes on from the last checkpoint, not from zero.
    with pytest.raises(UserError, match="3 batches had a non-finite loss"):
        run(tmp_path, data_of([*BATCHES, bad]))
    assert len((tmp_path / "bad_batches.jsonl").read_text().splitlines()) == 3


def test_utterances_without_a_loss_are_counted_and_listed(tmp_path, capsys):
    partly = dataclasses.replace(BATCHES[1], texts=("", "0.5"))
    wholly = dataclasses.replace(BATCHES[2], texts=("", ""))
    run(tmp_path, data_of([BATCHES[0], partly, wholly]), changed(epochs=2))
    assert [line["left_out"] for line in metrics(tmp_path)] == [3, 3]
    found = read(tmp_path / "left_out.jsonl")
    assert [(line["epoch"], line["batch"], line["ids"]) for line in found[:2]] == [
        (1, 0, ["utt1a"]),
        (1, 1, ["utt2a", "utt2b"]),
    ]
    assert "left out utt0a" not in (shown := capsys.readouterr().err)
    assert "utt2b: no number; see left_out.jsonl" in shown
    assert not (tmp_path / "bad_batches.jsonl").exists()


def test_nothing_to_learn_from_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no utterance has a loss"):
        run(tmp_path, data_of([dataclasses.replace(BATCHES[2], texts=("", ""))]))


def test_other_data_than_the_run_began_with_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(UserError, match="was trained on other utterances or noise than these until epoch 4"):
        run(tmp_path, data_of(digest="other"))
