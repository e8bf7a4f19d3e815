from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyspeech.config import NoiseConfig, load_config
from pyspeech.data.wave_augment import NO_NOISE, WaveAugment, fast_size, noise_gain, reverberate, wave_augment
from pyspeech.errors import UserError
from pyspeech.settings import read_yaml

RATE = 8000
SHARED = read_yaml(Path(__file__).parents[2] / "conf" / "noise.yaml")["noise"]


def settings(**changes: object) -> NoiseConfig:
    always = {"noise_probability": 1.0, "rir_probability": 1.0}
    return NoiseConfig.model_validate({**SHARED, **always, **changes})


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def tone(pitch: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def energy_at(samples: np.ndarray, pitch: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[np.abs(frequencies - pitch) < 20].sum())


def snr_db(clean: np.ndarray, noisy: np.ndarray) -> float:
    noise = (noisy - clean).astype(np.float64)
    return 10 * np.log10((clean.astype(np.float64) ** 2).mean() / (noise**2).mean())


def signals(longest: int) -> st.SearchStrategy[np.ndarray]:
    whole = hnp.arrays(np.int16, st.integers(1, longest), elements=st.integers(-1000, 1000))
    return whole.map(lambda values: (values / 1000).astype(np.float32))


@given(signals(60), signals(90).filter(np.any))
def test_reverberation_equals_a_convolution_from_the_strongest_tap_on(samples, response):
    unit = response.astype(np.float64) / np.linalg.norm(response.astype(np.float64))
    peak = np.abs(response).argmax()
    found = reverberate(samples, response)
    assert found.dtype == np.float32
    assert np.abs(found - np.convolve(samples, unit)[peak : peak + len(samples)]).max() < 1e-5


def is_fast(size: int) -> bool:
    for factor, most in ((2, 99), (3, 4), (5, 3)):
        while size % factor == 0 and most > 0:
            size //= factor
            most -= 1  # noqa: PLW2901
    return size == 1


@given(st.integers(1, 300_000))
def test_a_fast_size_is_the_smallest_of_few_threes_and_fives(size):
    assert fast_size(size) == next(found for found in range(size, 2 * size + 1) if is_fast(found))


@given(st.floats(-20, 40), st.integers(0, 9))
def test_the_gain_gives_the_ratio_asked_for(ratio, seed):
    rng = np.random.default_rng(seed)
    samples, noise = (rng.standard_normal(400).astype(np.float32) * scale for scale in (0.1, 0.7))
    noisy = samples.astype(np.float64) + noise_gain(samples, noise, ratio) * noise.astype(np.float64)
    assert snr_db(samples, noisy) == pytest.approx(ratio, abs=1e-3)


def test_silent_noise_adds_nothing():
    assert noise_gain(tone(300, 0.1), np.zeros(800, np.float32), 5.0) == 0.0


@pytest.mark.parametrize("seconds", [0.11, 3.0])
@pytest.mark.parametrize("rate", [RATE, 2 * RATE])
def test_noise_has_the_ratio_asked_for_whatever_its_length_and_rate(tmp_path, seconds, rate):
    write(tmp_path / "noise" / "hiss.wav", tone(2000, seconds, rate), rate)
    augment = WaveAugment(settings(noise_dir=str(tmp_path), snr_db={**SHARED["snr_db"], "noise": [7, 7]}), RATE)
    clean = tone(300, 1.0)
    noisy = augment(clean, np.random.default_rng(0))
    assert (noisy.shape, noisy.dtype) == (clean.shape, np.float32)
    assert snr_db(clean, noisy) == pytest.approx(7, abs=0.05)
    assert energy_at(noisy, 2000) > 0.1 * energy_at(noisy, 300)


def test_the_folder_tells_the_kind_and_with_it_the_ratio(tmp_path):
    for kind, pitch in (("noise", 1000), ("music", 2000), ("speech", 3000), ("other", 1000)):
        write(tmp_path / kind / "deep" / "a.wav", tone(pitch, 2.0))
    ratios = {"noise": [0, 0], "music": [10, 10], "speech": [20, 20]}
    augment = WaveAugment(settings(noise_dir=str(tmp_path), snr_db=ratios, talkers=[1, 1]), RATE)
    clean = tone(300, 1.0)
    seen = set()
    for seed in range(20):
        noisy = augment(clean, np.random.default_rng(seed))
        kind = max((1000, 2000, 3000), key=lambda pitch: energy_at(noisy, pitch))
        assert snr_db(clean, noisy) == pytest.approx({1000: 0, 2000: 10, 3000: 20}[kind], abs=0.1)
        seen.add(kind)
    assert seen == {1000, 2000, 3000}


@pytest.mark.parametrize("talkers", [1, 3, 8])
def test_babble_is_so_many_talkers_each_at_the_ratio(tmp_path, talkers):
    rng = np.random.default_rng(0)
    for name in range(4):  # fewer than the most talkers: then some speak twice
        write(tmp_path / "speech" / f"{name}.flac", 0.1 * rng.standard_normal(4 * RATE))
    ratios = {**SHARED["snr_db"], "speech": [20, 20]}
    augment = WaveAugment(settings(noise_dir=str(tmp_path), snr_db=ratios, talkers=[talkers, talkers]), RATE)
    clean = tone(300, 2.0)
    noisy = augment(clean, np.random.default_rng(1))
    assert snr_db(clean, noisy) == pytest.approx(20 - 10 * np.log10(talkers), abs=0.6)


def test_only_the_first_channel_of_a_response_counts_and_another_rate_is_resampled(tmp_path):
    response = np.zeros((400, 2))
    response[20, 0] = 0.5
    response[:, 1] = 0.3
    write(tmp_path / "a.wav", response, 2 * RATE)
    augment = WaveAugment(settings(rir_dir=str(tmp_path)), RATE)
    clean = tone(300, 0.5)
    assert np.abs(augment(clean, np.random.default_rng(0)) - clean)[50:-50].max() < 0.02


def test_responses_leave_out_the_noises_beside_them(tmp_path):
    real = "RIRS_NOISES/real_rirs_isotropic_noises"
    responses = [
        f"{real}/RVB2014_type1_rir_largeroom1_far_angla.wav",
        f"{real}/air_type1_air_binaural_lecture_0_1.wav",
        "RIRS_NOISES/simulated_rirs/smallroom/Room001/Room001-00001.wav",
    ]
    noises = [f"{real}/RVB2014_type1_noise_largeroom1_1.wav", "RIRS_NOISES/pointsource_noises/b.wav", "noise/c.wav"]
    for name in responses + noises:
        write(tmp_path / name, np.array([1.0, 0.5]))
    found = WaveAugment(settings(rir_dir=str(tmp_path)), RATE).rirs
    assert [str(path.relative_to(tmp_path)) for path in found] == responses
    for name in responses:
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match=r"\(noise\.rir_dir\) holds noises only"):
        WaveAugment(settings(rir_dir=str(tmp_path)), RATE)


def test_equal_generators_give_equal_audio_and_others_another(tmp_path):
    for name in "abc":
        write(tmp_path / "noise" / f"{name}.wav", np.random.default_rng(ord(name)).standard_normal(RATE) * 0.1)
        write(tmp_path / "rir" / f"{name}.wav", np.random.default_rng(ord(name)).standard_normal(50) * 0.1)
    augment = WaveAugment(settings(noise_dir=str(tmp_path / "noise"), rir_dir=str(tmp_path / "rir")), RATE)
    first, again, other = (augment(tone(300, 0.4), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_with_probability_zero_audio_stays_as_it_is(tmp_path):
    write(tmp_path / "a.wav", tone(2000, 1.0))
    never = settings(noise_dir=str(tmp_path), rir_dir=str(tmp_path), noise_probability=0, rir_probability=0)
    clean = tone(300, 0.4)
    assert WaveAugment(never, RATE)(clean, np.random.default_rng(0)) is clean


@pytest.mark.parametrize("key", ["noise_dir", "rir_dir"])
def test_a_folder_that_is_missing_or_holds_no_audio_is_named(tmp_path, key):
    with pytest.raises(UserError, match=rf"no folder .*none; set noise\.{key}"):
        WaveAugment(settings(**{key: str(tmp_path / "none")}), RATE)
    (tmp_path / "readme.txt").write_text("no audio")
    with pytest.raises(UserError, match=rf"\(noise\.{key}\) holds no audio; expected files that end in \.wav"):
        WaveAugment(settings(**{key: str(tmp_path)}), RATE)


@pytest.mark.parametrize("key", ["noise_dir", "rir_dir"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, key):
    (tmp_path / "broken.wav").write_bytes(b"RIFF, and no more")
    augment = WaveAugment(settings(**{key: str(tmp_path)}), RATE)
    with pytest.raises(UserError, match=r"cannot read .*broken\.wav: ") as caught:
        augment(tone(300, 0.1), np.random.default_rng(0))
    assert "\n" not in str(caught.value)


def test_a_file_without_audio_is_named(tmp_path):
    write(tmp_path / "noise" / "empty.wav", np.zeros(0))
    write(tmp_path / "rir" / "silent.wav", np.zeros(99))
    with pytest.raises(UserError, match=r"empty\.wav holds no audio; remove it from noise\.noise_dir"):
        WaveAugment(settings(noise_dir=str(tmp_path / "noise")), RATE)(tone(300, 0.1), np.random.default_rng(0))
    with pytest.raises(UserError, match=r"silent\.wav is silent, which is no room impulse response"):
        WaveAugment(settings(rir_dir=str(tmp_path / "rir")), RATE)(tone(300, 0.1), np.random.default_rng(0))


def test_a_configuration_without_folders_asks_for_nothing(tmp_path):
    (tmp_path / "c.yaml").write_text("include: [fbank, augment, train, ctc, noise, tdnn_lstm]\ntask: recognition\n")
    write(tmp_path / "a.wav", tone(2000, 1.0))
    assert wave_augment(load_config(tmp_path / "c.yaml")) is None
    assert wave_augment(load_config(tmp_path / "c.yaml").model_copy(update={"noise": None})) is None
    augment = wave_augment(load_config(tmp_path / "c.yaml", [f"noise.noise_dir={tmp_path}"]))
    assert augment is not None
    assert augment.sampling_rate == 16000


@given(st.floats(-30, 10), st.floats(0, 10), st.integers(0, 9))
def test_gain_is_uniform_in_decibels(low, width, seed):
    augment = WaveAugment(NO_NOISE, RATE, (low, low + width))
    samples = tone(400, 0.1)
    gain_db = 20 * np.log10(np.abs(augment(samples, np.random.default_rng(seed))).max() / np.abs(samples).max())
    assert gain_db == pytest.approx(np.random.default_rng(seed).uniform(low, low + width), abs=1e-3)


def test_gain_alone_needs_no_folder_and_comes_after_the_noise(tmp_path):
    (tmp_path / "c.yaml").write_text("include: [fbank, augment, train, ctc, noise, tdnn_lstm]\ntask: recognition")
    augment = wave_augment(load_config(tmp_path / "c.yaml", ["augment.volume_db=[-6, -6]"]))
    assert augment is not None
    assert augment.names() == []
    samples = tone(400, 0.1)
    assert augment(samples, np.random.default_rng(1)) == pytest.approx(samples * 10**-0.3, abs=1e-6)
    assert augment(samples, np.random.default_rng(1)).dtype == np.float32
    write(tmp_path / "noise.wav", tone(900, 1))
    noisy, softer = (
        WaveAugment(settings(noise_dir=str(tmp_path)), RATE, volume)(samples, np.random.default_rng(2))
        for volume in (None, (-6.0, -6.0))
    )
    assert softer == pytest.approx(noisy * 10**-0.3, abs=1e-6)
