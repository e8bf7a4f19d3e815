"""The one place that opens an n-gram model with KenLM (https://aclanthology.org/W11-2123/).

Binaries as in KenLM's ``lm/binary_format.cc`` and ``lm/vocab.cc`` (https://github.com/kpu/kenlm).
"""

import os
import re
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from pyspeech.errors import MissingPackage, UserError
from pyspeech.files import existing_file
from pyspeech.lm.arpa import MAX_ORDER, for_kenlm
from pyspeech.lm.ngram import build_binary

MAX_REASON = 200  # KenLM quotes lines of what is no model, and those can be long
BINARY_MAGIC = b"mmap lm http://kheafield.com/code"
BINARY_VERSION = BINARY_MAGIC + b" format version 5\n"
# A test pattern comes first; then order, slots per n-gram, kind, whether the words are kept, and a version.
PARAMETERS_OFFSET = 88
PARAMETERS = struct.Struct("<B3xfi?3xI")
COUNT_BYTES = 8  # of n-grams, for each order, padded to a multiple of as many; then the vocabulary
MAX_SLOTS = 1000.0
FIRST_TRIE_KIND, NUM_KINDS = 2, 6
FIRST_TAIL_BYTES = 1 << 16


def open_model(path: Path) -> Any:  # noqa: ANN401 (kenlm.Model, which has no types)
    """Return the ``kenlm.Model`` of an ARPA file, plain or packed, or of a KenLM binary.

    A binary is mapped into memory and read ahead; processes that open the same one share that memory. An ARPA file is
    parsed into the memory of this process, which takes minutes and gigabytes where the model is large.

    Raises:
        UserError: the file is missing or not a whole model, or kenlm is not installed.
    """
    if is_binary(existing_file(path, "language model")):
        _read_words(path)  # KenLM trusts the head of a binary: one that is wrong may end the process
        return _load(path, path)
    with TemporaryDirectory() as folder:
        plain, binary = for_kenlm(path, Path(folder)), Path(folder) / "lm.bin"
        try:
            return _load(plain, path)
        except UserError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            build_binary(plain, binary)
            return _load(binary, path)


def is_binary(path: Path) -> bool:
    """Whether a file begins as KenLM's binaries do, of whatever version."""
    with path.open("rb") as stream:
        return stream.read(len(BINARY_MAGIC)) == BINARY_MAGIC


def binary_words(path: Path) -> list[str]:
    """Return the words of a KenLM binary, ``<s>`` and ``</s>`` among them, ``<unk>`` not.

    Raises:
        UserError: the binary was built without them, or is damaged.
    """
    words = _read_words(path)
    if words is None:
        raise UserError(f"{path} was built without its words; build it again, without build_binary's option -v")
    try:
        return [word.decode() for word in words]
    except UnicodeDecodeError:
        raise _damaged(path, "the words at its end are no text in UTF-8") from None


def _load(path: Path, named: Path) -> Any:  # noqa: ANN401
    try:
        import kenlm
    except ImportError as error:
        raise MissingPackage("kenlm", "a language model", "pip install kenlm") from error
    config = kenlm.Config()
    config.show_progress, config.arpa_complain = False, kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), config)
    # The second where KenLM quotes bytes that are no text, the third where a file promises more than memory holds.
    except (OSError, UnicodeDecodeError, MemoryError) as error:
        raise UserError(f"{named} is not a model that KenLM can read: {_reason(error)}; make it again") from error


def _reason(error: Exception) -> str:
    """What KenLM says, without the place in its source."""
    if not isinstance(error, OSError):
        return "it is damaged, or no model at all"
    text = re.sub(r"^Cannot read model '.*' \((.*)\)$", r"\1", str(error))
    text = re.sub(r"^.* threw \w+(?: because `.*?')?\.\s*", "", text)
    text = re.sub(r"[. ]*Byte: (\d+)$", r", at byte \1", text)
    return text[:MAX_REASON].strip(" .") or "it is no model at all"


def _read_words(path: Path) -> list[bytes] | None:
    """Read the words at the end of a binary, each with a NUL after it; None where there are none.

    Raises:
        UserError: they are not so many as its head promises, or the head promises what cannot be.
    """
    with path.open("rb") as stream:
        if stream.read(len(BINARY_VERSION)) != BINARY_VERSION:
            return None  # KenLM says which versions it reads
        num_words, has_words = _read_head(path, stream)
        if not has_words:
            return None
        tail = _tail(stream, num_words)
    first, *words = tail.split(b"\0")[-num_words - 1 : -1] or [b""]
    # Before the first word, <unk>, stands what ends the n-grams, without a mark between.
    if not tail.endswith(b"\0") or len(words) != num_words - 1 or not first.endswith(b"<unk>"):
        raise _damaged(path, "the words at its end are damaged or cut short")
    return words


def _read_head(path: Path, stream: IO[bytes]) -> tuple[int, bool]:
    """Return how many words a binary has, ``<unk>`` among them, and whether they stand at its end."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(PARAMETERS_OFFSET)
    parameters = stream.read(PARAMETERS.size)
    if len(parameters) < PARAMETERS.size:
        raise _damaged(path, "it is cut short")
    order, slots, kind, has_words, _ = PARAMETERS.unpack(parameters)
    if kind not in range(NUM_KINDS):
        raise _damaged(path, f"there is no kind {kind} of binaries")
    if not 2 <= order <= MAX_ORDER:
        raise UserError(
            f"{path} is a model of order {order}, and KenLM takes binaries of orders 2 to {MAX_ORDER}; "
            f"build it again from n-grams of at most {MAX_ORDER} words"
        )
    head = PARAMETERS_OFFSET + PARAMETERS.size + COUNT_BYTES * order
    counts = [int.from_bytes(stream.read(COUNT_BYTES), "little") for _ in range(order)]
    stream.seek(-(-head // 8) * 8)
    vocabulary = stream.read(8)
    if len(vocabulary) < 8:
        raise _damaged(path, "it is cut short")
    # Counted without <unk> by the one, after a version by the other.
    is_trie = kind >= FIRST_TRIE_KIND
    num_words = int.from_bytes(vocabulary, "little") + 1 if is_trie else int.from_bytes(vocabulary[4:], "little")
    # A model without <unk> has one word more than 1-grams; an n-gram takes some bits at least.
    if num_words not in (counts[0], counts[0] + 1) or max(counts) > 8 * size or not 1 <= slots <= MAX_SLOTS:
        raise _damaged(path, "its head is damaged")
    return num_words, has_words


def _tail(stream: IO[bytes], num_strings: int) -> bytes:
    """Read so much of the end of a file that it holds ``num_strings`` whole strings, where the file does."""
    size = stream.seek(0, os.SEEK_END)
    length = FIRST_TAIL_BYTES
    while True:
        length = min(length, size)
        stream.seek(size - length)
        tail = stream.read(length)
        # One more than that, so that the first string has not lost its beginning.
        if tail.count(b"\0") > num_strings or length == size:
            return tail
        length *= 2


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is not a model that KenLM can read: {what}; copy it again or build it again")
