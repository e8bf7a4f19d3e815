import json
import re
import sys

import pytest

from pyspeech.errors import UserError
from pyspeech.speakers.verification import report_verification, verification_line, verification_text
from tests.trial_lists import simulated, write_verification_folder

pytest.importorskip("scipy", reason="needs scipy, which this lane does not have")

PERFECT = ([1, 0.9, 0.1, 0], [True, True, False, False], [("a", "b"), ("c", "d"), ("a", "c"), ("b", "d")])


def test_the_report_is_written_beside_the_scores(tmp_path):
    folder = write_verification_folder(tmp_path / "verify", *PERFECT)
    report = report_verification(folder)
    assert verification_line(report) == f"%EER 0.00 95% [ 0.0, 0.0 ] {folder}"
    values = json.loads((folder / "score/score.json").read_text())
    assert (values["target_trials"], values["non_target_trials"], values["speakers"]) == (2, 2, 2)
    assert (values["eer_percent"], values["scores"], values["calibrated"]) == (0, "cosine", False)
    assert values["minDCF(0.01)"] == {"value": 0, "interval_95": [0, 0]}
    assert (folder / "score/report.txt").read_text() == verification_text(report) + verification_line(report) + "\n"


def test_no_errors_are_told_with_what_so_few_speakers_can_show(tmp_path):
    text = verification_text(report_verification(write_verification_folder(tmp_path / "none", *PERFECT)))
    assert "\nAll or none wrong; by the rule of three over speakers the true EER may differ by 100.00% (95%)\n" in text
    scores, targets, pairs = simulated(0, 40, 2)
    separate = write_verification_folder(tmp_path / "many", map(int, targets), targets, pairs)
    assert "may differ by 7.50% (95%)\n" in verification_text(report_verification(separate))
    some = write_verification_folder(tmp_path / "some", scores, targets, pairs)
    assert "rule of three" not in verification_text(report_verification(some))


def test_the_text_shows_every_figure_with_its_interval(tmp_path):
    folder = write_verification_folder(tmp_path / "verify", *simulated(0, 5), "plda", calibrated=True)
    text = verification_text(report_verification(folder))
    number = r"-?\d+\.\d+"
    rows = re.findall(rf"^(\S.*?) +{number} +\[ {number}, {number} \]$", text, re.MULTILINE)
    assert rows == ["EER, %", "minDCF(0.01)", "minDCF(0.05)", "min Cllr", "actDCF(0.01)", "actDCF(0.05)", "Cllr"]
    assert "30 target and 160 non-target trials of 5 speakers" in text
    assert "Scores: plda, calibrated\n" in text
    values = json.loads((folder / "score/score.json").read_text())
    assert values["actDCF(0.05)"]["interval_95"][0] <= values["actDCF(0.05)"]["value"]


def test_what_is_not_calibrated_is_said_to_lack_figures(tmp_path):
    folder = write_verification_folder(tmp_path / "verify", *PERFECT)
    text = verification_text(report_verification(folder))
    assert "Scores: cosine, not calibrated, so without actDCF and Cllr (see pyspeech calibrate)" in text
    assert "actDCF(" not in text


def test_the_picture_is_drawn_and_scoring_anew_replaces_all(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib, which this lane does not have")
    folder = write_verification_folder(tmp_path / "verify", *PERFECT)
    for _ in range(2):
        assert report_verification(folder).without_picture == ""
        assert sorted(path.name for path in (folder / "score").iterdir()) == ["det.png", "report.txt", "score.json"]


def test_without_matplotlib_the_rest_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    folder = write_verification_folder(tmp_path / "verify", *PERFECT)
    assert "det.png needs the package matplotlib" in report_verification(folder).without_picture
    assert sorted(path.name for path in (folder / "score").iterdir()) == ["report.txt", "score.json"]


def test_nothing_is_written_where_nothing_can_be_measured(tmp_path):
    folder = write_verification_folder(tmp_path / "verify", [1], [True], [("a", "b")])
    with pytest.raises(UserError, match=r"scores\.tsv: found only target trials"):
        report_verification(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["scores.tsv", "verify.json"]
