import itertools
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from pyspeech.cli.embed import embed
from pyspeech.cli.plda import plda
from pyspeech.cli.score import score
from pyspeech.cli.trials import trials
from pyspeech.cli.verify import verify
from pyspeech.speakers.embeddings import Embeddings, load_embeddings, save_embeddings
from tests.classifiers import labelled_manifest
from tests.speakers.test_plda import speech_like


@pytest.fixture(scope="module")
def folder(tmp_path_factory, train_on_tones):
    folder = tmp_path_factory.mktemp("tones")
    train_on_tones(folder, "speaker")
    assert invoke(embed, folder / "exp", folder / "test.jsonl.gz", folder / "embeddings").stdout == (
        f"{folder / 'embeddings'}: 12 embeddings\n"
    )
    return folder


def invoke(command, *words):
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def test_tones_are_verified_and_scored(folder):
    made = invoke(trials, folder / "test.jsonl.gz", folder / "trials/test.txt", "--non-targets", 2)
    assert re.search(r"test.txt: \d+ target and \d+ non-target trials\n$", made.stderr)
    invoke(verify, folder / "trials/test.txt", folder / "embeddings", "--out", folder / "verify")
    done = invoke(score, "verification", folder / "verify")
    last = done.stdout.splitlines()[-1]
    found = re.fullmatch(rf"%EER ([\d.]+) 95% \[ [\d.]+, [\d.]+ \] {folder / 'verify'}", last)
    assert float(found[1]) < 15
    values = json.loads((folder / "verify/score/score.json").read_text())
    assert values["eer_percent"] == pytest.approx(float(found[1]), abs=0.006)
    assert values["speakers"] == 3


def test_a_plda_and_a_cohort_are_options(tmp_path):
    train, test = (speech_like(12, 4, seed) for seed in (1, 2))
    test = Embeddings(
        tuple(f"test_{id_}" for id_ in test.ids),
        tuple(f"test_{speaker}" for speaker in test.speakers),
        test.rows_ND,
        test.origin,
    )
    for name, one in (("train", train), ("test", test)):
        save_embeddings(tmp_path / name, one.ids, one.speakers, one.rows_ND, one.origin)
    lines = [
        f"{int(test.speakers[i] == test.speakers[j])} {test.ids[i]} {test.ids[j]}\n"
        for i, j in itertools.combinations(range(len(test.ids)), 2)
    ]
    (tmp_path / "trials.txt").write_text("".join(lines))
    invoke(plda, tmp_path / "train", tmp_path / "plda.npz")
    for number, (options, scores, said) in enumerate(
        [
            ((), "cosine", ""),
            (("--plda", tmp_path / "plda.npz"), "plda", ""),
            (("--cohort", tmp_path / "train", "--top", 5), "cosine, AS-norm", ""),
            (
                ("--plda", tmp_path / "plda.npz", "--cohort", tmp_path / "train"),
                "plda, AS-norm",
                f"{tmp_path / 'train'} has 12 speakers, not 300; all of them count\n",
            ),
        ]
    ):
        out = tmp_path / f"verify{number}"
        done = invoke(verify, tmp_path / "trials.txt", tmp_path / "test", "--out", out, *options)
        assert (done.stdout, done.stderr) == (f"{out}: {len(lines)} trials\n", said)
        assert json.loads((out / "verify.json").read_text())["scores"] == scores
        assert len((out / "scores.tsv").read_text().splitlines()) == len(lines)


@pytest.mark.parametrize("top", ["1", "many"])
def test_a_top_that_has_no_spread_is_no_option(tmp_path, top):
    done = CliRunner().invoke(verify, ["trials", "embeddings", "--out", str(tmp_path / "out"), "--top", top])
    assert done.exit_code == 2
    assert "--top" in done.stderr


def test_a_top_of_no_cohort_is_refused(tmp_path):
    done = invoke(verify, "trials", "embeddings", "--out", tmp_path / "out", "--top", 300)
    assert done.exit_code == 2
    assert "--top counts speakers of --cohort; give that too" in done.stderr


@pytest.mark.parametrize("window", ["nan", "inf"])
def test_a_window_is_finite(folder, tmp_path, window):
    done = invoke(embed, folder / "exp", folder / "test.jsonl.gz", tmp_path / "out", "--window", window)
    assert done.exit_code == 2
    assert "--window" in done.stderr


def test_an_embedding_does_not_depend_on_the_utterances_beside_it(folder, tmp_path):
    whole = load_embeddings(folder / "embeddings")
    one = labelled_manifest(tmp_path / "one.jsonl.gz", 1, seed=7)
    invoke(embed, folder / "exp", one, tmp_path / "embeddings", "--device", "cpu")
    alone = load_embeddings(tmp_path / "embeddings")
    np.testing.assert_allclose(alone.rows_ND[0], whole.rows_ND[whole.ids.index("utt000")], atol=1e-4)
