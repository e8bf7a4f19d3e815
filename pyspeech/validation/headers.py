"""What audio files hold, read in parallel; only those are decoded whose headers do not tell their lengths."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from pyspeech.data.audio_files import CannotRead
from pyspeech.data.audio_reading import CutShort, Header
from pyspeech.data.audio_reading import read_header as read_one
from pyspeech.validation.faults import EMPTY_AUDIO, MISSING_AUDIO, SHORT_FILE, UNREADABLE_AUDIO, Finding

THREADS = 8  # files wait for the disk or the network more than for a processor
CHUNK = 64  # files; single ones cost more to hand out than to read

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        header = read_one(Path(path))
    except CannotRead as error:
        cause = error.__cause__
        if isinstance(cause, FileNotFoundError | NotADirectoryError) or "\0" in path:
            return Finding(MISSING_AUDIO, path)
        if isinstance(cause, CutShort):
            return Finding(SHORT_FILE, path)
        return Finding(UNREADABLE_AUDIO, str(error) if cause is None or isinstance(cause, ValueError) else path)
    return header if header.num_samples else Finding(EMPTY_AUDIO, path)
