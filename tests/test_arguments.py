from typing import Annotated, Literal

import pytest
import torch
from pydantic import Field
from torch import nn

from pyspeech.arguments import Count, Fraction, build
from pyspeech.errors import UserError


class Part(nn.Module):
    def __init__(
        self,
        *,
        num_inputs: int,
        width: Count,
        dropout: Fraction,
        both: bool,
        kind: Literal["one", "two"],
        groups: Annotated[int, Field(gt=0, multiple_of=8)],
    ):
        super().__init__()
        self.received = (num_inputs, width, dropout, both, kind, groups)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()


KNOWN = {"part": Part, "plain": Plain}
GIVEN = {"num_inputs": 3, "num_outputs": 4}
SETTINGS = {"name": "part", "width": 5, "dropout": 0, "both": False, "kind": "two", "groups": 16}


def test_each_gets_its_settings_and_of_what_is_given_only_what_it_asks_for():
    assert build("model", SETTINGS, KNOWN, GIVEN).received == (3, 5, 0, False, "two", 16)
    assert isinstance(build("model", {"name": "plain"}, KNOWN, GIVEN), Plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "prat"}, "model.name = 'prat' is not a model; did you mean 'part'"),
        ({"wdith": 5}, "unknown key 'model.wdith' of part; did you mean 'width'"),
        ({"num_inputs": 5}, "unknown key 'model.num_inputs' of part"),
        ({"name": "plain"}, "unknown key 'model.width' of plain, which has no keys but its name"),
        ({"width": 0}, "model.width = 0: Input should be greater than 0"),
        ({"width": 1 << 40}, "model.width = 1099511627776: Input should be less than or equal to 65536"),
        ({"width": True}, "model.width = True: Input should be a valid integer"),
        ({"width": None}, "model.width = None: Input should be a valid integer"),
        ({"dropout": -0.1}, "model.dropout = -0.1: Input should be greater than or equal to 0"),
        ({"dropout": float("nan")}, "model.dropout = nan: Input should be"),
        ({"both": 1}, "model.both = 1: Input should be a valid boolean"),
        ({"kind": "three"}, "model.kind = 'three': Input should be 'one' or 'two'"),
        ({"groups": 12}, "model.groups = 12: Input should be a multiple of 8"),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(UserError, match=message):
        build("model", {**SETTINGS, **change}, KNOWN, GIVEN)


def test_a_missing_setting_is_named():
    with pytest.raises(UserError, match=r"key 'loss.width' is missing; part needs it, see conf/part.yaml"):
        build("loss", {key: value for key, value in SETTINGS.items() if key != "width"}, KNOWN, GIVEN)


@pytest.mark.parametrize("bytes_", [1 << 61, 1 << 62])
def test_a_network_that_no_memory_holds_is_refused(bytes_):
    class Large(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.empty(bytes_, dtype=torch.uint8)

    with pytest.raises(UserError, match="this model of large does not fit into memory; choose smaller values"):
        build("model", {"name": "large"}, {"large": Large}, {})


def test_another_fault_of_a_network_is_no_want_of_memory():
    class Wrong(nn.Module):
        def __init__(self):
            super().__init__()
            torch.zeros(2) @ torch.zeros(3)

    with pytest.raises(RuntimeError, match="size"):
        build("model", {"name": "wrong"}, {"wrong": Wrong}, {})
