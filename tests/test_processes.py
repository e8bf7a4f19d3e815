import math
import os
import signal
from functools import partial

import pytest

from pyspeech.config import load_config
from pyspeech.errors import UserError
from pyspeech.processes import map_in_processes


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
