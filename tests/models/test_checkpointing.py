import copy

import pytest
import torch

from pyspeech.models import MODELS, build_model
from pyspeech.models.checkpointing import checkpointed
from pyspeech.models.masking import RECOMPUTING
from tests.models.test_models import NUM_FEATURES, SETTINGS
from tests.networks import padded

LENGTHS = [25, 19, 11]


def step(network, wanted):
    """Outputs, gradients and buffers of one training step with dropout."""
    network.gradient_checkpointing = wanted
    torch.manual_seed(3)
    outputs, _ = network(padded(LENGTHS, NUM_FEATURES)[1], torch.tensor(LENGTHS))
    (outputs * torch.arange(outputs.numel()).view_as(outputs) / outputs.numel()).sum().backward()
    return [outputs, *(p.grad for p in network.parameters()), *network.buffers()]


@pytest.mark.parametrize("name", list(SETTINGS))
def test_gradients_dropout_and_running_statistics_are_those_without(name):
    torch.manual_seed(0)
    network = build_model({**SETTINGS[name], "dropout": 0.3}, NUM_FEATURES, 4).train()
    assert network.gradient_checkpointing is False
    results = [step(copy.deepcopy(network), wanted) for wanted in (False, True)]
    for plain, again in zip(*results, strict=True):
        torch.testing.assert_close(again, plain, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", list(SETTINGS))
def test_less_is_stored_between_forward_and_backward(name):
    torch.manual_seed(0)
    network = build_model({**SETTINGS[name], "dropout": 0.3}, NUM_FEATURES, 4).train()
    stored = []
    for wanted in (False, True):
        network.gradient_checkpointing = wanted
        sizes = {}

        def keep(tensor, sizes=sizes):
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            network(padded(LENGTHS, NUM_FEATURES)[1], torch.tensor(LENGTHS))
        stored.append(sum(sizes.values()))
    assert stored[1] < 0.7 * stored[0]


def test_all_networks_with_outputs_for_each_frame_can_be_checkpointed():
    for network in MODELS.values():
        assert hasattr(network, "gradient_checkpointing") == (network.output_per == "frame")


def test_an_error_in_the_backward_pass_does_not_stop_the_statistics():
    times = []

    def fail_again(x):
        times.append(RECOMPUTING.get())
        if len(times) > 1:
            raise ArithmeticError
        return x * x

    y = checkpointed(True, fail_again, torch.ones(1, requires_grad=True))
    with pytest.raises((ArithmeticError, RuntimeError)):  # torch 1.13 makes the second of the first
        y.sum().backward()
    assert times == [False, True]
    assert not RECOMPUTING.get()
