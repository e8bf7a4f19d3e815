import itertools
import json
import pickle

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.lang.tokens import BLANK, TOKEN_KINDS, CharacterTokens, PhoneTokens, PieceTokens, load_tokens
from tests.damage import flipped_bytes

TEXTS = [
    "CALL ANNA SMITH AND HANNA LAMBERT AT HOME",
    "SEND A MESSAGE TO ÅSA O'NEIL AND BETTINA LAMB",
    "BOBBIE IS CALLING FROM THE HOTEL",
    "SMITHSON SENDS HANNES HOME TOMORROW",
]
WORDS = sorted({word for text in TEXTS for word in text.split()})
LEXICON = {"A": [("a",), ("e", "i")], "AB": [("a", "b")], "B": [("b",)], "BE": [("b",), ("b", "e")], "I": [("i",)]}
PIECES = PieceTokens.from_texts(TEXTS, 30)
CHARACTERS = CharacterTokens.from_words(WORDS)
PHONES = PhoneTokens.from_lexicon(LEXICON)
EVERY = [(CHARACTERS, WORDS), (PIECES, WORDS), (PHONES, list(LEXICON))]
each_kind = pytest.mark.parametrize(("tokens", "words"), EVERY, ids=[tokens.kind for tokens, _ in EVERY])


@each_kind
def test_token_0_is_the_blank_and_spells_nothing(tokens, words):
    assert tokens.symbols[0] == BLANK
    assert len(set(tokens.symbols)) == len(tokens.symbols)
    assert all(0 not in spelling for word in words for spelling in tokens.pronunciations(word))


@each_kind
def test_a_saved_set_is_loaded_equal(tmp_path, tokens, words):
    tokens.save(tmp_path / "lang")
    loaded = load_tokens(tmp_path / "lang")
    assert (loaded.kind, loaded.symbols, loaded.content) == (tokens.kind, tokens.symbols, tokens.content)
    assert [loaded.pronunciations(word) for word in words] == [tokens.pronunciations(word) for word in words]
    loaded.save(tmp_path / "again")
    for path in (tmp_path / "lang").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_the_content_tells_sets_apart():
    others = (PHONES.with_words({"EI": [("e", "i")]}), PhoneTokens.from_lexicon(LEXICON, "en-us"))
    sets = [PHONES, CHARACTERS, PIECES, *others, CharacterTokens.from_words([*WORDS, "X"])]
    assert len({each.content for each in sets}) == len(sets)


@each_kind
def test_a_set_takes_the_place_of_another_set_and_of_nothing_else(tmp_path, tokens, words):
    for other, _ in EVERY:
        other.save(tmp_path / "lang")
        tokens.save(tmp_path / "lang")
        assert load_tokens(tmp_path / "lang").kind == tokens.kind
    (tmp_path / "lang/notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"lang would be replaced but holds other things than a token set \(notes"):
        tokens.save(tmp_path / "lang")
    assert (tmp_path / "lang/notes.txt").read_text() == "mine"


@each_kind
def test_a_set_reaches_other_processes(tokens, words):
    copied = pickle.loads(pickle.dumps(tokens))  # noqa: S301 - our own, for the workers that load data
    assert copied.encode(words) == tokens.encode(words)


@pytest.mark.parametrize("tokens", [CHARACTERS, PIECES], ids=["characters", "pieces"])
@given(words=st.lists(st.text("ABCEHILMNOST'Å", min_size=1, max_size=6), max_size=5))
def test_encoded_then_decoded_words_are_the_words(tokens, words):
    ids = tokens.encode(words)
    assert tokens.decode(ids) == words
    spans = tokens.align(words, ids)
    assert [tokens.decode(ids[start:end]) for start, end in spans] == [[word] for word in words]
    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(ids)]


@given(words=st.lists(st.sampled_from(list(LEXICON)), max_size=4))
def test_decoded_phones_are_the_fewest_words_that_are_spelled_so(words):
    ids = PHONES.encode(words)
    decoded = PHONES.decode(ids)
    assert tuple(ids) in _readings(decoded)
    fewest = min(
        n for n in range(5) for reading in itertools.product(LEXICON, repeat=n) if tuple(ids) in _readings(reading)
    )
    assert len(decoded) == fewest


@given(ids=st.lists(st.integers(1, len(PHONES.symbols) - 1), max_size=6))
def test_as_few_phones_as_can_be_are_left_over_then_as_few_words(ids):
    def readings(rest):  # (phones left over, words), by brute force
        if not rest:
            return [(0, 0)]
        ways = [(left + 1, count + 1) for left, count in readings(rest[1:])]
        for word in LEXICON:
            for spelling in PHONES.pronunciations(word):
                if rest[: len(spelling)] == spelling:
                    ways += [(left, count + 1) for left, count in readings(rest[len(spelling) :])]
        return ways

    decoded = PHONES.decode(ids)
    assert (sum(word not in LEXICON for word in decoded), len(decoded)) == min(readings(ids))


@given(words=st.lists(st.sampled_from(list(LEXICON)), max_size=4), data=st.data())
def test_aligned_words_are_spelled_by_their_spans_in_any_of_their_ways(words, data):
    ids = [id_ for word in words for id_ in data.draw(st.sampled_from(PHONES.pronunciations(word)))]
    spans = PHONES.align(words, ids)
    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(ids)]
    assert all(ids[start:end] in PHONES.pronunciations(word) for word, (start, end) in zip(words, spans, strict=True))


@given(
    words=st.lists(st.sampled_from(list(LEXICON)), max_size=3),
    ids=st.lists(st.integers(1, len(PHONES.symbols) - 1), max_size=5),
)
def test_words_align_exactly_where_brute_force_finds_a_way(words, ids):
    if tuple(ids) in _readings(words):
        assert len(PHONES.align(words, ids)) == len(words)
    else:
        with pytest.raises(ValueError, match="do not spell"):
            PHONES.align(words, ids)


def _readings(words):
    ways = itertools.product(*(PHONES.pronunciations(word) for word in words))
    return {tuple(itertools.chain.from_iterable(way)) for way in ways}


def test_characters_are_spelled_one_by_one_after_a_word_mark():
    ids = CHARACTERS.encode(["BOB", "ÅSA"])
    assert [CHARACTERS.symbols[id_] for id_ in ids] == ["▁", "B", "O", "B", "▁", "Å", "S", "A"]


def test_pieces_are_equal_for_equal_text_and_as_many_as_asked():
    assert PieceTokens.from_texts(TEXTS, 30).symbols == PIECES.symbols
    assert len(PIECES.symbols) == 30


@given(words=st.lists(st.sampled_from(WORDS), max_size=5))
def test_pieces_of_words_one_by_one_are_sentencepiece_s_own_for_the_whole_text(tmp_path_factory, words):
    folder = tmp_path_factory.mktemp("pieces") / "lang"
    PIECES.save(folder)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(folder / "pieces.model"))
    assert PIECES.encode(words) == reference.encode(" ".join(words))


@pytest.mark.parametrize(("size", "bound"), [(5, "at least"), (5000, "at most")])
def test_a_number_of_pieces_that_the_text_does_not_allow_is_an_error(size, bound):
    with pytest.raises(UserError, match=rf"cannot make {size} pieces of the training text; it needs {bound} \d+"):
        PieceTokens.from_texts(TEXTS, size)


@pytest.mark.parametrize("tokens", [CHARACTERS, PIECES], ids=["characters", "pieces"])
@pytest.mark.parametrize("odd", ["ANNÄ", "漢", "A▁B", "a"])
def test_a_character_that_no_token_covers_is_named_with_its_text(tokens, odd):
    assert tokens.pronunciations(odd) == []
    with pytest.raises(UserError, match=rf"text 'CALL {odd}': no token covers the character '[Ä漢▁a]' in '{odd}'"):
        tokens.encode(["CALL", odd])


def test_a_word_that_the_lexicon_lacks_is_named_with_its_text():
    assert PHONES.pronunciations("C") == []
    with pytest.raises(UserError, match="text 'A C': the lexicon has no word 'C'"):
        PHONES.encode(["A", "C"])


def test_phones_learn_words_but_no_phones():
    more = PHONES.with_words({"BEE": [("b", "i")], "ZOO": [("z", "u")], "B": [("e",)]})
    assert more.symbols == PHONES.symbols
    assert more.pronunciations("BEE") == [[PHONES.symbols.index("b"), PHONES.symbols.index("i")]]
    assert more.pronunciations("ZOO") == []
    assert more.pronunciations("B") == PHONES.pronunciations("B")


def test_a_phone_named_like_the_blank_is_refused():
    with pytest.raises(UserError, match="rename that phone"):
        PhoneTokens.from_lexicon({"A": [(BLANK,)]})


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("{", "is not valid JSON"),
        ("[]", "expected a JSON object, found list"),
        (json.dumps({"kind": "phone", "symbols": [BLANK]}), "unknown kind of tokens 'phone'; did you mean 'phones'"),
        (json.dumps({"kind": "characters", "symbols": ["A", BLANK]}), "first '<blk>'"),
        (json.dumps({"kind": "characters", "symbols": [BLANK, "A", "A"]}), "expected different symbols"),
        (json.dumps({"kind": "characters", "symbols": [BLANK, "A"]}), "no symbol '▁', with which every word begins"),
        (json.dumps({"kind": "characters", "symbols": [BLANK, {"A": 1}]}), "expected a list of symbols"),
        (json.dumps({"kind": "characters", "symbols": {BLANK: 0}}), "expected a list of symbols"),
        (
            json.dumps({"kind": "phones", "symbols": [BLANK, "A"], "espeak": 3}),
            "expected a language of espeak-ng or null",
        ),
        (json.dumps({"kind": "pieces", "symbols": [BLANK]}), "no SentencePiece model at"),
    ],
)
def test_a_damaged_folder_is_an_error(tmp_path, table, problem):
    (tmp_path / "tokens.json").write_text(table)
    with pytest.raises(UserError, match=problem):
        load_tokens(tmp_path)


def test_a_piece_model_that_is_damaged_or_of_other_tokens_is_an_error(tmp_path):
    PIECES.save(tmp_path / "lang")
    PieceTokens.from_texts(TEXTS, 29).save(tmp_path / "other")
    (tmp_path / "lang/pieces.model").write_bytes((tmp_path / "other/pieces.model").read_bytes())
    with pytest.raises(UserError, match="hold different tokens"):
        load_tokens(tmp_path / "lang")
    (tmp_path / "lang/pieces.model").write_bytes(b"damaged")
    with pytest.raises(UserError, match="is not a SentencePiece model"):
        load_tokens(tmp_path / "lang")


def test_every_kind_is_in_the_table():
    assert set(TOKEN_KINDS) == {tokens.kind for tokens, _ in EVERY}


def test_phones_remember_who_pronounces_further_words(tmp_path):
    for language in (None, "en-us"):
        PhoneTokens.from_lexicon(LEXICON, language).save(tmp_path / "lang")
        assert load_tokens(tmp_path / "lang").espeak == language
    assert PhoneTokens.from_lexicon(LEXICON, "en-us").with_words({"NEW": (("a",),)}).espeak == "en-us"
    CharacterTokens.from_words(["a"]).save(tmp_path / "lang")
    assert load_tokens(tmp_path / "lang").espeak is None


def test_a_model_of_pieces_in_which_a_byte_was_changed_is_one_or_named(tmp_path):
    PieceTokens.from_texts(["the cat sat on the mat", "a dog and a cat"], 15).save(tmp_path / "lang")
    path = tmp_path / "lang/pieces.model"
    refused = 0
    for _, content in flipped_bytes(path.read_bytes(), 300):
        path.write_bytes(content)
        try:
            tokens = load_tokens(tmp_path / "lang")
        except UserError as error:
            assert "make the folder again with pyspeech lang" in str(error)  # noqa: PT017 -- both outcomes are right
            refused += 1
        else:
            assert all(id_ < 15 for ids in tokens.pronunciations("cat") for id_ in ids)
    assert refused > 50
