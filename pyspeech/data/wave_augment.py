"""Reverberation and noise, from folders of recordings, and loudness, for the audio of a training."""

import functools
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from lhotse.augmentation import get_or_create_resampler

from pyspeech.config import Config, NoiseConfig, SnrConfig
from pyspeech.data.audio_files import AUDIO
from pyspeech.data.audio_reading import AudioFile
from pyspeech.errors import UserError

Samples = npt.NDArray[np.float32]
NOISE, MUSIC, SPEECH = "noise", "music", "speech"  # kinds, by the name of a folder
# The sizes that a discrete Fourier transform is fast at: products of 2, 3 and 5; here the odd parts.
ODD_PARTS: list[int] = [3**threes * 5**fives for threes in range(5) for fives in range(4)]

# Where a configuration has no such section.
NO_NOISE = NoiseConfig(
    noise_dir=None,
    noise_probability=0,
    snr_db=SnrConfig(noise=(0, 0), music=(0, 0), speech=(0, 0)),
    talkers=(1, 1),
    rir_dir=None,
    rir_probability=0,
)


class WaveAugment:
    """Makes audio sound as if recorded in another room, with noise; every choice comes from the generator given.

    volume_db: lowest and highest gain of the whole, uniform in dB; None for none.

    Raises:
        UserError: a folder that is missing or holds no audio.
    """

    def __init__(self, config: NoiseConfig, sampling_rate: int, volume_db: tuple[float, float] | None = None) -> None:
        self.config = config
        self.sampling_rate = sampling_rate
        self.volume_db = volume_db
        self.rirs: list[Path] = []
        self.noises: dict[str, list[Path]] = {}
        if config.rir_dir is not None:
            self.rirs = _rirs(Path(config.rir_dir))
        if config.noise_dir is not None:
            self.noises = _noises(Path(config.noise_dir))

    def __call__(self, samples_S: Samples, rng: np.random.Generator) -> Samples:
        """Return as many samples: reverberant, then noisy, each with its probability, then louder or softer.

        Raises:
            UserError: a file that cannot be read, naming it.
        """
        if self.rirs and rng.random() < self.config.rir_probability:
            path = self.rirs[rng.integers(len(self.rirs))]
            samples_S = reverberate(samples_S, self._impulse_response(path))
        if self.noises and rng.random() < self.config.noise_probability:
            samples_S = self._noisy(samples_S, rng)
        if self.volume_db is not None:
            samples_S = samples_S * np.float32(10 ** (rng.uniform(*self.volume_db) / 20))
        return samples_S

    def names(self) -> list[str]:
        """Paths of all files from their folders on, in an order in which equal random numbers draw equal ones."""
        noises = [path for kind in sorted(self.noises) for path in self.noises[kind]]
        folders = ((self.config.rir_dir, self.rirs), (self.config.noise_dir, noises))
        return [str(path.relative_to(folder)) for folder, paths in folders if folder for path in paths]

    def _noisy(self, samples_S: Samples, rng: np.random.Generator) -> Samples:
        kinds = sorted(self.noises)
        kind = kinds[rng.integers(len(kinds))]
        files = self.noises[kind]
        talkers = rng.integers(*self.config.talkers, endpoint=True) if kind == SPEECH else 1
        total = samples_S
        for index in rng.choice(len(files), size=talkers, replace=talkers > len(files)):
            noise_S = self._noise(files[index], len(samples_S), rng)
            # Each talker has a level of his own, which is what SNRs of babble mean in Kaldi's recipes, too.
            gain = noise_gain(samples_S, noise_S, rng.uniform(*getattr(self.config.snr_db, kind)))
            total = total + gain * noise_S
        return np.asarray(total, dtype=np.float32)

    def _noise(self, path: Path, length: int, rng: np.random.Generator) -> Samples:
        """Return ``length`` samples from a random place of a file, which is repeated if it is shorter."""
        with _noise_file(path) as file:
            needed = -(-length * file.sampling_rate // self.sampling_rate)
            length_there = _counted(path) if file.num_samples is None else file.num_samples
            piece_S = file.read(int(rng.integers(max(length_there - needed, 0) + 1)), needed)[:, 0]
            rate = file.sampling_rate
        if not len(piece_S):
            raise UserError(f"{path} holds no audio; remove it from noise.noise_dir")
        return np.resize(_resampled(np.resize(piece_S, needed), rate, self.sampling_rate), length)

    def _impulse_response(self, path: Path) -> Samples:
        with _noise_file(path) as file:
            response = np.ascontiguousarray(file.read()[:, 0])
            rate = file.sampling_rate
        if not response.any():
            raise UserError(f"{path} is silent, which is no room impulse response; remove it from noise.rir_dir")
        return _resampled(response, rate, self.sampling_rate)


def wave_augment(config: Config) -> WaveAugment | None:
    """Return what a training's configuration asks for; None where it names no folder and no volume.

    Raises:
        UserError: a folder that is missing or holds no audio.
    """
    noise = NO_NOISE if config.noise is None else config.noise
    if noise.noise_dir is None and noise.rir_dir is None and config.augment.volume_db is None:
        return None
    return WaveAugment(noise, config.features.sampling_rate, config.augment.volume_db)


def reverberate(samples_S: Samples, response: Samples) -> Samples:
    """Convolve with an impulse response, scaled to energy 1; its strongest sample, the direct sound, is at time 0."""
    peak = int(np.abs(response).argmax())
    unit = (response / np.linalg.norm(response))[: peak + len(samples_S)]  # later echoes come when the audio is over
    size = fast_size(len(samples_S) + len(unit) - 1)
    spectrum = torch.fft.rfft(torch.from_numpy(samples_S), size) * torch.fft.rfft(torch.from_numpy(unit), size)
    return np.asarray(torch.fft.irfft(spectrum, size)[peak : peak + len(samples_S)])


def noise_gain(samples_S: Samples, noise_S: Samples, snr_db: float) -> float:
    """Return the factor for the noise that puts the samples ``snr_db`` above it; 0 for noise that is silent."""
    power, noise_power = (np.square(each, dtype=np.float64).mean() for each in (samples_S, noise_S))
    return float(np.sqrt(power / noise_power * 10 ** (-snr_db / 10))) if noise_power > 0 else 0.0


@functools.lru_cache(maxsize=1024)
def fast_size(size: int) -> int:
    """Return the smallest size, not below ``size`` and of small prime factors, that Fourier transforms are fast at."""
    return min(odd << (-(-size // odd) - 1).bit_length() for odd in ODD_PARTS)


def _rirs(folder: Path) -> list[Path]:
    responses = [path for path in _audio_below(folder, "rir_dir") if not _is_noise(path)]
    if not responses:
        raise UserError(f"{folder} (noise.rir_dir) holds noises only, by their names; give a folder of responses")
    return [folder / path for path in responses]


def _is_noise(path: Path) -> bool:
    """Tell what RIRS_NOISES holds beside responses: pointsource_noises, and some in real_rirs_isotropic_noises."""
    names = [path.name, *(folder for folder in path.parts[:-1] if "rir" not in folder)]
    return any(NOISE in name for name in names)


def _noises(folder: Path) -> dict[str, list[Path]]:
    kinds: dict[str, list[Path]] = {}
    for path in _audio_below(folder, "noise_dir"):
        kind = next((part for part in path.parts[:-1] if part in (NOISE, MUSIC, SPEECH)), NOISE)
        kinds.setdefault(kind, []).append(folder / path)
    return kinds


def _audio_below(folder: Path, key: str) -> list[Path]:
    """Audio files below ``folder``, relative to it, in an order that does not depend on the file system."""
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; set noise.{key} to a folder of recordings, or to null")
    walk = itertools.chain.from_iterable(
        (Path(above, name) for name in names if not name.startswith("."))
        for above, _, names in os.walk(folder, followlinks=True)
    )
    paths = sorted(path.relative_to(folder) for path in walk if path.suffix.lower() in AUDIO)
    if not paths:
        raise UserError(f"{folder} (noise.{key}) holds no audio; expected files that end in {', '.join(AUDIO)}")
    return paths


def _resampled(samples_S: Samples, rate: int, target: int) -> Samples:
    if rate == target:
        return samples_S
    return np.asarray(get_or_create_resampler(rate, target)(torch.from_numpy(samples_S)[None])[0])


@functools.lru_cache(maxsize=1 << 16)
def _counted(path: Path) -> int:
    """Samples of a file that has to be decoded to know."""
    with AudioFile(path) as file:
        return file.count()


@contextmanager
def _noise_file(path: Path) -> Iterator[AudioFile]:
    try:
        with AudioFile(path) as file:
            yield file
    except (OSError, ValueError, soundfile.SoundFileError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UserError(
            f"cannot read {path}: {reason}; fetch it again, or remove it from the folders of noise"
        ) from error
