"""One writer for each output, with real processes that write, die and wait."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pyspeech.errors import UserError
from pyspeech.files import complete, write_text
from pyspeech.locks import only_writer
from tests.processes import children

HOLD = """
import sys, time
from pathlib import Path
from pyspeech.locks import only_writer
with only_writer(Path(sys.argv[1])):
    print("has it", flush=True)
    sys.stdin.readline()
"""
FORKS = """
import os, sys, time
from pathlib import Path
from pyspeech.locks import only_writer
with only_writer(Path(sys.argv[1])):
    if not os.fork():
        os.close(1)
        time.sleep(float(sys.argv[2]))
        os._exit(0)
    print("has it", flush=True)
    sys.stdin.readline()
"""


def start(program, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "has it\n"
    return process


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def writer(tmp_path):
    with start(HOLD, tmp_path / "out") as process:
        yield process
        process.kill()


def test_a_second_process_is_told_who_writes(tmp_path, writer):
    with pytest.raises(UserError) as told, complete(tmp_path / "out") as partial:
        partial.mkdir()
    assert f"{tmp_path}/out is being written by process {writer.pid} since 20" in str(told.value)
    assert "(-c " in str(told.value)
    assert "wait until it ends, or stop it" in str(told.value)
    write_text(tmp_path / "other", "what another name holds is free")
    writer.communicate("\n")
    write_text(tmp_path / "out", "now it is free")
    assert names(tmp_path) == ["other", "out"]


def test_a_name_by_way_of_a_link_is_the_same_output(tmp_path, writer):
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="is being written by process"), only_writer(tmp_path / "link/out"):
        ...


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path, writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert names(tmp_path) == ["partial.out.lock"]
    write_text(tmp_path / "out", "free")
    assert names(tmp_path) == ["out"]


def test_the_children_of_a_killed_process_are_waited_for_but_not_for_ever(tmp_path, monkeypatch):
    with start(FORKS, tmp_path / "out", 0.5) as process:
        process.kill()
        process.wait()
        write_text(tmp_path / "out", "free when the child is gone")
    monkeypatch.setattr("pyspeech.locks.LONGEST_DEATH", 0.5)
    with start(FORKS, tmp_path / "kept", 3600) as process:
        [child] = children(process.pid)
        process.kill()
        process.wait()
        with pytest.raises(UserError, match=f"is being written by process {process.pid} "):
            write_text(tmp_path / "kept", "no")
        os.kill(child, signal.SIGKILL)


def test_who_has_it_may_take_it_again_and_others_only_after_the_last(tmp_path):
    with only_writer(tmp_path / "out"):
        with only_writer(tmp_path / "out"):
            write_text(tmp_path / "out", "mine")
        assert names(tmp_path) == ["out", "partial.out.lock"]
    assert names(tmp_path) == ["out"]


def test_who_waits_gets_it_in_the_end(tmp_path, writer):
    program = HOLD.replace("argv[1])", "argv[1]), wait=True")
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "out"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as second:
        time.sleep(0.3)
        writer.communicate("\n")
        assert second.stdout.readline() == "has it\n"
        second.communicate("\n")
    assert names(tmp_path) == []


def test_nothing_is_left_of_what_came_to_nothing(tmp_path):
    with only_writer(tmp_path / "new/folder/out"):
        assert names(tmp_path / "new/folder") == ["partial.out.lock"]
    assert names(tmp_path) == []
    write_text(tmp_path / "new/folder/out", "something")
    assert names(tmp_path / "new/folder") == ["out"]


WRITERS = """
import sys
from pathlib import Path
from pyspeech.errors import UserError
from pyspeech.files import complete
path, word = Path(sys.argv[1]), sys.argv[2]
for _ in range(60):
    try:
        with complete(path) as partial:
            partial.mkdir()
            for name in "abc":
                (partial / name).write_text(word * 1000)
    except UserError as error:
        assert "is being written by" in str(error), error
    # What stands there is whole, and one of them.
    try:
        held = {(path / name).read_text() for name in "abc"}
    except FileNotFoundError:
        continue  # it was exchanged while it was read: the first name belongs to a folder that is gone
    assert all(text in ("x" * 1000, "y" * 1000, "z" * 1000) for text in held), held
"""


def test_many_writers_of_one_folder_never_leave_a_broken_one(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITERS, tmp_path / "out", word], stderr=subprocess.PIPE, text=True)
        for word in "xyz"
    ]
    for process in processes:
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
    assert len({(tmp_path / "out" / name).read_text() for name in "abc"}) == 1
    assert names(tmp_path) == ["out"]
