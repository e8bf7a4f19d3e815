import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.lang.spoken import TITLES, sentences, spoken_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Mr. Smith's 30th of December, 1842; at 2,000 men.",
            "MISTER SMITH'S THIRTIETH OF DECEMBER EIGHTEEN FORTY TWO AT TWO THOUSAND MEN",
        ),
        # Apostrophes, quotation marks, hyphens, dashes
        ("“Don't,” said ‘Ann’, ’tis the dogs' tea", "DON'T SAID ANN TIS THE DOGS TEA"),
        ("curtain-loops -- well—yes… no... up", "CURTAIN LOOPS WELL YES NO UP"),
        ("_Never_ O`Brien soft\u00adly", "NEVER O'BRIEN SOFTLY"),
        # Letters
        ("Café naïve Æsop Œuvre Ørsted Straße ﬁne", "CAFE NAIVE AESOP OEUVRE ORSTED STRASSE FINE"),
        ("Henry VIII. the U.S. at 5 p.m. i.e.", "HENRY VIII THE U S AT FIVE P M I E"),
        ("A & B, 5%", "A AND B FIVE PERCENT"),
        ("tea, &c., milk etc. ETC, A&C", "TEA ET CETERA MILK ET CETERA ET CETERA A AND C"),
        ("Слово 語", ""),
        ("", ""),
        # Titles
        ("Mr Bell, Mrs Bell and Dr. Bell", "MISTER BELL MISSUS BELL AND DOCTOR BELL"),
        ("MR. BELL, Col. Bell", "MISTER BELL COLONEL BELL"),
        ("Bell, Inc., in inc", "BELL INCORPORATED IN INC"),
        ("the col. St Ives, 6 ft. co-op", "THE COL ST IVES SIX FT CO OP"),
        ("Coming, Stop. Genoa.", "COMING STOP GENOA"),
        ("I said no. No. 5, NO. 6, Nos. 7 and no 8", "I SAID NO NUMBER FIVE NUMBER SIX NUMBERS SEVEN AND NO EIGHT"),
        # Whole numbers
        (
            "0 7 12 101 1,842 10,000,000",
            "ZERO SEVEN TWELVE ONE HUNDRED ONE ONE THOUSAND EIGHT HUNDRED FORTY TWO TEN MILLION",
        ),
        ("007 B2 x1", "ZERO ZERO SEVEN B TWO X ONE"),
        ("1" * 16, " ".join(["ONE"] * 16)),
        ("1st 2nd 23rd 100th 1000th", "FIRST SECOND TWENTY THIRD ONE HUNDREDTH ONE THOUSANDTH"),
        # Years
        ("1066", "ONE THOUSAND SIXTY SIX"),
        ("1100 1842-44, 1905", "ELEVEN HUNDRED EIGHTEEN FORTY TWO FORTY FOUR NINETEEN OH FIVE"),
        ("2005 2012", "TWO THOUSAND FIVE TWENTY TWELVE"),
        ("the 1840s, 1890's, '50s and 60s", "THE EIGHTEEN FORTIES EIGHTEEN NINETIES FIFTIES AND SIXTIES"),
        # Parts
        ("3.25 .577 10.0", "THREE POINT TWO FIVE POINT FIVE SEVEN SEVEN TEN POINT ZERO"),
        ("2½ or 2 ¾ or ½", "TWO AND A HALF OR TWO AND THREE QUARTERS OR A HALF"),
        # Money
        ("£5 10s. 6d.", "FIVE POUNDS TEN SHILLINGS SIX PENCE"),
        ("£1 1s. 1d.", "ONE POUND ONE SHILLING ONE PENNY"),
        ("$29.95, $1, $3.00", "TWENTY NINE DOLLARS NINETY FIVE CENTS ONE DOLLAR THREE DOLLARS"),
        ("£2,000 or £1400", "TWO THOUSAND POUNDS OR ONE THOUSAND FOUR HUNDRED POUNDS"),
        # Times
        ("12:15, 6:05 and 7:00", "TWELVE FIFTEEN SIX OH FIVE AND SEVEN"),
        ("6.30 p.m. but 6.30", "SIX THIRTY P M BUT SIX POINT THREE ZERO"),
    ],
)
def test_prose_is_read_aloud(text, words):
    assert spoken_words(text) == words.split()


def test_every_abbreviation_of_ljspeech_is_spelled_out():
    for short, full in TITLES.items():
        assert spoken_words(f"the {short.capitalize()}. one") == ["THE", full.upper(), "ONE"]


@pytest.mark.parametrize(
    ("prose", "expected"),
    [
        ('He came. "Go!" said I. "Why? Now?"', ["HE CAME", "GO SAID I", "WHY", "NOW"]),
        (
            "Mr. Bell, A. J. Bell and Messrs. Bell; it was I. No. 5 came.",
            ["MISTER BELL A J BELL AND MESSRS BELL IT WAS I", "NUMBER FIVE CAME"],
        ),
        ("Well... perhaps. Well… Yes! 'Yes.' 'No.'", ["WELL PERHAPS", "WELL", "YES", "YES", "NO"]),
        ("At 6.30 we went. . . . ... And left", ["AT SIX POINT THREE ZERO WE WENT", "AND LEFT"]),
        ("\ufeffone\n", ["ONE"]),
        ("... --\n", []),
    ],
)
def test_prose_is_parted_at_the_ends_of_sentences(prose, expected):
    assert [" ".join(words) for words in sentences(prose)] == expected


@given(st.text(st.sampled_from("aZ.1,0:£$s'½ -%é?Nop\n") | st.characters(), max_size=30))
def test_any_text_gives_words_of_plain_letters_that_read_as_themselves(text):
    words = spoken_words(text)
    assert all(word.strip("'") == word and set(word) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ'") for word in words)
    assert spoken_words(" ".join(words)) == [
        TITLES.get(w.lower(), w).upper() if w in ("MR", "MRS", "DR", "DRS") else w for w in words
    ]
