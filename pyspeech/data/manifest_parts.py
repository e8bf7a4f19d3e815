"""A manifest cut into parts of about equal length, line by line, for several processes or for work that goes on."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyspeech.transcripts import Transcript, read_transcripts


@dataclass(frozen=True)
class ManifestPart:
    """Consecutive lines of a manifest, in a manifest of their own, and what they hold."""

    path: Path
    utterances: int
    seconds: float


def split_manifest(manifest: Path, folder: Path, seconds: float) -> list[ManifestPart]:
    """Write parts that last at least so many seconds, but for the last, into a new folder.

    Raises:
        UserError: a damaged manifest.
    """
    folder.mkdir(parents=True)
    parts: list[ManifestPart] = []
    with gzip.open(manifest, "rb") if manifest.suffix == ".gz" else manifest.open("rb") as stream:
        pairs = zip(read_transcripts(manifest), filter(bytes.strip, stream), strict=True)
        while taken := list(_take(pairs, seconds)):
            path = folder / f"{len(parts)}.jsonl"
            path.write_bytes(b"".join(line.rstrip() + b"\n" for _, line in taken))
            parts.append(ManifestPart(path, len(taken), sum(transcript.seconds for transcript, _ in taken)))
    return parts


def _take(pairs: Iterator[tuple[Transcript, bytes]], seconds: float) -> Iterator[tuple[Transcript, bytes]]:
    taken = 0.0
    for transcript, line in pairs:
        yield transcript, line
        taken += transcript.seconds
        if taken >= seconds:
            return
