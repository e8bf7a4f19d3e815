"""espeak-ng as a voice and as a source of pronunciations, through the library that ``espeakng-loader`` carries."""

import ctypes
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyspeech.errors import MissingPackage, UserError, nearest

SAMPLING_RATE = 22050
SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: samples go to the callback before espeak_Synth returns
REPORT_PHONEMES = 1  # as events, which change no sample
REPORT_MISSING_DATA = 1 << 15  # else the library ends the whole process
PAUSE = b"_"  # begins the names of phonemes that are none
UTF8 = 1
POSITION_CHARACTER = 1
NOISE_SEED = 1
RATE, PITCH = 1, 3  # espeak_PARAMETER
IPA_SEPARATED = 2 | ord("_") << 8  # espeak_TextToPhonemes: IPA, "_" between phonemes

STRESS = re.compile("[ˈˌ]")
LANGUAGE_SWITCH = re.compile(r"\([^)]*\)")  # "(fr)" before a word that espeak speaks as another language
VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻ")
GLIDES = frozenset("ɪʊiuyʏø")  # what a closing diphthong ends in
STOPS, FRICATIVES = frozenset("tdp"), frozenset("ʃʒszɕʑʂʐf")  # together an affricate
SYLLABIC = "\N{COMBINING VERTICAL LINE BELOW}"

DOTTED_I = ("az", "tr")  # languages whose small "I" has no dot

_lock = threading.Lock()
NO_EVENT, WORD, PHONEME = 0, 1, 7  # espeak_EVENT_TYPE


class _Event(ctypes.Structure):
    """espeak_EVENT: the text's character it belongs to, from 1, and where in the samples it begins."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Spoken:
    """What espeak-ng says.

    Args:
        samples_S: At ``SAMPLING_RATE``.
        words: Each word as it stands in the text, and where it begins and ends, in seconds.
    """

    samples_S: NDArray[np.int16]
    words: tuple[tuple[str, float, float], ...]


def speak(text: str, voice: str, words_per_minute: int = 175, pitch: int = 50) -> tuple[NDArray[np.int16], int]:
    """Speak ``text`` in ``voice``; equal arguments give equal samples.

    Args:
        text: What to say. Words in capitals may be spelled out; lower case never is.
        voice: A language and perhaps a timbre, e.g. ``en-us`` or ``en-gb-scotland+f2``.
        words_per_minute: 80 to 450.
        pitch: 0 to 99.

    Returns:
        The samples int16[S] and their sampling rate in Hz.

    Raises:
        MissingPackage: ``espeakng-loader`` is not installed.
        UserError: no such voice.
    """
    return speak_with_words(text, voice, words_per_minute, pitch).samples_S, SAMPLING_RATE


def speak_with_words(text: str, voice: str, words_per_minute: int = 175, pitch: int = 50) -> Spoken:
    """As :func:`speak`, with the times of words. What it says as one word (``o'clock``) may be less than one."""
    chunks: list[bytes] = []
    begun: list[tuple[str, int]] = []  # words, and pauses as ""

    def keep(samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]") -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        number = 0
        while events and (event := events[number]).type != NO_EVENT:
            number += 1
            if event.type == WORD:
                first = event.text_position - 1
                begun.append((text[first : first + event.length], event.sample))
            elif event.type == PHONEME and event.name.startswith(PAUSE):
                begun.append(("", event.sample))
        return 0

    callback = _Callback(keep)
    data = text.encode() + b"\0"
    with _fresh_library() as library:
        library.espeak_SetSynthCallback.restype = None
        library.espeak_SetSynthCallback(callback)
        _set_voice(library, voice)
        library.espeak_SetParameter(RATE, words_per_minute, 0)
        library.espeak_SetParameter(PITCH, pitch, 0)
        status = library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, POSITION_CHARACTER, 0, UTF8, None, None)
    if status:
        raise UserError(f"espeak-ng could not speak '{text}' in voice {voice} (status {status})")
    samples_S = np.frombuffer(b"".join(chunks), np.int16)
    ends = [sample for _, sample in begun[1:]] + [len(samples_S)]
    return Spoken(
        samples_S,
        tuple(
            (word, start / SAMPLING_RATE, end / SAMPLING_RATE)
            for (word, start), end in zip(begun, ends, strict=True)
            if word
        ),
    )


def phones(word: str, language: str) -> list[str]:
    """Pronounce one word; see :func:`phones_of_words`."""
    return next(phones_of_words([word], language))


def phones_of_words(words: Iterable[str], language: str) -> Iterator[list[str]]:
    """Yield the pronunciation of each word as IPA phones without stress; empty where espeak says nothing.

    Words are lower-cased first, since capitals may be spelled out.

    Raises:
        MissingPackage: ``espeakng-loader`` is not installed.
        UserError: no such language.
    """
    # All at once: no other use of the library may come between, or that one would not be fresh.
    with _fresh_library() as library:
        _set_voice(library, language)
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        spoken = [split_phonemes(_phonemes(library, _lower(word, language))) for word in words]
    yield from spoken


def _lower(word: str, language: str) -> str:
    if language.partition("-")[0] in DOTTED_I:
        word = word.replace("İ", "i").replace("I", "ı")
    return word.lower()


def split_phonemes(phonemes: str) -> list[str]:
    """Split espeak's IPA, phonemes joined by ``_``, into a small closed set of phones.

    An affricate (``tʃ``) and a closing diphthong (``aɪ``) that espeak writes as one phoneme stay whole. Its other
    compounds fall apart (``ɑːɹ`` to ``ɑː ɹ``, ``aɪɚ`` to ``aɪ ɚ``, ``n̩`` to ``ə n``), so that every part is a phone
    that other words train too.
    """
    plain = STRESS.sub("", LANGUAGE_SWITCH.sub(" ", phonemes))
    return [phone for phoneme in re.split(r"[_\s]+", plain) for phone in _split_phoneme(phoneme)]


def _split_phoneme(phoneme: str) -> Iterator[str]:
    letters: list[str] = []
    for character in phoneme:
        if unicodedata.category(character) in ("Ll", "Lo"):
            letters.append(character)
        elif letters and unicodedata.category(character)[0] in "LMNS":  # length, nasality, tone ...
            letters[-1] += character
    position = 0
    while position < len(letters):
        width = 2 if _belong_together(letters[position : position + 2]) else 1
        phone = "".join(letters[position : position + width])
        if SYLLABIC in phone:
            yield "ə"
        yield phone.replace(SYLLABIC, "")
        position += width


def _belong_together(letters: Sequence[str]) -> bool:
    if len(letters) < 2:
        return False
    first, second = letters
    if first in STOPS:
        return second[0] in FRICATIVES
    return first in VOWELS and second[0] in GLIDES and first != second


def _phonemes(library: ctypes.CDLL, text: str) -> str:
    pointer = ctypes.c_char_p(text.encode())
    clauses = []
    while pointer.value is not None:  # one clause per call; the pointer moves on, at last to NULL
        clauses.append(library.espeak_TextToPhonemes(ctypes.byref(pointer), UTF8, IPA_SEPARATED).decode())
    return " ".join(clauses)


@contextmanager
def _fresh_library() -> Iterator[ctypes.CDLL]:
    # The phases of the wave and of pitch flutter run on from one utterance to the next in static variables that no
    # call of the library resets, and breath is seeded by the clock. Loading the library anew (a few milliseconds) and
    # seeding it make speech a function of its arguments.
    from _ctypes import dlclose

    try:
        import espeakng_loader
    except ImportError as error:
        raise MissingPackage("espeakng-loader", "espeak-ng", "pip install 'pyspeech-recipes[espeak]'") from error
    data = espeakng_loader.get_data_path()
    with _lock:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        handle = library._handle
        try:
            rate = library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), REPORT_PHONEMES | REPORT_MISSING_DATA)
            if rate != SAMPLING_RATE:
                raise UserError(
                    f"espeak-ng cannot use its data in {data}; install espeakng-loader under a shorter path"
                )
            library.espeak_ng_SetRandSeed(ctypes.c_long(NOISE_SEED))
            yield library
        finally:
            library.espeak_Terminate()
            dlclose(handle)


def _set_voice(library: ctypes.CDLL, voice: str) -> None:
    language, plus, timbre = voice.partition("+")
    if library.espeak_SetVoiceByName(voice.encode()):
        raise UserError(f"espeak-ng has no language '{language}'{nearest(language, _languages())}")
    # The library itself takes an unknown timbre for none at all.
    timbres = {path.name for path in (_data_path() / "voices" / "!v").iterdir()}
    if plus and timbre not in timbres:
        raise UserError(f"espeak-ng has no timbre '{timbre}' (voice {voice}){nearest(timbre, timbres)}")


def _languages() -> set[str]:
    return {path.name.lower() for path in (_data_path() / "lang").rglob("*") if path.is_file()}


def _data_path() -> Path:
    import espeakng_loader

    return Path(espeakng_loader.get_data_path())
