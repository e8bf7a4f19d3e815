import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import CONVERTER_CLASSES, num2words

from pyspeech.lang.spoken import spoken_words
from pyspeech.lang.words import words_of


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
        ("de", "so\u00adgar \ufeffja_nein ❤\ufe0f 5%", "SOGAR JA NEIN FÜNF"),
        ("", "Don't  “x” 'I'm' \u0301 2½", "DON'T X I'M 21 2"),
        ("", "", ""),
        # Numbers
        ("de", "21 007 0", "EINUNDZWANZIG NULL NULL SIEBEN NULL"),
        ("de", "1.000 1.000.000 10'000", "EINTAUSEND EINE MILLION ZEHNTAUSEND"),
        ("de", "3,14 0,5 1.000,25", "DREI KOMMA EINS VIER NULL KOMMA FÜNF EINTAUSEND KOMMA ZWEI FÜNF"),
        ("de", "1,2,3 und 12.05.20", "EINS ZWEI DREI UND ZWÖLF NULL FÜNF ZWANZIG"),
        ("de", "1" * 16, " ".join(["EINS"] * 16)),
        ("fr", "21, le 1er B2 m²", "VINGT ET UN LE 1ER B2 M2"),
        ("fr", "1\u202f000", "MILLE"),
        ("pt-br", "16", "DEZESSEIS"),
        ("pt_PT", "16", "DEZASSEIS"),
        ("nb", "2", "TO"),
        ("ar", "٣", "ثلاثة"),
        ("ja", "3つ", "三 つ"),
        ("cmn", "3个 7", "3 个 7"),
        ("de", "[Lachen] ja <unk> (unverständlich) [Anna]", "JA ANNA"),
        ("xx-YY", "7", "7"),
    ],
)
def test_text_of_any_language_becomes_words(language, text, words):
    assert words_of(language)(text) == words.split()


@pytest.mark.parametrize("language", ["en", "en-us", "en_GB", "EN"])
def test_english_is_read_as_english(language):
    assert words_of(language) is spoken_words


LANGUAGES = st.sampled_from(["", "de", "fr", "tr", "hi", "ja", "xx", "pt-br"])


@given(LANGUAGES, st.text() | st.text(st.sampled_from("aß'’1,.5 \u0301İıé½-\u200dक\u093f")))
def test_words_hold_letters_marks_digits_and_inner_apostrophes_only(language, text):
    for word in words_of(language)(text):
        assert word.strip("'") == word != ""
        assert {unicodedata.category(letter)[0] for letter in word if letter != "'"} <= set("LMN")
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
    expected = words_of("")(num2words(number, lang="es"))
    assert words_of("es")(str(number)) == words_of("es")(f"{number:,}".replace(",", ".")) == expected
