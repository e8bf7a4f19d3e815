"""Files that several processes may write at once: each under a name of its own, the last to end gives the file.

Who writes holds a lock, so that what a killed process left is known, and removed by the next.
"""

import glob
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pyspeech.files import put_in_place
from pyspeech.locks import PARTIAL, try_lock


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
            with suppress(OSError):  # some file systems have no locks: there nothing is taken for a leftover
                try_lock(stream)
            yield own
            put_in_place(own, path)
    except BaseException:
        with suppress(OSError):  # a second failure must not hide the first
            own.unlink()
        raise


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left of files in ``folder``, or of that called ``name`` alone."""
    pattern = "*" if name is None else f"{glob.escape(name)}.*"
    for left in folder.glob(PARTIAL + pattern):
        with suppress(OSError), left.open("rb") as stream:
            if try_lock(stream):
                left.unlink()
