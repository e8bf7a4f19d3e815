import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.lang.marks import counted, marks_of, without_marks
from pyspeech.lang.spoken import sentences, spoken_words
from pyspeech.lang.words import words_of


@pytest.mark.parametrize(
    ("text", "words", "marks"),
    [
        ("[laughter] Will <unk> we", "Will we", ["[laughter]", "<unk>"]),
        ("{breath} so (inaudible) +um+ ++NOISE++", "so", ["{breath}", "(inaudible)", "+um+", "++NOISE++"]),
        ("<s> A B </s>", "A B", ["<s>", "</s>"]),
        ("<SPOKEN_NOISE>", "", ["<SPOKEN_NOISE>"]),
        ("[music playing 00:12:30] {door slam noise}", "", ["[music playing 00:12:30]", "{door slam noise}"]),
        ("[VOCALIZED-NOISE](Background noise.) *coughs*", "", ["[VOCALIZED-NOISE]", "(Background noise.)", "*coughs*"]),
        ("[laughter-yes] sir", "yes sir", ["[laughter-yes]"]),
        ("a <i>big</i> dog", "a big dog", ["<i>", "</i>"]),
        ("[Lachen] ja (unverständlich) {rires}", "ja", ["[Lachen]", "(unverständlich)", "{rires}"]),
        # What readers of prose and books say
        ("they [Oswald and Marina] left (he laughed)", "they [Oswald and Marina] left (he laughed)", []),
        ("a < b > c {F uh, } 1+1+2 <English okay> *this* []", "a < b > c {F uh, } 1+1+2 <English okay> *this* []", []),
        ("noise and (music of the spheres)", "noise and (music of the spheres)", []),
    ],
)
def test_marks_of_noises_are_no_words_and_words_in_brackets_are(text, words, marks):
    assert without_marks(text).split() == words.split()
    assert marks_of(text) == marks


@given(st.lists(st.sampled_from([*"[]<>{}()+* ab", "noise"])).map("".join))
def test_a_text_without_marks_is_returned_as_it_is(text):
    assert (without_marks(text) == text) == (not marks_of(text))


def test_the_most_frequent_are_counted():
    assert counted(["<unk>", "[a]", "<unk>"]) == "<unk> 2, [a] 1"
    assert counted([f"<{n}>" for n in range(10)]).endswith("<7> 1 and 2 others")
    assert counted([]) == ""


def test_every_reader_of_texts_leaves_them_out():
    assert spoken_words("{noise} Lord, <unk> 2 [coughs]") == ["LORD", "TWO"]
    assert list(sentences("One (inaudible). [laughter] Two.")) == [["ONE"], ["TWO"]]
    assert words_of("")("Eins <unk> [Noise] zwei") == ["EINS", "ZWEI"]
