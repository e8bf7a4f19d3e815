"""What the stages of classification and verification recipes call, with an echo in place of pyspeech."""

import subprocess
from pathlib import Path

import pytest

LOCAL = Path(__file__).resolve().parents[2] / "local"
TASKS = ("classification", "verification")


def called(folder: Path, task: str, line: str) -> list[str]:
    script = folder / "run.sh"
    script.write_text(f'. "{LOCAL}/{task}.sh"\nmodel=net\npyspeech() {{ echo "$@"; }}\n{line}\n')
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("task", TASKS)
def test_labels_are_those_of_train_and_train_learns_them(tmp_path, task):
    assert called(tmp_path, task, "labels speaker; train") == [
        "labels data/labels --manifest data/manifests/train.jsonl.gz --field speaker",
        "train conf/net.yaml exp/net --labels data/labels "
        "--train data/fbank/train.jsonl.gz --dev data/fbank/dev.jsonl.gz",
    ]


@pytest.mark.parametrize("task", TASKS)
def test_a_recipe_may_move_its_folders(tmp_path, task):
    lines = called(tmp_path, task, "data=data/small exp=exp/small; labels text; train; score test")
    assert not [word for line in lines for word in line.split() if word.startswith(("data/l", "data/f", "exp/n"))]


def test_the_splits_that_are_named_are_predicted_and_scored(tmp_path):
    assert called(tmp_path, "classification", "predict dev test; score dev test") == [
        "predict exp/net data/fbank/dev.jsonl.gz",
        "predict exp/net data/fbank/test.jsonl.gz",
        "score accuracy data/manifests/dev.jsonl.gz exp/net/predict/dev",
        "score accuracy data/manifests/test.jsonl.gz exp/net/predict/test",
    ]


def test_trials_are_verified_by_the_embeddings_of_their_split(tmp_path):
    assert called(tmp_path, "verification", "trials test --non-targets 3; embed_and_verify test; score test") == [
        "trials data/manifests/test.jsonl.gz data/trials/test.txt --non-targets 3",
        "embed exp/net data/fbank/test.jsonl.gz exp/net/embeddings/test",
        "verify data/trials/test.txt exp/net/embeddings/test --out exp/net/verify/test",
        "score verification exp/net/verify/test",
    ]
