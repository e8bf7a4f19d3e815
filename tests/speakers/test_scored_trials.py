import pytest

from pyspeech.errors import UserError
from pyspeech.speakers.scored_trials import load_scored_trials
from pyspeech.speakers.trials import Trial
from pyspeech.speakers.verify import write_verification
from tests.trial_lists import write_verification_folder

TRIALS = [Trial(True, "a", "b"), Trial(False, "a", "ć/d.wav")]


def test_what_a_verification_wrote_is_read(tmp_path):
    description = {"scores": "plda, AS-norm", "calibrated": False, "made_with": {"PLDA": "p1"}, "speakers": ["x"]}
    write_verification(tmp_path / "verify", TRIALS, [0.25, -1e-7], description)
    found = load_scored_trials(tmp_path / "verify")
    assert found.trials == tuple(TRIALS)
    assert found.score_T.tolist() == [0.25, -1e-7]
    assert (found.means, found.calibrated) == ("plda, AS-norm", False)
    assert (found.made_with, found.speakers) == ({"PLDA": "p1"}, ("x",))
    assert (found.targets, found.pairs) == ([True, False], [("a", "b"), ("a", "ć/d.wav")])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "scores.tsv: found no trial; a verification is measured on"),
        ("1\t0.5\ta\tb\n", "scores.tsv: found only target trials"),
        ("0\t0.5\ta\tb\n", "scores.tsv: found only non-target trials"),
        ("1\t0.5\ta\tb\n0\tnan\ta\tc\n", "scores.tsv, line 2: expected 0 or 1, a score and two ids"),
        ("1\t-inf\ta\tb\n", "scores.tsv, line 1"),
        ("1\tone\ta\tb\n", "line 1"),
        ("1 0.5 a b\n", "line 1"),
    ],
)
def test_scores_that_cannot_be_measured_are_named(tmp_path, content, message):
    folder = write_verification_folder(tmp_path / "verify", [], [], [])
    (folder / "scores.tsv").write_text(content)
    with pytest.raises(UserError, match=message):
        load_scored_trials(folder)


def test_scores_that_are_not_utf_8_are_named(tmp_path):
    folder = write_verification_folder(tmp_path / "verify", [], [], [])
    (folder / "scores.tsv").write_bytes(b"1\t0.5\ta\xff\tb\n")
    with pytest.raises(UserError, match=r"scores\.tsv, line \d+ is not UTF-8"):
        load_scored_trials(folder)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"scores": 1, "calibrated": true, "made_with": {}, "speakers": []}',
        '{"scores": "cosine", "made_with": {}, "speakers": []}',
        '{"scores": "cosine", "calibrated": true, "speakers": []}',
        '{"scores": "cosine", "calibrated": true, "made_with": {}, "speakers": [1]}',
        "\xff",
        100_000 * "[",
    ],
    ids=range(9),
)
def test_a_damaged_description_is_named(tmp_path, content):
    folder = write_verification_folder(tmp_path / "verify", [1, 0], [1, 0], [("a", "b"), ("a", "c")])
    (folder / "verify.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"verify\.json.* run pyspeech verify again"):
        load_scored_trials(folder)


@pytest.mark.parametrize("name", ["scores.tsv", "verify.json"])
def test_a_missing_file_is_named(tmp_path, name):
    folder = write_verification_folder(tmp_path / "verify", [1, 0], [1, 0], [("a", "b"), ("a", "c")])
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"no .* at .*{name}"):
        load_scored_trials(folder)
    with pytest.raises(UserError, match="no verification at"):
        load_scored_trials(tmp_path / "other")
