import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from pyspeech.cli.embed import embed
from pyspeech.cli.score import score
from pyspeech.cli.trials import trials
from pyspeech.cli.verify import verify
from pyspeech.scoring.embeddings import load_embeddings
from tests.classifiers import labelled_manifest, train_on_tones


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
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


def test_an_embedding_does_not_depend_on_the_utterances_beside_it(folder, tmp_path):
    whole = load_embeddings(folder / "embeddings")
    one = labelled_manifest(tmp_path / "one.jsonl.gz", 1, seed=7)
    invoke(embed, folder / "exp", one, tmp_path / "embeddings", "--device", "cpu")
    alone = load_embeddings(tmp_path / "embeddings")
    np.testing.assert_allclose(alone.rows_ND[0], whole.rows_ND[whole.ids.index("utt000")], atol=1e-4)
