"""Corpora from the net: archives that are whole and right before anything reads them, and repositories at one commit.

By the standard library alone: it heeds the proxies that the environment names, and needs no package.
"""

import bz2
import gzip
import hashlib
import http.client
import lzma
import os
import re
import ssl
import subprocess
import tarfile
import time
import urllib.request
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from tqdm import tqdm

from pyspeech.errors import UserError, first_line
from pyspeech.files import CHUNK_BYTES, complete, put_in_place, write_json, writing
from pyspeech.json_files import read_json
from pyspeech.locks import PARTIAL, only_writer
from pyspeech.process_lifetime import bound

TIMEOUT_SECONDS = 60.0  # without a byte
TRIES = 5  # in a row that bring less than CHUNK_BYTES
RETRY_SECONDS = 1.0  # before the second try, and twice as long before each that follows
BUSY = (408, 425, 429)  # and all from 500 on: what a server says that may do better later
MAX_ARCHIVE_BYTES = 64 << 30  # the largest that a recipe fetches has 30.6 GB
# What an archive may unpack to: audio hardly packs, so that far more is no corpus but made to fill the disk.
MAX_GROWTH, LEAST_BOUND_BYTES = 20, 1 << 30
UNPACKERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
HEAD_BYTES = 512
WEB_PAGE = re.compile(rb"\s*(<!doctype|<html)", re.IGNORECASE)
ELSEWHERE = "fetch it another way and give its folder with --corpus-dir"


def download_archive(url: str, folder: Path, sha256: str | None = None) -> None:
    """Fetch a tar archive beside ``folder`` and unpack its one top folder as ``folder``, unless that is there already.

    Args:
        url: Of ``http`` or ``https``; its last part names the archive.
        folder: What to make.
        sha256: Hexadecimal digest of the archive. Without one, only what the archive itself holds is checked.

    Raises:
        UserError: it cannot be fetched or written, or is not the archive that was expected; then it is removed.
    """
    if folder.exists():
        return
    archive = folder.with_name(Path(urlsplit(url).path).name)
    with writing(folder), only_writer(folder):
        fetch(url, archive, sha256)
        with complete(folder) as partial:
            _unpack(archive, partial, url)
        archive.unlink()


def git_clone(url: str, folder: Path, commit: str = "") -> None:
    """Fetch one commit of a repository, unless ``folder`` is there already.

    Args:
        url: Of the repository.
        folder: What to make.
        commit: Full name of the commit; git itself checks that the files are those. Default: the newest.

    Raises:
        UserError: the repository cannot be reached, or holds no such commit, or the folder cannot be written.
    """
    if folder.exists():
        return
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""}  # never wait for a password
    with complete(folder) as partial:
        steps = [
            ["init", "--quiet", str(partial)],
            ["-C", str(partial), "fetch", "--quiet", "--depth", "1", "--no-tags", url, commit or "HEAD"],
            ["-C", str(partial), "checkout", "--quiet", "--detach", commit or "FETCH_HEAD"],
        ]
        try:
            for step in steps:
                subprocess.run(bound(["git", *step]), check=True, env=quiet, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            raise UserError(
                f"cannot clone {url}{f' at {commit}' if commit else ''} into {folder}; {ELSEWHERE}"
            ) from error


def fetch(url: str, path: Path, sha256: str | None = None) -> None:
    """Fetch ``url`` as ``path``, a file that is whole and right once it exists.

    What was interrupted goes on where it stopped if the server still has the same file.

    Raises:
        UserError: it cannot be fetched or written, is a web page, or has another digest than ``sha256``; such a file
            is removed. Or another process fetches it.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"cannot download {url}: only http and https are read; {ELSEWHERE}")
    partial = path.with_name(PARTIAL + path.name)
    record = partial.with_name(partial.name + ".json")
    with writing(path, partial), only_writer(path):
        if path.exists():
            _refuse_other(path, sha256, url)
            return
        try:
            with partial.open("ab") as stream:
                _receive(url, stream, record)
            _refuse_other(partial, sha256, url)
            put_in_place(partial, path)
        finally:
            if not partial.exists() or not partial.stat().st_size:
                partial.unlink(missing_ok=True)
                record.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Version:
    """By what a later part of a file is known to be of the same file.

    Attributes:
        url: As it was asked for.
        validator: What ``If-Range`` takes: a strong ``ETag``, or the time of change; empty where there is none.
        num_bytes: The whole file's; None where the server does not say.
    """

    url: str
    validator: str
    num_bytes: int | None

    def may_be(self, other: "_Version") -> bool:
        """Whether all that is said of both is the same."""
        either = None in (self.num_bytes, other.num_bytes) or self.num_bytes == other.num_bytes
        return either and (self.url, self.validator) == (other.url, other.validator)


class _Interrupted(Exception):
    """The connection or the server failed in a way that another try may mend."""


def _receive(url: str, stream: IO[bytes], record: Path) -> None:
    """Append to ``stream`` until the file is whole, over as many connections as that takes."""
    failures, farthest = 0, stream.tell()
    while True:
        try:
            return _receive_some(url, stream, record)
        except _Interrupted as error:
            # Farther than ever, so that a server which begins anew for ever comes to an end too.
            failures = 0 if stream.tell() >= farthest + CHUNK_BYTES else failures + 1
            farthest = max(farthest, stream.tell())
            if failures == TRIES:
                kept = f"run it again to go on after {stream.tell()} bytes, or " if stream.tell() else ""
                raise UserError(f"cannot download {url}: {error}, {TRIES} times; {kept}{ELSEWHERE}") from error
            time.sleep(RETRY_SECONDS * 2 ** max(0, failures - 1))


def _receive_some(url: str, stream: IO[bytes], record: Path) -> None:
    """Ask once for what is missing.

    Raises:
        _Interrupted: it did not all come, or it was another file, of which nothing is kept.
    """
    known = _read_record(record, url) if stream.tell() else None
    if known is None or stream.tell() > (known.num_bytes or MAX_ARCHIVE_BYTES):
        _empty(stream)
    start = stream.tell()
    if known and start == known.num_bytes:
        return
    with closing(_open(url, known, start)) as response:
        if response.status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            if response.headers.get("Content-Range") == f"bytes */{start}":
                return
            _empty(stream)
            raise _Interrupted("the server has less of it than came before")
        version, is_rest = _version(response, url), response.status == http.client.PARTIAL_CONTENT
        if is_rest and (_first_byte(response) != start or (known and not known.may_be(version))):
            _empty(stream)
            raise _Interrupted("the server sent another part, or one of another file")
        if (version.num_bytes or 0) > MAX_ARCHIVE_BYTES:
            raise UserError(f"cannot download {url}: it has {version.num_bytes} bytes; {ELSEWHERE}")
        head = _read(response, HEAD_BYTES)
        if not is_rest:
            if WEB_PAGE.match(head):  # before anything that came earlier is given up for it
                raise UserError(
                    f"cannot download {url}: a web page came in its place, perhaps that of a login to the network; "
                    f"open a browser, then run it again, or {ELSEWHERE}"
                )
            _empty(stream)
            write_json(record, asdict(version))
        _append(response, head, stream, version, url)


def _append(response: http.client.HTTPResponse, head: bytes, stream: IO[bytes], version: _Version, url: str) -> None:
    """Write ``head`` and all that comes after it."""
    chunk = head
    with tqdm(
        total=version.num_bytes,
        initial=stream.tell(),
        desc=Path(urlsplit(url).path).name,
        unit="B",
        unit_scale=True,
        dynamic_ncols=True,
        disable=None,
    ) as bar:
        while chunk:
            stream.write(chunk)
            bar.update(len(chunk))
            if stream.tell() > MAX_ARCHIVE_BYTES:
                _empty(stream)
                raise UserError(f"cannot download {url}: it has more than {MAX_ARCHIVE_BYTES} bytes; {ELSEWHERE}")
            chunk = _read(response)
    if version.num_bytes is not None and stream.tell() != version.num_bytes:
        raise _Interrupted(f"the connection ended after {stream.tell()} of {version.num_bytes} bytes")


def _open(url: str, known: _Version | None, start: int) -> http.client.HTTPResponse:
    """Ask for the file, or for what follows ``start`` of the ``known`` one. An answer is 200, 206 or 416."""
    headers = {"User-Agent": "pyspeech", "Accept-Encoding": "identity"}
    if known:
        headers["Range"] = f"bytes={start}-"
        if known.validator:
            headers["If-Range"] = known.validator
    opener = urllib.request.OpenerDirector()
    # Those of http and https alone: a redirection leads nowhere else.
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 -- its scheme was checked
    try:
        return cast(http.client.HTTPResponse, opener.open(request, timeout=TIMEOUT_SECONDS))
    except HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and known:
            return cast(http.client.HTTPResponse, error)
        error.close()
        said = f"the server says {error.code} {error.reason}".rstrip()
        if error.code in BUSY or error.code >= http.client.INTERNAL_SERVER_ERROR:
            raise _Interrupted(said) from error
        raise UserError(f"cannot download {url}: {said}; {ELSEWHERE}") from error
    except URLError as error:
        reason = error.reason
        if isinstance(reason, OSError) and not isinstance(reason, ssl.SSLCertVerificationError):
            raise _Interrupted(_said(reason)) from error
        raise UserError(f"cannot download {url}: {reason}; {ELSEWHERE}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(_said(error)) from error


def _read(response: http.client.HTTPResponse, num_bytes: int | None = None) -> bytes:
    """Read so many bytes if there are, or without a number those that came."""
    try:
        return response.read1(CHUNK_BYTES) if num_bytes is None else response.read(num_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(_said(error)) from error


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or first_line(error)


def _version(response: http.client.HTTPResponse, url: str) -> _Version:
    tag = response.headers.get("ETag", "")
    validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
    if response.status == http.client.PARTIAL_CONTENT:
        said = response.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        said = response.headers.get("Content-Length", "")
    return _Version(url, validator, int(said) if re.fullmatch("[0-9]{1,18}", said) else None)


def _first_byte(response: http.client.HTTPResponse) -> int | None:
    match = re.match("bytes ([0-9]{1,18})-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _read_record(record: Path, url: str) -> _Version | None:
    """The version that the file so far is of; None where it is not known well enough to go on with it."""
    with suppress(UserError, TypeError):
        known = _Version(**read_json(record, "record of a download", ""))
        if known.url == url and (known.validator or known.num_bytes):
            return known
    return None


def _empty(stream: IO[bytes]) -> None:
    stream.seek(0)
    stream.truncate()


def _refuse_other(path: Path, sha256: str | None, url: str) -> None:
    if sha256 is None:
        return
    total = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            total.update(chunk)
    if total.hexdigest() != sha256:
        raise _bad(path, f"its SHA-256 is {total.hexdigest()} where {sha256} is expected", url)


def _bad(path: Path, fault: str, url: str) -> UserError:
    """Remove what was fetched, and say why."""
    with path.open("rb") as stream:
        is_page = WEB_PAGE.match(stream.read(HEAD_BYTES))
    path.unlink()
    page = ", and it is a web page, perhaps that of a login to the network" if is_page else ""
    shown = path.with_name(path.name.removeprefix(PARTIAL))
    return UserError(f"{shown} is not what {url} should give: {fault}{page}; removed: run it again, or {ELSEWHERE}")


class _Bounded:
    """Reads an unpacked stream up to so many bytes."""

    def __init__(self, stream: IO[bytes], num_bytes: int) -> None:
        self.stream = stream
        self.num_bytes = self.left = num_bytes

    def read(self, size: int) -> bytes:
        chunk = self.stream.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise ValueError(f"it unpacks to more than {self.num_bytes} bytes, which no corpus of its size does")
        return chunk


def _unpack(archive: Path, folder: Path, url: str) -> None:
    """Unpack the one top folder of a tar archive as ``folder``."""
    folder.mkdir()
    bound = max(LEAST_BOUND_BYTES, MAX_GROWTH * archive.stat().st_size)
    unpacked: Any = UNPACKERS.get(archive.suffix, Path.open)
    try:
        with unpacked(archive, "rb") as stream:
            bounded: Any = _Bounded(stream, bound)
            with tarfile.open(fileobj=bounded, mode="r|") as tar:
                tar.extractall(folder, filter=_below_the_top)  # noqa: S202 -- the filter keeps it within
            while bounded.read(CHUNK_BYTES):  # to the end, where the packer's own checksum stands
                pass
        if not any(folder.iterdir()):
            raise ValueError("it holds no folder with files")
    except Exception as error:  # a damaged archive raises any kind
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault
            raise
        raise _bad(archive, first_line(error), url) from error


def _below_the_top(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    name = member.name.removeprefix("./").partition("/")[2]
    return tarfile.data_filter(member.replace(name=name, deep=False), path) if name else None
