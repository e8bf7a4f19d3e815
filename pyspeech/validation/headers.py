"""What audio files say of themselves, read in parallel without decoding them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import soundfile
from tqdm import tqdm

from pyspeech.data.audio_files import CannotRead, refuse_cut_short, refuse_promise, refuse_rate
from pyspeech.validation.kinds import EMPTY_AUDIO, MISSING_AUDIO, SHORT_FILE, UNREADABLE_AUDIO, Finding

THREADS = 8  # files wait for the disk or the network more than for a processor
UNKNOWN_LENGTH = 1 << 62  # libsndfile says more than so many samples of a FLAC file that was streamed
CHUNK = 64  # files; single ones cost more to hand out than to read

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Header:
    """Sampling rate in Hz, samples in each channel (None where the file does not say), channels."""

    sampling_rate: int
    num_samples: int | None
    channels: int

    @property
    def duration(self) -> float | None:
        """Seconds, None where the file does not say."""
        return None if self.num_samples is None else self.num_samples / self.sampling_rate


def read_headers(paths: Sequence[str]) -> dict[str, Header | Finding]:
    """Read the header of every file, or say what is wrong with it."""
    headers = in_threads(read_header, paths, "audio headers", " files")
    return dict(zip(paths, headers, strict=True))


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], what: str, unit: str) -> Iterator[Result]:
    """Yield ``work(item)`` in the order of ``items``, with a progress bar."""
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    with (
        ThreadPoolExecutor(THREADS) as pool,
        tqdm(total=len(items), desc=what, unit=unit, leave=False, disable=None) as bar,
    ):
        results: Iterable[list[Result]] = pool.map(lambda chunk: [work(item) for item in chunk], chunks)
        for result in chain.from_iterable(results):
            bar.update()
            yield result


def read_header(path: str) -> Header | Finding:
    """Read one header."""
    try:
        refuse_promise(Path(path))
    except CannotRead as error:
        missing = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError) or "\0" in path
        return Finding(MISSING_AUDIO if missing else UNREADABLE_AUDIO, path)
    try:
        refuse_cut_short(Path(path))
    except CannotRead as error:
        return Finding(UNREADABLE_AUDIO if error.__cause__ else SHORT_FILE, path)
    try:
        with soundfile.SoundFile(path) as file:
            num_samples = None if file.frames >= UNKNOWN_LENGTH else file.frames
            header = Header(file.samplerate, num_samples, file.channels)
        refuse_rate(Path(path), header.sampling_rate)
        refuse_promise(Path(path), header.num_samples or 0)
    except CannotRead as error:
        return Finding(UNREADABLE_AUDIO, str(error))
    except Exception:  # not a format of libsndfile, which alone reads audio here
        return Finding(UNREADABLE_AUDIO, path)
    return Finding(EMPTY_AUDIO, path) if header.num_samples == 0 else header
