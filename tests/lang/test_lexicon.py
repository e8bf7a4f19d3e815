import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.lang.lexicon import in_case_of, read_lexicon, write_lexicon

NAMES = st.text("ABÅ'-ɑː(2)", min_size=1, max_size=4)
LEXICONS = st.dictionaries(
    NAMES, st.lists(st.lists(NAMES, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3, unique=True), min_size=1
)


@given(LEXICONS)
def test_what_is_written_is_read_back(tmp_path_factory, lexicon):
    path = tmp_path_factory.mktemp("lexicon") / "lexicon.txt"
    write_lexicon(lexicon, path)
    assert read_lexicon(path, marks=False) == lexicon


SAMPA = st.lists(st.sampled_from(["t", "@", "2", "1", "9", "0", "{", "3:"]), min_size=1, max_size=3).map(tuple)
NUMBERS = st.sampled_from(["1.0", "0.18", "1", "0.0", "1.02", "3e-05", ".5"])
LAYOUTS = {
    "lexicon.txt": lambda word, phones, _: f"{word}\t{' '.join(phones)}",
    "cmudict": lambda word, phones, _: f"{word}(2)  {' '.join(phones)} # 0.5",
    "lexiconp.txt": lambda word, phones, numbers: f"{word} {numbers[0]}\t{' '.join(phones)}",
    "MFA, two columns": lambda word, phones, numbers: "\t".join([word, *numbers[:2], " ".join(phones)]),
    "lexiconp_silprob.txt": lambda word, phones, numbers: " ".join([word, *numbers, *phones]),
    "MFA": lambda word, phones, numbers: "\t".join([word, *numbers, " ".join(phones)]),
    "HTK": lambda word, phones, _: f"{word}   [{word}]   {' '.join(phones)}",
    "HTK, some outputs": lambda word, phones, _: f"{word} {'[]' * ('B' in word)} {' '.join(phones)}",
    "HTK, probabilities": lambda word, phones, numbers: f"{word} [{word}] {numbers[0]} {' '.join(phones)}",
}


@given(
    st.lists(st.tuples(st.text("AB'-", min_size=1, max_size=3), SAMPA, st.lists(NUMBERS, min_size=4, max_size=4))),
    st.sampled_from(list(LAYOUTS)),
)
def test_a_lexicon_is_the_same_in_every_layout(tmp_path_factory, lines, layout):
    # A file without any decimal point has no columns; phones that are one column of 1 are tested below.
    lines = [("C", ("k",), ["0.5"] * 4), *lines]
    path = tmp_path_factory.mktemp("lexicon") / "lexicon.txt"
    path.write_text("".join(f"{LAYOUTS[layout](*line)}\n" for line in lines))
    expected = {word: list(dict.fromkeys(phones for w, phones, _ in lines if w == word)) for word, *_ in lines}
    assert read_lexicon(path) == expected


@pytest.mark.parametrize(
    ("text", "lexicon", "told"),
    [
        ("TURN 1 3 n\nON 2 Q n\n", {"TURN": ["1 3 n"], "ON": ["2 Q n"]}, ""),
        ("[noise] [noise]\n<unk> [spn]\n", {"[noise]": ["[noise]"], "<unk>": ["[spn]"]}, ""),
        ("A [a] b\nB b [a]\n", {"A": ["[a] b"], "B": ["b [a]"]}, ""),
        (
            "on 0.9 0.1 1.0 1.1 Q n\nnew n j u:\nof 1 1 1 1 1 v\n",
            {"on": ["Q n"], "new": ["n j u:"], "of": ["1 v"]},
            "4",
        ),
        ("on 0.9 Q n\nour 2 R\n", {"on": ["Q n"], "our": ["2 R"]}, "the column"),
        ("".join(f"w{n} 1 a b\n" for n in range(10)), {f"w{n}": ["a b"] for n in range(10)}, "the column"),
        ("".join(f"w{n} 1 a 1\n" for n in range(10)), {f"w{n}": ["1 a 1"] for n in range(10)}, ""),
        ("york\tj O: k\nnew york\tn u: j O: k\nnew\t0.9\tn u:\n", {"york": ["j O: k"], "new": ["n u:"]}, "'new york'"),
        ("a b\tc\nb\tb\nc c\n", {"a": ["b c"], "b": ["b"], "c": ["c"]}, ""),
        ("a b\tc\nb b\td\nc\tc\n", {"a": ["b c"], "b": ["b d"], "c": ["c"]}, ""),
        ("a [a] b\nb [c] [a]\n", {"a": ["[a] b"], "b": ["[a]"]}, "HTK's output"),
        ("ON [ON] Q n\nSENT-START [] sil\n", {"ON": ["Q n"], "SENT-START": ["sil"]}, "HTK's output"),
    ],
)
def test_no_line_tells_alone_what_is_no_phone_and_what_is_left_out_is_told(tmp_path, capsys, text, lexicon, told):
    path = tmp_path / "lexicon.txt"
    path.write_text(text)
    assert {word: [" ".join(phones) for phones in every] for word, every in read_lexicon(path).items()} == lexicon
    assert (told in (err := capsys.readouterr().err)) == bool(told or not err)


def test_a_probability_alone_is_no_pronunciation(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_text("A 0.5 AH\nB 0.5\n")
    with pytest.raises(UserError, match=r"lexicon\.txt, line 2: 'B' has no phones"):
        read_lexicon(path)


def test_tabs_spaces_blank_lines_comments_and_variants_are_understood(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_bytes("\ufeff;;; comment\r\nREAD\tR IY D\r\n\r\nREAD(2)   R  EH D \nREAD R IY D\n(2) T UW\n".encode())
    assert read_lexicon(path) == {"READ": [("R", "IY", "D"), ("R", "EH", "D")], "(2)": [("T", "UW")]}


def test_remarks_are_left_out_but_not_words_with_the_sign(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_text("aalborg AO1 L B #place, danish\naalborg(2) AA1 L B # AO1\n#hash HH AE1 SH\n")
    lexicon = read_lexicon(path)
    assert lexicon == {"aalborg": [("AO1", "L", "B"), ("AA1", "L", "B")], "#hash": [("HH", "AE1", "SH")]}
    path.write_text("aalborg # place, danish\n")
    with pytest.raises(UserError, match="'aalborg' has no phones"):
        read_lexicon(path)


READ = {"read": [("R", "IY", "D")], "Read": [("R", "EH", "D"), ("R", "IY", "D")], "<unk>": [("SPN",)], "7": [("S",)]}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["READ", "7", "[noise]"], ["READ", "<unk>", "7"]),
        (["straße"], ["read", "<unk>", "7"]),
        (["Read", "it"], list(READ)),
        (["READ", "it"], list(READ)),
        (["7", "<UNK>", "\N{ARABIC LETTER ALEF}"], list(READ)),
        ([], list(READ)),
    ],
)
def test_words_are_taken_in_the_case_of_the_texts_if_they_have_one(words, found):
    lexicon = in_case_of(READ, words)
    assert list(lexicon) == found
    assert list(lexicon[found[0]]) == [("R", "IY", "D"), ("R", "EH", "D")][: 1 if found == list(READ) else 2]


def test_a_word_without_phones_is_named_with_its_line(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_text("A AH\nB\n")
    with pytest.raises(UserError, match=r"lexicon\.txt, line 2: 'B' has no phones"):
        read_lexicon(path)


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_bytes(b"A AH\n\xc5SA OW S AH\n")
    with pytest.raises(UserError, match="line 2 is not UTF-8"):
        read_lexicon(path)


def test_no_lexicon_and_an_empty_one_are_errors(tmp_path):
    path = tmp_path / "lexicon.txt"
    with pytest.raises(UserError, match="no lexicon at"):
        read_lexicon(path)
    path.write_text(";;; nothing\n")
    with pytest.raises(UserError, match="holds no word"):
        read_lexicon(path)
