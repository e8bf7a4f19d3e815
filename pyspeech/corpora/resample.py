"""A recording at another sampling rate, as 16-bit FLAC, block by block: memory does not grow with its length.

By soxr (https://github.com/dofuuz/python-soxr, libsoxr): from 22.05 to 16 kHz all above 8 kHz is 139 dB down and all
below 7.3 kHz as it was. The resampler of torchaudio that lhotse uses on the fly leaves 8.1 kHz, mirrored to 7.9, with
-7 dB and 9 kHz with -17 dB, and takes 2 dB off 7 kHz.
"""

import errno
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from pyspeech.data.audio_files import DURATION_TOLERANCE, CannotRead
from pyspeech.data.audio_reading import BLOCK, AudioFile, reading
from pyspeech.data.concurrent_write import own_partial
from pyspeech.errors import UserError
from pyspeech.files import writing

MAX_CHANNELS = 8  # of FLAC
FULL_SCALE = 1 - 2**-15  # the largest sample of 16 bits

Samples = npt.NDArray[np.float32]


def resample_file(source: Path, target: Path, rate: int) -> bool:
    """Write all channels of ``source`` at ``rate`` Hz to ``target``, and say whether they had to be made quieter.

    They are where a sample would be clipped: between two samples at full scale a wave is higher than both. Several
    processes may write ``target`` at once.

    Raises:
        CannotRead: ``source`` is no audio, holds less than its header says, or samples that are no numbers.
        UserError: ``source`` has more channels than FLAC can hold, or ``target`` cannot be written.
    """
    with writing(target, target.parent), own_partial(target) as partial:
        peak = _write(source, partial, rate, gain=1.0)
        if peak > FULL_SCALE:
            _write(source, partial, rate, gain=FULL_SCALE / peak)
    return peak > FULL_SCALE


def _write(source: Path, target: Path, rate: int, gain: float) -> float:
    """Write ``source``, times ``gain``, and return the largest sample that it has at ``rate``."""
    peak = 0.0
    with _open(source) as audio:
        stream = soxr.ResampleStream(audio.sampling_rate, rate, audio.channels, dtype="float32", quality="HQ")
        try:
            with soundfile.SoundFile(target, "w", rate, audio.channels, "PCM_16", format="FLAC") as out:
                for samples, is_last in _blocks(audio, source):
                    resampled = stream.resample_chunk(samples, last=is_last)
                    peak = max(peak, float(np.abs(resampled).max(initial=0.0)))
                    out.write(np.clip(np.rint(resampled * (gain * 2**15)), -(2**15), 2**15 - 1).astype(np.int16))
        except (soundfile.LibsndfileError, AssertionError) as error:  # of writing: reading has its own
            raise OSError(errno.EIO, "libsndfile could not write all samples") from error
    return peak


def _open(source: Path) -> AudioFile:
    with reading(source):
        audio = AudioFile(source)
    if audio.channels > MAX_CHANNELS:
        audio.close()
        raise UserError(
            f"{source} has {audio.channels} channels, its copy in FLAC can hold {MAX_CHANNELS}; "
            "write those that are needed to a file of their own, and make the manifest again"
        )
    return audio


def _blocks(audio: AudioFile, source: Path) -> Iterator[tuple[Samples, bool]]:
    """Yield samples [S, channels] and whether they are the last."""
    blocks = audio.blocks()
    while True:
        try:
            samples = next(blocks)
        except soundfile.LibsndfileError as error:
            raise _unreadable(source, f"after {audio.place / audio.sampling_rate:.2f} s {error}") from error
        if not np.isfinite(samples).all():
            begin = audio.place - len(samples)
            raise _unreadable(source, f"after {begin / audio.sampling_rate:.2f} s samples are no numbers")
        yield samples, len(samples) < BLOCK
        if len(samples) < BLOCK:
            break
    promised = audio.place if audio.num_samples is None else audio.num_samples
    if not audio.place or promised - audio.place > DURATION_TOLERANCE * audio.sampling_rate:
        raise _unreadable(source, f"it ends after {audio.place / audio.sampling_rate:.2f} s")


def _unreadable(source: Path, reason: str) -> CannotRead:
    reason = " ".join(reason.split()).removesuffix(".")
    return CannotRead(f"cannot read {source} as audio: {reason}; fetch it again, or leave it out")
