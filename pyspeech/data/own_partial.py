"""Files that several processes may write at once: each under a name of its own, the last to end gives the file.

Who writes holds a lock, so that what a killed process left is known, and removed by the next.
"""

import fcntl
import glob
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pyspeech.files import PARTIAL


@contextmanager
def own_partial(path: Path) -> Iterator[Path]:
    """Yield a name that no other process has, renamed to ``path`` when the block ends well, else removed.

    Raises:
        OSError: it cannot be written, or not renamed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f"{PARTIAL}{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with own.open("wb") as stream:
            _lock(stream)
            yield own
            own.replace(path)
    except BaseException:
        with suppress(OSError):  # a second failure must not hide the first
            own.unlink()
        raise


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left of files in ``folder``, or of that called ``name`` alone."""
    pattern = "*" if name is None else f"{glob.escape(name)}.*"
    for left in folder.glob(PARTIAL + pattern):
        with suppress(OSError), left.open("rb") as stream:
            if _lock(stream):
                left.unlink()


def _lock(stream: IO[bytes]) -> bool:
    """Try to; a lock ends with its process, however that ends. Some file systems have none: there nothing is taken."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
