"""Files that are complete when they exist, digests that name a content, and caches that go by it."""

import ctypes
import errno
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.locks import PARTIAL, only_writer

CHUNK_BYTES = 1 << 20
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # man 2 renameat2
log = logging.getLogger(__name__)


@contextmanager
def complete(path: Path) -> Iterator[Path]:
    """Yield a partial name beside ``path``, renamed to ``path`` when the block ends well.

    The block may make a file or a folder under that name; it takes the place of an earlier one, a file of a file only.
    When the block raises, what it wrote is removed and ``path`` is as it was before. No other process may write
    ``path`` meanwhile; at the end of power it is as it was before, or complete.

    Raises:
        UserError: the disk is full, the folder cannot be written, ``path`` ends in no name, it is a folder that a
            file would replace, or a device or a pipe, or another process writes it.
    """
    if path.name in ("", ".."):
        raise UserError(f"'{path}' cannot be replaced by what is written; name a new file or folder in it")
    partial = path.with_name(PARTIAL + path.name)
    with writing(path, partial):
        if path.exists() and not (path.is_file() or path.is_dir()):  # as /dev/null, which root could replace for all
            raise UserError(f"{path} is a device or a pipe, which a file would replace; name a file or a folder")
    with writing(path, partial), only_writer(path):
        began = time.monotonic()
        try:
            _remove(partial)
            yield partial
            if path.is_dir() and not partial.is_dir():
                raise UserError(f"{path} is a folder, which a file would replace; name a file in it")
            put_in_place(partial, path)
            log.debug(f"wrote {path} in {time.monotonic() - began:.2f} s")
        except BaseException:
            with suppress(OSError):  # a second failure must not hide the first
                _remove(partial)
            raise


def put_in_place(partial: Path, path: Path) -> None:
    """Give what is complete its name, when all of it is on the disk: a rename may get there before the content does.

    Raises:
        OSError: the disk is full, or fails.
    """
    for each in (*partial.rglob("*"), partial) if partial.is_dir() else (partial,):
        sync(each)
    # A rename alone replaces a file by a file only.
    if partial.is_dir() and os.path.lexists(path):
        _remove(partial if _exchanged(partial, path) else path)
    if partial.exists():
        partial.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have the system write a file or a folder, so that it is there when the power comes back."""
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of a file system that has no such thing
            raise
    finally:
        os.close(descriptor)


@contextmanager
def writing(path: Path, *others: Path) -> Iterator[None]:
    """Turn what the system says against writing ``path``, or one of ``others`` that stand for it, into one sentence.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and not _concerns(Path(error.filename), path, others):
            raise
        raise UserError(
            f"cannot write {final_name(path)}: {error.strerror or error}; free space or choose another place"
        ) from error


def final_name(path: Path) -> Path:
    """The name that a path in a folder that is partial still is to get, for messages."""
    return Path(*(part.removeprefix(PARTIAL) for part in path.parts))


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 under a partial name, then rename."""
    with complete(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as indented JSON under a partial name, then rename."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def existing(path: Path, what: str) -> Path:
    """Return ``path`` if it is there.

    Raises:
        UserError: naming ``what`` was looked for and where.
    """
    if not path.exists():
        raise UserError(f"no {what} at {path}; check the path, or run the stage that makes it")
    return path


def existing_file(path: Path, what: str) -> Path:
    """Return ``path`` if it is a file, which can be read more than once.

    Raises:
        UserError: naming ``what`` was looked for, where, and that nothing is there, or a folder or a pipe.
    """
    if not existing(path, what).is_file():
        raise UserError(f"{path} is a folder or a pipe; the {what} must be a file")
    return path


def digest(*parts: object) -> str:
    """Hexadecimal SHA-256 (16 digits) over contents: a ``Path`` counts by its bytes, all else by its JSON.

    Raises:
        UserError: a ``Path`` leads to no file, or to one without contents, as where power fails while it is written.
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with existing_file(part, "input").open("rb") as stream:
                chunk = stream.read(CHUNK_BYTES)
                if len(chunk) == CHUNK_BYTES and not any(chunk):
                    raise UserError(
                        f"{part} begins with {CHUNK_BYTES} zero bytes, so it was not written; make it again"
                    )
                while chunk:
                    total.update(chunk)
                    chunk = stream.read(CHUNK_BYTES)
        else:
            total.update(json.dumps(part, sort_keys=True).encode())
        total.update(b"\0")
    return total.hexdigest()[:16]


def folder_digest(folder: Path) -> str:
    """As :func:`digest`, over the files below a folder by their names; the same for an empty one as for none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest(*(part for path in files for part in (str(path.relative_to(folder)), path)))


def refuse_others(folder: Path, files: Collection[str], what: str) -> None:
    """Make sure that replacing ``folder`` loses nothing but an earlier ``what``, that is ``files``.

    Raises:
        UserError: it is a file, or holds other names.
    """
    others = [] if not folder.exists() else [folder.name] if not folder.is_dir() else _other_names(folder, files)
    if others:
        raise UserError(
            f"{folder} would be replaced but holds other things than {what} ({others[0]}); name a new folder"
        )


def _other_names(folder: Path, files: Collection[str]) -> list[str]:
    names = (path.name for path in folder.iterdir())
    # What a killed process left of them is nothing else.
    return sorted(name for name in names if name not in files and not name.startswith(PARTIAL))


def _concerns(failed: Path, path: Path, others: Iterable[Path]) -> bool:
    """Whether an error about ``failed`` is one about ``path``, a folder above it, or one of ``others`` or in it."""
    return failed in (path, *path.parents) or any(other in (failed, *failed.parents) for other in others)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names at once, so that there is no moment without either; not every system and disk can."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "renameat2"):
        return False
    return bool(libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
