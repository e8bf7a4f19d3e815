"""How much audio a file holds by its own bytes: what its header promises, what follows, and which lengths are guesses.

libsndfile takes a file that was cut short for a shorter one, ends where a header ends that promises less than there is,
and guesses the length of MP3 that has no table of contents.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias

from pyspeech.data.audio_files import DURATION_TOLERANCE
from pyspeech.entries import HIGHEST_RATE, LOWEST_RATE

Order: TypeAlias = Literal["little", "big"]

UNKNOWN_SIZE = 0xFFFFFFFF
# What programs write in place of a size that they cannot know, as they write into a pipe: sox 0x7FFFF000, ffmpeg the
# largest number; some subtract their header from these, or make them fit their blocks.
NOT_KNOWN = (range(1), range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))
W64_CHUNK = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"  # ends the name of each chunk but the first
TAIL = 1 << 17  # bytes, more than two pages of Ogg
LONGEST_TEXT = 1 << 16  # of a SPHERE header
SHORTEN = b"shorten"  # in the name of a SPHERE file's coding
MPEG_SEARCH = 1 << 12  # bytes in which the first frame is looked for
# kbit/s of layer III by their number, of MPEG 1 and of 2 and 2.5; Hz of MPEG 1
BIT_RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
MPEG_RATES = (44100, 48000, 32000)


@dataclass(frozen=True)
class Contents:
    """What there is to know before a file is decoded.

    Args:
        lacking: What is not there of what the header promises, in words; empty where nothing is missing.
        guessed: Only decoding tells how much there is.
        begin: Byte from which on it is to be decoded: an MP3's table of contents that is wrong is passed over.
        endless: The decoder ends at a length that it guesses from the size of the file, unless it takes that for large.
        patch: (place, bytes) of what is to stand in the header, which else would end the audio before its end.
    """

    lacking: str = ""
    guessed: bool = False
    begin: int = 0
    endless: bool = False
    patch: tuple[int, bytes] | None = None

    @property
    def as_it_is(self) -> bool:
        """Whether the file can be decoded as it lies there."""
        return not (self.begin or self.endless or self.patch)


def contents_of(stream: BinaryIO) -> Contents:
    """Look at a file; one that is of no known kind, or damaged, is left to the decoder.

    Raises:
        OSError: it cannot be read.
        ValueError: it is of a coding that is known, but not read.
    """
    size = stream.seek(0, os.SEEK_END)
    start = _after_tags(stream)
    head = _at(stream, start, 4)
    if head in READERS:
        return READERS[head](stream, start, size)
    return _mpeg(stream, start, size) if start or _is_mpeg(head) else Contents()


def _at(stream: BinaryIO, place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)


def _after_tags(stream: BinaryIO) -> int:
    """Where ID3 tags end that a file begins with."""
    start = 0
    while (tag := _at(stream, start, 10))[:3] == b"ID3" and len(tag) == 10:
        start += 10 + sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(tag[6:])))
    return start


def _lacking(promised: int, present: int, bytes_per_second: float) -> str:
    if promised - present <= DURATION_TOLERANCE * bytes_per_second:
        return ""
    return f"its header promises {promised} bytes of audio, {present} are there"


def _chunks(stream: BinaryIO, size: int, place: int, order: Order) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its contents begin, how many bytes they are said to be) of each chunk from ``place`` on."""
    while len(header := _at(stream, place, 8)) == 8 and place < size:
        length = int.from_bytes(header[4:], order)
        yield header[:4], place + 8, length
        place += 8 + length + length % 2


def _riff(stream: BinaryIO, start: int, size: int) -> Contents:
    kind = _at(stream, start, 4)
    order: Order = "big" if kind == b"RIFX" else "little"
    bytes_per_second, long_size = 0, 0
    for name, begin, length in _chunks(stream, size, start + 12, order):
        if name == b"ds64":
            long_size = int.from_bytes(_at(stream, begin + 8, 8), "little")
        elif name == b"fmt ":
            bytes_per_second = int.from_bytes(_at(stream, begin + 8, 4), order)
        elif name == b"data":
            present = size - begin
            if length == UNKNOWN_SIZE and kind == b"RF64":
                return Contents(_lacking(long_size, present, bytes_per_second))
            if any(length in values for values in NOT_KNOWN):
                more = length == 0 and present > 0 and not _is_chunk(stream, begin, size)
            elif lacking := _lacking(length, present, bytes_per_second):
                return Contents(lacking)
            else:
                end = begin + length
                rest = present - length
                more = rest > DURATION_TOLERANCE * bytes_per_second and not any(
                    _is_chunk(stream, place, size) for place in (end, end + 1)
                )
            return Contents(patch=(begin - 4, UNKNOWN_SIZE.to_bytes(4, "little")) if more else None)
    return Contents("it ends within its header")


def _is_chunk(stream: BinaryIO, place: int, size: int) -> bool:
    """Whether a chunk begins there, by its name and size."""
    header = _at(stream, place, 8)
    printable = len(header) == 8 and all(0x20 <= byte < 0x7F for byte in header[:4])
    return printable and place + 8 + min(int.from_bytes(header[4:], order) for order in ("little", "big")) <= size


def _w64(stream: BinaryIO, start: int, size: int) -> Contents:
    place, bytes_per_second = start + 40, 0
    while len(header := _at(stream, place, 24)) == 24 and header[4:16] == W64_CHUNK:
        length = int.from_bytes(header[16:], "little")
        if header[:4] == b"fmt ":
            bytes_per_second = int.from_bytes(_at(stream, place + 32, 4), "little")
        if header[:4] == b"data":
            return Contents(_lacking(length - 24, size - place - 24, bytes_per_second))
        place += max(24, length + -length % 8)
    return Contents()


def _aiff(stream: BinaryIO, start: int, size: int) -> Contents:
    for name, begin, length in _chunks(stream, size, start + 12, "big"):
        if name == b"SSND":
            return Contents(_lacking(length, size - begin, LOWEST_RATE))
    return Contents()


def _au(stream: BinaryIO, start: int, size: int) -> Contents:
    head = _at(stream, start, 20)
    begin, length, _, rate = (int.from_bytes(head[place : place + 4], "big") for place in (4, 8, 12, 16))
    known = not any(length in values for values in NOT_KNOWN)
    return Contents(_lacking(length, size - start - begin, rate) if known and rate < HIGHEST_RATE else "")


def _sphere(stream: BinaryIO, start: int, size: int) -> Contents:
    """Samples are counted for each channel; libsndfile goes by the size of the file alone."""
    lines = _at(stream, start, LONGEST_TEXT).partition(b"end_head")[0].split(b"\n")
    values = {words[0]: words[2] for words in map(bytes.split, lines) if len(words) == 3}
    if SHORTEN in values.get(b"sample_coding", b""):
        raise ValueError("it is compressed by shorten, which is not read; sph2pipe -f wav makes WAV of it")
    try:
        begin, rate = start + int(lines[1]), int(values[b"sample_rate"])
        width = int(values[b"sample_n_bytes"]) * int(values.get(b"channel_count", b"1"))
        promised = int(values[b"sample_count"]) * width
    except (IndexError, KeyError, ValueError):
        return Contents()
    return Contents(_lacking(promised, size - begin, rate * width))


def _ogg(stream: BinaryIO, start: int, size: int) -> Contents:
    """A page tells its own length; one that is not there in full is the last of a file that was cut short."""
    tail = _at(stream, max(start, size - TAIL), TAIL)
    page = tail[tail.rfind(b"OggS") :]
    sizes = page[27 : 27 + page[26]] if len(page) > 26 else b""
    promised = 27 + sum(sizes) + page[26] if len(page) > 26 and len(sizes) == page[26] else len(page) + 1
    return Contents("its last page is not there in full" if promised > len(page) else "")


def _flac(stream: BinaryIO, start: int, size: int) -> Contents:  # noqa: ARG001 -- one of READERS
    """A file that was streamed is said to hold no samples (RFC 9639, section 8.2)."""
    count = _at(stream, start + 21, 5)
    return Contents(guessed=len(count) == 5 and not count[0] & 0x0F and not any(count[1:]))


@dataclass(frozen=True)
class _Frame:
    """The header of a frame of MPEG audio; ``length`` in bytes, ``samples`` of each channel."""

    rate: int
    length: int
    samples: int


def _is_mpeg(head: bytes) -> bool:
    """Whether a frame of MPEG audio begins here; of a layer, as that of AAC has none."""
    return len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and bool(head[1] & 0x06)


def _frame(head: bytes) -> _Frame | None:
    """The frame of layer III that begins here, if one does."""
    if not _is_mpeg(head) or head[1] & 0x06 != 0x02:
        return None
    version, bit_rate, rate, padding = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or bit_rate in (0, 15) or rate == 3:
        return None
    first = version == 3
    hertz = MPEG_RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    length = (144 if first else 72) * 1000 * BIT_RATES[not first][bit_rate] // hertz + padding
    return _Frame(hertz, length, 1152 if first else 576)


def _mpeg(stream: BinaryIO, start: int, size: int) -> Contents:
    """MP3 is of a known length if its first frame holds a table of contents (Xing's) that fits the file."""
    head = _at(stream, start, MPEG_SEARCH)
    place = next((place for place in range(len(head) - 4) if _frame(head[place : place + 4])), None)
    frame = None if place is None else _frame(head[place : place + 4])
    if frame is None or place is None:
        return Contents(guessed=True, endless=True)
    start += place
    first = _at(stream, start, 64)
    after = Contents(guessed=True, endless=True, begin=start + frame.length)
    if (table := max(first.find(b"Xing", 0, 44), first.find(b"Info", 0, 44))) < 0:  # Fraunhofer has one of its own
        return after if b"VBRI" in first else Contents(guessed=True, endless=True)
    flags, frames, promised = (int.from_bytes(first[table + 4 * i : table + 4 * i + 4], "big") for i in (1, 2, 3))
    if flags & 3 != 3 or not frames:
        return after
    present = size - start
    if promised - present > 2 * promised / frames:
        return Contents(f"its header promises {promised} bytes of audio, {present} are there")
    return after if _goes_on(stream, start + promised, first) else Contents(guessed=promised > present)


def _goes_on(stream: BinaryIO, place: int, first: bytes) -> bool:
    """Whether a frame begins there that is of the same version, layer and rate."""
    head = _at(stream, place, 4)
    return _frame(head) is not None and head[1] & 0xFE == first[1] & 0xFE and head[2] & 0x0C == first[2] & 0x0C


READERS = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _riff,
    b"riff": _w64,
    b"FORM": _aiff,
    b".snd": _au,
    b"NIST": _sphere,
    b"OggS": _ogg,
    b"fLaC": _flac,
}
