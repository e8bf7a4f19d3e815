import subprocess
import sys

import pytest

from pyspeech.data.concurrent_write import own_partial, remove_leftovers

HOLD = """
import sys, time
from pathlib import Path
from pyspeech.data.concurrent_write import own_partial
with own_partial(Path(sys.argv[1])) as partial:
    print(partial, flush=True)
    time.sleep(1e6)
"""


def test_the_last_to_end_gives_the_file(tmp_path):
    path = tmp_path / "new" / "a"
    with own_partial(path) as first, own_partial(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path):
    (tmp_path / "a").write_text("before")
    with pytest.raises(ZeroDivisionError), own_partial(tmp_path / "a"):
        _ = 1 / 0
    (tmp_path / "b").mkdir()
    with pytest.raises(OSError, match="b"), own_partial(tmp_path / "b"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "before"


def test_what_a_killed_process_left_is_removed_not_what_one_writes(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "a[1]")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        partial = tmp_path / process.stdout.readline().strip()
        (tmp_path / "partial.b.0").touch()
        remove_leftovers(tmp_path, "a[1]")
        assert sorted(tmp_path.iterdir()) == sorted([partial, tmp_path / "partial.b.0"])
        process.kill()
    remove_leftovers(tmp_path, "a[1]")
    assert [path.name for path in tmp_path.iterdir()] == ["partial.b.0"]
    remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())
