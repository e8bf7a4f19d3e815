import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.scoring.accuracy import accuracy_line, accuracy_text, compare_labels, report_accuracy
from pyspeech.scoring.bootstrap import rate_interval
from pyspeech.transcripts import Transcript

CUTS = [("u1", "yes"), ("u2", "yes"), ("u3", "no"), ("u4", "stop"), ("u5", "yes")]
PREDICTED = {"u1": "yes", "u2": "no", "u3": "no", "u4": "stop"}


def write_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


@pytest.fixture
def folder(tmp_path):
    write_lines(
        tmp_path / "test.jsonl",
        [{"id": id_, "duration": 1.0, "supervisions": [{"text": text, "speaker": "ann"}]} for id_, text in CUTS],
    )
    LabelTable("text", ("no", "stop", "yes")).save(tmp_path / "predict/labels")
    predict(tmp_path / "predict", PREDICTED)
    return tmp_path


def predict(folder, predicted):
    write_lines(folder / "predictions.jsonl", [{"id": id_, "predicted": label} for id_, label in predicted.items()])


def test_a_missing_prediction_is_wrong(folder):
    report = report_accuracy(folder / "test.jsonl", folder / "predict")
    assert (report.total.correct, report.total.total, report.missing) == (3, 5, ["u5"])
    low, high = rate_interval([(1, 1)] * 3 + [(0, 1)] * 2)
    line = f"%ACC 60.00 [ 3 / 5 ] 95% [ {100 * low:.1f}, {100 * high:.1f} ] {folder / 'predict'}"
    assert accuracy_line(report) == line
    assert (folder / "predict/score/report.txt").read_text() == accuracy_text(report) + line + "\n"


def test_every_label_has_its_recall_and_what_was_predicted_instead(folder):
    report = report_accuracy(folder / "test.jsonl", folder / "predict")
    table = [" ".join(row.split()) for row in accuracy_text(report).splitlines()[1:-1]]
    assert table == ["yes 33.33 [ 1 / 3 ] (none) 1, no 1", "no 100.00 [ 1 / 1 ]", "stop 100.00 [ 1 / 1 ]"]
    values = json.loads((folder / "predict/score/score.json").read_text())
    assert values["accuracy_percent"] == 60
    assert values["labels"]["yes"] == {
        "recall_percent": 33.3333,
        "correct": 1,
        "utterances": 3,
        "confused": {"(none)": 1, "no": 1},
    }


def test_a_table_of_many_labels_is_shortened_for_the_terminal(folder):
    report = report_accuracy(folder / "test.jsonl", folder / "predict")
    assert "… and 2 more in report.txt" in accuracy_text(report, 1)


def test_nothing_wrong_is_not_nothing_to_fear(folder):
    predict(folder / "predict", dict(CUTS))
    report = report_accuracy(folder / "test.jsonl", folder / "predict")
    assert "by the rule of three the true rate may differ by 60.00%" in accuracy_text(report)


LABELS = st.sampled_from("abc")


@given(st.lists(st.tuples(LABELS, st.none() | LABELS), min_size=1))
def test_counts_of_labels_add_up(pairs):
    references = [Transcript(str(n), label, "", 1.0) for n, (label, _) in enumerate(pairs)]
    predictions = {str(n): predicted for n, (_, predicted) in enumerate(pairs) if predicted is not None}
    found = compare_labels(references, predictions, "text", "here")
    assert sum(one.correct for one in found) == sum(label == predicted for label, predicted in pairs)
    assert [one.predicted for one in found] == [predicted for _, predicted in pairs]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x9": "no"}, r"1 predictions belong to no utterance of .*test.jsonl: x9; score against the manifest"),
        ({"u1": None}, r"predictions.jsonl, line 1: expected an 'id' and a 'predicted' label; predict again"),
    ],
)
def test_predictions_that_do_not_fit_are_named_and_nothing_is_written(folder, change, message):
    predict(folder / "predict", {**PREDICTED, **change})
    with pytest.raises(UserError, match=message):
        report_accuracy(folder / "test.jsonl", folder / "predict")
    assert not (folder / "predict/score").exists()


def test_the_field_of_the_labels_is_what_is_scored(folder):
    LabelTable("speaker", ("ann", "bob")).save(folder / "predict/labels")
    predict(folder / "predict", {id_: "ann" for id_, _ in CUTS})
    assert report_accuracy(folder / "test.jsonl", folder / "predict").total.correct == 5


def test_an_utterance_without_a_label_is_named(folder):
    references = [Transcript("u1", "yes", "", 1.0)]
    with pytest.raises(UserError, match="here, cut 'u1' has no speaker to score against"):
        compare_labels(references, {}, "speaker", "here")
    with pytest.raises(UserError, match="here holds no utterance"):
        compare_labels([], {}, "text", "here")
    with pytest.raises(UserError, match="here: two utterances are called u1"):
        compare_labels(references * 2, {}, "text", "here")
