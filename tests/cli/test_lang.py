import json

import pytest
from click.testing import CliRunner

from pyspeech.cli.lang import lang
from pyspeech.errors import UserError
from pyspeech.lang.arpabet import is_arpabet
from pyspeech.lang.tokens import load_tokens

TEXTS = ["CALL ANNA SMITH AND HANNA", "SEND A MESSAGE TO HANNAH", "CALLING ANNA"]


@pytest.fixture
def manifest(tmp_path):
    lines = [{"id": f"u{n}", "duration": 1.0, "supervisions": [{"text": text}]} for n, text in enumerate(TEXTS)]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(*arguments):
    return CliRunner().invoke(lang, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.mark.parametrize("kind", [["characters"], ["pieces", "--pieces", "20"], ["phones", "--espeak", "en-us"]])
def test_each_kind_covers_the_text_of_the_manifest(tmp_path, manifest, kind):
    if "--espeak" in kind:
        pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    result = run(tmp_path / "lang", "--tokens", *kind, "--manifest", manifest)
    assert result.exit_code == 0
    tokens = load_tokens(tmp_path / "lang")
    assert tokens.kind == kind[0]
    assert all(tokens.encode(text.split()) for text in TEXTS)
    assert f"{len(tokens.symbols)} {kind[0]} with the blank, 11 words" in result.stderr


def test_phones_keep_all_words_of_the_lexicon_and_say_where_words_came_from(tmp_path, manifest):
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    (tmp_path / "lexicon.txt").write_text("ANNA æ n ə\nANNA ɑː n ə\nOTHER ʌ ð ɚ\n")
    result = run(
        tmp_path / "lang",
        *("--tokens", "phones", "--manifest", manifest, "--lexicon", tmp_path / "lexicon.txt", "--espeak", "en-us"),
    )
    assert "12 words (2 from the lexicon, 10 from espeak-ng)" in result.stderr
    tokens = load_tokens(tmp_path / "lang")
    assert len(tokens.pronunciations("ANNA")) == 2
    assert tokens.pronunciations("OTHER")


def test_a_dictionary_in_arpabet_and_small_letters_serves_texts_in_capitals(tmp_path, manifest):
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    (tmp_path / "lexicon.txt").write_text("anna AE1 N AH0 # name\nanna(2) AA1 N AH0\nother AH1 DH ER0\n")
    result = run(
        tmp_path / "lang",
        *("--tokens", "phones", "--manifest", manifest, "--lexicon", tmp_path / "lexicon.txt", "--espeak", "en-us"),
    )
    assert "12 words (2 from the lexicon, 10 from espeak-ng)" in result.stderr
    tokens = load_tokens(tmp_path / "lang")
    assert is_arpabet(tokens.symbols[1:])
    assert [[tokens.symbols[id_] for id_ in way] for way in tokens.pronunciations("ANNA")] == [
        ["AE", "N", "AH"],
        ["AA", "N", "AH"],
    ]
    assert tokens.pronunciations("OTHER")


def test_words_without_pronunciation_are_one_error_and_nothing_is_written(tmp_path, manifest):
    (tmp_path / "lexicon.txt").write_text("ANNA AE N AH\n")
    with pytest.raises(UserError, match=r"10 words \('A', 'AND', .*\.\.\.\) are not in the lexicon"):
        run(tmp_path / "lang", "--tokens", "phones", "--manifest", manifest, "--lexicon", tmp_path / "lexicon.txt")
    assert not list(tmp_path.glob("*lang*"))


def test_a_second_run_writes_the_same(tmp_path, manifest):
    arguments = [tmp_path / "lang", "--tokens", "pieces", "--pieces", "20", "--manifest", manifest]
    run(*arguments)
    first = {path.name: path.read_bytes() for path in (tmp_path / "lang").iterdir()}
    run(*arguments)
    assert {path.name: path.read_bytes() for path in (tmp_path / "lang").iterdir()} == first


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--tokens", "characters", "--espeak", "en-us"], "--espeak go with --tokens phones"),
        (["--tokens", "pieces"], "--pieces N go together"),
        (["--tokens", "phones", "--pieces", "9"], "--pieces N go together"),
        (["--tokens", "letters"], "'letters' is not one of"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, manifest, arguments, problem):
    result = run(tmp_path / "lang", "--manifest", manifest, *arguments)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_no_text_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no word to cover"):
        run(tmp_path / "lang", "--tokens", "characters")
