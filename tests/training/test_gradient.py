"""Batches that do not fit into the memory: the allocator really refuses them."""

import json
import subprocess
import sys

import pytest
import torch
import yaml
from lhotse import CutSet

from pyspeech.config import load_config
from pyspeech.data.batch import Batch
from pyspeech.data.batches import TrainingBatches
from pyspeech.data.loading import load
from pyspeech.data.manifests import write_manifest
from pyspeech.tasks.counts import Counts
from pyspeech.training.gradient import Buffers, Gradient, Numbered, Place
from pyspeech.training.memory import Piece, is_out_of_memory
from pyspeech.training.precision import Precision
from tests.tones import RATE, tone_cuts
from tests.training.test_loop import BATCHES, Net, Regression, batch, changed, data_of, metrics, read, run

CPU = torch.device("cpu")


class Greedy(Regression):
    """Needs more memory than there is for more than ``most`` utterances, after a part of the gradient is there."""

    def __init__(self, most):
        self.most = most

    def loss(self, model, batch, progress=1.0):
        loss, counts = super().loss(model, batch, progress)
        if model.training and len(batch.ids) > self.most:
            loss = loss + Refused.apply(model.layer.weight).sum()
        return loss, counts


class Refused(torch.autograd.Function):
    @staticmethod
    def forward(_, x):
        return x * 0

    @staticmethod
    def backward(*_):
        return torch.empty(1 << 50)


def many(number, count):
    generator = torch.Generator().manual_seed(number)
    return Batch(
        ids=tuple(f"utt{number}-{place}" for place in range(count)),
        features_BTF=torch.randn(count, 5, 3, generator=generator),
        lengths_B=torch.full((count,), 5),
        texts=("0.5",) * count,
        seconds=1.0,
    )


def gradient_of(task, batches, model):
    gradient = Gradient(1, task, model, lambda batch: batch, Precision("float32", CPU))
    found = gradient.compute([Numbered(n, each) for n, each in enumerate(batches)], Place(1, 0, 0.5), 1.0)
    return found, [parameter.grad.clone() for parameter in model.parameters()]


@pytest.mark.parametrize(("most", "pieces"), [(4, 1), (2, 3), (1, 6)])
def test_in_pieces_the_gradient_is_the_same(most, pieces):
    batches = [batch(1), many(2, 7), batch(3)] if most > 1 else [many(2, 7)]
    torch.manual_seed(0)
    model = Net(norm=False, dropout=0.0)
    whole, expected = gradient_of(Regression(), batches, model)
    found, gradients = gradient_of(Greedy(most), batches, model)
    assert (found.weight, found.shares) == (whole.weight, whole.shares)
    assert found.loss == pytest.approx(whole.loss)
    for left, right in zip(gradients, expected, strict=True):
        torch.testing.assert_close(left, right)
    assert [note.file for note in found.notes] == ["out_of_memory"] * pieces
    assert not any(note.line["left_out"] for note in found.notes)


class ByRatio(Greedy):
    """Weighs each utterance by a field of its cut that no one but its corpus and its loss knows."""

    def loss(self, model, batch, progress=1.0):
        rows_B = model(batch.features_BTF[:, :, :3], batch.lengths_B)[0][:, 0, 0].square()
        loss = (rows_B * torch.tensor([cut.snr for cut in batch.cuts])).sum()
        if model.training and len(batch.ids) > self.most:
            loss = loss + Refused.apply(model.layer.weight).sum()
        return loss, Counts(loss=float(loss.detach()), weight=len(batch.cuts))


def test_fields_of_cuts_reach_the_loss_from_workers_and_in_halves(tmp_path):
    settings = {"features": {"sampling_rate": RATE, "num_mel_bins": 4}, "batches": {"max_seconds": 8, "buckets": 1}}
    included = {"include": ["fbank", "augment", "train", "ctc", "tdnn_lstm"], "task": "recognition"}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({**included, **settings}))
    ratios = {f"tone-{number}": 2.0**number for number in range(6)}
    cuts = [cut.with_id(id_) for cut, id_ in zip(tone_cuts(tmp_path / "audio", 6), ratios, strict=True)]
    for cut in cuts:
        cut.snr = ratios[cut.id]
    write_manifest(cuts, tmp_path / "train.jsonl")
    assert {cut.id: cut.snr for cut in CutSet.from_file(tmp_path / "train.jsonl")} == ratios
    batches = TrainingBatches(tmp_path / "train.jsonl", load_config(tmp_path / "c.yaml"), epoch=1)
    batches = list(load(batches, range(len(batches)), 1, pin=torch.cuda.is_available()))
    assert max(len(each.ids) for each in batches) > 2
    for each in batches:
        assert [cut.id for cut in each.cuts] == list(each.ids)
        assert [cut.snr for cut in each.cuts] == [ratios[id_.partition("_sp")[0]] for id_ in each.ids]
    whole, expected = gradient_of(ByRatio(100), batches, model := Net(norm=False, dropout=0.0))
    found, gradients = gradient_of(ByRatio(1), batches, model)
    assert found.loss == pytest.approx(whole.loss)
    for left, right in zip(gradients, expected, strict=True):
        torch.testing.assert_close(left, right)
    assert {note.file for note in found.notes} == {"out_of_memory"}


def test_buffers_stay_and_their_mean_is_over_batches_whatever_pieces_they_came_in():
    model = Net(dropout=0.0)
    before = model.norm.running_mean.clone()
    found, _ = gradient_of(Greedy(2), [batch(1), many(2, 4)], model)
    assert torch.equal(model.norm.running_mean, before)
    means = [each.features_BTF.mean((0, 1)) for each in (batch(1), many(2, 4))]
    expected = 0.1 * (means[0] + means[1]) / 2
    torch.testing.assert_close(found.buffers_N[:3].div(found.shares).float(), expected)


def test_one_utterance_that_does_not_fit_is_left_out_and_the_training_goes_on(tmp_path, capsys):
    class TooLong(Regression):
        def loss(self, model, batch, progress=1.0):
            if "utt2b" in batch.ids and model.training:
                torch.empty(1 << 50)
            return super().loss(model, batch, progress)

    run(tmp_path, data_of(), changed(epochs=2), task=TooLong())
    assert [line["out_of_memory"] for line in metrics(tmp_path)] == [2, 2]
    assert [line["step"] for line in metrics(tmp_path)] == [5, 10]
    assert read(tmp_path / "out_of_memory.jsonl")[:2] == [
        {"epoch": 1, "batch": 1, "left_out": False, "ids": ["utt2a", "utt2b"]},
        {"epoch": 1, "batch": 1, "left_out": True, "ids": ["utt2b"]},
    ]
    assert capsys.readouterr().err.count("out of memory: batch 1 of epoch 1") == 1


def test_random_numbers_of_a_batch_do_not_depend_on_the_others():
    model = Net(norm=False, dropout=0.5)
    single = gradient_of(Regression(), [batch(1), batch(2)], model)[0].loss
    gradient = Gradient(1, Regression(), model, lambda batch: batch, Precision("float32", CPU))
    parts = [
        gradient.compute([Numbered(n, each)], Place(1, 0, 0.5), 1.0).loss for n, each in ((1, batch(2)), (0, batch(1)))
    ]
    assert single == pytest.approx(sum(parts), rel=1e-6)
    assert gradient.compute([Numbered(0, batch(1))], Place(2, 0, 0.5), 1.0).loss != parts[1]


def test_other_errors_stay_errors():
    class Wrong(Regression):
        def loss(self, model, batch, progress=1.0):
            return torch.ones(2) @ torch.ones(3), None

    with pytest.raises(RuntimeError):
        gradient_of(Wrong(), BATCHES, Net())


def test_what_says_that_memory_is_missing():
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError())
    for text in (
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "cuFFT error: CUFFT_ALLOC_FAILED",
        "CUDA error: out of memory",
        "Unable to find a valid cuDNN algorithm to run convolution",
        "GET was unable to find an engine to execute this computation",
    ):
        assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_piece_of_one_has_no_halves():
    whole = Piece((4,), many(1, 3))
    halves = whole.split()
    assert [(half.path, half.share, len(half.batch.ids)) for half in halves] == [((4, 0), 0.5, 1), ((4, 1), 0.5, 2)]
    assert halves[0].split() == []


PROGRAM = """
import dataclasses, json, resource, sys
from pathlib import Path
import torch
from tests.training.test_gradient import many
from tests.training.test_loop import Net, Regression, changed, data_of, metrics, run
torch.set_num_threads(1)

class Wide(Net):
    def forward(self, features_BTF, lengths_B):
        # 10 MiB an utterance, kept for the backward pass
        wide = self.layer(features_BTF).expand(-1, -1, 1 << 19).exp()
        return wide.mean(2, keepdim=True).log(), lengths_B

torch.optim.AdamW(Net().parameters()).step()  # torch 2 imports its compiler here, which needs memory too
data = data_of([many(1, 2), many(2, 16), many(3, 1)])
free = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (free, free))
run(Path(sys.argv[1]), data, changed(epochs=1, average_epochs=1), net=lambda: Wide(norm=False, dropout=0.0))
print(json.dumps(metrics(Path(sys.argv[1]))[0]))
"""


@pytest.mark.slow
def test_a_process_with_little_memory_trains_on_all_utterances(tmp_path):
    losses = []
    for megabytes in (8000, 300):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / str(megabytes)), str(megabytes << 20)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        line = json.loads(done.stdout)
        losses.append(line["train_loss"])
        assert (line["out_of_memory"] > 0) == (megabytes == 300), line
        assert line["step"] == 3
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


class Normed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.norm = torch.nn.BatchNorm1d(2)
        self.register_buffer("table", torch.ones(5), persistent=False)


def test_values_of_every_type_come_back_exactly_and_what_is_no_state_stays_out():
    model = Normed()
    model.norm.running_mean.copy_(torch.tensor([0.1, 1 / 3]))
    model.norm.num_batches_tracked.fill_(2**40 + 1)
    buffers = Buffers(model)
    values = buffers.copy()
    assert len(values) == 2 + 2 + 1
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    buffers.put(torch.zeros(5, dtype=torch.float64))
    assert model.norm.running_mean.tolist() == [0.0, 0.0]
    assert model.norm.num_batches_tracked.dtype == torch.int64
    buffers.put(values)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_network_may_have_none():
    buffers = Buffers(torch.nn.Linear(2, 2))
    buffers.put(buffers.copy())
    assert len(buffers.copy()) == 0


def test_a_mean_of_two_is_put():
    model = Normed()
    buffers = Buffers(model)
    first = buffers.copy()
    model.norm(torch.tensor([[1.0, 4.0], [3.0, 8.0]]))
    buffers.put((first + buffers.copy()).div(2))
    assert model.norm.running_mean.tolist() == pytest.approx([0.1, 0.3])
