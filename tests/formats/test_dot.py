import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import best_path, linear_lattice
from pyspeech.errors import UserError
from pyspeech.formats.dot import dot_text, draw
from tests.lattices import all_paths, random_lattice, words_on

WORDS = ("<eps>", "ONE", 'SAY "\\N"', "ÉTÉ")
STATE = re.compile(r'(\d+) \[label="([0-9.]+)"\];')
# A string ends at the first quote that no backslash precedes; a backslash belongs to what follows it.
ARC = re.compile(r'(\d+) -> (\d+) \[label="((?:[^"\\]|\\.)*)\\n(-?[0-9.]+)  (\d+)%"(.*)\];')


def read(text):
    """States with their times, and arcs as (source, target, word, score, per cent, bold)."""
    states = {int(number): float(seconds) for number, seconds in STATE.findall(text)}
    arcs = [
        (int(source), int(target), re.sub(r"\\(.)", r"\1", word), float(score), int(share), "penwidth" in rest)
        for source, target, word, score, share, rest in ARC.findall(text)
    ]
    return states, arcs


@given(st.integers(0, 10_000), st.sampled_from([0.5, 2.0]))
def test_the_picture_has_the_best_words_bold_in_their_order(seed, scale):
    lattice = random_lattice(seed, num_frames=6)
    states, arcs = read(dot_text(lattice, WORDS, 0.03, scale, 1.0))
    bold = sorted(arc for arc in arcs if arc[-1])
    path = best_path(lattice, scale)
    said = [WORDS[word] for word in words_on(lattice, tuple(path.tolist()))]
    assert [word for _, _, word, *_ in bold if word != "–"] == said
    assert sum(arc[3] for arc in bold) == pytest.approx(lattice.scores(scale)[path].sum(), abs=0.06 * len(bold))
    assert (states[0], states[max(states)]) == (0, 0.18)
    assert [arc[0] for arc in bold] == [0, *(arc[1] for arc in bold[:-1])]


@given(st.integers(0, 10_000), st.sampled_from([0.2, 1.0, 3.0]))
def test_only_likely_words_are_drawn_and_all_of_them(seed, beam):
    lattice = random_lattice(seed)
    scores = {path: lattice.scores(1.0)[list(path)].sum() for path in all_paths(lattice)}
    likely = [path for path, score in scores.items() if score >= max(scores.values()) - beam]
    drawn = {word for _, _, word, *_ in read(dot_text(lattice, WORDS, 0.03, 1.0, beam))[1]}
    assert drawn - {"–"} == {WORDS[word] for path in likely for word in words_on(lattice, path)}


def test_one_path_is_drawn_as_it_is():
    words = np.array([0, 1, 0, 2], np.int32)
    text = dot_text(linear_lattice('a "b"\\', words * 0, words, np.full(4, -1, np.float32)), WORDS, 0.03, 1.0, 2.0)
    assert text.startswith('digraph "a \\"b\\"\\\\" {\n')
    states, arcs = read(text)
    assert states == {0: 0.0, 1: 0.03, 2: 0.09, 3: 0.12}
    assert arcs == [
        (0, 1, "–", -1.0, 100, True),
        (1, 2, "ONE", -2.0, 100, True),
        (2, 3, 'SAY "\\N"', -1.0, 100, True),
    ]


def test_dot_text_needs_no_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    text = dot_text(random_lattice(1), WORDS, 0.03, 1.0, 2.0)
    draw(text, tmp_path / "a.dot")
    assert (tmp_path / "a.dot").read_text(encoding="utf-8") == text
    with pytest.raises(UserError, match=r"a\.svg needs the program dot .*write a \.dot, which needs none"):
        draw(text, tmp_path / "a.svg")
    with pytest.raises(UserError, match=r"a\.gif has no suffix of a drawing; .*\.dot, \.svg, \.png, \.pdf"):
        draw(text, tmp_path / "a.gif")
    assert [path.name for path in tmp_path.iterdir()] == ["a.dot"]


needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz' program dot")


@needs_dot
@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_pictures_are_drawn(tmp_path, suffix, start):
    out = tmp_path / f"a{suffix}"
    draw(dot_text(random_lattice(9, num_frames=6), WORDS, 0.03, 1.0, 2.0), out)
    assert out.read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@needs_dot
def test_graphviz_reads_every_label_as_it_was_meant(tmp_path):
    words = np.array([1, 2, 3], np.int32)
    lattice = linear_lattice("utt <1>", words * 0, words, np.zeros(3, np.float32))
    draw(dot_text(lattice, WORDS, 0.03, 1.0, 2.0), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for label in ("ONE", "SAY &quot;\\N&quot;", "ÉTÉ", "utt &lt;1&gt;", "0.09"):
        assert f">{label}</text>" in svg


@needs_dot
def test_what_dot_says_against_a_text_is_told(tmp_path):
    with pytest.raises(UserError, match=r"cannot draw .*a\.svg \(.*syntax error"):
        draw("digraph {", tmp_path / "a.svg")
    assert not list(Path(tmp_path).iterdir())
