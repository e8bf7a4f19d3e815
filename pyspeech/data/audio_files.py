"""How audio files are read, and what their headers promise beside what is there."""

import os
from pathlib import Path

from pyspeech.errors import UserError

DURATION_TOLERANCE = 0.025  # seconds by which an utterance may overrun its file: times are rounded
# lhotse fills up to half a second that a file lacks with mirrored audio; allow only what rounding may cost.
os.environ.setdefault("LHOTSE_AUDIO_DURATION_MISMATCH_TOLERANCE", str(DURATION_TOLERANCE))
# lhotse gives .sph to the program sph2pipe, by way of a shell; libsndfile reads such files, too.
os.environ.setdefault("LHOTSE_AUDIO_BACKEND", "LibsndfileBackend")
WAV_DATA_UNKNOWN = (0, 0xFFFFFFFF)  # what programs that stream WAV write in place of the size


class CannotRead(UserError):
    """Audio or features of one utterance that cannot be read, which need not stop the work on others."""


def refuse_cut_short(path: Path) -> None:
    """Read the header of a WAV file; other files pass.

    Raises:
        CannotRead: the file is missing, or holds less audio than its header promises.
    """
    # Decoders take a WAV file that was cut short for a shorter one; only its header still tells.
    try:
        with path.open("rb") as stream:
            if stream.read(4) != b"RIFF":
                return
            stream.seek(12)
            while len(header := stream.read(8)) == 8:
                size = int.from_bytes(header[4:], "little")
                if header[:4] == b"data":
                    found = path.stat().st_size - stream.tell()
                    if size not in WAV_DATA_UNKNOWN and found < size:
                        raise CannotRead(
                            f"{path} is cut short: its header promises {size} bytes of audio, "
                            f"{found} are there; fetch it again"
                        )
                    return
                stream.seek(size + size % 2, 1)
        raise CannotRead(f"{path} is cut short: it ends within its header; fetch it again")
    except OSError as error:
        raise CannotRead(f"cannot read {path}: {error.strerror}; check the path, or leave it out") from error


def refuse_want_of_memory(error: BaseException) -> None:
    """Raise the ``MemoryError`` that led to ``error``, if one did: it is no fault of what was read.

    lhotse raises errors anew with more to say, and numpy's ``MemoryError`` so becomes a ``TypeError``.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            raise cause
        cause = cause.__cause__ or cause.__context__
