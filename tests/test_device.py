import pytest
import torch

from pyspeech.device import choose_device
from pyspeech.errors import UserError


def test_a_working_device_is_chosen():
    assert choose_device("cpu") == torch.device("cpu")
    torch.zeros(1, device=choose_device())


def test_an_unknown_device_is_named():
    with pytest.raises(UserError, match="'gpu' is not a device; choose cpu, cuda"):
        choose_device("gpu")


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"the device 'cuda:99' does not work .*--device cpu"):
        choose_device("cuda:99")
