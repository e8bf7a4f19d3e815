"""Processes that end with the one that started them: real ones, killed with real signals."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pyspeech.process_lifetime import bound
from tests.processes import is_alive

# Starts a process that would outlive it, tells its number, and waits to be killed.
STARTS = """
import subprocess, sys, time
from pyspeech.process_lifetime import bound
sleeps = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
child = subprocess.Popen(bound([sys.executable, "-c", sleeps]))
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's parent-death signal")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_bound_process_ends_with_its_parent_however_that_ends(number):
    with subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.send_signal(number)
        parent.wait()
        while is_alive(child):  # or the test ends with its time
            time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's parent-death signal")
def test_a_process_whose_parent_is_gone_already_does_not_begin(tmp_path):
    command = bound([sys.executable, "-c", f"open({str(tmp_path / 'begun')!r}, 'w')"])
    command[command.index(str(os.getpid()))] = "1" if os.getpid() != 1 else "2"
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "begun").exists()


def test_it_is_the_command_itself_with_its_words_streams_and_exit_code():
    words = ["-c", "import sys; print(sys.argv[1:], sys.stdin.read()); sys.exit(3)", "a b", "", "$(x)", "ü"]
    done = subprocess.run(bound([sys.executable, *words]), input="typed", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "['a b', '', '$(x)', 'ü'] typed\n")


def test_a_command_that_is_not_there_is_named():
    done = subprocess.run(bound(["/no/such program"]), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: cannot run /no/such program: No such file or directory\n"
