import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.lang.tokens import CharacterTokens, PhoneTokens, PieceTokens
from pyspeech.rescoring.vocabulary import Vocabulary, make_vocabulary, read_new_words

LEXICON = {"READ": [("ɹ", "iː", "d"), ("ɹ", "ɛ", "d")], "ODD": [("ɑː", "d")], "PIE": [("p", "aɪ")]}
PHONES = PhoneTokens.from_lexicon(LEXICON)
IDS = {symbol: id_ for id_, symbol in enumerate(PHONES.symbols)}
LETTERS = CharacterTokens.from_words(["abc", "'"])


def spelled(vocabulary, tokens):
    """Each word with its spellings as symbols."""
    found = {word: [] for word in vocabulary.words[2:]}
    for id_, spelling in vocabulary.spellings:
        found[vocabulary.words[id_]].append(" ".join(tokens.symbols[token] for token in spelling))
    return found


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_new_words_are_read_alone_or_with_pronunciations(tmp_path):
    path = write(tmp_path / "new", "\ufeffODD\r\n\nRED\tɹ ɛ d\nred ɹ  ɛ d\nRED\nRED ɹ iː d\nRED ɹ ɛ d\n")
    red = [("ɹ", "ɛ", "d")]
    assert read_new_words(path, PHONES) == {"ODD": [], "RED": [*red, ("ɹ", "iː", "d")], "red": red}


@pytest.mark.parametrize(
    ("text", "tokens", "message"),
    [
        ("\n \n", PHONES, "new holds no word"),
        ("", LETTERS, "new holds no word"),
        ("a\nfünf\n".encode("latin-1"), LETTERS, "line 2 is not UTF-8"),
        ("a\n<s>\n", LETTERS, "line 2: <s> is a mark"),
        ("ODD\nRED ɹ iːː d\n", PHONES, r"line 2: 'RED' has the phone 'iːː', which the model lacks; nearest: iː"),
        ("RED <blk> d\n", PHONES, r"line 1: 'RED' has the phone '<blk>', which the model lacks"),
        ("b\nab ɹ ɛ\n", LETTERS, r"line 2: 'ab' has a pronunciation \(ɹ ɛ\), but the model's tokens are characters"),
    ],
)
def test_what_is_wrong_in_new_words_is_named_with_its_line(tmp_path, text, tokens, message):
    with pytest.raises(UserError, match=message):
        read_new_words(write(tmp_path / "new", text), tokens)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(UserError, match="no list of new words at"):
        read_new_words(tmp_path / "new", PHONES)


def test_phones_are_the_lexicons_with_given_ones_added():
    new = {"RED": [("ɹ", "ɛ", "d")], "ODD": [("p", "d"), ("ɑː", "d")], "PIE": []}
    vocabulary = make_vocabulary(["READ", "<s>", "</s>", "<unk>", "<eps>", "", "ZZZ"], new, PHONES, None)
    assert vocabulary.words == ("<eps>", "<unk>", "ODD", "PIE", "READ", "RED")
    assert spelled(vocabulary, PHONES) == {
        "ODD": ["ɑː d", "p d"],
        "PIE": ["p aɪ"],
        "READ": ["ɹ iː d", "ɹ ɛ d"],
        "RED": ["ɹ ɛ d"],
    }
    assert vocabulary.dropped == {"ZZZ": "not in the lexicon, and no language is given for espeak-ng"}
    assert vocabulary.approximated == ()


def test_espeak_says_what_neither_lexicon_nor_list_does():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    new = {"PRIDE": [("p", "d")]}
    vocabulary = make_vocabulary(["RIPE", "PRIDE", "—", "SHIP", "PARK"], new, PHONES, "en-us")
    assert spelled(vocabulary, PHONES) == {"PRIDE": ["p d"], "RIPE": ["ɹ aɪ p"]}
    assert vocabulary.dropped == {
        "PARK": "espeak-ng (en-us) says 'k', which is no phone of the model",
        "SHIP": "espeak-ng (en-us) says 'ʃ', which is no phone of the model",
        "—": "silent to espeak-ng (en-us)",
    }


@pytest.mark.parametrize(
    ("phones", "word", "spelling"),
    [
        ("d i p", "DEEP", "d i p"),  # iː without its length
        ("d iːː p", "DEEP", "d iːː p"),  # other lengths are alike too
        ("d a ɪ p", "DIP", "d ɪ p"),  # all there
        ("p a ɪ", "PIE", "p a ɪ"),  # the parts of aɪ
        ("t ʃ ɪ p", "CHIP", "t ʃ ɪ p"),
        ("l ɑː k", "LOCH", "l ɑː k"),  # x
        ("j uː t ɹ ɛ k", "UTRECHT", "j uː t ɹ ɛ k t"),  # ç
    ],
)
def test_a_like_phone_stands_for_one_that_the_tokens_lack(phones, word, spelling):
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    tokens = PhoneTokens.from_lexicon({"W": [tuple(phones.split())]})
    vocabulary = make_vocabulary([word, "W"], {}, tokens, "en-us")
    assert spelled(vocabulary, tokens)[word] == [spelling]
    assert vocabulary.approximated == (() if word == "DIP" else (word,))


def test_phones_written_in_another_way_than_espeaks_are_refused():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    tokens = PhoneTokens.from_lexicon({"READ": [("r", "I:", "D_")]})
    with pytest.raises(UserError, match="model's phones are D_ I: r, espeak-ng's p tʃ ɔː ɹ: none is shared"):
        make_vocabulary(["READ", "PORCH"], {}, tokens, "en-us")
    assert make_vocabulary(["READ"], {}, tokens, "en-us").words[2:] == ("READ",)


@pytest.mark.parametrize("stress", ["", "1"])
def test_espeak_speaks_arpabet_to_a_model_of_arpabet(stress):
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")
    tokens = PhoneTokens.from_lexicon({"CAT": [("K", f"AE{stress}", "T")]})
    vocabulary = make_vocabulary(["CAT", "TACK", "DOG"], {}, tokens, "en-us")
    assert spelled(vocabulary, tokens)["TACK"] == [f"T AE{stress} K"]
    assert vocabulary.dropped == {"DOG": "espeak-ng (en-us) says 'D', which is no phone of the model"}
    assert vocabulary.approximated == (("TACK",) if stress else ())


def test_words_are_spelled_by_their_writing_where_tokens_are_no_phones():
    vocabulary = make_vocabulary({"cab", "a's", "b▁"}, {"ba": []}, LETTERS, "en-us")
    assert spelled(vocabulary, LETTERS) == {"ba": ["▁ b a"], "cab": ["▁ c a b"]}
    assert vocabulary.dropped == {"a's": "no token covers 's'", "b▁": "no token covers '▁'"}


def test_pieces_spell_words_as_in_training():
    pytest.importorskip("sentencepiece", reason="needs sentencepiece")
    texts = ["call anna", "call bert", "annual call"]
    tokens = PieceTokens.from_texts(texts, 14)
    vocabulary = make_vocabulary(["anna", "bert", "xyz"], {}, tokens, None)
    assert dict(vocabulary.spellings) == {2: tuple(tokens.encode(["anna"])), 3: tuple(tokens.encode(["bert"]))}
    assert vocabulary.dropped == {"xyz": "no token covers 'x'"}


def test_a_vocabulary_without_any_word_is_an_error():
    with pytest.raises(UserError, match=r"none of 1 words can be spelled \('XY': no token covers 'X'\)"):
        make_vocabulary(["XY", "<s>"], {}, LETTERS, None)
    with pytest.raises(UserError, match="none of 0 words can be spelled;"):
        make_vocabulary([], {}, LETTERS, None)


@given(st.lists(st.text("abcx'▁<>", max_size=4)), st.sets(st.text("abz", max_size=3)))
def test_every_word_is_either_spelled_or_dropped_with_its_reason(words, new):
    words = [*words, "a"]
    made = make_vocabulary(words, {word: [] for word in new}, LETTERS, None)
    assert made == make_vocabulary(words[::-1], {word: [] for word in new}, LETTERS, None)
    assert isinstance(made, Vocabulary)
    assert made.words[:2] == ("<eps>", "<unk>")
    assert list(made.words[2:]) == sorted(made.words[2:])
    assert {*made.words[2:], *made.dropped} == {*words, *new} - {""}
    assert [id_ for id_, _ in made.spellings] == list(range(2, len(made.words)))
    assert all(LETTERS.decode(spelling) == [made.words[id_]] for id_, spelling in made.spellings)
