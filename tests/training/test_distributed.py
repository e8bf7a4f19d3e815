"""Two processes, which torchrun starts and gloo joins, against one that takes both their batches into a step."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pyspeech.data.batch import Unreadable
from pyspeech.errors import UserError
from pyspeech.tensor_files import read_tensors
from pyspeech.training.checkpoint import stored_steps
from pyspeech.training.distributed import Processes, _lost_process, joined
from pyspeech.training.loop import train
from tests.training.test_loop import BATCHES, Net, Regression, Steep, batch, changed, data_of, metrics, read, timeless

PROJECT = Path(__file__).resolve().parents[2]
FREE_PORT = ("--rdzv_backend", "c10d", "--rdzv_endpoint", "localhost:0")
NOTES = ("bad_batches.jsonl", "left_out.jsonl", "unreadable.jsonl", "out_of_memory.jsonl")


class Large(Regression):
    """For three utterances there is no memory, which this asks for."""

    def loss(self, model, batch, progress=1.0):
        if len(batch.ids) > 2:
            torch.empty(1 << 50)
        return super().loss(model, batch, progress)


class Failing(Regression):
    def loss(self, model, batch, progress=1.0):
        if "utt4a" in batch.ids:
            raise UserError("this process ends")
        return super().loss(model, batch, progress)


def faulty():
    bad = dataclasses.replace(batch(7), texts=("nan", "1"))
    partly = dataclasses.replace(batch(8), texts=("", "0.5"))
    lost = dataclasses.replace(batch(9), unreadable=(Unreadable("lost", "no header"),))
    return [bad, *BATCHES[:3], partly, lost]


def four(number):
    pair = batch(number), batch(number + 100)
    return dataclasses.replace(
        pair[0],
        ids=pair[0].ids + pair[1].ids,
        features_BTF=torch.cat([each.features_BTF for each in pair]),
        lengths_B=torch.cat([each.lengths_B for each in pair]),
        texts=pair[0].texts + pair[1].texts,
    )


# name -> (batches, task, what of the configuration is its own)
CASES = {
    "odd number of batches": (BATCHES, Regression(), {}),
    "bad and unreadable": (faulty(), Regression(), {"max_bad_batches": 9}),
    "a bad gradient": (BATCHES[:4], Steep(), {"max_bad_batches": 9}),
    "no memory in one": ([BATCHES[0], four(20), *BATCHES[1:]], Large(), {}),
    "by the minute, until it is enough": (BATCHES, Regression(), {"validate_minutes": 1e-9, "patience": 2}),
}


def run_case(name, folder, processes, accumulate):
    batches, task, config = CASES[name]
    torch.manual_seed(0)
    train(folder / name, changed(accumulate=accumulate, **config), task, Net(), data_of(batches), processes)


def launched(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", *FREE_PORT, "--nproc_per_node", "2", __file__]
    return subprocess.run(
        [*command, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    done = launched("cases", folder / "two")
    assert done.returncode == 0, done.stderr
    for name in CASES:
        run_case(name, folder / "one", Processes(), 2)
    return folder


def numbers(line):
    """Those of a line that are not null, which is near nothing."""
    return {name: value for name, value in line.items() if value is not None}


@pytest.mark.parametrize("name", CASES)
def test_two_processes_learn_what_one_does_with_two_batches_in_a_step(both, name):
    one, two = (both / place / name for place in ("one", "two"))
    for file in ("steps.jsonl", "metrics.jsonl"):
        left, right = (timeless(folder / file) for folder in (one, two))
        assert len(left) == len(right) > 1
        for these, those in zip(left, right, strict=True):
            assert numbers(these) == pytest.approx(numbers(those), rel=1e-5)
    left, right = (read_tensors(folder / "model.safetensors", "model", "train again") for folder in (one, two))
    assert left.keys() == right.keys()
    for tensor, other in zip(left.values(), right.values(), strict=True):
        torch.testing.assert_close(tensor, other)


@pytest.mark.parametrize("file", NOTES)
@pytest.mark.parametrize("name", CASES)
def test_what_any_process_left_out_is_told(both, name, file):
    one, two = (both / place / name / file for place in ("one", "two"))
    assert one.exists() == two.exists()
    if one.exists():
        assert read(one) == read(two)


def test_each_case_was_one(both):
    assert {name: metrics(both / "two" / name)[0]["bad_batches"] for name in CASES} == {
        "odd number of batches": 0,
        "bad and unreadable": 1,
        "a bad gradient": 1,
        "no memory in one": 0,
        "by the minute, until it is enough": 0,
    }
    assert metrics(both / "two" / "no memory in one")[0]["out_of_memory"] == 1
    assert metrics(both / "two" / "bad and unreadable")[0]["unreadable"] == 1


def test_one_process_ends_what_two_began(both):
    exp = both / "two" / "odd number of batches"
    for step in stored_steps(exp)[1:]:
        (exp / "checkpoints" / f"step-{step}.safetensors").unlink()
    (exp / "model.safetensors").unlink()
    run_case("odd number of batches", both / "two", Processes(), 2)
    assert metrics(exp) == [pytest.approx(line) for line in metrics(both / "one" / "odd number of batches")]


@pytest.mark.slow
def test_a_process_that_fails_ends_the_others(tmp_path):
    done = launched("failing", tmp_path)
    assert done.returncode != 0
    assert "this process ends" in done.stderr
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.slow
def test_where_the_first_process_stops_at_a_limit_the_other_does_not_wait_for_ever(tmp_path):
    done = launched("limited", tmp_path)
    assert done.returncode != 0
    assert "1 utterances of epoch 1 are lost" in done.stderr


def test_no_memory_for_what_is_exchanged_is_not_said_to_be_another_process():
    with pytest.raises(RuntimeError, match="CUDA error: out of memory"), _lost_process():
        raise RuntimeError("CUDA error: out of memory")
    with (
        pytest.raises(UserError, match=r"another process of this training ended.*Connection closed by peer"),
        _lost_process(),
    ):
        raise RuntimeError("Connection closed by peer")


def test_one_device_is_not_for_two_processes(monkeypatch):
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="--device cuda:0 is one device for 2 processes; give --device cuda, or cpu"):
        joined("cuda:0").__enter__()


def main(what, folder):
    with joined("cpu") as processes:
        assert processes.count == 2
        assert processes.gather({"rank": processes.rank, "long": "x" * processes.rank}) == [
            {"rank": 0, "long": ""},
            {"rank": 1, "long": "x"},
        ]
        assert processes.decided(5 + processes.rank) == 5
        if what == "failing":
            train(folder, changed(), Failing(), Net(), data_of(), processes)
        if what == "limited":  # which the first process alone knows
            train(folder, changed(epochs=99), Regression(), Net(), data_of(faulty(), max_unreadable=0), processes)
        for name in CASES:
            run_case(name, folder, processes, 1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
