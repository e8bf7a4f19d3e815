"""Languages as espeak-ng names them."""

from pyspeech.errors import MissingPackage, UserError
from pyspeech.lang.espeak import phones

# Codes of Common Voice whose first part espeak-ng does not know, or knows as another accent than most of the clips.
# Chinese, Japanese and Thai are written without spaces: there are no words that it could pronounce.
COMMON_VOICE = {"en": "en-us", "pt": "pt-br", "nn-NO": "nb", "zh-CN": "", "zh-TW": "", "zh-HK": "", "yue": ""}
COMMON_VOICE |= {"ja": "", "th": "", "nan-tw": ""}


def check_language(language: str) -> None:
    """Raise UserError unless espeak-ng is installed and speaks ``language``."""
    phones("a", language)


def of_common_voice(code: str) -> str:
    """The espeak-ng language for a code of Common Voice (``de``, ``sv-SE``), empty where there is none."""
    if code in COMMON_VOICE:
        return COMMON_VOICE[code]
    language = code.partition("-")[0]
    try:
        check_language(language)
    except MissingPackage:
        raise
    except UserError:
        return ""
    return language
