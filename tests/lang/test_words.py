import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import CONVERTER_CLASSES, num2words

from pyspeech.lang.reading import SYMBOLS, Unsure
from pyspeech.lang.spoken import spoken_words
from pyspeech.lang.words import sentences_of, words_of


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        # Letters, accents, vowel signs, apostrophes
        ("de", "„Straße“ – schön, geht's?", "STRAẞE SCHÖN GEHT'S"),
        ("fr-fr", "L’été, l´eau 'dit-il'", "L'ÉTÉ L'EAU DIT IL"),
        ("fr", "e\u0301te\u0301 \ufb01n", "ÉTÉ FIN"),
        ("tr", "istanbul'da ışık", "İSTANBUL'DA IŞIK"),
        ("el", "Καλημέρα, κόσμε·", "ΚΑΛΗΜΈΡΑ ΚΌΣΜΕ"),
        ("uk", "П'ять м’ят мʼята", "П'ЯТЬ М'ЯТ М'ЯТА"),
        ("ar", "مرحبـــا، كُتُب!", "مرحبا كُتُب"),
        ("hi", "नमस्ते, दुनिया।", "नमस्ते दुनिया"),
        ("km", "ភាសា\u200bខ្មែរ", "ភាសា ខ្មែរ"),
        ("cmn", "你好，世界 OK。", "你 好 世 界 OK"),
        ("ja", "コーヒーです", "コ ー ヒ ー で す"),
        ("", "你好，世界。", "你好 世界"),
        ("de", "so\u00adgar \ufeffja_nein ❤\ufe0f 5%", "SOGAR JA NEIN FÜNF PROZENT"),
        ("", "Don't  “x” 'I'm' \u0301 2½ 5% $5 5 € A & B", "DON'T X I'M 2 1⁄2 5% $5 5 € A & B"),
        ("", "", ""),
        # Numbers
        ("de", "21; 007; 0", "EINUNDZWANZIG NULL NULL SIEBEN NULL"),
        ("de", "1.000 1.000.000 10'000", "EINTAUSEND EINE MILLION ZEHNTAUSEND"),
        ("de", "3,14 0,5 1.000,25", "DREI KOMMA EINS VIER NULL KOMMA FÜNF EINTAUSEND KOMMA ZWEI FÜNF"),
        ("de", "1,2,3 und 1.2.3", "1 2 3 UND 1 2 3"),
        ("de", "1" * 16, " ".join(["EINS"] * 16)),
        ("fr", "21, le 1er B2 m²", "VINGT ET UN LE PREMIER B2 M2"),
        ("fr", "1\u202f000", "MILLE"),
        ("pt-br", "16", "DEZESSEIS"),
        ("pt_PT", "16", "DEZASSEIS"),
        ("nb", "2", "TO"),
        ("ar", "٣", "ثلاثة"),
        ("ja", "3、3つ", "三 3 つ"),
        ("ru", "5 домов, 20 %, 3,14 и 14:30", "ПЯТЬ ДОМОВ 20 % 3 14 И 14 30"),
        ("sv", "år 1995, 3. maj, 5 m, 21", "ÅR 1995 3 MAJ 5 M TJUGOETT"),
        ("tr", "1.000, 1,000, 3,5", "BİN 1 000 3 5"),  # num2words says no decimals there
        ("vi", "0,05", "KHÔNG PHẨY KHÔNG NĂM"),  # and one zero less there
        ("hi", "II. 5. 3", "II 5 3"),
        ("cmn", "3个 7", "3 个 7"),
        ("de", "[Lachen] ja <unk> (unverständlich) [Anna]", "JA ANNA"),
        ("xx-YY", "7", "7"),
    ],
)
def test_text_of_any_language_becomes_words(language, text, words):
    assert words_of(language)(text) == words.split()


@pytest.mark.parametrize("language", ["en", "en-us", "en_GB", "EN"])
def test_english_is_read_as_english(language):
    text = "Mr. Bell paid £5 on the 3rd of May, 1842."
    assert words_of(language)(text) == spoken_words(text)


LANGUAGES = st.sampled_from(["", "de", "fr", "tr", "hi", "ja", "xx", "pt-br"])


@given(LANGUAGES, st.text() | st.text(st.sampled_from("aß'’1,.5 \u0301İıé½-\u200dक\u093f")))
def test_words_hold_letters_marks_digits_and_inner_apostrophes_only(language, text):
    for word in words_of(language)(text):
        assert word.strip("'") == word != ""
        assert {unicodedata.category(letter)[0] for letter in word if letter not in f"'{SYMBOLS}"} <= set("LMN")
        assert unicodedata.is_normalized("NFC", word)


@given(st.sampled_from(["", "tr"]), st.text(st.characters(exclude_categories=["N", "Cs"])))
def test_words_are_read_as_themselves(language, text):
    words = words_of(language)(text)
    assert words_of(language)(" ".join(words)) == words


@pytest.mark.parametrize("language", sorted(set(CONVERTER_CLASSES) - {"en", "en_IN", "en_NG"}))
def test_every_language_of_num2words_reads_a_number_without_digits(language):
    name = {"kz": "kk"}.get(language, language)
    assert not any(letter.isdigit() for word in words_of(name)("17 x") for letter in word)


@given(st.integers(0, 10**15 - 1))
def test_a_grouped_number_is_read_as_the_plain_one(number):
    expected = words_of("")(num2words(number, lang="ru"))
    assert words_of("ru")(str(number)) == words_of("ru")(f"{number:,}".replace(",", ".")) == expected


@given(LANGUAGES, st.text(st.sampled_from("aBo.1,0 :%€-/½I5X&") | st.characters(), max_size=30))
def test_what_stays_as_it_is_written_is_told(language, text):
    unsure = Unsure()
    words = words_of(language, unsure)(text)
    left = [word for word in words if re.search(rf"[\d{SYMBOLS}]", word)]
    assert bool(left) <= bool(unsure.left)
    assert words == [word for sentence in sentences_of(language)(text) for word in sentence]


def test_languages_without_a_table_tell_that_numbers_have_other_forms():
    unsure = Unsure()
    words_of("pl", unsure)("5 domów, 3 i 14:30")
    assert [line.partition(" ")[0] for line in unsure.lines()] == ["numbers,", "2"]
    assert unsure.inflected == 2


@pytest.mark.parametrize(
    ("language", "prose", "expected"),
    [
        ("hi", "नमस्ते। आप कैसे हैं? ठीक।", ["नमस्ते", "आप कैसे हैं", "ठीक"]),
        ("zh", "你好，世界。好吗？“好！”他说。", ["你 好 世 界", "好 吗", "好", "他 说"]),
        ("ru", "Т. е. да. Нет! А. С. Пушкин пришёл. 5 раз.", ["Т Е ДА", "НЕТ", "А С ПУШКИН ПРИШЁЛ", "ПЯТЬ РАЗ"]),
        ("", "One. Two? three.\n", ["ONE", "TWO THREE"]),
        ("el", "...", []),
    ],
)
def test_prose_of_any_language_is_parted_at_the_ends_of_sentences(language, prose, expected):
    assert [" ".join(words) for words in sentences_of(language)(prose)] == expected


def test_what_english_says_nothing_for_is_told():
    unsure = Unsure()
    assert words_of("en", unsure)("5° and €5, ¥7 for Слово") == [
        "FIVE",
        "DEGREES",
        "AND",
        "FIVE",
        "EUROS",
        "SEVEN",
        "FOR",
    ]
    assert list(unsure.left) == ["¥", "Слово"]
    assert list(sentences_of("en", unsure)("One ¥. Two.")) == [["ONE"], ["TWO"]]
    assert unsure.left["¥"] == 2
