"""What an utterance says of its audio against what the file says."""

import os
from collections.abc import Iterator, Mapping

from pyspeech.data.audio_files import DURATION_TOLERANCE
from pyspeech.data.audio_reading import Header
from pyspeech.entries import HIGHEST_RATE, LOWEST_RATE, Audio, Entry, Stored
from pyspeech.validation.faults import (
    DURATION_DIFFERS,
    EMPTY_AUDIO,
    LEFT_OVER,
    MISSING_AUDIO,
    MISSING_FEATURES,
    NO_AUDIO,
    NO_CHANNEL,
    RATE_DIFFERS,
    Finding,
)

SILENT_SECONDS = 1.0  # before and after the words of a cut; more may hold other words


def check_audio(entry: Entry, headers: Mapping[str, Header | Finding]) -> Iterator[Finding]:
    """Find what is wrong with the audio, or the features, of one utterance; ``headers`` by path."""
    if entry.duration <= 0:
        yield Finding(EMPTY_AUDIO, f"{entry.duration:g} s")
        return
    if entry.parts:
        for part in entry.parts:
            yield from check_audio(part, headers)
        return
    if entry.supervisions == 1 and not covers(entry.supervised, entry.duration):
        yield Finding(LEFT_OVER, f"{entry.supervised[0]:.2f} to {entry.supervised[1]:.2f} of {entry.duration:.2f} s")
    if entry.stored is not None:
        yield from _check_stored(entry.stored)
    elif entry.audio is None:
        yield Finding(NO_AUDIO)
    if entry.audio is None or entry.audio.path is None:
        return
    header = headers[entry.audio.path]
    if isinstance(header, Header):
        yield from _check_header(entry, entry.audio, header)
    # Stored features serve without the audio that they were made from.
    elif entry.stored is None or header.kind is not MISSING_AUDIO:
        yield header


def covers(supervised: tuple[float, float], duration: float) -> bool:
    """Whether a supervision from one time to another within the cut is one of the whole cut."""
    before, after = supervised[0], duration - supervised[1]
    return all(-DURATION_TOLERANCE <= left <= SILENT_SECONDS for left in (before, after))


def _check_stored(stored: Stored) -> Iterator[Finding]:
    size = _size(stored.path)
    if size is None:
        yield Finding(MISSING_FEATURES, stored.path)
    elif size < stored.end:
        yield Finding(MISSING_FEATURES, f"{stored.path} is cut short")


def _check_header(entry: Entry, audio: Audio, header: Header) -> Iterator[Finding]:
    if entry.channel not in audio.channels[: header.channels] or len(audio.channels) > header.channels:
        yield Finding(NO_CHANNEL, f"channel {entry.channel} of {header.channels}")
    if not LOWEST_RATE <= audio.sampling_rate <= HIGHEST_RATE or (
        not audio.resampled and audio.sampling_rate != header.sampling_rate
    ):
        yield Finding(RATE_DIFFERS, f"{audio.sampling_rate}, file {header.sampling_rate} Hz")
        return
    if audio.speed is None:
        return
    seconds = header.duration / audio.speed
    described = (audio.duration, audio.num_samples / audio.sampling_rate)
    if any(abs(each - seconds) > DURATION_TOLERANCE for each in described):
        yield Finding(DURATION_DIFFERS, f"{audio.duration:.2f}, file {seconds:.2f} s")
    elif entry.start < 0 or entry.start + entry.duration > seconds + DURATION_TOLERANCE:
        yield Finding(DURATION_DIFFERS, f"{entry.start:.2f} to {entry.start + entry.duration:.2f} of {seconds:.2f} s")


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size  # noqa: PTH116 -- once for each utterance; a Path takes as long again
    except (OSError, ValueError):  # the latter for a name that no file can have
        return None
