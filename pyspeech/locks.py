"""One writer for each output: the system's lock, which ends with the process that holds it, however that ends.

Beside an output that is being written stands ``partial.NAME.lock``, which says who writes. What a killed process left
of it is no lock any more: the next takes it over.
"""

import fcntl
import hashlib
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pyspeech.errors import UserError

PARTIAL = "partial."  # before the name of what is not complete yet
LOCK = ".lock"  # after it, of a lock
LONGEST_NAME = 255  # bytes, on most file systems
LONGEST_DEATH = 5.0  # seconds that the children of a killed process, which hold what it held, may take to follow it
RETRY_SECONDS = 0.05
SHOWN_CHARACTERS = 160  # of a command

_held: set[Path] = set()  # by this process


@contextmanager
def only_writer(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold the right to write ``path``, a file or a folder, against other processes, and again in this one.

    Args:
        path: What will be written. The folders above it are made, and removed where nothing came of it.
        wait: Wait for another process, whose work takes moments, rather than refuse.

    Raises:
        UserError: another process has it, which is named.
        OSError: the lock cannot be written.
    """
    # A folder by its place, a name by that of its folder: it may be a link, which is replaced itself.
    path = Path(os.path.realpath(path)) if path.name in ("", "..") else Path(os.path.realpath(path.parent), path.name)
    if path in _held or not path.name:
        yield
        return
    made = _make_folders(path.parent)
    lock = lock_of(path)
    try:
        with _acquire(lock, path, wait) as stream:
            _held.add(path)
            try:
                _sign(stream)
                yield
            finally:
                _held.discard(path)
                with suppress(OSError):  # while it is ours: who opened it meanwhile sees that it has no name any more
                    lock.unlink()
    finally:
        for folder in made:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def lock_of(path: Path) -> Path:
    """Return the file that is locked while ``path`` is written."""
    name = PARTIAL + path.name + LOCK
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = PARTIAL + hashlib.sha256(os.fsencode(path.name)).hexdigest() + LOCK
    return path.with_name(name)


def try_lock(stream: BinaryIO) -> bool:
    """Lock an open file, for as long as this process and those forked from it live; False where another has.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _acquire(lock: Path, path: Path, wait: bool) -> BinaryIO:
    """Return the file called ``lock``, open and locked."""
    until = time.monotonic() + LONGEST_DEATH
    while True:
        stream = lock.open("a+b", buffering=0)  # what does not go to a full disk must not come back at the end
        try:
            is_ours = try_lock(stream)
        except OSError:  # without locks there is nothing to go by
            return stream
        if is_ours:
            if _has_name(stream, lock):
                return stream
        elif not wait:
            holder, has_ended = _holder(stream)
            if not has_ended or time.monotonic() > until:
                stream.close()
                raise UserError(f"{path} is being written by {holder}; wait until it ends, or stop it")
        stream.close()
        time.sleep(RETRY_SECONDS)


def _has_name(stream: BinaryIO, name: Path) -> bool:
    """Whether an open file is still what ``name`` stands for; who held it before has removed it, perhaps."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), name.stat())
    except FileNotFoundError:
        return False


def _sign(stream: BinaryIO) -> None:
    words = (str(os.getpid()), socket.gethostname(), time.strftime("%F %T"), shlex.join(sys.argv))
    with suppress(OSError):  # of a full disk: it is locked without a word, too
        stream.truncate(0)
        stream.write("\n".join(words).encode(errors="replace"))


def _holder(stream: BinaryIO) -> tuple[str, bool]:
    """Return who holds a lock, in words, and whether that process has ended: its children may not have, yet."""
    stream.seek(0)
    pid, host, since, command = [*stream.read(1 << 12).decode(errors="replace").split("\n"), *4 * [""]][:4]
    if not pid.isdecimal():
        return "another process", False
    shown = command if len(command) <= SHOWN_CHARACTERS else command[:SHOWN_CHARACTERS] + "..."
    where = "" if host == socket.gethostname() else f" on {host}"
    return f"process {pid}{where} since {since} ({shown})", not where and not _is_alive(int(pid))


def _is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; return those that were not there, the lowest first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing
