import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.lang.tokens import CharacterTokens, PhoneTokens, PieceTokens
from pyspeech.rescoring import spelling
from pyspeech.rescoring.spelling import (
    FIRST_CHANCES,
    MOST_LETTERS,
    JointModel,
    Speller,
    align,
    choose_entries,
    estimate,
)

LEXICON = {
    "BACK": [("b", "æ", "k")],
    "BAT": [("b", "æ", "t")],
    "CHAT": [("tʃ", "æ", "t")],
    "CHICK": [("tʃ", "ɪ", "k")],
    "CHIP": [("tʃ", "ɪ", "p")],
    "FIX": [("f", "ɪ", "k", "s")],
    "KIT": [("k", "ɪ", "t")],
    "PACK": [("p", "æ", "k")],
    "PATCH": [("p", "æ", "tʃ")],
    "PICK": [("p", "ɪ", "k")],
    "SICK": [("s", "ɪ", "k")],
    "TAP": [("t", "æ", "p")],
}
PHONES = PhoneTokens.from_lexicon(LEXICON)
SPELLER = Speller(PHONES)
LETTERS = CharacterTokens.from_words(["abc"])


def spell(phones, tokens=PHONES, speller=SPELLER):
    return speller([tokens.symbols.index(phone) for phone in phones.split()])


def test_the_words_of_the_lexicon_are_spelled_right():
    assert {word: spell(" ".join(every[0])) for word, every in LEXICON.items()} == {word: word for word in LEXICON}


@pytest.mark.parametrize(
    ("phones", "word"),
    [("t ɪ p", "TIP"), ("s æ k", "SACK"), ("tʃ æ p", "CHAP"), ("b ɪ t", "BIT"), ("k æ b ɪ t", "KABIT"), ("f", "F")],
)
def test_new_words_are_spelled_as_like_ones(phones, word):
    assert spell(phones) == word


def test_the_case_is_that_of_the_lexicon():
    tokens = PhoneTokens.from_lexicon({word.capitalize(): every for word, every in LEXICON.items()})
    assert spell("t ɪ k", tokens, Speller(tokens)) == "Tick"


def test_equal_token_sets_spell_alike_whatever_the_order_of_their_words():
    tokens = PhoneTokens(PHONES.symbols, dict(reversed(LEXICON.items())))
    for phones in itertools.product("pkæɪ", repeat=3):
        assert spell(" ".join(phones), tokens, Speller(tokens)) == spell(" ".join(phones))


def test_phones_of_no_word_add_nothing_and_alone_stand_for_themselves():
    tokens = PhoneTokens((*PHONES.symbols, "ʒ", "θ"), LEXICON)
    speller = Speller(tokens)
    assert spell("ʒ t ɪ θ p", tokens, speller) == "TIP"
    assert spell("ʒ θ", tokens, speller) == "ʒθ"
    assert Speller(PhoneTokens(PHONES.symbols, {}))([1, 2]) == PHONES.symbols[1] + PHONES.symbols[2]


def test_phones_without_letters_stand_for_themselves():
    # Words too long for their phones teach nothing, and no other is there.
    tokens = PhoneTokens.from_lexicon({"ABCDEFGH": [("x",)]})
    assert Speller(tokens)([1, 0, 1]) == "xx"


@given(st.lists(st.integers(0, len(PHONES.symbols) - 1), max_size=8))
def test_no_phones_give_an_empty_word(ids):
    word = SPELLER(ids)
    assert word
    assert word == "<unk>" if not any(ids) else word.isalpha()


@given(st.lists(st.integers(0, len(LETTERS.symbols) - 1), max_size=6))
def test_characters_are_the_word(ids):
    letters = "".join(LETTERS.symbols[id_] for id_ in ids if id_ > 1)
    assert Speller(LETTERS)(ids) == (letters or "<unk>")


def test_pieces_are_the_word():
    pytest.importorskip("sentencepiece", reason="needs sentencepiece")
    tokens = PieceTokens.from_texts(["call anna", "call bert", "annual call"], 14)
    speller = Speller(tokens)
    for word in ("anna", "bert", "trebuan"):
        assert speller(tokens.encode([word])) == word
    for id_ in range(1, len(tokens.symbols)):
        assert speller([id_]) == (tokens.symbols[id_].strip("▁") or "<unk>")


def test_phones_take_their_letters():
    words = [(word, every[0]) for word, every in LEXICON.items()]
    found = dict(zip(LEXICON, align(words), strict=True))
    assert found["CHICK"] == [("tʃ", "CH"), ("ɪ", "I"), ("k", "CK")]
    assert found["FIX"][:2] == [("f", "F"), ("ɪ", "I")]
    assert sorted(letters for _, letters in found["FIX"][2:]) == ["", "X"]
    assert align([]) == []


@given(
    st.lists(
        st.tuples(st.text("ab", max_size=8), st.lists(st.sampled_from("xyz"), min_size=2, max_size=5)),
        min_size=1,
        max_size=6,
    )
)
def test_alignments_make_up_the_words(words):
    words = [(word, tuple(phones)) for word, phones in words]
    aligned = align(words)
    for (word, phones), pairs in zip(words, aligned, strict=True):
        assert tuple(phone for phone, _ in pairs) == phones
        assert "".join(letters for _, letters in pairs) == word
        assert all(len(letters) <= MOST_LETTERS for _, letters in pairs)


def all_alignments(word, phones):
    if not phones:
        return [] if word else [[]]
    heads = range(min(MOST_LETTERS, len(word)) + 1)
    return [[(phones[0], word[:k]), *rest] for k in heads for rest in all_alignments(word[k:], phones[1:])]


def likelihood(way, chances):
    return math.prod(chances[pair] for pair in way)


def test_expectation_maximisation_agrees_with_all_alignments_one_by_one():
    words = [("AB", ("x", "y")), ("BA", ("y", "x")), ("ABBA", ("x", "y", "x")), ("B", ("y", "z"))]
    chances = {p: FIRST_CHANCES[len(p[1])] for word in words for way in all_alignments(*word) for p in way}
    for _ in range(spelling.ROUNDS):
        expected = dict.fromkeys(chances, 0.0)
        for word in words:
            total = sum(likelihood(way, chances) for way in all_alignments(*word))
            for way in all_alignments(*word):
                for pair in way:
                    expected[pair] += likelihood(way, chances) / total
        totals = {phone: sum(n for pair, n in expected.items() if pair[0] == phone) for phone in "xyz"}
        chances = {pair: n / totals[pair[0]] for pair, n in expected.items()}
    for word, found in zip(words, align(words), strict=True):
        best = max(likelihood(way, chances) for way in all_alignments(*word))
        assert likelihood(found, chances) == pytest.approx(best)


@given(st.lists(st.lists(st.integers(1, 3), max_size=7), min_size=1, max_size=8))
def test_probabilities_after_any_history_sum_to_one(words):
    probabilities, back_off = estimate(words)
    pairs = [ngram[0] for ngram in probabilities if len(ngram) == 1]

    def probability(history, pair):
        if (*history, pair) in probabilities:
            return probabilities[(*history, pair)]
        return back_off[history] * probability(history[1:], pair)

    for history in back_off:
        assert sum(probability(history, pair) for pair in pairs) == pytest.approx(1)


@given(st.lists(st.sampled_from(PHONES.symbols[1:]), min_size=1, max_size=4))
def test_the_beam_finds_what_a_search_of_everything_does(phones):
    model = JointModel(LEXICON)

    def log_probability(pairs):
        history, total = (0,), 0.0
        for pair in (*pairs, 0):
            while history not in model._back_off:
                history = history[1:]
            total += model._log_probability(history, pair)
            history = (*history, pair)[1 - spelling.ORDER :]
        return total

    ways = itertools.product(*(model._ids_of_phone[phone] for phone in phones))
    written = {way: "".join(model._pairs[pair][1] for pair in way) for way in ways}
    best = max((log_probability(way), letters) for way, letters in written.items() if letters)
    assert model(phones) == best[1]


def test_large_lexicons_are_sampled_from_all_their_parts():
    lexicon = {f"{n:06}": [("x", "y")] for n in range(50_000)}
    chosen = choose_entries({**lexicon, "long" * 9: [("x",) * 9], "four": [()]})
    assert len(chosen) == len(set(chosen)) == spelling.MOST_ENTRIES
    assert (chosen[0][0], chosen[10_000][0], chosen[-1][0]) == ("000000", "025000", "049997")
