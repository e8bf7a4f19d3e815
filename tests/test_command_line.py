"""How commands end, by real processes."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tones import tone_manifest

from pyspeech.command_line import message_of

MOMENTS = 4  # at which Ctrl-C comes, over the run of a command
INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)  # which a shell tells in one way


def start(words, **more):
    command = [sys.executable, "-m", "pyspeech", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def shell(line, **environment):
    return subprocess.run(
        ["bash", "-c", line.replace("pyspeech", f"{sys.executable} -m pyspeech")],
        capture_output=True,
        check=False,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("name", [pytest.param("features", marks=pytest.mark.slow), "describe"])
def test_ctrl_c_at_any_moment_leaves_no_traceback(tmp_path, name):
    manifest = tone_manifest(tmp_path / "a.jsonl.gz", 3)
    (tmp_path / "conf.yaml").write_text("include: [fbank, augment, train, ctc, tdnn_lstm]\ntask: recognition\n")
    words = {"features": [manifest, tmp_path / "out", "--config", tmp_path / "conf.yaml"], "describe": [manifest]}[name]
    begun = time.monotonic()
    with start([name, *words]) as process:
        process.communicate()
    seconds = time.monotonic() - begun
    for moment in range(MOMENTS):
        with start([name, *words]) as process:
            time.sleep(seconds * (moment + 0.5) / MOMENTS)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
        # Before the command's beginning Python's own handler holds.
        own = "Traceback" not in err or ("__main__.py" in err and ", in main" in err)
        assert not own or (process.returncode in (*INTERRUPTED, 0) and "Traceback" not in err), err
        assert not list(tmp_path.glob("partial.*/*")) or process.returncode == -signal.SIGINT


@pytest.mark.parametrize("words", ["env", "--help", "env --json"])
def test_an_output_that_cannot_be_written_is_one_line(words):
    done = shell(f"pyspeech {words} >/dev/full")
    assert (done.returncode, done.stderr) == (
        1,
        b"error: cannot write the output: No space left on device; free space\n",
    )


@pytest.mark.parametrize("line", ["pyspeech env | true", "pyspeech --help | true", "pyspeech env >&- 2>&- <&-"])
def test_an_output_that_nobody_reads_is_silence(line):
    assert shell(line).stderr == b""


def test_a_closed_output_is_not_taken_for_the_next_file(tmp_path):
    manifest = tone_manifest(tmp_path / "a.jsonl.gz", 3)
    done = shell(f"pyspeech labels {tmp_path}/labels --manifest {manifest} --field speaker >&- 2>&- <&-")
    assert done.returncode == 0
    assert (tmp_path / "labels/labels.json").read_text().startswith("{")


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {}])
def test_names_in_any_encoding_are_told_in_one_line(environment):
    done = shell("pyspeech describe $'/no/\xe9\n\x1b[1m\udcff.jsonl'", **environment)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: no manifest at /no/")
    assert done.stderr.count(b"\n") == 1
    assert b"\\n\\x1b[1m\\udcff.jsonl" in done.stderr


PROGRAM = """
import sys, click
from pyspeech.command_line import run
@click.command()
def command():
    {}
run(command)
"""


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("print('\xe9')", 1, "error: this output is in ascii, which has no '\\xe9'; set PYTHONIOENCODING=utf-8\n"),
        ("raise MemoryError", 1, "error: there is not enough memory; end other programs, or give less at a time\n"),
        ("command.callback()", 1, "error: what was given is nested too deeply; make it anew\n"),
        ("raise KeyboardInterrupt", 130, "\n"),
        ("open('/no/file')", 1, "error: /no/file: No such file or directory; give another path, or mend this one\n"),
        ("sys.exit(3)", 3, ""),
    ],
)
def test_what_a_command_may_end_with(body, code, message):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (code, message)


def test_a_mistake_of_ours_keeps_its_traceback():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format("assert False")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert message_of(ValueError("embedded null byte")) is None


def test_a_name_comes_out_as_it_came():
    body = f"click.echo({os.fsdecode(bytes([0xFF]))!a})"
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(body)], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"\xff\n")
