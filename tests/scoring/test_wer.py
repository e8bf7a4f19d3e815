import gzip
import json
import math
import subprocess
import sys

import jiwer
import kaldialign
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.scoring.wer import (
    GAP,
    ErrorCounts,
    Score,
    align,
    count_errors,
    read_hypotheses,
    score,
    score_decode,
    score_utterance,
    shortened,
)
from pyspeech.transcripts import Transcript

WORDS = st.lists(st.sampled_from(["a", "b", "ab", "É", "東京"]), max_size=8)
COUNTS = st.builds(ErrorCounts, *[st.integers(0, 50)] * 4)


def utterance(text, utterance_id="u1", speaker="ann"):
    return Transcript(utterance_id, text, speaker, 1.0)


def edits_by_brute_force(reference, hypothesis):
    """The Levenshtein distance by its definition, without any table."""
    if not reference or not hypothesis:
        return len(reference) + len(hypothesis)
    return min(
        edits_by_brute_force(reference[1:], hypothesis[1:]) + (reference[0] != hypothesis[0]),
        edits_by_brute_force(reference[1:], hypothesis) + 1,
        edits_by_brute_force(reference, hypothesis[1:]) + 1,
    )


def edits_by_table(reference, hypothesis):
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(diagonal + (word != other), row[j] + 1, row[j - 1] + 1)
    return row[-1]


@given(st.lists(st.tuples(WORDS.filter(bool), WORDS), min_size=1, max_size=6))
@example([(["a"], [])])
def test_rates_equal_jiwer_and_kaldialign(pairs):
    references = [utterance(" ".join(words), f"u{index}") for index, (words, _) in enumerate(pairs)]
    result = score(references, {f"u{index}": words for index, (_, words) in enumerate(pairs)})
    texts = [" ".join(words) for words, _ in pairs], [" ".join(words) for _, words in pairs]

    by_jiwer = jiwer.process_words(*texts)
    assert result.words.rate == by_jiwer.wer
    assert result.words.errors == by_jiwer.substitutions + by_jiwer.insertions + by_jiwer.deletions
    assert result.characters.rate == jiwer.cer(*texts)

    by_kaldialign = kaldialign.batch_error_rate([words for words, _ in pairs], [words for _, words in pairs])
    assert result.words.rate == by_kaldialign["err_rate"]
    assert result.words.reference_length == by_kaldialign["ref_len"]
    assert result.characters.errors == kaldialign.batch_error_rate(*texts)["total"]


@given(WORDS, WORDS)
def test_an_alignment_spells_both_sides_with_the_fewest_errors(reference, hypothesis):
    pairs = align(reference, hypothesis)
    assert [word for word, _ in pairs if word != GAP] == reference
    assert [word for _, word in pairs if word != GAP] == hypothesis
    assert (GAP, GAP) not in pairs
    counts = count_errors(pairs)
    assert counts.errors == edits_by_table(reference, hypothesis)
    assert counts.hits == sum(one == other for one, other in pairs)
    # What any alignment must satisfy, however it breaks ties.
    assert counts.reference_length == len(reference) == counts.hits + counts.substitutions + counts.deletions
    assert len(hypothesis) == counts.hits + counts.substitutions + counts.insertions


@given(WORDS.map(lambda words: words[:5]), WORDS.map(lambda words: words[:5]))
def test_the_fewest_errors_are_those_of_the_definition(reference, hypothesis):
    assert count_errors(align(reference, hypothesis)).errors == edits_by_brute_force(reference, hypothesis)


@given(COUNTS, COUNTS, COUNTS)
def test_counts_add_like_numbers(first, second, third):
    assert first + second == second + first
    assert (first + second) + third == first + (second + third)
    assert first + ErrorCounts() == first
    assert (first + second).errors == first.errors + second.errors


@given(st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["ann", "bob", ""])), min_size=1, max_size=6))
def test_speakers_add_up_to_the_whole(rows):
    result = Score(
        tuple(
            score_utterance(utterance(" ".join(text), f"u{i}", who), words) for i, (text, words, who) in enumerate(rows)
        )
    )
    assert sum(result.speakers.values(), ErrorCounts()) == result.words
    assert list(result.speakers) == sorted({who for _, _, who in rows})


def test_counts_of_a_small_example():
    result = score_utterance(utterance("the cat  sat on"), ["a", "the", "hat", "sat"])
    assert result.words == ErrorCounts(substitutions=1, insertions=1, deletions=1, reference_length=4)
    assert result.words.rate == 0.75
    assert result.words.hits == 2
    assert result.pairs == ((GAP, "a"), ("the", "the"), ("cat", "hat"), ("sat", "sat"), ("on", GAP))


def test_the_space_between_words_counts_as_a_character():
    result = score_utterance(utterance("ab cd"), ["abcd"])
    assert result.characters == ErrorCounts(deletions=1, reference_length=5)


def test_a_word_that_holds_a_space_is_two_words():
    assert score_utterance(utterance("a b"), ["a b", ""]).words == ErrorCounts(reference_length=2)


def test_a_rate_over_nothing_is_no_number():
    assert math.isnan(ErrorCounts(insertions=1).rate)


def test_a_missing_hypothesis_is_deletions_and_is_named():
    result = score([utterance("a b", "u1"), utterance("c", "u2"), utterance("", "u3")], {"u2": ["c"]})
    assert result.missing == ["u1", "u3"]
    assert result.words == ErrorCounts(deletions=2, reference_length=3)
    assert result.wrong_sentences == 1


def test_an_empty_hypothesis_is_not_missing():
    result = score([utterance("a b", "u1")], {"u1": []})
    assert result.missing == []
    assert result.words == ErrorCounts(deletions=2, reference_length=2)


def test_words_in_an_empty_reference_are_insertions():
    result = score([utterance("", "u1"), utterance("a", "u2")], {"u1": ["x"], "u2": ["a"]})
    assert result.words == ErrorCounts(insertions=1, reference_length=1)


def test_hypotheses_without_a_reference_are_named():
    hypotheses = {"u1": ["a"]} | {f"other-{index}": ["b"] for index in range(7)}
    with pytest.raises(UserError, match=r"7 hypotheses belong to no utterance of m: other-0, .*other-4 and 2 more;"):
        score([utterance("a")], hypotheses, "m")


def test_a_duplicate_reference_is_an_error():
    with pytest.raises(UserError, match="m: two utterances are called u1"):
        score([utterance("a"), utterance("b")], {}, "m")


@pytest.mark.parametrize(("references", "count"), [([], 0), ([utterance("")], 1)])
def test_references_without_a_word_are_an_error(references, count):
    with pytest.raises(UserError, match=f"m: {count} utterances with no word at all"):
        score(references, {}, "m")


def test_a_decode_folder_is_scored_against_its_manifest(tmp_path):
    rows = [{"id": "u1", "duration": 1.0, "supervisions": [{"text": "A B", "speaker": "ann"}]}]
    (tmp_path / "test.jsonl.gz").write_bytes(gzip.compress(json.dumps(rows[0]).encode()))
    (tmp_path / "hyps.jsonl").write_text('{"id": "u1", "words": ["A", "C"], "score": -1.5}\n')
    assert score_decode(tmp_path / "test.jsonl.gz", tmp_path).words == ErrorCounts(1, 0, 0, 2)
    with pytest.raises(UserError, match=r"no hypotheses at .*nowhere"):
        score_decode(tmp_path / "test.jsonl.gz", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"id": "u1", "words": []}\n{"id": "u1", "words": []}\n', "line 2: a second hypothesis for u1"),
        ('{"id": "u1"}\n', "line 1: expected an 'id' and a list of 'words'"),
        ('{"id": "u1", "words": "A B"}\n', "line 1: expected an 'id' and a list of 'words'"),
        ('{"id": "u1", "words": [1]}\n', "line 1: expected an 'id' and a list of 'words'"),
        ('{"id": "u1", "words": []}\n{"id": "u2", "wor', "line 2 is not valid JSON"),
        (
            '{"id": "u1", "words": []}\n{"id": "u2", "words": ["a", "\\ud800"]}\n',
            r"line 2 is not valid JSON .*half of a character",
        ),
        ('{"id": "\\udfff", "words": []}\n', r"line 1 is not valid JSON .*half of a character.*; make the file again"),
    ],
)
def test_damaged_hypotheses_are_named_by_line(tmp_path, lines, message):
    (tmp_path / "hyps.jsonl").write_text(lines)
    with pytest.raises(UserError, match=message):
        read_hypotheses(tmp_path / "hyps.jsonl")


def test_a_surrogate_pair_is_one_character(tmp_path):
    (tmp_path / "hyps.jsonl").write_text('{"id": "u1", "words": ["\\ud83d\\ude00"]}\n')
    assert read_hypotheses(tmp_path / "hyps.jsonl") == {"u1": ["\U0001f600"]}


@pytest.mark.parametrize(
    "reference", [utterance("a \ud800"), utterance("a", "u1\udfff"), utterance("a", "u1", "\ud800")]
)
def test_a_reference_with_half_a_character_is_an_error(reference):
    with pytest.raises(UserError, match=r"m: utterance 'u1.*' holds half of a character .*make the manifest again"):
        score([reference], {}, "m")


def test_long_lists_of_names_are_shortened():
    assert shortened(["a", "b"]) == "a, b"
    assert shortened(list("abcdefg"), 2) == "a, b and 5 more"


def test_scoring_needs_neither_torch_nor_k2_nor_lhotse():
    code = "import sys, pyspeech.cli.score; print({'torch', 'k2', 'lhotse'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
