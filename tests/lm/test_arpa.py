import bz2
import gzip
import lzma
import math
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.lm import arpa
from pyspeech.lm.arpa import LOG10_OF_ZERO, ArpaReader, arpa_words, for_kenlm, is_arpa
from pyspeech.lm.perplexity import perplexity
from pyspeech.rescoring.language_model import LN10, open_lm
from tests.grammars import Walker

MARKS = ("<unk>", "<s>", "</s>")
WORDS = ("a", "b", "c", "naïve")
NO_UNKNOWN_LOG10 = -100.0
PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}


@dataclass(frozen=True)
class Model:
    """N-grams of each order with log10 probability and back-off; the second opinion is to look them up."""

    orders: tuple[dict[tuple[str, ...], tuple[float, float]], ...]

    def log10(self, sentence):
        """Of a sentence and its end."""
        known = {ngram: values for ngrams in self.orders for ngram, values in ngrams.items()}
        words = [word if (word,) in known else "<unk>" for word in (*sentence, "</s>")]
        total, history = 0.0, ("<s>",)
        for word in words:
            history = history[-len(self.orders) + 1 :] if len(self.orders) > 1 else ()
            while (*history, word) not in known and history:
                total += known.get(history, (0.0, 0.0))[1]
                history = history[1:]
            total += known.get((*history, word), (NO_UNKNOWN_LOG10, 0.0))[0]
            history = (*history, word)
        return total

    def text(self, lines=lambda lines: lines):
        head = [f"ngram {order}={len(ngrams)}" for order, ngrams in enumerate(self.orders, 1)]
        body = []
        for order, ngrams in enumerate(self.orders, 1):
            body += ["", f"\\{order}-grams:"]
            for ngram, (log10, back_off) in ngrams.items():
                tail = "" if order == len(self.orders) or (back_off == 0 and len(ngram[-1]) > 1) else f"\t{back_off}"
                body.append(f"{log10}\t{' '.join(ngram)}{tail}")
        return "\n".join(["\\data\\", *head, *body, "", "\\end\\", ""])


LOG10S = st.integers(-24, 0).map(lambda eighths: eighths / 8)
BACK_OFFS = st.one_of(st.just(0.0), st.integers(-16, 4).map(lambda eighths: eighths / 8))


@st.composite
def models(draw):
    """Models whose n-grams have their histories, but need not have their suffixes."""
    words = draw(st.lists(st.sampled_from([*WORDS, "no\u00a0break"]), min_size=1, unique=True))
    has_unknown = draw(st.booleans())
    names = [name for name in MARKS if has_unknown or name != "<unk>"] + words
    orders = [{(name,): (draw(LOG10S), draw(BACK_OFFS)) for name in draw(st.permutations(names))}]
    followers = [*words, "</s>", *(["<unk>"] if has_unknown else [])]
    for _ in range(draw(st.integers(0, 3))):
        histories = [ngram for ngram in orders[-1] if ngram[-1] != "</s>"]
        if not histories:
            break
        possible = [(*history, word) for history in histories for word in followers]
        ngrams = draw(st.lists(st.sampled_from(possible), max_size=10, unique=True))
        orders.append({ngram: (draw(LOG10S), draw(BACK_OFFS)) for ngram in ngrams})
    return Model(tuple(orders))


SENTENCES = st.lists(st.lists(st.sampled_from([*WORDS, "unheard"]), min_size=1, max_size=6), min_size=1, max_size=4)


def scores_of(folder, path, sentences):
    """What graph, perplexity and rescore say of each sentence in log10; None where a graph has no such word."""
    (folder / "text").write_text("".join(" ".join(words) + "\n" for words in sentences), encoding="utf-8")

    def graph():
        walker = Walker(path)
        known = [all(word in walker.ids or "<unk>" in walker.ids for word in words) for words in sentences]
        return [walker.exact(words) / LN10 if sure else None for sure, words in zip(known, sentences, strict=True)]

    def rescore():
        model = open_lm(path, folder / "cache")
        return [model.score(words) / LN10 for words in sentences]

    return outcome(graph), outcome(lambda: perplexity(path, [folder / "text"]).log10_all), outcome(rescore)


def outcome(ask):
    try:
        return ask()
    except UserError as error:
        return str(error)


def assert_taken(folder, path, sentences, expected):
    """By all three, with these log10 probabilities."""
    by_graph, by_perplexity, by_rescore = scores_of(folder, path, sentences)
    assert by_rescore == pytest.approx(expected, abs=1e-4)
    assert by_perplexity == pytest.approx(math.fsum(expected), abs=1e-3)
    assert len(by_graph) == len(expected)
    for found, wanted in zip(by_graph, expected, strict=True):
        assert found is None or found == pytest.approx(wanted, abs=1e-4)


def assert_refused(folder, path, reason=""):
    said = set(scores_of(folder, path, [["a"]]))
    assert len(said) == 1
    (message,) = said
    assert isinstance(message, str), message
    assert len(message.splitlines()) == 1
    assert path.name in message
    assert reason in message


NUMBERS = count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("arpa")


def new_path(folder, suffix=""):
    """One that no other example has written."""
    return folder / f"model{next(NUMBERS)}.arpa{suffix}"


def in_lines(change):
    """A change of every line as one of the text."""
    return lambda text: "\n".join(map(change, text.split("\n")))


HARMLESS = {
    "as it is": lambda text: text,
    "byte order mark": lambda text: f"\ufeff{text}",
    "ends of lines of Windows": lambda text: text.replace("\n", "\r\n"),
    "spaces for tabs": lambda text: text.replace("\t", " "),
    "many blanks": lambda text: text.replace("\t", "  \t "),
    "blanks around": in_lines(lambda line: f" {line} \t"),
    "blank lines": lambda text: text.replace("\n", "\n\n"),
    "no blank lines": lambda text: text.replace("\n\n", "\n"),
    "<UNK>": lambda text: text.replace("<unk>", "<UNK>"),
    "text before": lambda text: f"This is a CLOSED-vocabulary model\n#####\n\n{text}",
    "blanks after the last line": lambda text: text.replace("\\end\\", "\\end\\ "),
    "no newline at the end": lambda text: text.rstrip(),
    "blanks in counts": lambda text: text.replace("ngram ", "ngram  ").replace("=", " =  "),
    "signs and exponents": lambda text: text.replace("-0.5\t", "-5.0E-01\t").replace("\t0.5\n", "\t+.5e+0\n"),
    "digits": lambda text: text.replace("0.5", "0.50000000000000000000000000000"),
}


@given(models(), SENTENCES, st.lists(st.sampled_from(sorted(HARMLESS)), max_size=3), st.sampled_from(sorted(PACKERS)))
@settings(max_examples=40)
def test_what_can_mean_one_thing_only_means_it_everywhere(folder, model, sentences, changes, suffix):
    text = model.text()
    for change in changes:
        text = HARMLESS[change](text)
    path = new_path(folder, suffix)
    path.write_bytes(PACKERS[suffix](text.encode()))
    assert_taken(folder, path, sentences, [model.log10(words) for words in sentences])


@given(models(), st.data())
@settings(max_examples=60)
def test_whatever_happens_to_a_file_all_commands_agree(folder, model, data):
    content = bytearray(HARMLESS[data.draw(st.sampled_from(sorted(HARMLESS)))](model.text()).encode())
    for _ in range(data.draw(st.integers(1, 2))):
        start = data.draw(st.integers(0, len(content) - 1))
        stop = min(len(content), start + data.draw(st.integers(0, 12)))
        new = [
            b"",
            b"\0",
            b"\n",
            b"\t",
            b" ",
            b"-",
            b"9",
            b"\xff",
            b"</s>",
            b"<s>",
            b"a",
            b"\\",
            b"nan",
            b"inf",
            b"1e99",
        ]
        content[start:stop] = data.draw(st.sampled_from(new))
    path = new_path(folder)
    path.write_bytes(content)
    sentences = [["a"], ["b", "unheard"], ["c", "a", "b"]]
    by_graph, by_perplexity, by_rescore = scores_of(folder, path, sentences)
    if isinstance(by_graph, str):
        assert by_perplexity == by_rescore == by_graph
    else:
        assert by_perplexity == pytest.approx(math.fsum(by_rescore), abs=1e-3)
        for found, wanted in zip(by_graph, by_rescore, strict=True):
            assert found is None or found == pytest.approx(wanted, abs=1e-3)


# A model of three orders to change line by line. "b c" is no history of "a b c", nor its suffix: that means one thing.
LINES = {
    "<unk>": (-1.5, 0.0),
    "<s>": (-99.0, -0.25),
    "</s>": (-0.75, 0.0),
    "a": (-0.5, -0.125),
    "b": (-0.625, 0.0),
    "c": (-1.0, -0.5),
    "<s> a": (-0.25, -0.375),
    "a b": (-0.5, -0.0625),
    "b a": (-0.3, 0.0),
    "a </s>": (-0.7, 0.0),
    "<s> a b": (-0.1, 0.0),
    "a b c": (-0.2, 0.0),
}
SPOKEN = [["a", "b", "c"], ["a"], ["b", "a"], ["c", "a", "b", "c", "a"], ["x", "a"], ["a", "x"]]


def model_of(lines):
    orders = [{}, {}, {}]
    for name, values in lines.items():
        ngram = tuple(name.split(" "))
        orders[len(ngram) - 1][ngram] = values
    return Model(tuple(ngrams for ngrams in orders if ngrams))


BASE = model_of(LINES)
TEXT = BASE.text()


def without(*names):
    return model_of({name: values for name, values in LINES.items() if name not in names})


def written(folder, content, suffix=""):
    path = new_path(folder, suffix)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def replaced(before, after):
    assert before in TEXT
    return TEXT.replace(before, after)


def with_lines(changes):
    return model_of({**LINES, **changes})


TAKEN = {
    "byte order mark": (HARMLESS["byte order mark"](TEXT), BASE),
    "ends of lines of Windows": (TEXT.replace("\n", "\r\n"), BASE),
    "spaces for tabs": (TEXT.replace("\t", " "), BASE),
    "blanks around": (HARMLESS["blanks around"](TEXT), BASE),
    "<UNK>": (TEXT.replace("<unk>", "<UNK>"), BASE),
    "text before": (HARMLESS["text before"](TEXT), BASE),
    "-inf for <s>": (replaced("-99.0\t<s>", "-inf\t<s>"), BASE),
    "0 for <s>": (replaced("-99.0\t<s>", "0\t<s>"), BASE),
    "-inf for a word": (replaced("-1.0\tc", "-inf\tc"), with_lines({"c": (LOG10_OF_ZERO, -0.5)})),
    "-Infinity for an n-gram": (replaced("-0.2\ta b c", "-Infinity\ta b c"), with_lines({"a b c": (-99.0, 0.0)})),
    "-inf as back-off": (replaced("c\t-0.5", "c\t-inf"), with_lines({"c": (-1.0, LOG10_OF_ZERO)})),
    "-99 for a word": (replaced("-0.625\tb", "-99\tb"), with_lines({"b": (-99.0, 0.0)})),
    "no <unk>": (without("<unk>").text(), without("<unk>")),
    "no 3-grams": (replaced("ngram 3=2", "ngram 3=0").replace("-0.1\t<s> a b\n-0.2\ta b c\n", ""), None),
    "back-offs everywhere": (replaced("<s> a b", "<s> a b\t-0.5").replace("a b c", "a b c\t0"), BASE),
    "no back-off of 0": (TEXT.replace("\t0.0\n", "\n"), BASE),
    "after the end of a sentence": (replaced("2=4", "2=5").replace("-0.3\tb a", "-0.3\tb a\t0\n-0.5\t</s> a"), BASE),
    "<s> within": (replaced("2=4", "2=5").replace("-0.3\tb a", "-0.3\tb a\t0\n-0.5\tb <s>"), BASE),
}


@pytest.mark.parametrize(("text", "model"), TAKEN.values(), ids=TAKEN)
def test_what_is_harmless_is_taken_by_all_with_one_meaning(folder, text, model):
    model = model or Model((*BASE.orders[:2], {}))
    assert_taken(folder, written(folder, text), SPOKEN, [model.log10(words) for words in SPOKEN])


def test_a_model_of_single_words_is_taken_by_all(folder):
    model = Model(BASE.orders[:1])
    assert_taken(folder, written(folder, model.text()), SPOKEN, [model.log10(words) for words in SPOKEN])


def test_a_model_without_most_ends_of_its_n_grams_is_taken_by_all(folder):
    # KenLM adds "a a", …, "d d", for which its hash tables have no room.
    words = [(name,) for name in (*MARKS, *"abcd")]
    threes = [("<s>", first, second) for first in "abcd" for second in "abcd"]
    orders = (words, [("<s>", first) for first in "abcd"], threes)
    model = Model(tuple(dict.fromkeys(ngrams, (-0.5, -0.25)) for ngrams in orders))
    sentences = [["a", "b"], ["c", "d", "a", "x"]]
    assert_taken(folder, written(folder, model.text()), sentences, [model.log10(words) for words in sentences])


def high(order):
    words = [(name,) for name in MARKS] + [("a",)]
    orders = [dict.fromkeys(words, (-0.5, 0.0)), *({("a",) * size: (-0.5, 0.0)} for size in range(2, order + 1))]
    return Model(tuple(orders))


def test_the_highest_order_is_taken_by_all_and_the_next_refused_with_what_to_do(folder):
    model = high(6)
    assert_taken(folder, written(folder, model.text()), [["a"] * 9], [model.log10(["a"] * 9)])
    reason = "is a model of order 7, and KenLM takes orders 1 to 6; make it again with n-grams of at most 6 words"
    assert_refused(folder, written(folder, high(7).text()), reason)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_packed_model_is_taken_by_all(folder, suffix):
    path = written(folder, PACKERS[suffix](TEXT.encode()), suffix)
    assert_taken(folder, path, SPOKEN, [BASE.log10(words) for words in SPOKEN])
    if suffix:
        assert_refused(folder, written(folder, TEXT, suffix), "cannot be read")
        assert_refused(folder, written(folder, PACKERS[suffix](TEXT.encode())[:-9], suffix), "cannot be read")
        assert_refused(folder, written(folder, PACKERS[suffix](TEXT.encode())), "is not an ARPA file")


REFUSED = {
    "no <s>": (without("<s>", "<s> a", "<s> a b").text(), "the beginning of a sentence, <s>, is no 1-gram"),
    "<S>": (TEXT.replace("<s>", "<S>"), "the beginning of a sentence, <s>, is no 1-gram"),
    "no </s>": (without("</s>", "a </s>").text(), "the end of a sentence, </s>, is no 1-gram"),
    "both <unk> and <UNK>": (
        replaced("ngram 1=6", "ngram 1=7").replace("-0.5\ta\t", "-2\t<UNK>\n-0.5\ta\t"),
        "'<unk>' stands twice",
    ),
    "more than the head says": (replaced("ngram 2=4", "ngram 2=3"), "4 2-grams where its head says 3"),
    "less than the head says": (
        replaced("ngram 3=2", "ngram 3=99999999999"),
        "2 3-grams where its head says 99999999999",
    ),
    "a count of letters": (replaced("ngram 3=2", "ngram 3=many"), "expected 'ngram 3=<count>', found 'ngram 3=many'"),
    "a count too few": (replaced("ngram 2=4\n", ""), "expected 'ngram 2=<count>', found 'ngram 3=2'"),
    "no counts": ("\\data\\\n\n\\1-grams:\n\\end\\\n", "is a model of order 0"),
    "no \\end\\": (replaced("\\end\\", ""), "it has no line '\\end\\'"),
    "no sections": (TEXT[: TEXT.index("\\1-grams")], "it has no line '\\1-grams:'"),
    "no \\data\\": (replaced("\\data\\\n", ""), "it begins with 'ngram 1=6' where \\data\\ is expected"),
    "nothing": ("", "it is empty where \\data\\ is expected"),
    "two models": (TEXT + TEXT, "goes on after its line '\\end\\'"),
    "sections out of order": (replaced("\\2-grams:", "\\3-grams:"), "expected \\2-grams:, found \\3-grams:"),
    "an empty section below": (
        replaced("ngram 2=4", "ngram 2=0").replace(TEXT[TEXT.index("-0.25\t<s> a") : TEXT.index("\n\n\\3")], ""),
        "'<s> a b' stands without '<s> a'",
    ),
    "no history": (without("a b").text(), "'a b c' stands without 'a b'"),
    "a positive probability": (replaced("-0.5\ta\t", "0.00002\ta\t"), r"found '0.00002\ta\t"),
    "NaN": (replaced("-0.5\ta\t", "nan\ta\t"), r"found 'nan\ta\t"),
    "NaN as back-off": (replaced("c\t-0.5", "c\tNaN"), r"found '-1.0\tc\tNaN'"),
    "infinity": (replaced("c\t-0.5", "c\tinf"), r"found '-1.0\tc\tinf'"),
    "more than 32 bits hold": (replaced("-0.5\ta\t", "-1e39\ta\t"), r"found '-1e39\ta\t"),
    "a number of Python": (replaced("-0.5\ta\t", "-0_5\ta\t"), r"found '-0_5\ta\t"),
    "digits of another script": (replaced("-0.5\ta\t", "-٠\ta\t"), r"found '-٠\ta\t"),
    "a word twice": (replaced("1=6", "1=7").replace("-1.0\tc", "-0.9\ta\n-1.0\tc"), "'a' stands twice"),
    "an n-gram twice": (replaced("2=4", "2=5").replace("-0.3\tb a", "-0.3\tb a\n-0.4\tb a"), "'b a' stands twice"),
    "a long n-gram twice": (replaced("3=2", "3=3").replace("\ta b c", "\ta b c\n-0.4\ta b c"), "'a b c' stands twice"),
    "a word that is no 1-gram": (replaced("-0.3\tb a", "-0.3\tb x"), "'b x' holds 'x', which is no 1-gram"),
    "a word too few": (
        replaced("-0.3\tb a\t0.0", "-0.3\tb"),
        "expected log10 (at most 0), 2 words and perhaps a back-off",
    ),
    "a word too many": (replaced("-0.3\tb a", "-0.3\tb a c -0.1"), "line 17: expected log10"),
    "an empty word": (replaced("-1.0\tc\t", "-1.0\t\t"), "line 12: expected log10"),
    "NUL": (replaced("-1.0\tc\t", "-1.0\tc\0\t"), "line 12: expected log10"),
    "Latin-1": (replaced("\tc\t", "\tü\t").encode("latin-1"), "line 12 is not text in UTF-8"),
    "UTF-16": (TEXT.encode("utf-16"), "is not an ARPA file"),
    "a line without end": (replaced("\n\\2-grams", "x" * 2_000_000 + "\n\\2-grams"), "bytes without the end of a line"),
    "n-grams that begin late": ("\n" * 70_000 + TEXT, "is not an ARPA file"),
}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x11\0\0\0Darpa Trigram LM\0\1\2", "is a model of Sphinx (.DMP); convert it"),
        (b"\0\0\0\x11Darpa Trigram LM\0\1\2", "is a model of Sphinx (.DMP); convert it"),
        (b"Trie Language Model\3\0\0\0", "is a model of Sphinx (.lm.bin); convert it"),
        (b"SRILM_BINARY_NGRAM_002\n\1", "is a binary of SRILM; convert it"),
        (b"blmt\n 3 10 20 30", "is a binary of IRSTLM; convert it"),
        (b"\xd6\xfd\xb2\x7e\6\0\0\0vector", "is an FST"),
    ],
)
def test_binaries_of_other_toolkits_are_named_for_what_they_are(folder, content, reason):
    assert_refused(folder, written(folder, content), reason)


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_sure_meaning_is_refused_by_all_with_one_reason(folder, content, reason):
    assert_refused(folder, written(folder, content), reason)


def test_wherever_a_file_is_cut_short_it_is_refused_with_one_reason(folder):
    for length in range(1, len(TEXT) - len("\\end\\\n") + 1, 7):
        assert_refused(folder, written(folder, TEXT[:length]))


def test_what_kenlm_reads_as_it_is_is_not_copied(tmp_path):
    # SRILM begins with a blank line and leaves back-offs of zero out.
    for number, text in enumerate((TEXT, "\n" + TEXT, TEXT.replace("\t0.0\n", "\n"))):
        path = tmp_path / f"{number}.arpa"
        path.write_text(text)
        assert for_kenlm(path, tmp_path / "nowhere") == path


def test_blocks_hold_what_the_file_holds_however_large_it_is(tmp_path, monkeypatch):
    words = [*MARKS, *(f"word{number}" for number in range(3_000))]
    pairs = [(words[3 + number], words[3 + number * 7 % 3_000]) for number in range(3_000)]
    model = Model((dict.fromkeys(zip(words), (-1.0, -0.5)), dict.fromkeys(pairs, (-0.25, 0.0))))
    monkeypatch.setattr(arpa, "CHUNK_BYTES", 1 << 14)
    for ending in ("\n", "\r\n"):
        (tmp_path / "large.arpa").write_text(model.text(), newline=ending)
        blocks = list(ArpaReader(tmp_path / "large.arpa").blocks())
        assert len(blocks) > 5
        assert [tuple(ngram.split(" ")) for block in blocks for ngram in block.ngrams] == [*zip(words), *pairs]
        assert arpa_words(tmp_path / "large.arpa") == ["<unk>", *words[3:]]


def test_an_arpa_file_is_known_by_its_content_whatever_its_name(tmp_path):
    for name, content, expected in (
        ("a.lm", HARMLESS["text before"](TEXT), True),
        ("a.txt", HARMLESS["byte order mark"](TEXT), True),
        ("b.txt", "call anna\n" * 9, False),
        ("c.txt", "", False),
    ):
        (tmp_path / name).write_text(content)
        assert is_arpa(tmp_path / name) is expected
