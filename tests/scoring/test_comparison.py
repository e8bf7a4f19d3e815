import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.scoring.comparison import compare_decodes, compare_scores, comparison_line, comparison_text
from pyspeech.scoring.wer import score
from pyspeech.transcripts import Transcript

TEXTS = {"u1": "the cat sat on a mat", "u2": "the cat ran", "u3": "", "u4": "so it goes"}
A = {"u1": "the hat sat on a mat", "u2": "the hat ran", "u3": "", "u4": "so it goes"}
B = {"u1": "the cat sat on a mat mat", "u2": "the cat ran", "u3": "", "u4": "so is goes"}
FOLDERS = (Path("exp/a"), Path("exp/b"))
WORDS = st.lists(st.sampled_from("abc"), max_size=5)


def scored(hypotheses, texts=TEXTS):
    references = [Transcript(name, text, "", 1.0) for name, text in texts.items()]
    return score(references, {name: text.split() for name, text in hypotheses.items()})


@pytest.fixture
def decodes(tmp_path):
    """A manifest and two decode folders."""
    cuts = [{"id": name, "duration": 1.0, "supervisions": [{"text": text}]} for name, text in TEXTS.items()]
    write_lines(tmp_path / "test.jsonl", cuts)
    for folder, hypotheses in (("a", A), ("b", B)):
        (tmp_path / folder).mkdir()
        write_hypotheses(tmp_path / folder, hypotheses)
    return tmp_path / "test.jsonl", tmp_path / "a", tmp_path / "b"


def write_hypotheses(folder, hypotheses):
    write_lines(folder / "hyps.jsonl", [{"id": name, "words": text.split()} for name, text in hypotheses.items()])


def write_lines(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def test_a_comparison_of_a_small_example(decodes):
    found = compare_decodes(*decodes)
    assert [one.words.errors for one in found.scores] == [2, 2]
    assert found.difference == 0.0
    assert found.wins == (1, 1, 2)
    assert found.only_right == ({"it": 1}, {"cat": 2})
    # cat and the mat too many; cat; it
    assert (found.segments.segments, found.segments.mean) == (4, 0.0)


def test_the_line_and_the_text_hold_the_figures():
    found = compare_scores((scored(A), scored(B | {"u1": A["u1"], "u4": TEXTS["u4"]})), FOLDERS)
    assert comparison_line(found) == (
        "%COMPARE A 16.67 B 8.33 B-A -8.33 95% [ -33.33, +0.00 ] p 0.6187 MAPSSWE p 0.3173 exp/a exp/b"
    )
    lines = comparison_text(found).splitlines()
    assert lines[0].startswith("A WER 16.67 [ 2 / 12, 0 ins, 0 del, 2 sub ] 95% [ 0.0, ")
    assert lines[0].endswith(" ] exp/a")
    assert lines[1].startswith("B WER 8.33 [ 1 / 12, ")
    assert lines[2] == "B-A   -8.33 95% [ -33.33, +0.00 ]"
    assert lines[3].startswith("Paired bootstrap: A is better in 0.0% of the samples, B in 6")
    assert lines[4] == (
        "MAPSSWE: 2 segments with errors (few: the test wants some 50), B-A -0.500 errors a segment, z -1.00; p 0.3173"
    )
    assert lines[5] == "Utterances: A is better in 0, B in 1, neither in 3"
    assert lines[7:] == ["Words that B has right and A has not: 1, of them most often", "      1  cat", ""]


def test_identical_decodes_do_not_differ():
    found = compare_scores((scored(A), scored(A)), FOLDERS)
    assert (found.bootstrap.p, found.segments.p, found.wins) == (1.0, 1.0, (0, 0, 4))
    assert "B-A +0.00 95% [ +0.00, +0.00 ] p 1.0000 MAPSSWE p 1.0000" in comparison_line(found)
    assert "Words that" not in comparison_text(found)


def test_two_perfect_decodes_have_no_segment():
    found = compare_scores((scored(TEXTS), scored(TEXTS)), FOLDERS)
    assert found.segments.segments == 0
    text = comparison_text(found)
    assert "MAPSSWE: 0 segments with errors, B-A +0.000 errors a segment, z +0.00; p 1.0000" in text
    assert "* all or none of n words; by the rule of three" in text


def test_no_test_is_stated():
    found = compare_scores((scored(A | {"u1": TEXTS["u1"]}), scored(TEXTS)), FOLDERS)
    assert "MAPSSWE p n/a" in comparison_line(found)
    assert (
        "1 segments with errors (few: the test wants some 50), B-A -1.000 errors a segment, no variance, so no test"
        in (comparison_text(found))
    )


def test_a_tiny_probability_is_not_shown_as_none():
    texts = {f"u{n}": "a a a" if n % 2 else "a" for n in range(100)}
    found = compare_scores((scored({}, texts), scored(texts, texts)), FOLDERS)
    assert "p 0.0002 MAPSSWE p <0.0001 " in comparison_line(found)


def test_the_ten_words_that_differ_most_often_are_shown():
    texts = {f"u{n}": f"w{n % 12:02d}" for n in range(13)}
    found = compare_scores((scored(texts, texts), scored({}, texts)), FOLDERS)
    rows = comparison_text(found).splitlines()
    start = rows.index("Words that A has right and B has not: 13, of them most often") + 1
    assert rows[start : start + 2] == ["      2  w00", "      1  w01"]
    assert len(rows[start:]) == 11  # and the empty line


@given(st.lists(st.tuples(WORDS.filter(bool), WORDS, WORDS), min_size=1, max_size=5))
def test_the_parts_agree_with_the_scores(rows):
    texts = {f"u{n}": " ".join(row[0]) for n, row in enumerate(rows)}
    first, second = (scored({f"u{n}": " ".join(row[side]) for n, row in enumerate(rows)}, texts) for side in (1, 2))
    found = compare_scores((first, second), FOLDERS)
    assert sum(found.wins) == len(rows)
    gained, lost = (words.total() for words in found.only_right)
    assert gained - lost == first.words.hits - second.words.hits
    errors = found.segments.mean * found.segments.segments
    assert errors == pytest.approx(second.words.errors - first.words.errors)


@pytest.mark.parametrize("lacking", [0, 1])
def test_decodes_of_other_utterances_are_refused(decodes, lacking):
    _, *folders = decodes
    write_hypotheses(folders[lacking], {"u1": "a"})
    with pytest.raises(
        UserError,
        match=rf"{folders[lacking]} has no hypothesis for 3 utterances of {folders[1 - lacking]}: u2, u3, u4; decode",
    ):
        compare_decodes(*decodes)


def test_decodes_of_another_manifest_and_missing_ones_are_refused(decodes, tmp_path):
    write_lines(decodes[0], [{"id": "x", "duration": 1.0, "supervisions": [{"text": "a"}]}])
    with pytest.raises(UserError, match="4 hypotheses belong to no utterance"):
        compare_decodes(*decodes)
    with pytest.raises(UserError, match=r"no hypotheses at .*nowhere"):
        compare_decodes(decodes[0], decodes[1], tmp_path / "nowhere")
