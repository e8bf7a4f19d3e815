import pytest
import torch

from pyspeech.errors import UserError
from pyspeech.tensor_files import read_tensors, write_tensors
from pyspeech.training.checkpoint import (
    Progress,
    checkpoint_path,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    stored_steps,
)
from pyspeech.training.sums import Sums
from tests.damage import limited_files

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
