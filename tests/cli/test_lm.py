import gzip
import json

import pytest
from click.testing import CliRunner

from pyspeech.cli.lm import lm
from pyspeech.errors import UserError


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text").write_text("call anna\ncall bert now\n")
    return str(tmp_path / "text")


def invoke(*arguments):
    result = CliRunner().invoke(lm, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_model_is_trained_once_and_measured(tmp_path, text):
    out = tmp_path / "lm"
    arguments = ("train", out, text, "--order", 3, "--prune", "0 0 1", "--vocabulary-limit", 9, "--memory", "100M")
    assert "lm: 4 words, 7 1-grams" in invoke(*arguments)
    assert "is up to date" in invoke(*arguments)
    assert "[ 2 sentences, 5 words, 0 unknown = 0.00% ]" in invoke("perplexity", out, text)
    measured = json.loads(invoke("perplexity", out, text, "--json"))
    assert measured["tokens"] == 7
    assert measured["perplexity"] == measured["perplexity_without_oov"] > 1
    assert measured["oov_rate"] == 0


def test_pruning_that_is_not_numbers_is_an_error(tmp_path, text):
    with pytest.raises(UserError, match="--prune 'some': expected whole numbers"):
        invoke("train", tmp_path / "lm", text, "--order", 2, "--prune", "some")


def test_held_out_sentences_are_refused_or_left_out(tmp_path, text):
    cut = {"id": "a", "duration": 1.0, "supervisions": [{"text": "CALL ANNA"}]}
    (tmp_path / "dev.jsonl").write_text(json.dumps(cut) + "\n")
    arguments = ("train", tmp_path / "lm", text, "--order", 2, "--held-out", tmp_path / "dev.jsonl")
    with pytest.raises(UserError, match="1 lines of the text hold a whole held-out sentence"):
        invoke(*arguments)
    assert "left out 1 lines" in invoke(*arguments, "--drop-held-out", "--memory", "100M")


@pytest.mark.parametrize(("name", "opener"), [("out.txt", open), ("out.txt.gz", gzip.open)])
def test_prose_becomes_spoken_sentences(tmp_path, name, opener):
    (tmp_path / "a.txt").write_text("Mr. Bell came. He was 30.\n\nHe left.\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"It's No. 5"))
    out = tmp_path / name
    assert "4 sentences" in invoke("text", out, tmp_path / "a.txt", tmp_path / "b.gz")
    with opener(out, "rt") as stream:
        assert stream.read() == "MISTER BELL CAME\nHE WAS THIRTY\nHE LEFT\nIT'S NUMBER FIVE\n"
    first = out.read_bytes()
    invoke("text", out, tmp_path / "a.txt", tmp_path / "b.gz")
    assert out.read_bytes() == first


def test_prose_of_another_language_is_read_in_it_and_what_is_not_sure_is_told(tmp_path):
    (tmp_path / "a.txt").write_text("Am 3. Mai 1995 kam Dr. Öhm z. B. um 8 Uhr. Er zahlte 5 € für 1 Hund.\n")
    told = invoke("text", tmp_path / "out.txt", tmp_path / "a.txt", "--language", "de")
    assert "2 sentences" in told
    assert "abbreviations stay as they are written, 1 in all" in told
    assert "1 Hund (1)" in told
    assert (tmp_path / "out.txt").read_text() == (
        "AM DRITTEN MAI NEUNZEHNHUNDERTFÜNFUNDNEUNZIG KAM DOKTOR ÖHM ZUM BEISPIEL UM ACHT UHR\n"
        "ER ZAHLTE FÜNF EURO FÜR 1 HUND\n"
    )


def test_words_that_are_not_parted_are_characters_or_refused(tmp_path):
    (tmp_path / "zh.txt").write_text("我今天去苹果。他现在买空调。\n", encoding="utf-8")
    (tmp_path / "th.txt").write_text("ภาษาไทยเป็นภาษาที่เขียนติดกัน\n", encoding="utf-8")
    invoke("text", tmp_path / "out.txt", tmp_path / "zh.txt", "--language", "zh")
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "我 今 天 去 苹 果\n他 现 在 买 空 调\n"
    with pytest.raises(UserError, match=r"zh\.txt writes no spaces between words \(zh\).*; use --language zh"):
        invoke("text", tmp_path / "en.txt", tmp_path / "zh.txt")
    with pytest.raises(UserError, match=r"th\.txt writes no spaces between words \(th\).*; part them first"):
        invoke("text", tmp_path / "th_out.txt", tmp_path / "th.txt", "--language", "th")


def test_a_language_has_a_code(tmp_path, text):
    with pytest.raises(UserError, match="'german' is no code of a language; give one such as de"):
        invoke("text", tmp_path / "out.txt", text, "--language", "german")


def test_no_prose_is_an_empty_text_and_damaged_prose_leaves_none(tmp_path):
    assert "0 sentences" in invoke("text", tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_bytes() == b""
    (tmp_path / "latin.txt").write_bytes("One.\nFünf.\n".encode("latin-1"))
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(UserError, match=r"empty\.txt holds no sentence; give prose, or leave it out"):
        invoke("text", tmp_path / "none.txt", tmp_path / "empty.txt")
    assert not (tmp_path / "none.txt").exists()
    with pytest.raises(UserError, match=r"latin\.txt, line 2 is not UTF-8"):
        invoke("text", tmp_path / "other.txt.gz", tmp_path / "latin.txt")
    assert not list(tmp_path.glob("*other*"))
    with pytest.raises(UserError, match=r"out\.xz would not be packed as its name says"):
        invoke("text", tmp_path / "out.xz")
