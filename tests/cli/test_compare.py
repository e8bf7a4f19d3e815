import json
import re

import pytest
from click.testing import CliRunner

from pyspeech.cli.compare import compare
from pyspeech.errors import UserError

CUTS = [("u1", "ONE TWO"), ("u2", "THREE FOUR"), ("u3", "FIVE SIX")]


@pytest.fixture
def paths(tmp_path):
    """A manifest and two decodes of it without u3."""
    cuts = [{"id": name, "duration": 1.0, "supervisions": [{"text": text}]} for name, text in CUTS]
    write_lines(tmp_path / "test.jsonl", cuts)
    for folder, words in (("a", ["ONE", "TWO"]), ("b", ["ONE", "TOO"])):
        (tmp_path / folder).mkdir()
        write_lines(tmp_path / folder / "hyps.jsonl", [{"id": "u1", "words": words}, {"id": "u2", "words": ["FOUR"]}])
    return tmp_path / "test.jsonl", tmp_path / "a", tmp_path / "b"


def write_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def run(*words):
    return CliRunner().invoke(compare, [str(word) for word in words], catch_exceptions=False)


def test_the_last_line_holds_the_figures_and_nothing_is_written(paths):
    done = run(*paths)
    assert done.exit_code == 0
    assert re.fullmatch(
        r"%COMPARE A 50\.00 B 66\.67 B-A \+16\.67 95% \[ \+0\.00, \+50\.00 \] p 0\.\d{4} MAPSSWE p 0\.\d{4} "
        rf"{paths[1]} {paths[2]}",
        done.stdout.splitlines()[-1],
    )
    assert done.stderr == "warning: no hypothesis, counted as deletions (1): u3\n"
    assert [path.name for folder in paths[1:] for path in folder.iterdir()] == ["hyps.jsonl"] * 2


def test_a_decode_compared_with_itself_does_not_differ(paths):
    last = run(paths[0], paths[1], paths[1]).stdout.splitlines()[-1]
    assert "B-A +0.00 95% [ +0.00, +0.00 ] p 1.0000 MAPSSWE p 1.0000" in last


def test_decodes_of_other_utterances_are_refused(paths):
    write_lines(paths[2] / "hyps.jsonl", [{"id": "u1", "words": []}])
    with pytest.raises(UserError, match=r"b has no hypothesis for 1 utterances of .*a: u2; decode the same manifest"):
        run(*paths)
