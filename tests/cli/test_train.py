import json
import os
import subprocess
import sys
import time

import pytest
import torch
from click.testing import CliRunner

from pyspeech.cli.train import train
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.training.checkpoint import read_tensors, stored_epochs
from tests.tones import PITCHES, RATE, tone_manifest

YAML = f"""include: [fbank, augment, train, bilstm_ctc]
features: {{sampling_rate: {RATE}, num_mel_bins: 12, high_hz: 0}}
augment: {{speeds: [0.9, 1.0]}}
batches: {{max_seconds: 6, buckets: 2, workers: 1}}
model: {{channels: 2, lstm_width: 8, lstm_layers: 1, dropout: 0.2}}
training: {{epochs: 4, learning_rate: 0.01, average_epochs: 2}}
"""
TIMES = ("seconds", "audio_seconds_per_second")


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


def test_killed_and_resumed_ends_as_if_never_killed(folder):
    whole = invoke(folder, "whole")
    assert whole.exit_code == 0
    assert whole.stdout.splitlines() == [str(folder / "whole" / "model.safetensors")]
    assert [line["epoch"] for line in metrics(folder / "whole")] == [1, 2, 3, 4]

    command = [sys.executable, "-m", "pyspeech", "train", *arguments(folder, "killed")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while 2 not in stored_epochs(folder / "killed"):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        stderr = process.communicate()[1]
    assert not (folder / "killed" / "model.safetensors").exists()
    assert f"if this is interrupted, it continues by: {sys.executable} -m pyspeech train" in stderr

    assert invoke(folder, "killed").exit_code == 0
    assert metrics(folder / "killed") == metrics(folder / "whole")
    left, right = (read_tensors(folder / name / "model.safetensors") for name in ("whole", "killed"))
    assert all((left[name] == right[name]).all() for name in left)

    again = invoke(folder, "killed")
    assert again.stdout.strip().endswith("model.safetensors: finished before, nothing to do")


def test_a_failure_prints_the_command_that_continues(folder, tmp_path):
    audio = folder / "train_audio" / "utt000.wav"
    whole = audio.read_bytes()
    audio.write_bytes(whole[: len(whole) // 2])
    try:
        result = CliRunner().invoke(train, [*arguments(folder, "broken"), "batches.workers=0"])
    finally:
        audio.write_bytes(whole)
    assert result.exit_code != 0
    assert type(result.exception).__name__ == "UserError"
    assert "utt000" in str(result.exception)
    assert f"if this is interrupted, it continues by: {sys.executable} -m pyspeech train" in result.stderr
    assert "training.seed=3 batches.workers=0" in result.stderr


def test_an_unreadable_cut_in_a_worker_process_is_one_clear_error(folder):
    audio = folder / "train_audio" / "utt001.wav"
    whole = audio.read_bytes()
    audio.write_bytes(whole[: len(whole) // 2])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pyspeech", "train", *arguments(folder, "broken2")],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        audio.write_bytes(whole)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    assert "utt001" in done.stderr.splitlines()[-1]


def test_an_unknown_key_is_one_clear_error(folder):
    done = CliRunner().invoke(train, [*arguments(folder, "never"), "training.epoch=3"])
    assert "unknown key 'training.epoch'; did you mean 'epochs'?" in str(done.exception)
    assert not (folder / "never").exists()


def test_help_is_quick_and_imports_no_torch():
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom pyspeech.cli import cli\n"
        "result = CliRunner().invoke(cli, ['train', '--help'])\n"
        "assert 'continues after the last whole epoch' in result.output, result.output\n"
        "assert not {'torch', 'numpy', 'lhotse', 'k2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=dict(os.environ))
