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
