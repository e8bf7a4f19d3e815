"""What the stages of classification recipes call, with an echo in place of pyspeech."""

import subprocess
from pathlib import Path

LOCAL = Path(__file__).resolve().parents[2] / "local"


def called(folder: Path, line: str) -> list[str]:
    script = folder / "run.sh"
    script.write_text(f'. "{LOCAL}/classification.sh"\nmodel=net\npyspeech() {{ echo "$@"; }}\n{line}\n')
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_labels_are_those_of_train_and_train_learns_them(tmp_path):
    assert called(tmp_path, "labels text; train") == [
        "labels data/labels --manifest data/manifests/train.jsonl.gz --field text",
        "train conf/net.yaml exp/net --labels data/labels "
        "--train data/fbank/train.jsonl.gz --dev data/fbank/dev.jsonl.gz --processes 1",
    ]


def test_where_sounds_are_added_train_s_features_are_computed_in_training(tmp_path):
    *_, line = called(tmp_path, "noise_dir=/noise processes=2; train")
    assert line == (
        "train conf/net.yaml exp/net noise.noise_dir='/noise' --labels data/labels "
        "--train data/audio/train.jsonl.gz --dev data/fbank/dev.jsonl.gz --processes 2"
    )


def test_a_recipe_may_move_its_folders(tmp_path):
    lines = called(tmp_path, "data=data/small exp=exp/small; labels text; train; predict test; score test")
    assert not [word for line in lines for word in line.split() if word.startswith(("data/l", "data/f", "exp/n"))]


def test_the_splits_that_are_named_are_predicted_and_scored(tmp_path):
    assert called(tmp_path, "predict dev test; score dev test") == [
        "predict exp/net data/fbank/dev.jsonl.gz",
        "predict exp/net data/fbank/test.jsonl.gz",
        "score accuracy data/manifests/dev.jsonl.gz exp/net/predict/dev",
        "score accuracy data/manifests/test.jsonl.gz exp/net/predict/test",
    ]
