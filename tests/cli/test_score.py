import json
import re

import pytest
from click.testing import CliRunner

from pyspeech.cli.score import score
from pyspeech.errors import UserError
from tests.processes import run_and_list_imports

CUTS = [("u1", "ONE TWO"), ("u2", "THREE FOUR"), ("u3", "FIVE SIX")]


@pytest.fixture
def decode(tmp_path):
    folder = tmp_path / "decode"
    folder.mkdir()
    write_lines(
        tmp_path / "test.jsonl",
        [{"id": name, "duration": 1.0, "supervisions": [{"text": text, "speaker": "ann"}]} for name, text in CUTS],
    )
    write_lines(folder / "hyps.jsonl", [{"id": "u1", "words": ["ONE", "TWO"]}, {"id": "u2", "words": ["FOUR"]}])
    return folder


def write_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def run(*words):
    return CliRunner().invoke(score, [str(word) for word in words], catch_exceptions=False)


def test_the_last_line_is_the_figure_and_missing_ids_go_to_stderr(decode):
    done = run("wer", decode.parent / "test.jsonl", decode)
    assert done.exit_code == 0
    last = done.stdout.splitlines()[-1]
    number = r"\d+\.\d"
    assert re.fullmatch(rf"%WER 50\.00 \[ 3 / 6, 0 ins, 3 del, 0 sub \] 95% \[ {number}, {number} \] {decode}", last)
    assert done.stderr == "warning: no hypothesis, counted as deletions (1): u3\n"
    assert (decode / "score/score.json").exists()


def test_a_command_that_does_not_exist_is_answered_with_those_that_do():
    done = run("verificaton", "folder")
    assert done.exit_code == 2
    assert "no command 'verificaton'; did you mean 'verification'?" in done.stderr
    assert "verification, wer" in run("verify", "folder").stderr


def test_a_hypothesis_of_another_set_writes_nothing(decode):
    write_lines(decode / "hyps.jsonl", [{"id": "x9", "words": ["ONE"]}])
    with pytest.raises(UserError, match="x9"):
        run("wer", decode.parent / "test.jsonl", decode)
    assert [path.name for path in decode.iterdir()] == ["hyps.jsonl"]


def test_the_program_prints_one_error_line_and_answers_quickly(decode):
    done, imported = run_and_list_imports("score", "wer", decode.parent / "no.jsonl.gz", decode)
    assert "pyspeech" in imported
    assert not {"torch", "lhotse", "k2", "scipy", "matplotlib"} & imported
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: no manifest at ")
    assert done.stderr.count("\n") == 1


def test_the_last_line_of_rare_words_holds_all_rates_and_the_files_are_written(decode):
    (decode.parent / "list.txt").write_text("TWO\nFIVE SIX\n")
    done = run("rare-words", decode.parent / "test.jsonl", decode, "--words", decode.parent / "list.txt")
    assert done.exit_code == 0
    last = done.stdout.splitlines()[-1]
    interval = r"95% \[ \d+\.\d, \d+\.\d \]"
    assert re.fullmatch(
        rf"%B-WER 66.67 \[ 2 / 3 \] {interval} %U-WER 33.33 \[ 1 / 3 \] {interval} "
        rf"%WER 50.00 \[ 3 / 6 \] {interval} {decode}",
        last,
    )
    assert done.stderr == "warning: no hypothesis, counted as deletions (1): u3\n"
    assert (decode / "score/rare_words.txt").read_text() == done.stdout
    assert (decode / "score/rare_words.json").exists()


def test_rare_words_wants_a_list(decode):
    done = run("rare-words", decode.parent / "test.jsonl", decode)
    assert done.exit_code == 2
    assert "--words" in done.stderr
    with pytest.raises(UserError, match="no list of words at "):
        run("rare-words", decode.parent / "test.jsonl", decode, "--words", decode.parent / "no.txt")
    assert [path.name for path in decode.iterdir()] == ["hyps.jsonl"]


def test_half_a_character_in_the_hypotheses_is_named_by_line(decode):
    (decode / "hyps.jsonl").write_text('{"id": "u1", "words": ["ONE", "\\ud800"]}\n')
    with pytest.raises(UserError, match=r"hyps\.jsonl, line 1 is not valid JSON .*half of a character.*"):
        run("wer", decode.parent / "test.jsonl", decode)
