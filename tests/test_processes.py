import math
import multiprocessing
import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from pyspeech.config import load_config
from pyspeech.errors import UserError
from pyspeech.processes import jobs_beside, map_in_processes


def test_results_come_in_the_order_of_the_items():
    assert list(map_in_processes(math.sqrt, [9, 1, 4, 0], 2, "")) == [3, 1, 2, 0]


def test_each_process_has_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert list(map_in_processes(os.getenv, ["OMP_NUM_THREADS"] * 2, 2, "")) == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_a_process_that_is_killed_is_an_error():
    with pytest.raises(UserError, match=r"one of the processes was killed or crashed, .*; use fewer"):
        list(map_in_processes(signal.raise_signal, [signal.SIGKILL, signal.SIGKILL], 2, "use fewer"))


def test_an_error_of_the_work_is_raised_here(tmp_path):
    with pytest.raises(UserError, match="no configuration"):
        list(map_in_processes(partial(load_config), [tmp_path / "missing.yaml"] * 3, 2, ""))


@pytest.mark.parametrize(
    ("start", "seconds", "cores", "on_cpu", "on_gpu"),
    [
        ("fork", 599, 8, 1, 1),
        ("fork", 600, 8, 2, 8),
        ("fork", 600, 1, 1, 1),
        ("spawn", 3599, 8, 1, 1),
        ("spawn", 3600, 8, 2, 8),
    ],
)
def test_a_network_gets_others_where_they_are_there_before_it_is_done(
    monkeypatch, start, seconds, cores, on_cpu, on_gpu
):
    for module in ("processes", "threads"):
        monkeypatch.setattr(f"pyspeech.{module}.physical_cores", lambda: cores)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda **_: start)
    assert (jobs_beside("cpu", seconds), jobs_beside("cuda", seconds)) == (on_cpu, on_gpu)


def test_asking_for_processes_leaves_it_open_how_they_start():
    program = "import multiprocessing as m; from pyspeech.processes import jobs_beside; jobs_beside('cpu', 9e9); "
    subprocess.run([sys.executable, "-c", program + "m.set_start_method('spawn')"], check=True)
