import pytest
import torch

from pyspeech.training.buffers import Buffers


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.norm = torch.nn.BatchNorm1d(2)
        self.register_buffer("table", torch.ones(5), persistent=False)


def test_values_of_every_type_come_back_exactly_and_what_is_no_state_stays_out():
    model = Net()
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
    model = Net()
    buffers = Buffers(model)
    first = buffers.copy()
    model.norm(torch.tensor([[1.0, 4.0], [3.0, 8.0]]))
    buffers.put((first + buffers.copy()).div(2))
    assert model.norm.running_mean.tolist() == pytest.approx([0.1, 0.3])
