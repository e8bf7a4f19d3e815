import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pyspeech.cli.export_text import export_text
from pyspeech.errors import UserError
from tests.decodes import hypotheses, said, save_decode, sentences

WORDS = [{"word": "ONE", "start": 0.0, "end": 0.3, "confidence": 0.75}, {"word": "A&B", "start": 0.4, "end": 0.9}]
PHONES = [{"token": "w", "start": 0.0, "end": 0.03}, {"token": "ʌ", "start": 0.03, "end": 0.21}]


@pytest.fixture
def decode(tmp_path):
    folder = tmp_path / "decode"
    folder.mkdir()
    lines = [
        {"id": "b/../1", "words": ["ONE", "A&B"], "word_times": WORDS, "tokens": PHONES, "seconds": 1.0},
        {"id": "a", "words": [], "word_times": [], "tokens": [], "seconds": 2.0},
    ]
    (folder / "hyps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def run(*words):
    return CliRunner().invoke(export_text, [str(word) for word in words], catch_exceptions=False)


def test_ctm_and_json_go_to_a_file_or_to_standard_output(decode, tmp_path):
    ctm = "b/../1 1 0.000 0.300 ONE 0.7500\nb/../1 1 0.400 0.500 A&B\n"
    assert run(decode, "--format", "ctm").stdout == ctm
    done = run(decode, tmp_path / "out.ctm", "--format", "ctm")
    assert (done.stdout, done.stderr) == ("", f"{tmp_path / 'out.ctm'}: 2 utterances\n")
    assert (tmp_path / "out.ctm").read_text() == ctm
    found = json.loads(run(decode, "--format", "json").stdout)["utterances"]
    assert [each["id"] for each in found] == ["b/../1", "a"]
    assert found[0]["words"] == WORDS


def test_plain_text_is_of_a_decode_or_of_what_was_said(decode, tmp_path):
    assert run(decode, "--format", "text").stdout == "a\nb/../1 ONE A&B\n"
    assert run(decode, "--format", "trn").stdout == "(a)\nONE A&B (b/../1)\n"
    done = run(decode, tmp_path / "out.stm", "--format", "stm")
    assert (done.stdout, done.stderr) == ("", f"{tmp_path / 'out.stm'}: 2 utterances\n")
    assert (tmp_path / "out.stm").read_text() == "a 1 a 0.000 2.000\nb/../1 1 b/../1 0.000 1.000 ONE A&B\n"
    cut = {"id": "u", "duration": 1.5, "supervisions": [{"text": "ONE TWO", "speaker": "ann"}]}
    (tmp_path / "test.jsonl").write_text(json.dumps(cut) + "\n")
    assert run(tmp_path / "test.jsonl", "--format", "stm").stdout == "u 1 ann 0.000 1.500 ONE TWO\n"
    done = run(tmp_path / "test.jsonl", "--format", "ctm")
    assert done.exit_code == 2
    assert "of a manifest there are" in done.stderr


def test_tokens_have_a_ctm_too(decode):
    assert run(decode, "--format", "ctm", "--tokens").stdout == "b/../1 1 0.000 0.030 w\nb/../1 1 0.030 0.180 ʌ\n"
    assert "--tokens goes with --format ctm" in run(decode, "--format", "json", "--tokens").stderr


def test_so_many_word_sequences_of_each_lattice(tmp_path):
    folder = save_decode(tmp_path / "decode", said("a", sentences(2)))
    lines = run(folder, "--format", "text", "--n", 3).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [f"a-00{utterance}-{n}" for utterance in (0, 1) for n in (1, 2, 3)]
    assert {line.split()[0][:-2]: line.split()[1:] for line in lines[::3]} == hypotheses(folder)
    assert "--n goes with --format text" in run(folder, "--format", "trn", "--n", 3).stderr
    (folder / "lattices").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="holds no lattices"):
        run(folder, "--format", "text", "--n", 3)


@pytest.mark.parametrize(("kind", "shown"), [("srt", "\nONE A&B\n"), ("vtt", "\nONE A&amp;B\n")])
def test_subtitles_are_a_folder_with_a_file_for_each_utterance(decode, tmp_path, kind, shown):
    out = tmp_path / "out"
    assert run(decode, out, "--format", kind).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == [f"a.{kind}", f"b%2F..%2F1.{kind}"]
    assert shown in (out / f"b%2F..%2F1.{kind}").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decode", "out"]
    done = run(decode, "--format", kind)
    assert done.exit_code == 2
    assert "writes a folder; name it: OUT" in done.stderr


def test_a_folder_that_holds_other_things_stays(decode):
    before = (decode / "hyps.jsonl").read_text()
    with pytest.raises(UserError, match=r"other things than these subtitles \(hyps\.jsonl\)"):
        run(decode, decode, "--format", "srt")
    assert (decode / "hyps.jsonl").read_text() == before


def test_neither_torch_nor_k2_is_needed(decode):
    program = (
        "import sys; from pyspeech.cli import cli; cli(sys.argv[1:], standalone_mode=False); "
        "sys.exit(len({'torch', 'k2', 'lhotse'} & set(sys.modules)))"
    )
    for kind in ("text", "ctm", "srt"):
        command = [
            sys.executable,
            "-c",
            program,
            "export-text",
            str(decode),
            str(decode.parent / kind),
            "--format",
            kind,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (0, 1)
