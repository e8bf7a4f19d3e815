import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from pyspeech.cli.train import train
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.tensor_files import read_tensors
from pyspeech.training.checkpoint import stored_steps
from tests.processes import children, is_alive, killed_within_training, wait_until
from tests.tones import PITCHES, RATE, tone_manifest

YAML = f"""include: [fbank, augment, train, ctc, bilstm_ctc]
task: recognition
features: {{sampling_rate: {RATE}, num_mel_bins: 12, high_hz: 0}}
augment: {{speeds: [0.9, 1.0]}}
batches: {{max_seconds: 6, buckets: 2, workers: 1}}
model: {{channels: 2, lstm_width: 8, lstm_layers: 1, dropout: 0.2}}
training: {{epochs: 4, learning_rate: 0.01, average_epochs: 2}}
"""
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
TIMES = ("seconds", "audio_seconds_per_second", "data_wait", "wall")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)  # the processes that a test compares sum in the same order


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones")
    tone_manifest(folder / "train.jsonl.gz", 24)
    tone_manifest(folder / "dev.jsonl.gz", 4, seed=100)
    CharacterTokens.from_words(PITCHES).save(folder / "lang")
    (folder / "conf.yaml").write_text(YAML)
    return folder


def arguments(folder, exp):
    given = {"--train": "train.jsonl.gz", "--dev": "dev.jsonl.gz", "--lang": "lang"}
    options = [word for option, name in given.items() for word in (option, str(folder / name))]
    return [str(folder / "conf.yaml"), str(folder / exp), *options, "--device", "cpu", "training.seed=3"]


def invoke(folder, exp):
    return CliRunner().invoke(train, arguments(folder, exp), catch_exceptions=False)


def metrics(exp):
    lines = [json.loads(line) for line in (exp / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def steps(exp):
    lines = [json.loads(line) for line in (exp / "steps.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def test_killed_within_an_epoch_and_resumed_ends_as_if_never_killed(folder):
    whole = invoke(folder, "whole")
    assert whole.exit_code == 0
    assert whole.stdout.splitlines() == [str(folder / "whole" / "model.safetensors")]
    assert [line["epoch"] for line in metrics(folder / "whole")] == [1, 2, 3, 4]
    batches = sum(line["epoch"] == 1 for line in steps(folder / "whole"))
    assert batches > 3

    # The kill may come at any moment; that the checkpoint is one of a middle of an epoch is what is waited for.
    command = [sys.executable, "-m", "pyspeech", "train", *arguments(folder, "killed")]
    command.append("training.checkpoint_minutes=0.0000001")
    done = killed_within_training(
        lambda: subprocess.Popen(command, stderr=subprocess.PIPE, text=True),
        lambda: any(step > batches + 1 for step in stored_steps(folder / "killed")),
        subprocess.Popen.kill,
        folder / "killed",
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stderr.startswith("training bilstm_ctc with ctc: CPU, 1 thread; ")
    assert f"if this is interrupted, it continues by: {sys.executable} -m pyspeech train" in done.stderr

    assert invoke(folder, "killed").exit_code == 0
    assert steps(folder / "killed") == steps(folder / "whole")
    assert metrics(folder / "killed") == metrics(folder / "whole")
    weights = [(folder / name / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert weights[0] == weights[1]

    again = invoke(folder, "killed")
    assert again.stdout.strip().endswith("model.safetensors: finished before, nothing to do")


@contextlib.contextmanager
def damaged(audio):
    """The file without its end, for as long as this lasts."""
    whole = audio.read_bytes()
    audio.write_bytes(whole[: len(whole) // 2])
    try:
        yield
    finally:
        audio.write_bytes(whole)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_cannot_be_read_is_named_skipped_and_counted(folder, workers):
    exp = f"damaged{workers}"
    words = [*arguments(folder, exp), f"batches.workers={workers}", "training.epochs=2"]
    with damaged(folder / "train_audio" / "utt000.wav"):
        result = CliRunner().invoke(train, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert [line["unreadable"] for line in metrics(folder / exp)] == [2, 2]  # at each of its speeds
    told = [line for line in result.stderr.splitlines() if line.startswith("left out 'utt000")]
    assert len(told) == 2
    assert "utt000.wav" in told[0]
    found = [json.loads(line) for line in (folder / exp / "unreadable.jsonl").read_text().splitlines()]
    assert len(found) == 4
    assert all(line["id"].startswith("utt000") and line["reason"] for line in found)


def test_too_much_that_cannot_be_read_is_an_error_with_the_command_that_continues(folder):
    with damaged(folder / "train_audio" / "utt000.wav"), damaged(folder / "train_audio" / "utt001.wav"):
        result = CliRunner().invoke(train, [*arguments(folder, "broken"), "batches.workers=0"])
    assert result.exit_code != 0
    assert type(result.exception).__name__ == "UserError"
    assert "3 utterances of epoch 1 are lost, batches.max_unreadable_fraction allows 2" in str(result.exception)
    assert f"if this is interrupted, it continues by: {sys.executable} -m pyspeech train" in result.stderr
    assert "training.seed=3 batches.workers=0" in result.stderr


def two_processes(words):
    program = [sys.executable, "-m", "pyspeech", "train", *words, "--processes", "2"]
    return subprocess.run(program, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_two_processes_say_what_one_does_and_end_with_the_weights_of_one(folder):
    # The statistics of SpecAugment and dropout are drawn for each batch, whoever computes it.
    words = [*arguments(folder, "two"), "training.epochs=1", "training.average_epochs=1"]
    done = two_processes(words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(folder / "two" / "model.safetensors")]
    (continues,) = [line for line in done.stderr.splitlines() if "continues by" in line]
    assert continues.endswith(" --processes 2")
    words = [*arguments(folder, "one"), "training.epochs=1", "training.average_epochs=1", "training.accumulate=2"]
    assert CliRunner().invoke(train, words, catch_exceptions=False).exit_code == 0
    one, two = (read_tensors(folder / name / "model.safetensors", "model", "train again") for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(one[name], two[name])
    for left, right in zip(metrics(folder / "one"), metrics(folder / "two"), strict=True):
        assert left == pytest.approx(right, rel=1e-5)


@pytest.mark.slow
def test_what_is_wrong_for_two_processes_is_told_once(folder):
    done = two_processes([*arguments(folder, "never"), "--lang", str(folder / "no lang")])
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "no lang" in line


@contextlib.contextmanager
def two_that_train(exp):
    """A training by two processes that has begun, and these."""
    words = [*arguments(exp.parent, exp.name), "training.epochs=1000", "--processes", "2"]
    process = subprocess.Popen([sys.executable, "-m", "pyspeech", "train", *words], stderr=subprocess.PIPE, text=True)
    try:
        wait_until((exp / "steps.jsonl").exists, process)
        yield process, children(process.pid)
    finally:
        process.kill()


@pytest.mark.slow
@needs_proc
def test_no_process_goes_on_when_what_started_it_is_killed(folder):
    with two_that_train(folder / "left") as (process, started):
        process.kill()
        process.communicate()
        wait_until(lambda: not any(is_alive(child) for child in started))


@pytest.mark.slow
@needs_proc
def test_a_process_that_is_killed_ends_the_training_in_one_line(folder):
    with two_that_train(folder / "shot") as (process, started):
        os.kill(started[-1], signal.SIGKILL)
        stderr = process.communicate()[1]
    assert process.returncode == 1
    (error,) = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert "Signal 9 (SIGKILL)" in error
    assert "ChildFailedError" not in stderr


def test_what_it_begins_with_stands_in_the_command_that_continues(folder):
    short = ["training.epochs=1", "training.average_epochs=1", "batches.workers=0"]
    assert CliRunner().invoke(train, [*arguments(folder, "first"), *short], catch_exceptions=False).exit_code == 0
    given = ["--init", str(folder / "first"), "--freeze", "network.convs", "--freeze", "network.conv_norms"]
    result = CliRunner().invoke(train, [*arguments(folder, "second"), *short, *given], catch_exceptions=False)
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if "continues by" in line]
    assert f"--init {folder / 'first'} --freeze network.convs --freeze network.conv_norms --device cpu" in line
    assert f"the training begins with {folder / 'first'}: " in result.stderr
    done = CliRunner().invoke(train, [*arguments(folder, "second"), *short, "--freeze", "network.convs"])
    assert done.exit_code == 2
    assert "--freeze keeps weights of another training as they are; name that by --init" in done.stderr


@pytest.mark.slow
def test_two_processes_begin_with_what_one_does_and_leave_frozen_what_is(folder):
    words = [*arguments(folder, "base"), "training.epochs=1", "training.average_epochs=1"]
    assert CliRunner().invoke(train, words, catch_exceptions=False).exit_code == 0
    given = ["--init", str(folder / "base"), "--freeze", "network.convs", "--freeze", "network.conv_norms"]
    done = two_processes([*arguments(folder, "tuned2"), "training.epochs=2", "training.average_epochs=2", *given])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the training begins with") == 1
    words = [*arguments(folder, "tuned1"), "training.epochs=2", "training.average_epochs=2", "training.accumulate=2"]
    assert CliRunner().invoke(train, [*words, *given], catch_exceptions=False).exit_code == 0
    names = ("base", "tuned1", "tuned2")
    base, one, two = (read_tensors(folder / name / "model.safetensors", "model", "train again") for name in names)
    for name in base:
        torch.testing.assert_close(one[name], two[name])
        assert torch.equal(two[name], base[name]) == name.startswith("network.conv")


def test_an_unknown_key_is_one_clear_error(folder):
    done = CliRunner().invoke(train, [*arguments(folder, "never"), "training.epoch=3"])
    assert "unknown key 'training.epoch'; did you mean 'epochs'?" in str(done.exception)
    assert not (folder / "never").exists()


def test_help_is_quick_and_imports_no_torch():
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom pyspeech.cli import cli\n"
        "result = CliRunner().invoke(cli, ['train', '--help'])\n"
        "assert 'continues at the last checkpoint' in result.output, result.output\n"
        "assert not {'torch', 'numpy', 'lhotse', 'k2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=dict(os.environ))
