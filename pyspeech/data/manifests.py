"""Manifests: lhotse cuts in a gzipped JSON-lines file, read lazily, written completely or not at all."""

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lhotse import CutSet
from lhotse.cut import Cut

from pyspeech.errors import UserError
from pyspeech.files import complete, existing


@dataclass(frozen=True)
class ManifestCounts:
    """What a manifest holds."""

    utterances: int
    seconds: float


def write_manifest(cuts: Iterable[Cut], path: Path) -> ManifestCounts:
    """Write ``cuts`` to ``path`` as they come and count them.

    Raises:
        UserError: there is no cut, or an id comes twice.
    """
    seen: set[str] = set()
    seconds = 0.0
    with complete(path) as partial:
        with CutSet.open_writer(partial) as writer:
            for cut in cuts:
                if cut.id in seen:
                    raise UserError(f"{path.name}: two utterances have the id '{cut.id}'; ids must be unique")
                seen.add(cut.id)
                seconds += cut.duration
                writer.write(cut)
        if not seen:
            raise UserError(f"no utterance for {path.name}; is it the unpacked corpus, in the layout that is expected?")
    return ManifestCounts(len(seen), seconds)


def read_manifest(path: Path) -> CutSet:
    """Read a manifest lazily: memory does not grow with its length.

    Raises:
        UserError: it is missing, unreadable or empty.
    """
    existing(path, "manifest")
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as stream:
            first = stream.readline()
        if first.strip():
            json.loads(first)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is not a manifest of cuts: {error}; make it again") from error
    if not first.strip():
        raise UserError(f"{path} holds no utterance; check the split, or run the stage that makes it")
    return CutSet.from_jsonl_lazy(path)
