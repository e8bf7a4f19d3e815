import gzip
import itertools
import math

import kenlm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.graph.arcs import FINAL_LABEL
from pyspeech.lm.arpa import arpa_words
from pyspeech.lm.ngram import LmSettings, train_lm
from tests.grammars import Walker

# What other toolkits write: pruned suffixes ("b c" is no history of "a b c"), back-offs left out, and a back-off
# on an n-gram that nothing extends ("c").
FOREIGN = """\\data\\
ngram 1=6
ngram 2=4
ngram 3=2

\\1-grams:
-1.5\t<unk>
-99\t<s>\t-0.25
-0.75\t</s>
-0.5\ta\t-0.125
-0.625\tb
-1\tc\t-0.5

\\2-grams:
-0.25\t<s> a\t-0.375
-0.5 a b\t-0.0625
-0.3\tb a
-0.7\ta </s>

\\3-grams:
-0.1\t<s> a b
-0.2\ta b c

\\end\\
"""


def assert_equal_to_kenlm(walker, model, sentences):
    for sentence in sentences:
        expected = sum(log10 for log10, *_ in model.full_scores(" ".join(sentence))) * math.log(10)
        assert walker.exact(sentence) == pytest.approx(expected, abs=1e-4)
        assert walker.best(sentence) >= expected - 1e-4


def lists_of(words, max_size):
    return st.lists(st.lists(st.sampled_from(words), min_size=1, max_size=7), min_size=1, max_size=max_size)


@given(
    corpus=lists_of("abcd", 8),
    sentences=lists_of("abcdxy", 12),
    order=st.integers(2, 4),
    prune=st.sampled_from([(), (0, 1), (0, 0, 1)]),
)
@settings(max_examples=20)
def test_every_sentence_scores_as_in_kenlm_unknown_words_included(tmp_path_factory, corpus, sentences, order, prune):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text").write_text("\n".join(map(" ".join, corpus)))
    train_lm(folder / "lm", [folder / "text"], LmSettings(order, prune[:order]), memory="100M")
    walker = Walker(folder / "lm" / "lm.arpa")
    assert_equal_to_kenlm(walker, kenlm.Model(str(folder / "lm" / "lm.bin")), [*sentences, []])


@pytest.fixture
def foreign(tmp_path):
    path = tmp_path / "foreign.arpa"
    path.write_text(FOREIGN)
    return path


def all_sentences(words, max_words):
    return itertools.chain.from_iterable(itertools.product(words, repeat=count) for count in range(max_words + 1))


def test_a_model_with_pruned_suffixes_scores_as_in_kenlm(foreign):
    assert_equal_to_kenlm(Walker(foreign), kenlm.Model(str(foreign)), all_sentences("abcx", 5))


def test_only_histories_that_change_a_score_are_states(foreign):
    # <s>, "", a, b, c, "<s> a", "a b" and the final state; "b a" is nothing but "a".
    assert Walker(foreign).grammar.num_states == 8


def test_the_start_is_state_0_the_final_state_the_last_and_arcs_are_sorted(foreign):
    grammar = Walker(foreign).grammar
    assert (np.diff(grammar.source) >= 0).all()
    final = grammar.label == FINAL_LABEL
    assert (grammar.target[final] == grammar.num_states - 1).all()
    assert (grammar.target[~final] < grammar.num_states - 1).all()
    assert (grammar.source < grammar.num_states - 1).all()


def test_leaving_words_out_keeps_the_scores_of_the_others(foreign):
    some, every = Walker(foreign, ["c", "a"]), Walker(foreign)
    for sentence in all_sentences("ac", 4):
        assert some.exact(sentence) == pytest.approx(every.exact(sentence), abs=1e-5)


def test_a_packed_model_is_the_same(foreign, tmp_path):
    (tmp_path / "foreign.arpa.gz").write_bytes(gzip.compress(FOREIGN.encode()))
    assert arpa_words(tmp_path / "foreign.arpa.gz") == ["<unk>", "a", "b", "c"]
    assert Walker(tmp_path / "foreign.arpa.gz").arcs == Walker(foreign).arcs


def test_a_unigram_model_has_one_history(tmp_path):
    (tmp_path / "a").write_text("\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <s>\n-0.5 </s>\n-0.25 a\n\n\\end\\\n")
    walker = Walker(tmp_path / "a")
    assert walker.grammar.num_states == 2
    assert walker.exact("aa") == pytest.approx(-math.log(10))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("\\end\\\n", "", "is not a complete ARPA file: it has no line '\\\\end\\\\'"),
        ("-0.2\ta b c\n", "", "1 3-grams where its head says 2"),
        ("-0.2\ta b c\n\n\\end\\\n", "", "is not a complete ARPA file"),
        ("-0.75\t</s>\n", "-0.75\td\n", "the end of a sentence, </s>, is no 1-gram"),
        ("-0.3\tb a\n", "-0.3\tb\n", "line 17: expected log10 (at most 0), 2 words and perhaps a back-off, found"),
        ("-0.3\tb a\n", "x\tb a\n", r"found 'x\tb a'"),
        ("-0.3\tb a\n", "nan\tb a\n", r"found 'nan\tb a'"),
        ("-0.3\tb a\n", "inf\tb a\n", r"found 'inf\tb a'"),
        ("-0.3\tb a\n", "0.3\tb a\n", r"found '0.3\tb a'"),
        ("-0.5 a b\t-0.0625\n", "-0.5 a b\tnan\n", r"found '-0.5 a b\tnan'"),
        ("ngram 2=", "ngram 2=x", "expected 'ngram 2=<count>', found 'ngram 2=x"),
        ("-0.5 a b\t-0.0625\n", "-0.5 c b\t-0.0625\n", "'a b c' stands without 'a b'"),
        ("\\2-grams:", "\\4-grams:", "line 14: expected \\\\2-grams:, found \\\\4-grams:"),
    ],
)
def test_a_damaged_model_is_refused_with_its_place(tmp_path, before, after, message):
    text = FOREIGN.replace("-0.7\ta </s>", "-0.7\ta c")  # so that only a unigram ends a sentence
    assert before in text
    (tmp_path / "bad.arpa").write_text(text.replace(before, after))
    with pytest.raises(UserError, match=r"bad\.arpa") as caught:
        Walker(tmp_path / "bad.arpa", ["a", "b", "c", "d"])
    assert message.replace("\\\\", "\\") in str(caught.value)
