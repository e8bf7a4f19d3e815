import json

import pytest

from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable, count_labels, load_labels
from pyspeech.transcripts import Transcript

UTTERANCES = [("a", "yes", "ann"), ("b", "no", "bob"), ("c", "yes", "ann"), ("d", "نعم", "bob")]


def manifest(path, utterances=UTTERANCES):
    lines = [
        {"id": id_, "duration": 1.0, "supervisions": [{"text": text, "speaker": speaker}]}
        for id_, text, speaker in utterances
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_labels_are_counted_in_their_order(tmp_path):
    path = manifest(tmp_path / "train.jsonl")
    assert list(count_labels([path], "text").items()) == [("no", 1), ("yes", 2), ("نعم", 1)]
    assert list(count_labels([path, path], "speaker").items()) == [("ann", 4), ("bob", 4)]


def test_a_table_is_read_as_it_was_written(tmp_path):
    table = LabelTable("speaker", ("ann", "نعم"))
    table.save(tmp_path / "labels")
    assert json.loads((tmp_path / "labels/labels.json").read_text()) == {"field": "speaker", "labels": ["ann", "نعم"]}
    assert load_labels(tmp_path / "labels") == table


def test_a_label_has_the_number_of_its_place():
    table = LabelTable("text", ("no", "yes"))
    assert [table.id_of(label) for label in table.labels] == [0, 1]
    assert table.label_of(Transcript("a", "yes", "ann", 1.0)) == "yes"
    assert LabelTable("speaker", ("ann",)).label_of(Transcript("a", "yes", "ann", 1.0)) == "ann"
    with pytest.raises(UserError, match="no text 'perhaps', but 2 others such as 'no'; make it of all"):
        table.id_of("perhaps")


@pytest.mark.parametrize(
    ("utterances", "message"),
    [
        ([("a", "yes", "ann"), ("b", "", "ann")], r"train.jsonl, cut 'b' has no text; give every utterance one"),
        ([("a", "yes", "ann"), ("b", "yes", "ann")], r"two labels at least are needed to tell apart, found only 'yes'"),
        ([], r"two labels at least .* found none; see --manifest and --field"),
    ],
)
def test_what_cannot_be_told_apart_is_named(tmp_path, utterances, message):
    with pytest.raises(UserError, match=message):
        count_labels([manifest(tmp_path / "train.jsonl", utterances)], "text")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"field": "text"}',
        '{"field": "age", "labels": ["a"]}',
        '{"field": "text", "labels": [1]}',
        '{"field": "text", "labels": ["a", "b", "a"]}',
    ],
)
def test_a_damaged_table_is_named(tmp_path, content):
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(UserError, match=r"labels.json.*; make it again with pyspeech labels"):
        load_labels(tmp_path)


def test_a_folder_of_other_things_is_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(UserError, match="holds other things than a label table"):
        LabelTable("text", ("no", "yes")).save(tmp_path)
