import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.scaffold.python_code import assignment, literal

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Corpus:
    file: str
    parts: tuple[str, ...] = ()
    text: str = ""
    allowed: bool = False


@dataclass(frozen=True)
class Nothing:
    """Of no field."""


@given(st.builds(Corpus, st.text(), st.lists(st.text()).map(tuple), st.text(), st.booleans()))
def test_the_line_makes_the_value_again(corpus):
    names = {"Corpus": Corpus}
    exec(assignment("CORPUS", corpus), names)  # noqa: S102 -- what it says is under test
    assert names["CORPUS"] == corpus


@given(st.text())
def test_a_string_is_a_literal_of_itself(text):
    assert ast.literal_eval(literal(text)) == text


def test_only_what_differs_from_the_defaults_stands_there():
    assert assignment("A", Corpus("a.tsv", text="{t}")) == 'A = Corpus("a.tsv", text="{t}")'
    assert assignment("A", Corpus("a", ("b",), allowed=True)) == 'A = Corpus("a", parts=("b",), allowed=True)'
    assert assignment("NOTHING", Nothing()) == "NOTHING = Nothing()"


@pytest.mark.skipif(not (Path(sys.executable).parent / "ruff").exists(), reason="needs ruff")
def test_ruff_would_lay_it_out_in_the_same_way(tmp_path):
    words = ["a", "it's", 'say "a"', 'it\'s "a"', "back\\slash", "tab\t", "ü", "x" * 40, "y" * 90, "{a}/{b}.wav"]
    values = [Corpus(a, (b,), c) for a in words for b in words for c in words]
    lines = [assignment(f"A{number}", value) for number, value in enumerate(values)]
    file = tmp_path / "lines.py"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    program = [Path(sys.executable).parent / "ruff", "format", "--diff", "--config", PROJECT / "pyproject.toml", file]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
