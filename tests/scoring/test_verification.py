import json

import numpy as np
import pytest

from pyspeech.errors import UserError
from pyspeech.scoring.embeddings import save_embeddings
from pyspeech.scoring.verification import report_verification, verification_line, verify

ROWS = np.array([[1, 0], [1, 1], [0, 1], [-1, 1]], np.float32)
TRIALS = "1 a b\n1 c d\n0 a c\n0 b d\n"


@pytest.fixture
def folder(tmp_path):
    save_embeddings(tmp_path / "embeddings", ["a", "b", "c", "d"], ROWS)
    (tmp_path / "trials.txt").write_text(TRIALS)
    return tmp_path


def test_scores_stand_in_the_order_of_the_trials(folder):
    assert verify(folder / "trials.txt", folder / "embeddings", folder / "out") == 4
    lines = [line.split("\t") for line in (folder / "out/scores.tsv").read_text().splitlines()]
    assert [[label, *ids] for label, _, *ids in lines] == [line.split() for line in TRIALS.splitlines()]
    assert [float(line[1]) for line in lines] == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0], abs=1e-6)


def test_the_report_is_written_beside_the_scores(folder):
    verify(folder / "trials.txt", folder / "embeddings", folder / "out")
    report = report_verification(folder / "out")
    assert verification_line(report) == f"%EER 0.00 95% [ 0.0, 0.0 ] {folder / 'out'}"
    values = json.loads((folder / "out/score/score.json").read_text())
    assert (values["target_trials"], values["non_target_trials"], values["speakers"]) == (2, 2, 2)
    assert values["eer_percent"] == 0
    assert (folder / "out/score/report.txt").read_text().endswith(verification_line(report) + "\n")


def test_scoring_anew_drops_the_old_report(folder):
    for _ in range(2):
        verify(folder / "trials.txt", folder / "embeddings", folder / "out")
        assert [path.name for path in (folder / "out").iterdir()] == ["scores.tsv"]
        report_verification(folder / "out")


def test_an_utterance_without_an_embedding_is_named_by_its_line(folder):
    (folder / "trials.txt").write_text("1 a b\n0 a x9\n")
    with pytest.raises(UserError, match=r"trials.txt, line 2: .*ids.json has no 'x9', but ids such as 'a'"):
        verify(folder / "trials.txt", folder / "embeddings", folder / "out")
    assert not (folder / "out").exists()


def test_an_empty_list_is_an_error(folder):
    (folder / "trials.txt").write_text("")
    with pytest.raises(UserError, match="holds no trial"):
        verify(folder / "trials.txt", folder / "embeddings", folder / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "scores.tsv holds no trial; an equal error rate needs"),
        ("1\t0.5\ta\tb\n", "scores.tsv holds only target trials"),
        ("0\t0.5\ta\tb\n", "scores.tsv holds only non-target trials"),
        ("1\t0.5\ta\tb\n0\tnan\ta\tc\n", "scores.tsv, line 2: expected 0 or 1, a score and two ids"),
        ("1\tone\ta\tb\n", "line 1"),
        ("1 0.5 a b\n", "line 1"),
    ],
)
def test_scores_without_a_rate_are_named_and_nothing_is_written(tmp_path, content, message):
    (tmp_path / "scores.tsv").write_text(content)
    with pytest.raises(UserError, match=message):
        report_verification(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["scores.tsv"]


def test_scores_that_are_not_utf_8_are_named(tmp_path):
    (tmp_path / "scores.tsv").write_bytes(b"1\t0.5\ta\xff\tb\n")
    with pytest.raises(UserError, match=r"scores\.tsv is not UTF-8 .* pyspeech verify"):
        report_verification(tmp_path)


def test_a_folder_of_other_things_is_kept(folder):
    with pytest.raises(UserError, match="holds other things than a verification"):
        verify(folder / "trials.txt", folder / "embeddings", folder)
