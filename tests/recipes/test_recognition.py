"""A whole recipe on a corpus made in the test: every stage, its score, and what kill -9 costs."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tones import write_tones

k2 = pytest.importorskip("k2", reason="needs k2, which this lane does not have")

PROJECT = Path(__file__).resolve().parents[2]
MAX_WER_PERCENT = 5.0
SPLITS = {"train": 60, "dev": 6, "test": 20}

RUN = """#!/usr/bin/env bash
# Tones: words that are tones of their own pitch.
. "$PROJECT/local/recognition.sh"
corpus_dir=
model=tdnn_lstm
parse_options "$@"
corpus=$(find_corpus tones "$corpus_dir")
if stage 1 "Manifests"; then manifests; fi
if stage 2 "Features"; then features; fi
if stage 3 "Lexicon, language model, graph"; then
  tokens phones --lexicon conf/lexicon.txt
  language_model lm --order 2
  graph
fi
if stage 4 "Train"; then train; fi
if stage 5 "Decode"; then decode dev test; fi
if stage 6 "Rescore"; then rescore test_again --lm data/lm; fi
if stage 7 "Score"; then score test test_again; fi
"""
PREPARE = """
from pyspeech.data.corpus import corpus_cli, utterance

def cuts(corpus, split):
    for path in sorted((corpus / split).glob("*.wav")):
        yield utterance(path, text=path.stem.partition("-")[2].replace("_", " "), speaker="s")

corpus_cli(splits=("train", "dev", "test"), download=lambda corpus: None, cuts=cuts)
"""
CONF = """
include: [fbank, augment, train, tdnn_lstm]
features: {sampling_rate: 8000, num_mel_bins: 23}
augment: {speeds: [1.0], max_time_mask_frames: 3, frequency_masks: 0} # a frequency mask can hide a whole tone
batches: {max_seconds: 12, buckets: 2}
training: {epochs: 14, learning_rate: 0.005, final_learning_rate: 0.001}
model: {tdnn_width: 32, lstm_width: 32, lstm_layers: 1}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recipes") / "tones"
    (folder / "conf").mkdir(parents=True)
    (folder / "run.sh").write_text(RUN)
    (folder / "prepare.py").write_text(PREPARE)
    (folder / "conf" / "tdnn_lstm.yaml").write_text(CONF)
    (folder / "conf" / "lexicon.txt").write_text("LOW\tl o\nMID\tm i\nHIGH\th i\n")
    (folder / "run.sh").chmod(0o755)
    number = 0
    names = ("LOW", "MID", "HIGH")
    for split, count in SPLITS.items():
        for _ in range(count):
            words = [names[number // 3**place % 3] for place in range(1 + number % 4)]
            write_tones(folder / "corpus" / split / f"{number:03d}-{'_'.join(words)}.wav", words, seed=number)
            number += 1
    return folder


def start(recipe: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYSPEECH_PYTHON": sys.executable, "PROJECT": str(PROJECT)}
    environment.pop("PYSPEECH_CORPORA", None)
    command = [str(recipe / "run.sh"), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(recipe: Path, *arguments: str) -> tuple[str, str]:
    process = start(recipe, *arguments)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out, err


@pytest.fixture(scope="module")
def finished(recipe) -> tuple[Path, str]:
    return recipe, run(recipe, "--corpus-dir", str(recipe / "corpus"))[0]


def test_the_last_line_is_the_score_and_it_is_good(finished):
    recipe, out = finished
    line = out.strip().splitlines()[-1]
    figure = r"%WER (\d+\.\d\d) \[ \d+ / (\d+), \d+ ins, \d+ del, \d+ sub \] 95% \[ .* \]"
    found = re.fullmatch(rf"{figure} exp/tdnn_lstm/decode/test_again", line)
    assert found, line
    assert float(found[1]) <= MAX_WER_PERCENT
    score = json.loads((recipe / "exp/tdnn_lstm/decode/test_again/score/score.json").read_text())
    assert score["wer_percent"] == pytest.approx(float(found[1]), abs=0.01)


def test_a_stage_that_ran_can_run_again(finished):
    recipe, out = finished
    again, _ = run(recipe, "--corpus-dir", str(recipe / "corpus"))
    assert again.strip().splitlines()[-1] == out.strip().splitlines()[-1]


def test_a_training_killed_with_kill_9_and_resumed_ends_as_if_never_killed(finished, tmp_path):
    recipe, out = finished
    killed = tmp_path / "tones"
    shutil.copytree(recipe, killed, ignore=shutil.ignore_patterns("exp"))
    process = start(killed, "--stage", "4", "--corpus-dir", str(killed / "corpus"))
    metrics = killed / "exp/tdnn_lstm/metrics.jsonl"
    while not metrics.exists() or len(metrics.read_text().splitlines()) < 3:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    for child in descendants(process.pid):
        with contextlib.suppress(ProcessLookupError):  # a worker that ended with its parent
            os.kill(child, signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 137
    assert not (killed / "exp/tdnn_lstm/model.safetensors").exists()

    resume = err.strip().splitlines()[-1].partition("resume with: ")[2]
    assert "--stage 4" in resume
    program, *arguments = shlex.split(resume)
    assert program == str(killed / "run.sh")
    resumed, _ = run(killed, *arguments)
    assert resumed.strip().splitlines()[-1] == out.strip().splitlines()[-1]
    assert losses(killed) == losses(recipe)
    same = [(each / "exp/tdnn_lstm/model.safetensors").read_bytes() for each in (killed, recipe)]
    assert same[0] == same[1]


def losses(recipe: Path) -> list[tuple[float, float]]:
    lines = (recipe / "exp/tdnn_lstm/metrics.jsonl").read_text().splitlines()
    return [(line["train_loss"], line["dev_loss"]) for line in map(json.loads, lines)]


def descendants(pid: int) -> list[int]:
    """Processes below ``pid``, deepest last."""
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in listing.splitlines()]
    found = [child for child, parent in parents if parent == pid]
    return found + [deeper for child in found for deeper in descendants(child)]
