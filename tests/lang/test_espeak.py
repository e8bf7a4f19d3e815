import sys

import numpy as np
import pytest

from pyspeech.errors import MissingPackage, UserError
from pyspeech.lang.espeak import SAMPLING_RATE, phones, phones_of_words, speak, speak_with_words, split_phonemes
from pyspeech.lang.words import words_of

needs_espeak = pytest.mark.usefixtures("_espeak")


@pytest.fixture
def _espeak():
    pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")


@needs_espeak
@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-gb-scotland+m5", "en-029+whisper", "en-us+klatt"])
def test_equal_calls_give_equal_samples_whatever_came_between(voice):
    first, rate = speak("call anna", voice, words_per_minute=170, pitch=40)
    speak("something else", "de+m1", words_per_minute=300, pitch=90)
    assert phones("CALL", "fr")
    second, _ = speak("call anna", voice, words_per_minute=170, pitch=40)
    assert rate == SAMPLING_RATE
    assert first.dtype == np.int16
    assert np.array_equal(first, second)
    assert np.abs(first.astype(int)).max() > 1000


@needs_espeak
def test_speed_pitch_and_voice_change_the_speech():
    plain, _ = speak("call anna", "en-us")
    assert len(speak("call anna", "en-us", words_per_minute=300)[0]) < len(plain)
    for other in (speak("call anna", "en-us", pitch=90), speak("call anna", "en-us+f2")):
        assert not np.array_equal(other[0], plain)


@needs_espeak
def test_words_are_pronounced_in_phones_without_stress():
    spoken = dict(
        zip(["CHURCH", "Fire", "a", "—"], phones_of_words(["CHURCH", "Fire", "a", "—"], "en-us"), strict=True)
    )
    assert spoken == {"CHURCH": ["tʃ", "ɜː", "tʃ"], "Fire": ["f", "aɪ", "ɚ"], "a": ["eɪ"], "—": []}


@needs_espeak
def test_capitals_are_words_and_not_spelled_out():
    assert phones("IT", "en-us") == phones("it", "en-us") == ["ɪ", "t"]


def test_compounds_fall_apart_but_affricates_and_diphthongs_stay_whole():
    assert split_phonemes("tʃ_ˈɑːɹ_dʒ") == ["tʃ", "ɑː", "ɹ", "dʒ"]
    assert split_phonemes("ˌoʊ_v_ɚ ɹ_ˈaɪə_t") == ["oʊ", "v", "ɚ", "ɹ", "aɪ", "ə", "t"]
    assert split_phonemes("b_ˈʌ_ʔ_n̩") == ["b", "ʌ", "ʔ", "ə", "n"]
    assert split_phonemes("(fr)k_w_ˈɑː_s_ɑ̃(en)") == ["k", "w", "ɑː", "s", "ɑ̃"]
    assert split_phonemes("n_ˈi2_x_ˈɑu2") == ["n", "i2", "x", "ɑu2"]
    assert split_phonemes("_ _") == []


@needs_espeak
def test_an_unknown_language_or_timbre_is_an_error_with_the_nearest_name():
    with pytest.raises(UserError, match="no language 'en-uss'; did you mean 'en-us'"):
        phones("a", "en-uss")
    with pytest.raises(UserError, match=r"no timbre 'f33' \(voice en-us\+f33\); did you mean 'f3'"):
        speak("a", "en-us+f33")
    assert phones("a", "en-us")  # the library still works after an error


def test_without_the_package_the_error_holds_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingPackage, match=r"pip install 'pyspeech-recipes\[espeak\]'"):
        phones("a", "en-us")


@pytest.mark.parametrize(("language", "word"), [("tr", "ılık"), ("tr", "iyi"), ("de", "Maße"), ("de", "Masse")])
@needs_espeak
def test_a_word_in_capitals_sounds_as_it_did(language, word):
    (capitals,) = words_of(language)(word)
    assert list(phones_of_words([capitals], language)) == list(phones_of_words([word], language))


def test_words_are_timed_where_they_are_spoken():
    text = "ask anna, then otto"
    spoken = speak_with_words(text, "en-us", words_per_minute=170)
    samples, _ = speak(text, "en-us", words_per_minute=170)
    np.testing.assert_array_equal(spoken.samples_S, samples)
    assert [word for word, _, _ in spoken.words] == ["ask", "anna", "then", "otto"]
    times = [time for _, start, end in spoken.words for time in (start, end)]
    assert times == sorted(times)
    assert times[-1] <= len(samples) / SAMPLING_RATE
    # At the comma it is silent, between the words before it is not.
    loudness = [
        np.abs(samples[round(t * SAMPLING_RATE) :][:200].astype(int)).max() for t in (times[3] + 0.05, times[1])
    ]
    assert times[4] - times[3] > 0.1
    assert loudness[0] < loudness[1]
