import json

import pytest

from pyspeech.errors import UserError
from pyspeech.scoring.rare_report import rare_line, rare_text, report_rare_words
from pyspeech.scoring.report import report_decode

CUTS = {"u1": "the zebra ran", "u2": "a zebra", "u3": "gnu here", "u4": "the cat", "u5": ""}
HYPOTHESES = {
    "u1": ["the", "zebra", "zebra", "ran"],
    "u2": ["a", "cobra"],
    "u3": ["here", "now"],
    "u4": ["the", "gnu"],
    "u5": [],
}


@pytest.fixture
def decode(tmp_path):
    """A decode folder, with its manifest and a list beside it."""
    folder = tmp_path / "decode"
    folder.mkdir()
    write_manifest(tmp_path / "test.jsonl", CUTS)
    write_lines(folder / "hyps.jsonl", [{"id": name, "words": words} for name, words in HYPOTHESES.items()])
    (tmp_path / "list.txt").write_text("zebra\ncobra\ngnu\nemu\n")
    return folder


def write_manifest(path, texts):
    write_lines(path, [{"id": name, "duration": 1.0, "supervisions": [{"text": text}]} for name, text in texts.items()])


def write_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def report_of(decode):
    return report_rare_words(decode.parent / "test.jsonl", decode, decode.parent / "list.txt")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_line_holds_the_three_rates(decode):
    assert rare_line(report_of(decode)) == (
        "%B-WER 100.00 [ 3 / 3 ] 95% [ 100.0, 100.0 ] %U-WER 33.33 [ 2 / 6 ] 95% [ 0.0, 75.0 ] "
        f"%WER 55.56 [ 5 / 9 ] 95% [ 36.4, 83.3 ] {decode}"
    )


def test_the_text_says_what_became_of_the_words(decode):
    lines = rare_text(report_of(decode)).splitlines()
    assert lines[0] == f"4 words listed in {decode.parent / 'list.txt'}, 2 in the references"
    assert [line.split()[:2] for line in lines[1:4]] == [["WER", "55.56"], ["U-WER", "33.33"], ["B-WER", "100.00"]]
    assert lines[4].startswith("Recall of listed words 33.33 [ 1 / 3 ] 95% [ 0.0, 100.0 ]")
    assert lines[5].startswith("False insertions, of the listed words in the hypotheses 75.00 [ 3 / 4 ] 95% [ ")
    assert lines[6].startswith("* all or none of n words; by the rule of three")  # of B-WER
    assert f"No train_words.tsv in {decode}" in lines[8]


def test_words_that_training_never_saw_are_told_apart(decode):
    (decode / "train_words.tsv").write_text("the\t40\na\t3\nran\t1\nhere\t2\ncat\t10\n")
    report = report_of(decode)
    lines = rare_text(report).splitlines()
    assert lines[6].startswith("Recall of words never seen in training (OOV) 33.33 [ 1 / 3 ] 95% [ 0.0, 100.0 ]")
    assert [line.split()[:3] for line in lines[10:14]] == [
        ["0", "3", "33.33"],
        ["1-2", "2", "100.00"],
        ["3-10", "2", "50.00"],
        [">10", "2", "100.00"],
    ]
    table = json.loads((decode / "score/rare_words.json").read_text())["training_counts"]
    assert [row["reference"] for row in table] == [3, 2, 2, 2]


def test_every_figure_is_in_the_json_by_name(decode):
    report_of(decode)
    values = json.loads((decode / "score/rare_words.json").read_text())
    assert values["b_wer"] == {
        "percent": 100.0,
        "interval_95_percent": [100.0, 100.0],
        "errors": 3,
        "reference": 3,
        "insertions": 1,
        "deletions": 1,
        "substitutions": 1,
    }
    assert values["u_wer"]["errors"] + values["b_wer"]["errors"] == values["wer"]["errors"] == 5
    assert (values["recalled"], values["recall_percent"]) == (1, 33.3333)
    assert (values["false_insertions"], values["hypothesised"], values["false_insertions_percent"]) == (3, 4, 75.0)
    assert (values["words_listed"], values["words_in_references"], values["training_counts"]) == (4, 2, None)


def test_a_list_that_the_references_lack_is_stated(decode):
    (decode.parent / "list.txt").write_text("ZEBRA\n")
    report = report_of(decode)
    assert rare_line(report).startswith("%B-WER n/a [ 0 / 0 ] 95% n/a %U-WER 55.56 [ 5 / 9 ]")
    assert "No listed word is in the references, so B-WER and recall are n/a; is the case the same?" in rare_text(
        report
    )
    values = json.loads((decode / "score/rare_words.json").read_text())
    assert values["b_wer"]["percent"] is None
    assert values["recall_interval_95_percent"] is None
    assert values["false_insertions_interval_95_percent"] is None


def test_a_list_of_all_words_leaves_none_for_the_other_rate(decode):
    (decode.parent / "list.txt").write_text("\n".join([*CUTS.values(), "now", "cobra"]))
    assert "%U-WER n/a [ 0 / 0 ] 95% n/a %WER 55.56" in rare_line(report_of(decode))


def test_two_reports_of_the_same_files_stand_side_by_side(decode):
    report_decode(decode.parent / "test.jsonl", decode)
    before = {path.name: path.read_bytes() for path in (decode / "score").iterdir()}
    report = report_of(decode)
    assert names_in(decode / "score") == sorted([*before, "rare_words.json", "rare_words.txt"])
    assert (decode / "score/rare_words.txt").read_text() == rare_text(report) + rare_line(report) + "\n"
    report_decode(decode.parent / "test.jsonl", decode)
    assert len(names_in(decode / "score")) == 5
    assert all((decode / "score" / name).read_bytes() == content for name, content in before.items())


@pytest.mark.parametrize("changed", ["references", "hypotheses"])
def test_a_report_of_other_references_or_hypotheses_does_not_stay(decode, changed):
    report_of(decode)
    if changed == "references":
        write_manifest(decode.parent / "test.jsonl", CUTS | {"u4": "the gnu"})
    else:
        write_lines(decode / "hyps.jsonl", [{"id": "u1", "words": []}])
    report_decode(decode.parent / "test.jsonl", decode)
    assert names_in(decode / "score") == ["per_utterance.txt", "report.txt", "score.json"]
    report_of(decode)
    assert len(names_in(decode / "score")) == 5


def test_a_manifest_written_anew_with_the_same_words_changes_nothing(decode):
    report_of(decode)
    with (decode.parent / "test.jsonl").open("a") as stream:
        stream.write("\n")
    report_decode(decode.parent / "test.jsonl", decode)
    assert len(names_in(decode / "score")) == 5


def test_a_failure_leaves_the_folder_as_it_was(decode):
    report_of(decode)
    before = {path.name: path.read_bytes() for path in (decode / "score").iterdir()}
    (decode.parent / "list.txt").write_text("")
    with pytest.raises(UserError, match="lists no word"):
        report_of(decode)
    (decode / "train_words.tsv").write_text("nonsense\n")
    with pytest.raises(UserError, match="line 1"):
        report_decode(decode.parent / "test.jsonl", decode)
    assert {path.name: path.read_bytes() for path in (decode / "score").iterdir()} == before
    assert names_in(decode) == ["hyps.jsonl", "score", "train_words.tsv"]
