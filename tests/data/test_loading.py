import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset

from pyspeech.data.batch import Batch
from pyspeech.data.loading import load, lost_workers
from pyspeech.errors import MissingPackage, UserError
from tests.processes import is_alive, wait_until


class Numbers(Dataset[Batch]):
    """Batches that hold their number, and others; 17 kills the worker when there is the file ``go``."""

    def __init__(self, go: Path = Path("never")) -> None:
        self.go = go

    def __getitem__(self, number: int) -> Batch:
        if number == 13:
            raise UserError("cut 'x' is odd; leave it out")
        if number == 14:
            raise MissingPackage("p", "this", "pip install p")
        if number == 15:
            raise ZeroDivisionError
        if number == 18:
            torch.ones(1, 2) @ torch.ones(1, 2)
        if number == 16:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 17:
            wait_until(self.go.exists)
            os.kill(os.getpid(), signal.SIGKILL)
        return Batch(
            (str(number),), torch.full((1, 1, 1), float(number)), torch.ones(1), ("",), torch.get_num_threads()
        )


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_come_in_the_order_of_their_numbers_and_are_of_one_thread(workers, two_threads):
    batches = list(load(Numbers(), [5, 1, 2, 9, 1, 0], workers, pin=False))
    assert [batch.ids for batch in batches] == [("5",), ("1",), ("2",), ("9",), ("1",), ("0",)]
    assert [float(batch.features_BTF) for batch in batches] == [5, 1, 2, 9, 1, 0]
    assert {batch.seconds for batch in batches} == {1}
    assert torch.get_num_threads() == 2
    assert [batch.ids for batch in load(Numbers(), range(3, 9, 2), workers, pin=False)] == [("3",), ("5",), ("7",)]
    assert list(load(Numbers(), [], workers, pin=False)) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_batch_keeps_its_sentence(workers):
    batches = load(Numbers(), [1, 13], workers, pin=False)
    assert next(batches).ids == ("1",)
    with pytest.raises(UserError, match=r"^cut 'x' is odd; leave it out$"):
        next(batches)
    with pytest.raises(UserError, match=r"^this needs the package p, which is not installed; run: pip install p$"):
        next(load(Numbers(), [14], workers, pin=False))
    with pytest.raises(ZeroDivisionError):  # a fault of ours keeps its traceback
        next(load(Numbers(), [15], workers, pin=False))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        next(load(Numbers(), [18], workers, pin=False))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_few_batches_are_made_ahead_of_any_number(workers):
    taken = []
    batches = load(Numbers(), (taken.append(number) or 0 for number in itertools.count()), workers, pin=False)
    for _ in range(20):
        next(batches)
    assert len(taken) <= 20 + 2 * workers


def test_a_worker_that_was_killed_is_told_of():
    with (
        pytest.raises(UserError, match=r"makes batches ended \(DataLoader worker.*/dev/shm\? use less, or give"),
        lost_workers("use less"),
    ):
        list(load(Numbers(), [1, 16], 1, pin=False))


def test_one_that_is_killed_while_the_loop_computes_is_told_of_too(tmp_path):
    batches = load(Numbers(tmp_path / "go"), [1, 17], 1, pin=False)
    next(batches)
    with pytest.raises(UserError, match=r"ended \(DataLoader worker.*use less.*--shm-size"), lost_workers("use less"):
        wait_until(lambda: (tmp_path / "go").touch() is not None)  # for ever


def test_another_error_beside_workers_stays_as_it_is():
    with pytest.raises(RuntimeError, match=r"^singular$"), lost_workers("use less"):
        raise RuntimeError("singular")


def test_loading_draws_nothing_from_the_generator_that_dropout_draws_from():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    list(load(Numbers(), [1, 2], 1, pin=False))
    assert torch.equal(torch.get_rng_state(), before)


ENDLESS = """
import signal, sys, time, torch
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job of a shell has ignored
sys.path.insert(0, sys.argv[1])
from torch.utils.data import Dataset, get_worker_info
from pyspeech.data.batch import Batch
from pyspeech.data.loading import load
import os
class Slow(Dataset):
    def __getitem__(self, number):
        time.sleep(0.02)
        return Batch((str(os.getpid()),), torch.zeros(1, 50, 80), torch.ones(1), ("",), 0.5)
seen = set()
for batch in load(Slow(), range(10**6), 2, pin=False):
    if not set(batch.ids) <= seen:
        seen |= set(batch.ids)
        print(*batch.ids, flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_no_worker_outlives_its_process():
    project = Path(__file__).resolve().parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(project)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    workers = []
    for process in processes:
        assert process.stdout is not None
        workers += [int(process.stdout.readline()) for _ in range(2)]
    assert all(is_alive(pid) for pid in workers)
    for process, how in zip(processes, (signal.SIGINT, signal.SIGKILL), strict=True):
        process.send_signal(how)
    for process in processes:
        process.wait()
        process.stdout.close()
    wait_until(lambda: not any(is_alive(pid) for pid in workers))  # torch's workers look every five seconds


ORPHAN = """
import os, time
from pyspeech.data.loading import _begin_worker
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    time.sleep(0.01)
_begin_worker(parent, 0)
print("outlived it", flush=True)
"""


def test_a_worker_whose_process_was_killed_before_it_began_ends_too():
    done = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
