"""Folders with a file for every utterance, called after ids that may hold anything."""

import re
from collections.abc import Iterable
from pathlib import Path

from pyspeech.files import complete, digest, refuse_others

# What some file system forbids or gives a meaning, the sign that escapes it, and a dot that would hide the file.
RESERVED = re.compile(r'[%/\\:*?"<>|\x00-\x1f\x7f]|^\.')

LONGEST_NAME = 220  # bytes, of the 255 that file systems take: there are suffixes, and a prefix while it is written
KEPT = 180  # bytes of the beginning of a longer one


def file_name(id_: str, suffix: str) -> str:
    """Return a name for a file of this utterance; different ids have different names, and none leads elsewhere.

    Reserved characters are written as in URLs (https://www.rfc-editor.org/rfc/rfc3986, section 2.1): ``a/b`` becomes
    ``a%2Fb``. Of a name that no file system would take, its beginning is left and a digest of all, after a ``%`` that
    no other name has there.
    """
    name = RESERVED.sub(lambda match: f"%{ord(match[0]):02X}", id_)
    if len(name.encode()) > LONGEST_NAME:
        name = f"{name.encode()[:KEPT].decode(errors='ignore')}%-{digest(id_)}"
    return name + suffix


def write_files(out: Path, files: Iterable[tuple[str, str]], what: str) -> int:
    """Write (name, text) into the folder ``out``, all or nothing, and return how many there were.

    Raises:
        UserError: ``out`` holds other files than these (``what`` says what they are), or cannot be written.
    """
    names = set()
    with complete(out) as folder:
        folder.mkdir()
        for name, text in files:
            (folder / name).write_text(text, encoding="utf-8", newline="")
            names.add(name)
        refuse_others(out, names, what)
    return len(names)
