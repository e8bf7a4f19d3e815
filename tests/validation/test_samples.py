import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.corpora.corpus import utterance
from pyspeech.entries import read_entry
from pyspeech.validation.faults import CLIPPED_AUDIO, DAMAGED_AUDIO, SILENT_AUDIO, UNREAD_CHANNEL, Finding
from pyspeech.validation.headers import read_headers
from pyspeech.validation.samples import CLIPPED_RUN, FULL_SCALE, check_samples, clipped_fraction, judge
from tests.validation.planted import streamed_flac


def tone(gain=0.3):
    return np.float32(gain * np.sin(np.arange(8000) / 7))


def kinds_of(samples):
    return [finding.kind for finding in judge(samples)]


def one_by_one(samples):
    """Runs counted sample by sample."""
    clipped, run, sign = 0, 0, 0
    for sample in [*samples, 0.0]:
        now = int(np.sign(sample)) if abs(sample) >= FULL_SCALE else 0
        if now and now == sign:
            run += 1
            continue
        clipped += run if run >= CLIPPED_RUN else 0
        run, sign = abs(now), now
    return clipped / max(len(samples), 1)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), max_size=40))
def test_runs_at_full_scale_are_counted_as_one_by_one(values):
    assert clipped_fraction(np.array(values, dtype=np.float32)) == one_by_one(values)


def test_speech_levels_are_no_fault_even_where_a_peak_touches_full_scale():
    assert kinds_of(tone()) == []
    assert kinds_of(tone(0.001)) == []
    assert kinds_of(tone(1.0)) == []


def test_silence_is_a_constant_or_the_dither_of_16_bits():
    dither = np.random.default_rng(0).integers(-1, 2, 8000) / 32768
    for samples in (np.zeros(100), np.full(100, 0.5), dither):
        assert kinds_of(samples.astype(np.float32)) == [SILENT_AUDIO]


def test_clipping_and_numbers_that_are_none_are_named():
    assert kinds_of(np.clip(tone(3.0), -1, 1)) == [CLIPPED_AUDIO]
    assert kinds_of(np.float32([0.1, np.nan])) == [DAMAGED_AUDIO]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW", "ALAW", "PCM_U8"])
@pytest.mark.parametrize(("gain", "kinds"), [(0.9, []), (3.0, [CLIPPED_AUDIO])])
def test_full_scale_is_the_largest_value_of_the_coding(tmp_path, subtype, gain, kinds):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.clip(tone(gain), -1, 1), 8000, subtype=subtype)
    entry = read_entry(utterance(path, "A", "").to_dict(), 0, 1)
    ((_, findings),) = check_samples([entry], read_headers([str(path)]))
    assert [finding.kind for finding in findings] == kinds


def test_a_file_of_unknown_length_is_decoded(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(), 8000)
    entry = read_entry(utterance(path, "A", "").to_dict(), 0, 1)
    streamed_flac(path, 8000)
    assert list(check_samples([entry], read_headers([str(path)]))) == [(entry, [])]


def test_a_silent_channel_is_named_and_one_that_is_not_read(tmp_path):
    def found(samples, *channels):
        path = tmp_path / "a.wav"
        soundfile.write(path, np.stack(samples, axis=1), 8000)
        cuts = [utterance(path, "A", "", channel=channel) for channel in channels]
        entries = [
            piece for cut in cuts for entry in [read_entry(cut.to_dict(), 0, 1)] for piece in entry.parts or (entry,)
        ]
        return [findings for _, findings in check_samples(entries, read_headers([str(path)]))]

    other = np.roll(tone(), 3)
    assert found([0 * tone(), tone()], "0") == [
        [Finding(SILENT_AUDIO, "channel 0 of 2"), Finding(UNREAD_CHANNEL, "1, read is 0")]
    ]
    assert found([0 * tone(), tone()], "1") == [[]]
    assert found([tone(), tone()], "0") == [[]]
    assert found([tone(), other], "0") == [[Finding(UNREAD_CHANNEL, "1, read is 0")]]
    assert found([tone(), other], "0", "1") == found([tone(), other], "mix") == [[], []]
