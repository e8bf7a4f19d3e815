import dataclasses
import json

import pytest
import torch

from pyspeech.config import SHARED_CONF, TrainingConfig, read_yaml
from pyspeech.data.batches import Batch
from pyspeech.errors import UserError
from pyspeech.models.masking import MaskedBatchNorm
from pyspeech.tasks.counts import Counts
from pyspeech.training import loop
from pyspeech.training.checkpoint import checkpoint_path, load_weights, read_header, read_tensors, stored_epochs
from pyspeech.training.loop import TrainingData, make_optimizer, train

DEFAULTS = read_yaml(SHARED_CONF / "train.yaml")["training"]
CONFIG = TrainingConfig(**{**DEFAULTS, "epochs": 4, "average_epochs": 2, "learning_rate": 0.02, "max_bad_batches": 2})
TIMES = ("seconds", "audio_seconds_per_second")


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


def data_of(batches=BATCHES, seconds=None, digest="d"):
    return TrainingData(
        train=lambda epoch: iter(batches[epoch % 2 :] + batches[: epoch % 2]),
        dev=lambda: iter(BATCHES[:2]),
        seconds_per_epoch=seconds or len(batches),
        digest=digest,
    )


def run(exp, data=None, config=CONFIG, net=None, task=None):
    torch.manual_seed(0)
    model = net or Net()
    train(exp, config, task or Regression(), model, data or data_of())
    return model


def metrics(exp):
    lines = [json.loads(line) for line in (exp / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


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
    assert set(TIMES) <= json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0]).keys()


@pytest.mark.parametrize("place", ["while training", "between checkpoint and metrics", "before the average"])
def test_stopped_and_resumed_equals_never_stopped(tmp_path, monkeypatch, place):
    run(tmp_path / "whole")
    calls = []

    class Stop(Exception):
        pass

    def stopping(function, count):
        def wrapped(*args, **kwargs):
            calls.append(1)
            if len(calls) > count:
                raise Stop
            return function(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patch:
        if place == "while training":
            patch.setattr(Regression, "loss", stopping(Regression.loss, 5 + 2 + 5 + 2 + 3))  # in epoch 3
        elif place == "between checkpoint and metrics":
            patch.setattr(loop.EpochLines, "replace", stopping(loop.EpochLines.replace, 2))
        else:
            patch.setattr(loop, "average_weights", stopping(None, 0))
        with pytest.raises(Stop):
            run(tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    torch.manual_seed(99)
    run(tmp_path / "stopped")
    assert metrics(tmp_path / "stopped") == metrics(tmp_path / "whole")
    weights = [read_tensors(tmp_path / name / "model.safetensors") for name in ("whole", "stopped")]
    assert equal(*weights)


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
    assert stored_epochs(tmp_path) == [4, 5]
    assert read_header(tmp_path / "model.safetensors") == {"epochs": [4, 5]}
    both = [load_weights(checkpoint_path(tmp_path, epoch)) for epoch in (4, 5)]
    mean = {name: (both[0][name].double() + both[1][name].double()).div(2).float() for name in both[0]}
    assert equal(read_tensors(tmp_path / "model.safetensors"), mean)


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
    plain = dataclasses.replace(data_of(BATCHES[:4]), train=lambda _: BATCHES[:4])
    whole = dataclasses.replace(data_of(joined, seconds=4), train=lambda _: joined)
    torch.manual_seed(0)
    start = Net(norm=False, dropout=0.0).state_dict()
    nets = [Net(norm=False, dropout=0.0) for _ in range(2)]
    for net in nets:
        net.load_state_dict(start)
    run(tmp_path / "accumulated", plain, changed(accumulate=2), nets[0])
    run(tmp_path / "joined", whole, changed(accumulate=1), nets[1])
    for left, right in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-5)


def test_a_batch_with_a_non_finite_loss_leaves_no_trace_but_a_line(tmp_path):
    bad = dataclasses.replace(batch(7), texts=("nan", "1"))
    poisoned = dataclasses.replace(batch(8), features_BTF=torch.full((2, 5, 3), torch.inf))
    for number, extra in enumerate([[], [bad], [poisoned]]):
        data = dataclasses.replace(data_of(), train=lambda epoch, extra=extra: BATCHES + (extra if epoch == 1 else []))
        run(tmp_path / str(number), data, net=Net(dropout=0.0))
    weights = [read_tensors(tmp_path / str(number) / "model.safetensors") for number in range(3)]
    assert equal(weights[0], weights[1])
    assert equal(weights[0], weights[2])
    assert [line["bad_batches"] for line in metrics(tmp_path / "1")] == [1, 0, 0, 0]
    (line,) = (tmp_path / "1" / "bad_batches.jsonl").read_text().splitlines()
    assert json.loads(line) == {"epoch": 1, "step": 5, "not_finite": "loss", "ids": ["utt7a", "utt7b"]}


def test_a_batch_with_a_non_finite_gradient_is_skipped(tmp_path):
    class Steep(Regression):
        def loss(self, model, batch, progress=1.0):
            loss, counts = super().loss(model, batch, progress)
            if model.training and "utt2a" in batch.ids:
                loss = loss + (model.layer.weight.sum() * 0).abs().sqrt()  # 0, with an infinite slope
            return loss, counts

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
    assert stored_epochs(tmp_path) == [1, 2]
    # The same again: the count goes on from the last checkpoint, not from zero.
    with pytest.raises(UserError, match="3 batches had a non-finite loss"):
        run(tmp_path, data_of([*BATCHES, bad]))
    assert len((tmp_path / "bad_batches.jsonl").read_text().splitlines()) == 3


def test_utterances_without_a_loss_are_counted_and_listed(tmp_path, capsys):
    partly = dataclasses.replace(BATCHES[1], texts=("", "0.5"))
    wholly = dataclasses.replace(BATCHES[2], texts=("", ""))
    run(tmp_path, data_of([BATCHES[0], partly, wholly]), changed(epochs=2))
    assert [line["left_out"] for line in metrics(tmp_path)] == [3, 3]
    line = json.loads((tmp_path / "left_out.jsonl").read_text().splitlines()[0])
    assert (line["epoch"], sorted(line["ids"])) == (1, ["utt1a", "utt2a", "utt2b"])
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


def test_weight_decay_is_for_matrices_only():
    groups = make_optimizer(Net(), CONFIG).param_groups
    assert [[p.dim() for p in group["params"]] for group in groups] == [[2], [1, 1, 1]]
    assert [group["weight_decay"] for group in groups] == [CONFIG.weight_decay, 0.0]
