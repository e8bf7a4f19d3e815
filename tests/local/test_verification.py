"""What the stages of verification recipes call, with an echo in place of pyspeech."""

import os
import subprocess
from pathlib import Path

LOCAL = Path(__file__).resolve().parents[2] / "local"
VERIFY = "verify data/trials/{0}.txt exp/net/embeddings/{0} --out exp/net/verify/{0}"
TRAIN = "--labels data/labels --train data/manifests/train.jsonl.gz --dev data/fbank/dev.jsonl.gz --processes 1"


def run(folder: Path, line: str, corpora: Path = Path("/nowhere")) -> subprocess.CompletedProcess[str]:
    script = folder / "run.sh"
    script.write_text(f'. "{LOCAL}/verification.sh"\nmodel=net\npyspeech() {{ echo "$@"; }}\n{line}\n')
    environment = {**os.environ, "PYSPEECH_CORPORA": str(corpora)}
    return subprocess.run(["bash", str(script)], env=environment, capture_output=True, text=True, check=True)


def called(folder: Path, line: str, corpora: Path = Path("/nowhere")) -> list[str]:
    return run(folder, line, corpora).stdout.splitlines()


def test_features_are_stored_of_all_that_does_not_train(tmp_path):
    assert called(tmp_path, 'features_but_train() { echo "$@"; }; features') == ["manifests"]


class TestTrain:
    def test_takes_crops_of_audio_and_dev_s_stored_features(self, tmp_path):
        done = run(tmp_path, "train")
        assert done.stdout == f"train conf/net.yaml exp/net {TRAIN}\n"
        assert done.stderr.splitlines() == [
            f"trains without added {kind}: no --{kind}-dir is given, and there is no "
            f"$PYSPEECH_CORPORA/noise_and_rir/{kind}"
            for kind in ("noise", "rir")
        ]

    def test_adds_sounds_that_are_given_or_found(self, tmp_path):
        (tmp_path / "noise_and_rir/noise").mkdir(parents=True)
        (tmp_path / "noise_and_rir/rir").mkdir()
        done = run(tmp_path, "rir_dir=/rooms; train", tmp_path)
        words = f"noise.noise_dir='{tmp_path}/noise_and_rir/noise' noise.rir_dir='/rooms'"
        assert done.stdout == f"train conf/net.yaml exp/net {words} {TRAIN}\n"
        assert done.stderr == ""


def test_train_is_embedded_from_its_audio_and_the_others_from_their_features(tmp_path):
    assert called(tmp_path, "embed train dev test") == [
        "embed exp/net data/manifests/train.jsonl.gz exp/net/embeddings/train",
        "embed exp/net data/fbank/dev.jsonl.gz exp/net/embeddings/dev",
        "embed exp/net data/fbank/test.jsonl.gz exp/net/embeddings/test",
    ]


def test_trials_are_verified_by_the_embeddings_of_their_split(tmp_path):
    trials = "trials data/manifests/test.jsonl.gz data/trials/test.txt --list veri_test.txt"
    assert called(tmp_path, "trials test --list veri_test.txt; by_cosine dev test") == [
        trials,
        VERIFY.format("dev"),
        VERIFY.format("test"),
    ]


def test_train_teaches_plda_and_is_the_cohort(tmp_path):
    assert called(tmp_path, "by_plda test; by_cohort test-other") == [
        "plda exp/net/embeddings/train exp/net/plda.npz",
        f"{VERIFY.format('test')}_plda --plda exp/net/plda.npz",
        f"{VERIFY.format('test-other')}_cohort --cohort exp/net/embeddings/train",
    ]


def test_scores_are_calibrated_by_those_of_dev_that_were_made_alike(tmp_path):
    results = "exp/net/verify"
    assert called(tmp_path, "calibrate test test-b_cohort") == [
        f"calibrate {results}/test --tune {results}/dev --out {results}/test_calibrated",
        f"calibrate {results}/test-b_cohort --tune {results}/dev_cohort --out {results}/test-b_cohort_calibrated",
    ]


def test_people_are_identified_and_results_scored(tmp_path):
    assert called(tmp_path, "identify test; score test test_cohort_calibrated") == [
        "score identification exp/net/embeddings/test --tune exp/net/embeddings/dev --out exp/net/identify/test",
        "score verification exp/net/verify/test",
        "score verification exp/net/verify/test_cohort_calibrated",
    ]


def test_a_recipe_may_move_its_folders(tmp_path):
    moved = "data=data/small exp=exp/small"
    verbs = (
        "trials dev; labels speaker; train; embed train dev; by_cosine dev; by_plda dev; calibrate test; identify test"
    )
    lines = called(tmp_path, f"{moved}; {verbs}")
    paths = [word for line in lines for word in line.split() if word.startswith(("data/", "exp/"))]
    assert len(paths) > 20
    assert all(path.startswith(("data/small/", "exp/small/")) for path in paths)
