from contextlib import suppress
from dataclasses import asdict

import pytest
import torch

from pyspeech.errors import UserError
from pyspeech.tensor_files import read_tensors, write_tensors
from pyspeech.training.checkpoint import (
    Progress,
    checkpoint_path,
    load_checkpoint,
    load_weights,
    read_progress,
    save_checkpoint,
    stored_steps,
)
from pyspeech.training.step_totals import Sums
from tests.damage import flipped_bytes, limited_files

PROGRESS = Progress(
    epoch=2,
    batches=3,
    step=7,
    done=0.1 + 0.2,
    data_digest="abc",
    metrics=[{"epoch": 1, "train_loss": 0.1 + 0.2}],
    validated=(2, 1),
    since=Sums(loss=1 / 3, weight=5.0, overflows=2),
    loss_scale=(512.0, 3),
)


class Net(torch.nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.layer = torch.nn.Linear(2, width)
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("count", torch.tensor(5))


def some_steps(model, optimizer, count):
    for step in range(count):
        torch.manual_seed(step)
        optimizer.zero_grad()
        model.layer(torch.randn(4, 2)).square().sum().backward()
        optimizer.step()


def net(seed=0):
    torch.manual_seed(seed)
    model = Net()
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def test_a_restored_optimiser_takes_the_same_steps(tmp_path):
    model, optimizer = net()
    some_steps(model, optimizer, 3)
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, PROGRESS)
    some_steps(model, optimizer, 2)

    other, other_optimizer = net(seed=1)
    assert load_checkpoint(tmp_path / "c.safetensors", other, other_optimizer) == PROGRESS
    some_steps(other, other_optimizer, 2)
    for left, right in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(left, right)


def test_the_weights_are_read_without_the_optimiser(tmp_path):
    model, optimizer = net()
    some_steps(model, optimizer, 1)
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, PROGRESS)
    weights = load_weights(tmp_path / "c.safetensors")
    assert weights.keys() == model.state_dict().keys()
    assert torch.equal(weights["layer.weight"], model.layer.weight)
    assert weights["count"].dtype == torch.int64


def test_stored_steps_are_numbers_in_order_and_partial_files_do_not_count(tmp_path):
    for name in ("step-10.safetensors", "step-9.safetensors", "partial.step-11.safetensors", "notes.txt"):
        path = checkpoint_path(tmp_path, 1).with_name(name)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert stored_steps(tmp_path) == [9, 10]
    assert stored_steps(tmp_path / "nowhere") == []


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    model, optimizer = net()
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, PROGRESS)
    wider = Net(width=4)
    with pytest.raises(UserError, match=r"c.safetensors is of another model"):
        load_checkpoint(tmp_path / "c.safetensors", wider, torch.optim.AdamW(wider.parameters()))


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x04\x95pickle"])
def test_a_file_that_is_no_safetensors_is_refused(tmp_path, content):
    (tmp_path / "c.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"c.safetensors is not a whole safetensors file"):
        read_tensors(tmp_path / "c.safetensors", "model", "train again")


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path):
    path = tmp_path / "c.safetensors"
    write_tensors(path, {"a": torch.ones(1)}, {})
    with limited_files(1000), pytest.raises(UserError, match=r"cannot write .*c.safetensors: .*free space"):
        write_tensors(path, {"a": torch.ones(10_000)}, {})
    assert read_tensors(path, "model", "train again")["a"].tolist() == [1.0]
    assert [file.name for file in tmp_path.iterdir()] == ["c.safetensors"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("epoch", -1, "epoch = -1"),
        ("epoch", "one", "epoch = 'one'"),
        ("step", 1.5, "step = 1.5"),
        ("batches_per_step", 0, "batches_per_step = 0"),
        ("done", float("nan"), "done = nan"),
        ("validated", [1], "validated.1 = "),
        ("validated", None, "validated = None"),
        ("since", {"loss": "much"}, "since.loss = 'much'"),
        ("metrics", [1], "metrics.0 = 1"),
        ("loss_scale", 3, "loss_scale = 3"),
        ("other", 1, "no checkpoint, or one of another version"),
        ("epoch", None, "epoch = None"),
    ],
)
def test_a_history_that_cannot_be_is_named(tmp_path, key, value, message):
    path = tmp_path / "c.safetensors"
    write_tensors(path, {"model.a": torch.ones(1)}, {**asdict(PROGRESS), key: value})
    with pytest.raises(UserError, match=rf"c\.safetensors.*{message}.*; remove it, and training goes on"):
        read_progress(path)


def test_a_history_without_one_of_its_parts_is_refused(tmp_path):
    values = asdict(PROGRESS)
    for key in values:
        write_tensors(tmp_path / "c.safetensors", {}, {name: values[name] for name in values.keys() - {key}})
        with pytest.raises(UserError, match="is no checkpoint"):
            read_progress(tmp_path / "c.safetensors")


@pytest.mark.parametrize("state", ["step", "exp_avg", "exp_avg_sq"])
def test_a_state_of_the_optimiser_of_another_shape_is_named(tmp_path, state):
    path = tmp_path / "c.safetensors"
    model, optimizer = net()
    some_steps(model, optimizer, 1)
    save_checkpoint(path, model, optimizer, PROGRESS)
    tensors, name = read_tensors(path, "model", "train again"), f"optimizer.layer.bias.{state}"
    write_tensors(path, {**tensors, name: torch.ones(4)}, asdict(PROGRESS))
    with pytest.raises(UserError, match=rf"c\.safetensors: tensor '{name}' has shape \[4\]; remove it"):
        load_checkpoint(path, model, optimizer)


def test_flipped_bits_are_an_error_or_change_nothing(tmp_path):
    path = tmp_path / "c.safetensors"
    model, optimizer = net()
    some_steps(model, optimizer, 2)
    save_checkpoint(path, model, optimizer, PROGRESS)
    for _, content in flipped_bytes(path.read_bytes(), 300):
        path.write_bytes(content)
        other, other_optimizer = net(seed=1)
        with suppress(UserError):
            assert load_checkpoint(path, other, other_optimizer) == PROGRESS
            for left, right in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
                assert torch.equal(left, right)
            for left, right in zip(optimizer.state.values(), other_optimizer.state.values(), strict=False):
                assert all(torch.equal(left[key], right[key]) for key in left)
