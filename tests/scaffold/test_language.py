import pytest

from pyspeech.errors import UserError
from pyspeech.scaffold.language import check_language, of_common_voice


def test_a_language_is_one_that_espeak_speaks():
    check_language("de")
    with pytest.raises(UserError, match="no language 'xx'"):
        check_language("xx")


@pytest.mark.parametrize(
    ("code", "language"),
    [("de", "de"), ("en", "en-us"), ("pt", "pt-br"), ("sv-SE", "sv"), ("nn-NO", "nb"), ("zh-CN", ""), ("xx", "")],
)
def test_codes_of_common_voice_are_languages_of_espeak_where_it_has_them(code, language):
    assert of_common_voice(code) == language
