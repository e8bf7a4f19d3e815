"""Which audio files are read, and by what; what none of them can be."""

import os
import stat
from pathlib import Path

from pyspeech.entries import HIGHEST_RATE, LOWEST_RATE
from pyspeech.errors import UserError

DURATION_TOLERANCE = 0.025  # seconds by which an utterance may overrun its file, or a file lack what it promises
# lhotse fills up to half a second that a file lacks with mirrored audio; allow only what rounding may cost.
os.environ.setdefault("LHOTSE_AUDIO_DURATION_MISMATCH_TOLERANCE", str(DURATION_TOLERANCE))
# lhotse gives .sph to the program sph2pipe, by way of a shell; libsndfile reads such files, too.
# So it is for whoever uses others with lhotse, too: the path is a manifest's, and the shell runs what stands in it.
os.environ["LHOTSE_AUDIO_BACKEND"] = "LibsndfileBackend"
# No coding makes fewer of more: a FLAC frame of silence is 65,535 samples in 12 bytes.
MOST_SAMPLES_PER_BYTE = 1 << 13
AUDIO = (  # what libsndfile reads
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".sph"),
    *(".aif", ".aiff", ".au", ".w64", ".caf"),
)
# Usual kinds of audio that libsndfile does not know.
NOT_READ = (
    *(".m4a", ".m4b", ".aac", ".mp4", ".wma", ".amr", ".webm", ".3gp", ".mka", ".ape", ".dss", ".ra"),
    *(".wv", ".tta", ".spx", ".shn", ".ac3", ".mov", ".mkv", ".avi"),
)


class CannotRead(UserError):
    """Audio or features of one utterance that cannot be read, which need not stop the work on others."""


def file_size(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises:
        OSError: it is missing.
        ValueError: it is no file, but a folder or a pipe that may never end, or has a name that no file can have.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no file")
    return status.st_size


def check_promise(path: Path, num_samples: int) -> None:
    """Refuse audio of which more samples are promised than its file can hold, before there is memory for them.

    Raises:
        OSError: the file is missing.
        ValueError: it is none, or too many are promised.
    """
    size = file_size(path)
    if num_samples > MOST_SAMPLES_PER_BYTE * size:
        raise ValueError(f"{num_samples} samples are promised, in {size} bytes")


def refuse_rate(path: Path, sampling_rate: int) -> None:
    """Refuse a sampling rate that no audio has.

    Raises:
        CannotRead: naming the file.
    """
    if not LOWEST_RATE <= sampling_rate <= HIGHEST_RATE:
        raise CannotRead(f"cannot read {path}: {sampling_rate} samples a second; fetch it again, or leave it out")


def refuse_want_of_memory(error: BaseException) -> None:
    """Raise the ``MemoryError`` that led to ``error``, if one did: it is no fault of what was read.

    lhotse raises errors anew with more to say, and numpy's ``MemoryError`` so becomes a ``TypeError``.

    Raises:
        MemoryError: that one.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            raise cause
        cause = cause.__cause__ or cause.__context__


def not_read(path: Path) -> str:
    """What is to be said of a file of one of the kinds :data:`NOT_READ`."""
    kind = path.suffix[1:].lower()
    return f"{path} is there, but {kind} is not read; convert it: ffmpeg -i {path.name} {path.stem}.flac"
