"""Audio files as all commands read them: to their true end, whatever their headers say."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import soundfile

from pyspeech.data.audio_contents import Contents, contents_of
from pyspeech.data.audio_files import (
    NOT_READ,
    CannotRead,
    check_promise,
    not_read,
    refuse_rate,
    refuse_want_of_memory,
)

UNKNOWN_LENGTH = 1 << 62  # libsndfile says more than so many samples where it does not know
BLOCK = 1 << 16  # samples
PRETENDED = 64  # times the size of an MP3: the largest frame has forty times the bytes of the smallest
LAST_TAG = 128  # bytes, which the decoder of MP3 reads from the end of a file before it takes that for one

Samples = npt.NDArray[Any]


class CutShort(ValueError):
    """A file that holds less audio than its header promises."""


@dataclass(frozen=True, slots=True)
class Header:
    """Sampling rate in Hz, samples in each channel, channels."""

    sampling_rate: int
    num_samples: int
    channels: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.num_samples / self.sampling_rate


class AudioFile:
    """A file of audio, open for reading; a context.

    Raises:
        CutShort: it holds less than its header promises.
        OSError, ValueError: it cannot be read, is no file, or promises more than any coding can hold.
        soundfile.LibsndfileError: it is no audio.
    """

    def __init__(self, source: Path | io.BytesIO) -> None:
        if isinstance(source, Path):
            check_promise(source, 0)
        stream: BinaryIO = source.open("rb") if isinstance(source, Path) else source
        try:
            self._contents = contents_of(stream)
            if self._contents.lacking:
                raise CutShort(self._contents.lacking)
            self._stream = _View(stream, self._contents)
            self._open: Path | _View = self._stream
            if self._contents.as_it_is and isinstance(source, Path):
                stream.close()
                self._open = source
            self._file = _Sequential(self._open)
        except BaseException:
            if isinstance(source, Path):
                stream.close()
            raise
        self._place = 0
        if isinstance(source, Path) and self.num_samples is not None:
            try:
                check_promise(source, self.num_samples)
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> "AudioFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._stream.close()

    @property
    def sampling_rate(self) -> int:
        """In Hz."""
        return int(self._file.samplerate)

    @property
    def channels(self) -> int:
        """How many."""
        return int(self._file.channels)

    @property
    def format(self) -> str:
        """As libsndfile names the kind of file."""
        return str(self._file.format)

    @property
    def subtype(self) -> str:
        """As libsndfile names the coding of samples."""
        return str(self._file.subtype)

    @property
    def num_samples(self) -> int | None:
        """In each channel; None where only decoding tells."""
        return None if self._contents.guessed or self._file.frames >= UNKNOWN_LENGTH else int(self._file.frames)

    @property
    def place(self) -> int:
        """The sample that is read next."""
        return self._place

    def count(self) -> int:
        """Samples in each channel, by decoding them where there is no other way."""
        if self.num_samples is not None:
            return self.num_samples
        self.go_to(0)
        for _ in self.blocks():
            pass
        return self._place

    def read(self, start: int = 0, count: int | None = None, dtype: Literal["float32", "int16"] = "float32") -> Samples:
        """Samples [S, channels] from ``start`` on, ``count`` or, without it, all; fewer where the file ends before."""
        self.go_to(start)
        if self.num_samples is not None:
            left = max(0, self.num_samples - start)
            return self._next(left if count is None else min(left, count), dtype)
        blocks: list[Samples] = []
        while count is None or count > 0:
            wanted = BLOCK if count is None else min(BLOCK, count)
            blocks.append(self._next(wanted, dtype))
            if len(blocks[-1]) < wanted:
                break
            count = None if count is None else count - wanted
        return np.concatenate(blocks) if blocks else self._next(0, dtype)

    def blocks(self, size: int = BLOCK) -> Iterator[Samples]:
        """Yield the samples [S, channels] from here on, in float32; only the last block is shorter, or empty."""
        while True:
            block = self._next(size, "float32")
            yield block
            if len(block) < size:
                return

    def go_to(self, start: int) -> None:
        """Go on reading at the sample ``start``; of codings that can only be read on, all before it is decoded."""
        if start == self._place:
            return
        if self._file.can_seek:
            end = self.num_samples
            self._place = int(self._file.seek(start if end is None else min(start, end)))
            return
        if start < self._place:
            self._file.close()
            self._stream.seek(0)
            self._file, self._place = _Sequential(self._open), 0
        while self._place < start:
            wanted = min(BLOCK, start - self._place)
            if len(self._next(wanted, "float32")) < wanted:
                return

    def _next(self, count: int, dtype: Literal["float32", "int16"]) -> Samples:
        samples: Samples = self._file.read(count, dtype=dtype, always_2d=True)
        self._place += len(samples)
        return samples


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """What libsndfile reads; Python's wrapper asks for the place before each read, and seeks to it after.

    At the end of a FLAC file of unknown length that fails, and takes the last samples along.
    """

    def seekable(self) -> bool:
        """Whether the wrapper is to ask and seek."""
        return False

    @property
    def can_seek(self) -> bool:
        """Whether libsndfile can."""
        return bool(super().seekable())


class _View(io.RawIOBase):
    """A file as libsndfile is to see it."""

    def __init__(self, stream: BinaryIO, contents: Contents) -> None:
        self._stream, self._contents, self._place = stream, contents, 0
        size = stream.seek(0, os.SEEK_END) - contents.begin
        self._size = PRETENDED * size + LAST_TAG if contents.endless else size

    def close(self) -> None:
        """Close the file below, too."""
        self._stream.close()
        super().close()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As any file does."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        """As any file does."""
        return self._place

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 -- whatever can be written to
        """As any file does."""
        self._stream.seek(self._contents.begin + self._place)
        chunk = bytearray(self._stream.read(len(buffer)))
        if not chunk and self._contents.endless and self._place >= self._size - LAST_TAG:
            chunk = bytearray(min(len(buffer), self._size - self._place))
        if self._contents.patch is not None:
            at, new = self._contents.patch
            for place, byte in enumerate(new, at - self._place):
                if 0 <= place < len(chunk):
                    chunk[place] = byte
        buffer[: len(chunk)] = chunk
        self._place += len(chunk)
        return len(chunk)


def read_header(path: Path) -> Header:
    """What a file holds; of kinds whose headers do not surely tell its length, that is counted.

    Raises:
        CannotRead: it is not audio, or holds less than its header says.
    """
    with reading(path), AudioFile(path) as audio:
        refuse_rate(path, audio.sampling_rate)
        return Header(audio.sampling_rate, audio.count(), audio.channels)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file in what goes wrong while it is read.

    Raises:
        CannotRead: anything did.
    """
    try:
        yield
    except CannotRead:
        raise
    except CutShort as error:
        raise CannotRead(f"{path} is cut short: {error}; fetch it again") from error
    except (OSError, ValueError, soundfile.SoundFileError, AssertionError) as error:
        if isinstance(error, soundfile.SoundFileError | AssertionError):
            refuse_want_of_memory(error)
            if path.suffix.lower() in NOT_READ:
                raise CannotRead(not_read(path)) from error
            reason = " ".join(str(error).split()).removesuffix(".") or "it is damaged"
            raise CannotRead(f"cannot read {path} as audio: {reason}; fetch it again, or leave it out") from error
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotRead(f"cannot read {path}: {reason}; check the path, or leave it out") from error
