import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.scoring.report import (
    WordErrorReport,
    aligned_text,
    frequent_errors,
    report_decode,
    report_text,
    score_values,
    wer_line,
)
from pyspeech.scoring.wer import score, score_utterance
from pyspeech.tables import display_width
from pyspeech.transcripts import Transcript

REFERENCES = (("u1", "ann", "the cat sat on"), ("u2", "bob", "the cat"), ("u3", "", ""), ("u4", "ann", "a b"))
HYPOTHESES = {"u1": ["a", "the", "hat", "sat"], "u2": ["the", "hat"], "u3": ["a"]}


@pytest.fixture
def report():
    references = [Transcript(name, text, speaker, 1.0) for name, speaker, text in REFERENCES]
    return WordErrorReport(
        score(references, HYPOTHESES), (0.029, 0.0551), None, Path("test.jsonl.gz"), Path("exp/decode")
    )


@pytest.fixture
def decode(tmp_path):
    """A decode folder and its manifest beside it."""
    folder = tmp_path / "decode"
    folder.mkdir()
    cuts = [
        {"id": name, "duration": 1.0, "supervisions": [{"text": text, "speaker": speaker}]}
        for name, speaker, text in REFERENCES
    ]
    write_lines(tmp_path / "test.jsonl", cuts)
    write_lines(folder / "hyps.jsonl", [{"id": name, "words": words} for name, words in HYPOTHESES.items()])
    return folder


def write_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def test_the_line_has_the_form_that_kaldi_users_look_for(report):
    assert wer_line(report) == "%WER 87.50 [ 7 / 8, 2 ins, 3 del, 2 sub ] 95% [ 2.9, 5.5 ] exp/decode"


def test_the_text_holds_every_table(report):
    lines = report_text(report).splitlines()
    assert lines[0].startswith("Words      WER 87.50 [ 7 / 8,")
    assert lines[2] == "Sentences  SER 100.00 [ 4 / 4 ]"
    assert lines[lines.index("Without a hypothesis, counted as deletions (1):") + 1] == "  u4"
    speakers = lines[lines.index("Speaker") + 1 :][:3]
    assert [line.split()[:3] for line in speakers] == [
        ["ann", "WER", "83.33"],
        ["bob", "WER", "50.00"],
        ["-", "WER", "-"],
    ]
    assert lines[lines.index("Substitutions") + 1] == "      2  cat -> hat"


def test_rows_shorten_the_tables(report):
    lines = report_text(report, rows=1).splitlines()
    assert "  … and 2 more in report.txt" in lines
    assert not any(line.startswith("  bob") for line in lines)


def test_a_perfect_score_states_the_rule_of_three():
    perfect = score([Transcript("u1", "a " * 240, "ann", 1.0)], {"u1": ["a"] * 240})
    text = report_text(WordErrorReport(perfect, (0.0, 0.0), None, Path("m"), Path("d")))
    assert "the true rate may still be up to 1.25% (95%)" in text


def test_frequent_errors_come_first_and_ties_in_alphabetical_order(report):
    assert frequent_errors(report.score) == {
        "Substitutions": [("cat -> hat", 2)],
        "Insertions": [("a", 2)],
        "Deletions": [("a", 1), ("b", 1), ("on", 1)],
    }


def test_every_figure_is_in_the_json_by_name(report):
    values = json.loads(json.dumps(score_values(report), allow_nan=False))
    assert values["wer_percent"] == 87.5
    assert values["wer_interval_95_percent"] == [2.9, 5.51]
    assert values["words"] == {"errors": 7, "reference": 8, "insertions": 2, "deletions": 3, "substitutions": 2}
    assert (values["sentences"], values["wrong_sentences"], values["missing"]) == (4, 4, ["u4"])
    assert values["speakers"]["bob"]["wer_percent"] == 50.0
    assert values["speakers"][""]["wer_percent"] is None
    assert values["training_counts"] is None


def test_an_aligned_utterance_lines_up():
    text = aligned_text(score_utterance(Transcript("u1", "the cat sat on", "ann", 1.0), HYPOTHESES["u1"]))
    assert text.splitlines() == [
        "u1  ann  WER 75.00 [ 3 / 4, 1 ins, 1 del, 1 sub ]",
        "REF: *** the cat sat on",
        "HYP: a   the hat sat ***",
        "OPS: I       S       D",
    ]


def test_wide_characters_line_up():
    one = Transcript("u1", "東京 に e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT} x", "", 1.0)
    rows = aligned_text(score_utterance(one, ["京", "に", "été", "y"])).splitlines()[1:]
    assert rows[0].startswith("REF: 東京 に ")
    assert rows[1].startswith("HYP: 京   に ")
    assert display_width(rows[0]) == display_width(rows[1]) == display_width(rows[2])


@given(*[st.lists(st.sampled_from(["a", "bcd", "東京", "é"]), max_size=6)] * 2)
def test_rows_without_the_padding_spell_both_sides(reference, hypothesis):
    rows = aligned_text(score_utterance(Transcript("u", " ".join(reference), "", 1.0), hypothesis)).splitlines()
    spelled = [[word for word in row.split()[1:] if word != "***"] for row in rows[1:3]]
    assert spelled == [reference, hypothesis]


def test_a_missing_hypothesis_is_marked_in_the_alignment():
    text = aligned_text(score_utterance(Transcript("u1", "a", "", 1.0), None))
    assert text.startswith("u1  -  WER 100.00 [ 1 / 1, 0 ins, 1 del, 0 sub ]  no hypothesis\n")


def test_three_files_are_written_and_agree(decode):
    report = report_decode(decode.parent / "test.jsonl", decode)
    names = sorted(path.name for path in (decode / "score").iterdir())
    assert names == ["per_utterance.txt", "report.txt", "score.json"]
    assert json.loads((decode / "score/score.json").read_text())["wer_percent"] == 87.5
    assert (decode / "score/report.txt").read_text().splitlines()[-1] == wer_line(report)
    assert (decode / "score/per_utterance.txt").read_text().count("REF:") == 4
    low, high = report.interval
    assert low <= report.score.words.rate <= high


def test_scoring_twice_writes_the_same_files(decode):
    contents = []
    for _ in range(2):
        report_decode(decode.parent / "test.jsonl", decode)
        contents.append({path.name: path.read_bytes() for path in (decode / "score").iterdir()})
    assert contents[0] == contents[1]


def test_a_failure_leaves_the_earlier_score_and_no_partial_one(decode, monkeypatch):
    report_decode(decode.parent / "test.jsonl", decode)
    before = (decode / "score/report.txt").read_text()
    write_lines(decode / "hyps.jsonl", [{"id": "u1", "words": []}])

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyspeech.scoring.write_report.write_text", full)
    with pytest.raises(UserError, match=r"cannot write .*score: No space left on device; free space"):
        report_decode(decode.parent / "test.jsonl", decode)
    assert (decode / "score/report.txt").read_text() == before
    assert sorted(path.name for path in decode.iterdir()) == ["hyps.jsonl", "score"]


def test_training_counts_of_the_decode_are_in_both_files(decode):
    (decode / "train_words.tsv").write_text("the\t12\ncat\t1\n")
    report_decode(decode.parent / "test.jsonl", decode)
    table = json.loads((decode / "score/score.json").read_text())["training_counts"]
    assert [(row["occurrences"], row["reference"], row["recalled"], row["false_insertions"]) for row in table] == [
        ("0", 4, 1, 4),
        ("1-2", 2, 0, 0),
        ("3-10", 0, 0, 0),
        (">10", 2, 2, 0),
    ]
    lines = (decode / "score/report.txt").read_text().splitlines()
    assert any(line.startswith("In training  reference words") for line in lines)


def test_words_that_could_not_be_found_are_told_where_the_decode_says_which(decode):
    assert report_decode(decode.parent / "test.jsonl", decode).unknown is None
    (decode / "words.txt").write_text("the\ncat\nhat\non\n")
    report = report_decode(decode.parent / "test.jsonl", decode)
    assert "Out of vocabulary  37.50% [ 3 / 8 ]: a 1, b 1, sat 1" in report_text(report)
    values = json.loads((decode / "score/score.json").read_text())["out_of_vocabulary"]
    assert values == {"percent": 37.5, "words": 3, "most_frequent": {"a": 1, "b": 1, "sat": 1}}


@pytest.mark.parametrize("words", [["THE", "CAT", "SAT"], ["The", "cat,", "sat."], ["THE", "CAT", "SAT", "DOWN"]])
def test_errors_that_are_of_case_or_punctuation_are_told_beside_the_figure(words):
    one = score([Transcript("u1", "the cat sat", "ann", 1.0)], {"u1": words})
    report = WordErrorReport(one, (0.0, 0.0), None, Path("m"), Path("d"))
    errors, left = one.words.errors, len(words) - 3
    assert report.plain.errors == left
    assert f"{errors - left} of {errors} errors are of case or punctuation alone" in report_text(report)
    assert score_values(report)["without_case_and_punctuation"]["errors"] == left


def test_no_hint_where_words_are_wrong(report):
    assert "case or punctuation" not in report_text(report)


def test_phones_among_the_hypotheses_are_told(decode):
    manifest = decode.parent / "test.jsonl"
    for summary, unit in ((None, "words"), ({}, "words"), ({"unit": "words and phones"}, "words and phones")):
        if summary is not None:
            (decode / "decode.json").write_text(json.dumps(summary))
        report = report_decode(manifest, decode)
        assert ("phones that spell no word count as words" in report_text(report)) == (unit != "words")
        assert json.loads((decode / "score/score.json").read_text())["unit"] == unit
    for damaged in ("syllables", ["words"], None):
        (decode / "decode.json").write_text(json.dumps({"unit": damaged}))
        with pytest.raises(UserError, match="is damaged"):
            report_decode(manifest, decode)
