import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.corpora.channels import check_channel, each_channel, is_equal, is_silent, on_channel
from pyspeech.corpora.corpus import utterance
from pyspeech.data.audio_files import CannotRead
from pyspeech.data.features import at_speed, load_audio
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.precomputed_features import given_utterance
from pyspeech.errors import UserError

RATE = 8000


def of_channels(path, count=2):
    """Noise of its own on each channel; returned as it is read."""
    samples = 0.1 * np.random.default_rng(0).standard_normal((RATE, count))
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return soundfile.read(path, dtype="float32")[0].reshape(RATE, count)


@pytest.mark.parametrize(("channel", "heard"), [("", [0]), ("0", [0]), ("2", [2]), ("mix", [0, 1, 2])])
@pytest.mark.parametrize("count", [1, 3])
def test_an_utterance_is_one_channel_or_the_average_of_all(tmp_path, channel, heard, count):
    samples = of_channels(tmp_path / "a.wav", count)
    if channel == "2" and count == 1:
        with pytest.raises(CannotRead, match="utterance 'a': recording 'a' has no channel 2, but 0; choose another"):
            utterance(tmp_path / "a.wav", "A", "ann", channel=channel)
        return
    cut = utterance(tmp_path / "a.wav", "A", "ann", start=0.25, seconds=0.5, channel=channel)
    write_manifest([cut], tmp_path / "cuts.jsonl.gz")
    [read] = read_manifest(tmp_path / "cuts.jsonl.gz")
    expected = samples[2000:6000, heard if count > 1 else [0]].mean(axis=1)
    assert load_audio(read, RATE)[0] == pytest.approx(expected, abs=1e-6)
    assert [(each.text, each.speaker, each.start, each.duration) for each in read.supervisions] == [
        ("A", "ann", 0, 0.5)
    ]
    assert load_audio(at_speed(read, 1.25), RATE).shape == (1, 3200)


def test_each_channel_may_be_an_utterance_whose_id_says_which(tmp_path):
    samples = of_channels(tmp_path / "a.wav")
    cuts = list(each_channel(utterance(tmp_path / "a.wav", "A", "ann", channel="each")))
    assert [(cut.id, cut.channel, cut.supervisions[0].id) for cut in cuts] == [
        ("a-ch0", 0, "a-ch0"),
        ("a-ch1", 1, "a-ch1"),
    ]
    for cut, expected in zip(cuts, samples.T, strict=True):
        assert (load_audio(cut, RATE)[0] == expected).all()
    of_channels(tmp_path / "b.wav", 1)
    assert [cut.id for cut in each_channel(utterance(tmp_path / "b.wav", "A", "ann"))] == ["b"]


def test_a_cut_without_audio_has_no_channels(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((50, 13), np.float32))
    cut = given_utterance(tmp_path / "a.npy", "A", "ann")
    assert on_channel(cut, "1") is cut
    assert list(each_channel(cut)) == [cut]


@given(st.text(alphabet="0123456789-mixeach", max_size=5))
def test_a_channel_is_a_number_or_one_of_two_words(channel):
    if channel in ("", "mix", "each") or (channel.isdecimal() and len(channel) <= 3):
        check_channel(channel)
    else:
        with pytest.raises(UserError, match="is none; choose 0, 1"):
            check_channel(channel)


def test_what_differs_by_less_than_can_be_heard_is_equal_and_dither_is_silence():
    noise = np.float32(np.random.default_rng(0).standard_normal((2, RATE)))
    assert is_equal(noise[0], noise[0] + 0.005 * noise[1])
    assert not is_equal(noise[0], noise[0] + 0.02 * noise[1])
    assert not is_equal(noise[0], 0 * noise[0])
    assert is_equal(0 * noise[0], 0 * noise[0])
    assert is_silent(0.2 + 3e-5 * noise[0])
    assert not is_silent(1e-3 * noise[0])
