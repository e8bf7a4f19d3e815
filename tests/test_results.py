import json
import shutil

import pytest

from pyspeech.api import rescore
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.results import find_results, result_values, results_text
from pyspeech.scoring.accuracy import report_accuracy
from pyspeech.scoring.report import report_decode
from pyspeech.speakers.verification import report_verification
from tests.decodes import said, save_decode, save_lm, sentences, write_manifest
from tests.messages import told
from tests.trial_lists import write_verification_folder


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A decode of dev and one of test, which is rescored, all scored."""
    folder = tmp_path_factory.mktemp("scored")
    lm = save_lm(folder / "lm", sentences(200, seed=1))
    for name, seed in (("dev", 2), ("test", 3)):
        save_decode(folder / "decode" / name, said(name, sentences(8, seed)), noise=2.5)
    rescore(folder / "decode/test", lm=lm, out=folder / "decode/test_lm", tune=folder / "decode/dev")
    for name in ("dev", "test", "test_lm"):
        report_decode(folder / f"decode/{name.partition('_')[0]}.jsonl", folder / "decode" / name)
    return folder


def last_line(result):
    return (result.folder / "score/report.txt").read_text().splitlines()[-1]


def test_every_figure_is_that_of_its_report(scored):
    found = find_results(scored)
    assert [each.folder.relative_to(scored / "decode").name for each in found] == ["dev", "test_lm", "test"]
    for each in found:
        low, high = each.interval
        words = last_line(each).split()
        assert words[:2] == ["%WER", f"{each.percent:.2f}"]
        assert f"95% [ {low:.1f}, {high:.1f} ]" in last_line(each)
        for name in ("ins", "del", "sub"):
            assert f"{each.details[name]} {name}" in last_line(each)
    dev, best, worse = found
    assert best.percent < worse.percent
    assert best.measured_on == worse.measured_on != dev.measured_on
    assert best.measured_on.startswith("test: 32 words of ")


def test_how_a_rescored_decode_was_made_stands_beside_its_figure(scored):
    summary = json.loads((scored / "decode/test_lm/decode.json").read_text())
    best = next(each for each in find_results(scored) if each.folder.name == "test_lm")
    assert best.details["method"] == "rescore lattice"
    assert best.details["LM"] == str(scored / "lm")
    assert f"lm {summary['weights']['lm']:g}" in best.details["weights"]
    assert best.details["chosen on"] == str(scored / "decode/dev")


def test_a_table_for_each_set_with_the_best_first_and_equal_columns(scored):
    blocks = results_text(find_results(scored)).split("\n\n")
    assert [block.split(":")[0] for block in blocks] == ["WER of dev", "WER of test"]
    _, heading, best, worse = blocks[1].splitlines()
    assert heading.split()[:4] == ["WER", "%", "95%", "folder"]
    place = heading.index("method")
    assert best[place:].startswith("rescore lattice")
    assert worse[place:].startswith("-")
    assert "chosen on" not in blocks[0]


def test_the_same_set_under_another_path_is_compared_and_other_words_are_not(scored, tmp_path):
    for name in ("test", "test_lm"):
        shutil.copytree(scored / "decode" / name, tmp_path / name)
    shutil.copy(scored / "decode/test.jsonl", tmp_path / "test.jsonl")
    report_decode(tmp_path / "test.jsonl", tmp_path / "test")
    first, second = find_results(tmp_path)
    assert first.measured_on == second.measured_on
    lines = (tmp_path / "test.jsonl").read_text().replace("CAT", "CATS")
    (tmp_path / "test.jsonl").write_text(lines)
    report_decode(tmp_path / "test.jsonl", tmp_path / "test")
    first, second = find_results(tmp_path)
    assert first.measured_on != second.measured_on


def test_accuracies_are_best_where_they_are_highest(tmp_path):
    manifest = write_manifest(tmp_path / "test.jsonl", {"a": ["LOW"], "b": ["HIGH"]})
    for name, predicted in (("poor", ("HIGH", "LOW")), ("good", ("LOW", "HIGH")), ("fair", ("LOW", "LOW"))):
        folder = tmp_path / name
        folder.mkdir()
        LabelTable("text", ("HIGH", "LOW")).save(folder / "labels")
        lines = [{"id": id_, "predicted": label} for id_, label in zip("ab", predicted, strict=True)]
        (folder / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        report_accuracy(manifest, folder)
    found = find_results(tmp_path)
    assert [(each.measure, each.percent, each.folder.name) for each in found] == [
        ("ACC", 100.0, "good"),
        ("ACC", 50.0, "fair"),
        ("ACC", 0.0, "poor"),
    ]
    assert found[0].measured_on == "test: 2 utterances of 2 labels"


def test_equal_error_rates_are_the_best_where_they_are_lowest(tmp_path):
    pytest.importorskip("scipy", reason="needs scipy, which this lane does not have")
    pairs = [("a", "b"), ("c", "d"), ("a", "c"), ("b", "d")]
    for name, scores in (("worse", [0, 1, 1, 0]), ("better", [1, 0.9, 0.1, 0])):
        report_verification(write_verification_folder(tmp_path / name, scores, [True, True, False, False], pairs))
    better, worse = find_results(tmp_path)
    assert (better.folder.name, better.percent, worse.folder.name) == ("better", 0.0, "worse")
    assert better.measured_on == "2 target and 2 non-target trials of 2 speakers"
    assert better.details["scores"] == "cosine"


def test_what_is_no_score_is_told_and_left_out_and_nothing_at_all_is_an_error(scored, tmp_path):
    with pytest.raises(UserError, match=r"no score\.json below"):
        find_results(tmp_path)
    with pytest.raises(UserError, match="no folder at"):
        find_results(tmp_path / "missing")
    shutil.copytree(scored / "decode/dev", tmp_path / "good")
    faults = {
        "junk": "{",
        "other": '{"best": 1}',
        "short": '{"wer_percent": 4.0}',
        "text": '{"wer_percent": "low", "words": {}}',
        "list": '{"accuracy": []}',
    }
    for name, text in faults.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "score.json").write_text(text)
    for name in (".hidden", "partial.test"):
        shutil.copytree(scored / "decode/dev", tmp_path / name)
    with told() as lines:
        assert [each.folder for each in find_results(tmp_path)] == [tmp_path / "good"]
    assert all(line.startswith("left out: ") for line in lines)
    assert sorted(line.split("/score.json")[0].split("/")[-1] for line in lines) == sorted(faults)


def test_links_are_followed_and_a_circle_ends(scored, tmp_path):
    (tmp_path / "exp").symlink_to(scored / "decode")
    (tmp_path / "again").symlink_to(tmp_path)
    assert [each.folder for each in find_results(tmp_path)] == [
        tmp_path / "exp/dev",
        tmp_path / "exp/test_lm",
        tmp_path / "exp/test",
    ]


def test_what_machines_read_is_what_the_table_says(scored):
    result = next(each for each in find_results(scored) if each.folder.name == "test_lm")
    values = json.loads(json.dumps(result_values(result)))
    score = json.loads((result.folder / "score/score.json").read_text())
    assert values["percent"] == score["wer_percent"]
    assert values["interval_95_percent"] == score["wer_interval_95_percent"]
    assert (values["measure"], values["method"]) == ("WER", "rescore lattice")
