from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import linear_lattice
from pyspeech.errors import UserError
from pyspeech.formats.slf import read_slf, slf_text
from pyspeech.formats.word_lattice import word_lattice
from tests.lattices import assert_well_formed, random_lattice, same

TOKENS, WORDS = ("<blk>", "a", "ɔː"), ("<eps>", "DON'T", "ÉTÉ", '"')
SYMBOLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
TEXT = """VERSION=1.0
UTTERANCE="utt 1"
# a remark
frameseconds=0.03
N=3 L=3
I=0 t=0.0
I=1 t=0.03
I=2 t=0.03
J=0 S=0 E=1 W=ONE a=-1.5 l=-0.25 unit=a
J=1 S=0 E=1 W=!NULL a=-2 l=0 unit=<blk>
J=2 S=1 E=2 W=!NULL l=-1
"""


def ids(symbols):
    return {symbol: id_ for id_, symbol in enumerate(symbols)}


def written_and_read(folder, lattice, tokens=TOKENS, words=WORDS, frame_seconds=0.03):
    path = folder / "utt.slf"
    path.write_text(slf_text(lattice, tokens, words, frame_seconds, 1.0), encoding="utf-8", newline="")
    found, seconds = read_slf(path, ids(tokens), ids(words))
    assert seconds == frame_seconds
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("slf")


@given(st.integers(0, 10_000), SYMBOLS, st.sampled_from([0.01, 0.03, 0.0125, 1 / 3, 0.064]))
def test_any_lattice_survives_as_text(folder, seed, id_, frame_seconds):
    lattice = random_lattice(seed, num_frames=8, id_=id_)
    assert same(written_and_read(folder, lattice, frame_seconds=frame_seconds), lattice)


@given(st.integers(0, 10_000))
def test_a_lattice_of_words_survives_too(folder, seed):
    lattice = word_lattice(random_lattice(seed, num_frames=8), 1.0)
    assert same(written_and_read(folder, lattice), lattice)


@given(st.lists(SYMBOLS, min_size=6, max_size=6, unique=True))
def test_any_symbol_survives(folder, symbols):
    lattice = random_lattice(5)
    assert same(written_and_read(folder, lattice, symbols[:3], ["<eps>", *symbols[3:]]), lattice)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=3, max_size=3))
def test_scores_keep_every_bit(folder, scores):
    lattice = linear_lattice("utt", *(np.zeros(2, np.int32),) * 2, np.zeros(2, np.float32))
    lattice = replace(lattice, acoustic=np.array(scores, np.float32), graph=np.array(scores[::-1], np.float32))
    found = written_and_read(folder, lattice)
    assert found.acoustic.tobytes() == lattice.acoustic.tobytes()
    assert found.graph.tobytes() == lattice.graph.tobytes()


def test_an_utterance_without_frames_survives(folder):
    lattice = linear_lattice("utt", *(np.zeros(0, np.int32),) * 2, np.zeros(0, np.float32))
    assert same(written_and_read(folder, lattice), lattice)


def test_the_text_follows_the_grammar():
    text = slf_text(random_lattice(3, id_="it's 1"), TOKENS, WORDS, 0.03, 0.7)
    header, body = text.partition("I=0")[::2]
    assert header.splitlines() == [
        "VERSION=1.0",
        r"UTTERANCE=it's\0401",
        "frameseconds=0.03",
        "lmscale=1.0 wdpenalty=0.0 acscale=0.7",
        header.splitlines()[-1],
    ]
    count = dict(field.split("=") for field in header.splitlines()[-1].split())
    lines = ("I=0" + body).splitlines()
    assert sum(line.startswith("I=") for line in lines) == int(count["N"])
    assert sum(line.startswith("J=") for line in lines) == int(count["L"])


def test_text_of_another_tool_is_read(tmp_path):
    path = tmp_path / "a.slf"
    tokens, words = ids(TOKENS), ids(WORDS)
    path.write_text(TEXT)
    found, seconds = read_slf(path, tokens, words)
    assert_well_formed(found)
    assert (found.id, found.num_frames, seconds) == ("utt 1", 1, 0.03)
    assert found.word.tolist() == [4, 0, 0]  # ONE was not there before
    assert words["ONE"] == 4
    assert found.token.tolist() == [1, 0, -1]
    assert found.acoustic.tolist() == [-1.5, -2, 0]
    # The same with other line ends, long names, and quotes.
    for old, new in (("\n", "\r\n"), ("N=3 L=3", "NODES=3\nLINKS=3"), (" W=", " WORD="), ("ONE", r"'\117NE'")):
        path.write_text(path.read_text().replace(old, new), newline="")
        assert same(read_slf(path, tokens, words)[0], found)


def test_words_may_be_on_the_nodes_they_lead_to(tmp_path):
    path = tmp_path / "a.slf"
    nodes = "I=0 t=0 W=!NULL\nI=1 t=0.3 W=ONE\nI=2 t=0.6 W=TWO\nJ=0 S=0 E=1\nJ=1 S=1 E=2\nJ=2 S=0 E=2\n"
    path.write_text("UTTERANCE=utt\nframeseconds=0.03\nN=3 L=3\n" + nodes)
    words = {"<eps>": 0}
    found, _ = read_slf(path, {}, words)
    assert words == {"<eps>": 0, "ONE": 1, "TWO": 2}
    assert found.word.tolist() == [1, 2, 2]
    assert found.frame.tolist() == [0, 0, 10]
    assert found.num_frames == 20


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("J=1 S=0", "J=1 S=zero", r"line 10: S=zero is no whole number below 3"),
        ("J=1 S=0", "J=1 S=7", r"line 10: S=7 is no whole number below 3"),
        ("J=2 S=1 E=2", "J=2 S=2 E=1", r"line 11: S=2 E=1 does not lead to a higher node"),
        ("J=1 S=0", "J=1", r"line 10: there is no field S="),
        ("J=1", "J=0", r"line 10: J=0 was there before"),
        ("J=1", "K=1", r"line 10: there is no field J="),
        ("a=-2 ", "a=low ", r"line 10: a=low is no number"),
        ("a=-2 ", "a=nan ", r"line 10: a=nan is no number"),
        ("a=-2 ", "a=-1e39 ", r"line 10: a=-1e39 is no number of 32 bits"),
        ("a=-2 ", "a= ", r"line 10: expected NAME=value, found 'a= l=0 unit=<blk>'"),
        ("W=!NULL a=-2", 'W="ONE a=-2', r"line 10: expected NAME=value"),
        ("unit=<blk>", "unit=<blk> and more", r"line 10: expected NAME=value, found 'and more'"),
        ("J=2 S=1 E=2 W=!NULL", "J=2 S=1 E=2", r"line 8: there is no field W="),
        ("J=2 S=1 E=2", "J=2 unit=a S=0 E=1", r"line 7: this node lies on no path"),
        ("I=1 t=0.03", "I=1", r"line 7: there is no field t="),
        ("I=1 t=0.03", "I=1 t=0.04", r"line 7: t=0.04 is no multiple of 0.03 s"),
        ("I=1 t=0.03", "I=0 t=0.03", r"line 7: I=0 was there before"),
        ("I=1 t=0.03", "I=1 t=0", r"line 9: it lasts 0 frames; a link with a unit takes one"),
        ("I=0 t=0.0\n", "I=0 t=0.03\n", r"line 9: it lasts 0 frames"),
        ("unit=<blk>", "phone=a", r"line 10: it lasts 1 frames"),
        ("N=3", "N=4", r"line 5: N=4 L=3, but 3 nodes and 3 links follow"),
        ("J=2 S=1 E=2 W=!NULL l=-1\n", "", r"line 5: N=3 L=3, but 3 nodes and 2 links follow"),
        ("N=3 L=3\n", "", r"line 5: expected a header with N= and L="),
        ("frameseconds=0.03\n", "", r"line 4: there is no field frameseconds="),
        ("frameseconds=0.03", "frameseconds=0", r"frameseconds=0.0 is no duration"),
        ('UTTERANCE="utt 1"\n', "", r"there is no field UTTERANCE="),
        ("I=2 t=0.03", "I=2 t=3e8", r"line 8: t=3e8 is no multiple of 0.03 s"),
        ("unit=a", "unit=\\000", r"line 9: unit= holds the character NUL"),
        ("N=3", "N=2147483647", r"line 5: N=2147483647 L=3, but 3 nodes"),
        ("J=2 S=1 E=2", "J=2 S=2 E=2", r"line 11: S=2 E=2 does not lead to a higher node"),
        ("VERSION=1.0", "lmscale=15", r"lmscale=15 is not understood, only 1.0"),
        ("VERSION=1.0", "SUBLAT=a", r"line 1: .*no sub-lattice"),
        (TEXT, "", r"line 1: there is no field frameseconds="),
    ],
)
def test_damage_is_named_with_its_line(tmp_path, old, new, message):
    path = tmp_path / "a.slf"
    assert TEXT.count(old) == 1
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(UserError, match=rf"a\.slf, .*{message}") as caught:
        read_slf(path, ids(TOKENS), ids(WORDS))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_named(tmp_path):
    path = tmp_path / "a.slf"
    path.write_bytes(TEXT.encode().replace(b"W=ONE", b"W=\xff\xfe"))
    with pytest.raises(UserError, match="line 9: W= is not UTF-8"):
        read_slf(path, ids(TOKENS), ids(WORDS))
    with pytest.raises(UserError, match="no lattice at"):
        read_slf(tmp_path / "no.slf", {}, {})


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="ascii"))
def test_no_damage_raises_anything_else(folder, place, character):
    path = folder / "damaged.slf"
    path.write_text(TEXT[:place] + character + TEXT[place + 1 :], newline="")
    try:
        assert_well_formed(read_slf(path, ids(TOKENS), ids(WORDS))[0])
    except UserError as error:
        assert "damaged.slf, line " in str(error)  # noqa: PT017 -- both ends are right


def test_a_word_like_no_word_is_refused():
    with pytest.raises(UserError, match="'!NULL'"):
        slf_text(random_lattice(1), TOKENS, ("<eps>", "!NULL", "B", "C"), 0.03, 1.0)
