import os
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from pyspeech.corpora.resample import BLOCK, resample_file
from pyspeech.data.audio_files import CannotRead
from pyspeech.errors import UserError

RATE = 22050


def write(path, samples, rate=RATE, **options):
    soundfile.write(path, samples, rate, **{"subtype": "PCM_16"} | options)
    return path


def tone(hz, seconds=1.0, rate=RATE, height=0.5):
    return height * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def resampled(path, rate=16000):
    quieter = resample_file(path, path.with_suffix(".flac"), rate)
    samples, found = soundfile.read(path.with_suffix(".flac"))
    assert found == rate
    return samples, quieter


def decibels(samples):
    return 20 * np.log10(max(np.sqrt(2 * np.mean(samples[2000:-2000] ** 2)), 1e-9))


@pytest.mark.parametrize("hz", [100, 3000, 7200])
def test_speech_stays_as_it_is(tmp_path, hz):
    samples, quieter = resampled(write(tmp_path / "a.wav", tone(hz)))
    assert not quieter
    assert samples[2000:-2000] == pytest.approx(tone(hz, rate=16000)[2000:-2000], abs=1e-3)


@pytest.mark.parametrize("hz", [8050, 9000, 10900])
def test_what_the_new_rate_cannot_hold_is_gone(tmp_path, hz):
    samples, _ = resampled(write(tmp_path / "a.wav", tone(hz)))
    assert decibels(samples) < -90  # of 16 bits, half a step is -96


@settings(max_examples=10)
@given(st.integers(1, 3 * BLOCK), st.sampled_from([(22050, 16000), (44100, 16000), (8000, 16000), (48000, 16000)]))
def test_blocks_leave_no_seam_and_the_length_is_that_of_the_audio(tmp_path_factory, count, rates):
    before, after = rates
    rng = np.random.default_rng(count)
    # Band-limited, so that two resamplers of other edges agree.
    coarse = rng.uniform(-0.2, 0.2, count // 8 + 2)
    samples = resample_poly(coarse, 8, 1)[:count]
    path = write(tmp_path_factory.mktemp("audio") / "a.wav", samples, before, subtype="FLOAT")
    found, _ = resampled(path, after)
    assert abs(len(found) - count * after / before) <= 0.5
    expected = resample_poly(samples, after, before)
    inner = slice(400, min(len(found), len(expected)) - 400)
    assert found[inner] == pytest.approx(expected[inner], abs=0.02)


def test_all_channels_are_kept(tmp_path):
    samples, _ = resampled(write(tmp_path / "a.wav", np.stack([tone(200), tone(400)], axis=1)))
    peaks = abs(np.fft.rfft(samples, axis=0)).argmax(axis=0) * 16000 / len(samples)
    assert peaks == pytest.approx([200, 400], abs=1)


def test_a_wave_that_would_be_clipped_is_made_quieter_as_a_whole(tmp_path):
    square = np.sign(tone(300, height=1.0))
    square[: RATE // 2] *= 0.1
    samples, quieter = resampled(write(tmp_path / "a.wav", square * 0.99))
    assert quieter
    assert 0.999 < abs(samples).max() <= 1
    assert (abs(samples) > 0.9999).mean() < 0.01  # the tips alone
    soft, loud = (np.median(abs(part)) for part in (samples[1000:7000], samples[9000:15000]))
    assert soft / loud == pytest.approx(0.1, abs=0.002)


def test_more_channels_than_flac_has_are_refused(tmp_path):
    resampled(write(tmp_path / "8.wav", np.zeros((RATE, 8))))
    with pytest.raises(UserError, match=r"9\.wav has 9 channels, its copy in FLAC can hold 8"):
        resampled(write(tmp_path / "9.wav", np.zeros((RATE, 9))))
    assert not (tmp_path / "9.flac").exists()


def test_two_may_write_the_same_file_at_once(tmp_path):
    path = write(tmp_path / "a.wav", tone(300, seconds=20))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: resample_file(path, tmp_path / "a.flac", 16000), range(8)))
    assert soundfile.info(tmp_path / "a.flac").frames == 20 * 16000
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.flac", "a.wav"]


def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = []
    for seconds in (10, 100):
        path = write(tmp_path / f"{seconds}.wav", np.zeros(seconds * RATE))
        tracemalloc.start()
        resample_file(path, tmp_path / "out.flac", 16000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


class TestUnreadable:
    def refused(self, path, message):
        with pytest.raises(CannotRead, match=message) as caught:
            resample_file(path, path.with_suffix(".flac"), 16000)
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not list(path.parent.glob("*.flac"))

    def test_no_audio(self, tmp_path):
        (tmp_path / "a.ogg").write_text("this is no audio")
        self.refused(tmp_path / "a.ogg", "as audio")

    def test_a_missing_file(self, tmp_path):
        self.refused(tmp_path / "gone.wav", "No such file")

    def test_an_empty_one(self, tmp_path):
        self.refused(write(tmp_path / "a.wav", np.zeros(0)), r"ends after 0\.00 s")

    def test_a_wav_cut_short(self, tmp_path):
        path = write(tmp_path / "a.wav", tone(300))
        path.write_bytes(path.read_bytes()[:20000])
        self.refused(path, "is cut short")

    @pytest.mark.parametrize("kept", [0.3, 0.8])
    def test_a_flac_cut_short(self, tmp_path, kept):
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * BLOCK)
        path = write(tmp_path / "a.fla", noise, format="FLAC")
        path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
        self.refused(path, "as audio: (it ends )?after ")

    def test_a_damaged_flac(self, tmp_path):
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * BLOCK)
        path = write(tmp_path / "a.fla", noise, format="FLAC")
        content = bytearray(path.read_bytes())
        content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
        path.write_bytes(content)
        self.refused(path, "cannot read")

    def test_samples_that_are_no_numbers(self, tmp_path):
        samples = tone(300)
        samples[RATE // 2] = np.nan
        self.refused(write(tmp_path / "a.wav", samples, subtype="FLOAT"), "samples are no numbers")


def test_python_goes_on_while_a_recording_is_resampled(tmp_path):
    path = write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 60 * RATE))
    longest = []  # wait of this thread, as a share of the whole
    while min(longest, default=1) >= 0.5 and len(longest) < 50:  # other processes may hold the machine for a while
        thread = threading.Thread(target=resample_file, args=(path, tmp_path / "a.flac", 16000))
        thread.start()
        times = [time.perf_counter()]
        while thread.is_alive():
            os.sched_yield()
            times.append(time.perf_counter())
        longest.append(np.diff(times).max() / (times[-1] - times[0]))
    assert min(longest) < 0.5
