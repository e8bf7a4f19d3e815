import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from pyspeech.cli.score import score
from pyspeech.errors import UserError
from pyspeech.scoring.bootstrap import rate_interval
from pyspeech.speakers.embeddings import save_embeddings
from pyspeech.speakers.identification_report import report_identification


def voices(folder, names, each=5, noise=0.5, seed=0):
    """Utterances of people whose rows lie about a direction of their own."""
    rng = np.random.default_rng(seed)
    speakers = [name for name in names for _ in range(each)]
    centres = {name: rng.standard_normal(16) for name in names}
    rows = np.stack([centres[name] + noise * rng.standard_normal(16) for name in speakers])
    save_embeddings(folder, [f"{name}-{number}" for number, name in enumerate(speakers)], speakers, rows, "net")
    return folder


@pytest.fixture
def folder(tmp_path):
    voices(tmp_path / "test", [f"t{n}" for n in range(7)], noise=1.0)
    voices(tmp_path / "dev", [f"d{n}" for n in range(9)], noise=1.0, seed=1)
    return tmp_path


def test_the_command_writes_what_it_prints(folder):
    out = folder / "out"
    words = ["identification", folder / "test", "--tune", folder / "dev", "--out", out]
    done = CliRunner().invoke(score, [str(word) for word in words], catch_exceptions=False)
    assert (out / "report.txt").read_text() == done.stdout
    values = json.loads((out / "score.json").read_text())
    right = values["accuracy"]["count"]
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(rf"%ACC {100 * right / 14:.2f} \[ {right} / 14 \] 95% \[ [\d.]+, [\d.]+ \] {out}", last)
    assert f"Known, refused             {values['known_refused']['percent']:.2f} [ " in done.stdout
    assert (values["people"], values["enrolled_utterances"]) == (7, 3)
    assert sorted(path.name for path in out.iterdir()) == ["report.txt", "score.json"]
    CliRunner().invoke(score, [*map(str, words), "--utterances", "1"], catch_exceptions=False)
    assert json.loads((out / "score.json").read_text())["enrolled_utterances"] == 1


def test_rates_are_counts_of_the_searches(folder):
    report = report_identification(folder / "test", folder / "dev", folder / "out")
    names, threshold = report.probes.people.names, report.threshold.value
    right = among = refused = mistaken = accepted = 0
    of_people = {}
    for person, cosines in zip(report.probes.person_N, report.probes.cosines_NP, strict=True):
        found = sorted(zip(names, cosines, strict=True), key=lambda item: -item[1])
        correct = found[0][0] == names[person]
        right += correct
        among += names[person] in [name for name, _ in found[:5]]
        refused += found[0][1] < threshold
        mistaken += found[0][1] >= threshold and not correct
        accepted += max(score for name, score in found if name != names[person]) >= threshold
        happened, possible = of_people.get(person, (0, 0))
        of_people[person] = happened + correct, possible + 1
    counted = [rate.count for rate in (report.best, report.among_top, report.refused, report.mistaken, report.accepted)]
    assert counted == [right, among, refused, mistaken, accepted]
    assert 0 < right < 14
    assert report.best.interval == rate_interval(of_people.values())


def test_a_person_who_is_taken_for_others_is_told_with_them(folder):
    report = report_identification(folder / "test", folder / "dev", folder / "out", 1)
    assert report.best.total == 28
    text = (folder / "out/report.txt").read_text()
    rows = re.findall(r"^t\d +[\d.]+ \[ \d / 4 \]  t\d \d", text, re.MULTILINE)
    assert rows


@pytest.mark.parametrize(
    ("names", "dim", "origin", "message"),
    [
        (["t0", "x"], 16, "net", r"test and .*other share speakers \(1\), such as t0; each needs people of its own"),
        (["x", "y"], 4, "net", "test and .*other come from different networks or feature settings"),
        (["x", "y"], 16, "another net", "test and .*other come from different networks or feature settings"),
    ],
)
def test_a_threshold_from_elsewhere_is_refused(folder, names, dim, origin, message):
    other = folder / "other"
    rows = np.random.default_rng(0).standard_normal((6, dim))
    save_embeddings(other, [f"o{n}" for n in range(6)], names * 3, rows, origin)
    with pytest.raises(UserError, match=message):
        report_identification(folder / "test", other, folder / "out")
    assert not (folder / "out").exists()


def test_utterances_of_both_under_other_names_are_found(folder):
    save_embeddings(folder / "other", ["t0-0", "a", "b"], ["x", "x", "y"], np.eye(16)[:3], "net")
    with pytest.raises(UserError, match=r"share utterances .* such as t0-0"):
        report_identification(folder / "test", folder / "other", folder / "out")


def test_a_folder_of_other_things_is_kept(folder):
    with pytest.raises(UserError, match="holds other things than an identification"):
        report_identification(folder / "test", folder / "dev", folder / "dev")
