"""Tensors with a JSON header in one safetensors file, which can hold no code; damage to any of it is noticed."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pyspeech.errors import UserError, first_line
from pyspeech.files import complete, digest, existing_file
from pyspeech.json_files import parse_json

HEADER, DIGESTS = "pyspeech", "digests"  # the keys of the file's metadata; files of earlier versions lack the second
# What the library raises for bytes that are none of its files, or of types that torch does not have.
DAMAGE = (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, OverflowError)
log = logging.getLogger(__name__)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: object) -> None:
    """Write tensors, no two of which share memory, and a JSON header, and the digests of both.

    The same give the same bytes.

    Raises:
        UserError: it cannot be written.
    """
    whole = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    text = json.dumps(header)
    digests = {HEADER: digest(text), **{name: _digest(tensor) for name, tensor in whole.items()}}
    content = save(whole, {HEADER: text, DIGESTS: json.dumps(digests)})
    with complete(path) as partial, partial.open("wb") as stream:
        stream.writelines(_in_one_order(content))


def read_tensors(path: Path, what: str, remedy: str, begin: str = "") -> dict[str, Tensor]:
    """Read the tensors whose names begin so to the CPU, all of their real numbers finite.

    Args:
        path: The file.
        what: It should be, for the message.
        remedy: What to do where it is not: ``make it again``.
        begin: Of the names.

    Raises:
        UserError: the file is missing or damaged.
    """
    tensors, digests = {}, {}
    began = time.monotonic()
    try:
        with safe_open(existing_file(path, what), framework="pt") as file:
            if metadata := file.metadata():
                digests = _digests(metadata)
            for name in file.keys():  # noqa: SIM118
                if name.startswith(begin):
                    tensors[name] = file.get_tensor(name)
                    _check(name, tensors[name], digests)
        if missing := [name for name in digests if name.startswith(begin) and name not in (HEADER, *tensors)]:
            raise ValueError(f"tensor '{missing[0]}' is not in it")
    except OSError as error:
        raise _unreadable(path, what, error) from error
    except DAMAGE as error:
        raise _damaged(path, error, remedy) from error
    log.debug(f"read {path} in {time.monotonic() - began:.2f} s")
    return tensors


def read_header(path: Path, what: str, remedy: str) -> dict[str, Any]:
    """Read the JSON header alone.

    Raises:
        UserError: the file is missing or damaged, or has no such header.
    """
    try:
        with safe_open(existing_file(path, what), framework="pt") as file:
            metadata = file.metadata() or {}
        if HEADER not in metadata:
            raise ValueError("it has no header of pyspeech")
        digests = _digests(metadata)
        if digests and digests.get(HEADER) != digest(metadata[HEADER]):
            raise ValueError("its header was changed")
        header = parse_json(metadata[HEADER].encode())
        if not isinstance(header, dict):
            raise ValueError(f"its header is no object, but {type(header).__name__}")
    except OSError as error:
        raise _unreadable(path, what, error) from error
    except DAMAGE as error:
        raise _damaged(path, error, remedy) from error
    return header


def _in_one_order(content: bytes) -> tuple[bytes, memoryview]:
    """What begins the file and what follows; the library writes its metadata in an order of chance."""
    end = 8 + int.from_bytes(content[:8], "little")
    entries = json.loads(content[8:end])
    entries["__metadata__"] = dict(sorted(entries["__metadata__"].items()))
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text, memoryview(content)[end:]


def _digests(metadata: Mapping[str, str]) -> dict[str, object]:
    digests = parse_json(metadata.get(DIGESTS, "{}").encode())
    if not isinstance(digests, dict):
        raise ValueError("its digests are no object")
    return digests


def _check(name: str, tensor: Tensor, digests: Mapping[str, object]) -> None:
    if digests and digests.get(name) != _digest(tensor):
        raise ValueError(f"tensor '{name}': its numbers were changed")
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"tensor '{name}': holds NaN or infinity")


def _digest(tensor: Tensor) -> str:
    """Hexadecimal SHA-256 (16 digits) of type, shape and numbers."""
    hasher = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)}".encode())
    hasher.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return hasher.hexdigest()[:16]


def _unreadable(path: Path, what: str, error: OSError) -> UserError:
    """The library's error has neither number nor file, and says of one without permission that it is not there."""
    return UserError(f"cannot read the {what} {path} ({first_line(error)}); are you allowed to read it?")


def _damaged(path: Path, error: Exception, remedy: str) -> UserError:
    return UserError(f"{path} is not a whole safetensors file of pyspeech ({first_line(error)}); {remedy}")
