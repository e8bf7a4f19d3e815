"""How lhotse reads audio in this process: as all else here does, to the true end of a file."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from lhotse.audio.backend import LibsndfileBackend, LibsndfileCompatibleAudioInfo
from lhotse.utils import compute_num_samples

from pyspeech.data.audio_reading import AudioFile, Samples


class TrueLengthBackend(LibsndfileBackend):  # type: ignore[misc]
    """Reads files, and the bytes of files, by :class:`pyspeech.data.audio_reading.AudioFile`."""

    def read_audio(
        self,
        path_or_fd: str | Path | BinaryIO,
        offset: float = 0.0,
        duration: float | None = None,
        force_opus_sampling_rate: int | None = None,
    ) -> tuple[Samples, int]:
        """Samples [channels, S], and how many are a second; ``offset`` and ``duration`` are seconds."""
        with _opened(path_or_fd) as audio:
            rate = audio.sampling_rate
            count = None if duration is None else compute_num_samples(duration, rate)
            return audio.read(compute_num_samples(offset, rate) if offset else 0, count).T, rate

    def info(
        self, path_or_fd: str | Path | BinaryIO, force_opus_sampling_rate: int | None = None
    ) -> LibsndfileCompatibleAudioInfo:
        """What lhotse needs to know of a recording."""
        with _opened(path_or_fd) as audio:
            count, rate = audio.count(), audio.sampling_rate
            return LibsndfileCompatibleAudioInfo(audio.channels, count, rate, count / rate)


def _opened(source: str | Path | BinaryIO) -> AudioFile:
    return AudioFile(Path(source) if isinstance(source, str | Path) else BytesIO(source.read()))
