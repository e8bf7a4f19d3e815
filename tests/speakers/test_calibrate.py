import json

import pytest

from pyspeech.errors import UserError
from pyspeech.speakers.calibrate import calibrate
from pyspeech.speakers.calibration import fit_calibration
from pyspeech.speakers.scored_trials import load_scored_trials
from tests.trial_lists import simulated, write_verification_folder


def of_dev(pairs):
    return [(f"dev-{left}", f"dev-{right}") for left, right in pairs]


MADE_WITH = {"network": "n1", "PLDA": "p1", "cohort": "c1", "number of cohort speakers": 300}


def write_dev(folder, means="cosine", calibrated=False, made_with=MADE_WITH, speakers=("dev-0", "dev-1")):
    scores, targets, pairs = simulated(0, 8)
    return write_verification_folder(folder, scores, targets, of_dev(pairs), means, calibrated, made_with, speakers)


@pytest.fixture
def folders(tmp_path):
    test = write_verification_folder(tmp_path / "test", *simulated(1, 5), made_with=MADE_WITH, speakers=["0", "1"])
    return test, write_dev(tmp_path / "dev"), tmp_path / "out"


def test_scores_become_the_ratios_that_fit_dev(folders):
    test, dev, out = folders
    fitted = calibrate(test, dev, out, 0.05)
    assert fitted == fit_calibration(*simulated(0, 8)[:2], 0.05)
    before, after = load_scored_trials(test), load_scored_trials(out)
    assert after.trials == before.trials
    assert after.score_T == pytest.approx(fitted.scale * before.score_T + fitted.offset, rel=1e-6)
    assert (after.means, after.calibrated) == ("cosine", True)
    described = json.loads((out / "verify.json").read_text())
    assert (described["scale"], described["offset"]) == (fitted.scale, fitted.offset)
    assert (after.made_with, after.speakers) == (MADE_WITH, ("0", "1"))
    assert (described["p_target"], described["tuned_on"]) == (0.05, str(dev))


def test_a_shared_utterance_is_refused(folders, tmp_path):
    test, _, out = folders
    scores, targets, pairs = simulated(0, 8)
    mixed = [*of_dev(pairs[:-1]), ("dev-0-0", "4-1")]
    dev = write_verification_folder(tmp_path / "mixed", scores, targets, mixed, made_with=MADE_WITH)
    with pytest.raises(UserError, match=r"test and .*mixed share utterances \(1\), such as 4-1; each needs people"):
        calibrate(test, dev, out, 0.05)
    assert not out.exists()


def test_a_shared_speaker_is_refused(folders, tmp_path):
    test, _, out = folders
    dev = write_dev(tmp_path / "mixed", speakers=["dev-0", "1"])
    with pytest.raises(UserError, match=r"test and .*mixed share speakers \(1\), such as 1; each needs people"):
        calibrate(test, dev, out, 0.05)


@pytest.mark.parametrize("part", MADE_WITH)
def test_what_the_scores_were_made_with_is_compared_part_by_part(folders, tmp_path, part):
    test, _, out = folders
    less = {name: value for name, value in MADE_WITH.items() if name != part}
    for number, made_with in enumerate((less, {**MADE_WITH, part: "other"})):
        dev = write_dev(tmp_path / f"other{number}", made_with=made_with)
        with pytest.raises(UserError, match=rf"test and .*other\d differ in the {part}; verify both by the same means"):
            calibrate(test, dev, out, 0.05)


def test_the_scores_are_not_overwritten(folders):
    test, dev, _ = folders
    (test.parent / "link").symlink_to(dev)
    for out in (test, dev, test.parent / "link"):
        with pytest.raises(UserError, match=rf"--out {out} would replace the scores that calibration needs"):
            calibrate(test, dev, out, 0.05)


@pytest.mark.parametrize(
    ("means", "calibrated", "message"),
    [
        ("plda", False, r"test was scored by cosine, .*other by plda; verify both by the same means"),
        ("cosine", True, r"other is calibrated already; name the verification that it was made from"),
    ],
)
def test_scores_of_other_means_are_refused(folders, tmp_path, means, calibrated, message):
    test, _, out = folders
    other = write_dev(tmp_path / "other", means, calibrated)
    with pytest.raises(UserError, match=message):
        calibrate(test, other, out, 0.05)


def test_dev_without_a_map_is_named(folders, tmp_path):
    test, _, out = folders
    scores, targets, pairs = simulated(0, 8)
    dev = write_verification_folder(
        tmp_path / "turned", [-score for score in scores], targets, of_dev(pairs), "cosine", False, MADE_WITH
    )
    with pytest.raises(UserError, match=r"turned: target trials have no higher scores"):
        calibrate(test, dev, out, 0.05)


def test_a_folder_of_other_things_is_kept(folders):
    test, dev, _ = folders
    with pytest.raises(UserError, match="holds other things than a verification"):
        calibrate(test, dev, test.parent, 0.05)
