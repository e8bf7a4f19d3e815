import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.lang.unspaced import spaced, unspaced_language


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["我今天去苹果。", "他现在买空调。"], "zh"),
        (["我今天去 office 买空调"], ""),
        (["我今天去北京的 office 买空调"], "zh"),
        (["而 对 楼市 成交 抑制 作用"], ""),
        (["苹果", "空调"], ""),
        (["私は学生です。", "コンピュータを買う"], "ja"),
        (["สวัสดีครับฉันไปโรงเรียน"], "th"),
        (["ฉัน ไป โรงเรียน"], ""),
        (["the word 苹果今天去 is one of many others here"], ""),
        (["one two", ""], ""),
        ([], ""),
    ],
)
def test_sentences_without_spaces_are_known(texts, language):
    assert unspaced_language(texts) == language


@given(st.text(st.sampled_from("我今を\u3099กำ\u0e48က\u102b ab")))
def test_spaces_alone_are_put_between_characters(text):
    assert spaced(text).replace(" ", "") == text.replace(" ", "")
    assert spaced(spaced(text)).split() == spaced(text).split()
    assert not unspaced_language([spaced(text)])
