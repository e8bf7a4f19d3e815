import os
import subprocess
import sys

from pyspeech.threads import physical_cores, workers_beside

PROGRAM = """
from pyspeech.threads import set_threads
set_threads()
import torch
print(torch.get_num_threads())
"""


def threads(**environment):
    clean = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**clean, **environment}, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_old_torch_gets_one_thread_and_new_torch_every_physical_core():
    import torch

    assert threads() == (1 if torch.__version__.startswith("1.") else physical_cores())


def test_the_users_variable_has_the_last_word():
    for number in {1, min(2, os.cpu_count() or 1)}:
        assert threads(OMP_NUM_THREADS=str(number)) == number


def test_physical_cores_are_at_most_the_logical_ones():
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)


def test_the_processes_of_this_machine_share_its_cores(monkeypatch):
    monkeypatch.setattr("pyspeech.threads.physical_cores", lambda: 16)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert (workers_beside("cpu"), workers_beside("cuda")) == (1, 15)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert (workers_beside("cpu"), workers_beside("cuda")) == (1, 3)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "16")
    assert workers_beside("cuda") == 1
