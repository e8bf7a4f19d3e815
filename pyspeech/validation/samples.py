"""What only the samples of an utterance tell: that they decode, are no silence, and were not cut off at full scale."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from pyspeech.corpora.channels import is_equal, is_silent
from pyspeech.data.audio_files import DURATION_TOLERANCE, CannotRead
from pyspeech.data.audio_reading import AudioFile, Header, reading
from pyspeech.entries import Entry
from pyspeech.validation.faults import CLIPPED_AUDIO, DAMAGED_AUDIO, SILENT_AUDIO, UNREAD_CHANNEL, Finding
from pyspeech.validation.headers import in_threads

FULL_SCALE = 0.999
COARSE_FULL_SCALE = {"ULAW": 0.98, "ALAW": 0.984, "PCM_U8": 0.992, "PCM_S8": 0.992}  # where the largest value is less
CLIPPED_RUN = 3  # samples at full scale in a row: speech touches it for one or two
CLIPPED_FRACTION = 1e-3  # of all samples

Samples = npt.NDArray[np.float32]


def check_samples(
    entries: Sequence[Entry], headers: Mapping[str, Header | Finding]
) -> Iterator[tuple[Entry, list[Finding]]]:
    """Decode the audio of every entry, each file opened once for its utterances that follow each other.

    Files whose header is at fault are left out.
    """
    readable = [entry for entry in entries if isinstance(headers.get(_path(entry)), Header)]
    by_file = [list(group) for _, group in groupby(readable, _path)]
    lengths = {path: header.num_samples for path, header in headers.items() if isinstance(header, Header)}
    read: dict[str, set[int]] = defaultdict(set)
    for entry in readable:
        read[_path(entry)].add(entry.channel)

    def check(group: Sequence[Entry]) -> list[list[Finding]]:
        path = _path(group[0])
        return _check_file(group, lengths[path], read[path])

    for group, findings in zip(by_file, in_threads(check, by_file, "decoding", " files"), strict=True):
        yield from zip(group, findings, strict=True)


def judge(samples_S: Samples, full_scale: float = FULL_SCALE) -> list[Finding]:
    """Find what is wrong with the samples of one utterance, in -1..1, of which ``full_scale`` is reached."""
    if not np.isfinite(samples_S).all():
        return [Finding(DAMAGED_AUDIO, "samples that are no numbers")]
    if not len(samples_S):
        return []
    if is_silent(samples_S):
        return [Finding(SILENT_AUDIO)]
    fraction = clipped_fraction(samples_S, full_scale)
    return [Finding(CLIPPED_AUDIO, f"{100 * fraction:.1f}%")] if fraction > CLIPPED_FRACTION else []


def clipped_fraction(samples_S: Samples, full_scale: float = FULL_SCALE) -> float:
    """Fraction of the samples that stand in a run of at least ``CLIPPED_RUN`` at full scale, of one sign."""
    clipped = 0
    for sign in (1, -1):
        full = np.concatenate([[False], sign * samples_S >= full_scale, [False]])
        edges = np.flatnonzero(full[1:] != full[:-1])
        lengths = edges[1::2] - edges[::2]
        clipped += int(lengths[lengths >= CLIPPED_RUN].sum())
    return clipped / max(len(samples_S), 1)


def _path(entry: Entry) -> str:
    return (entry.audio.path or "") if entry.audio is not None else ""


def _check_file(entries: Sequence[Entry], num_samples: int, read: Set[int]) -> list[list[Finding]]:
    path = Path(_path(entries[0]))
    try:
        with reading(path), AudioFile(path) as file:
            return [_check_entry(file, entry, num_samples, read) for entry in entries]
    except CannotRead:
        return [[Finding(DAMAGED_AUDIO, "its header could be read before")] for _ in entries]


def _check_entry(file: AudioFile, entry: Entry, num_samples: int, read: Set[int]) -> list[Finding]:
    assert entry.audio is not None
    speed = entry.audio.speed or 1.0
    start = max(0, round(entry.start * speed * file.sampling_rate))
    length = max(0, min(round(entry.duration * speed * file.sampling_rate), num_samples - start))
    try:
        samples_SC = file.read(start, length)
    except soundfile.SoundFileError as error:
        return [Finding(DAMAGED_AUDIO, str(error).rpartition(": ")[2])]
    if len(samples_SC) < length - DURATION_TOLERANCE * file.sampling_rate:
        return [Finding(DAMAGED_AUDIO, f"{len(samples_SC)} of {length} samples")]
    if entry.channel not in entry.audio.channels[: samples_SC.shape[1]]:
        return []
    own_S = samples_SC[:, entry.audio.channels.index(entry.channel)]
    findings = judge(own_S, COARSE_FULL_SCALE.get(file.subtype, FULL_SCALE))
    if file.channels == 1:
        return findings
    which = f"channel {entry.channel} of {file.channels}"
    findings = [Finding(SILENT_AUDIO, which) if each.kind is SILENT_AUDIO else each for each in findings]
    for channel, other_S in zip(entry.audio.channels, samples_SC.T, strict=False):
        if (
            channel not in read
            and np.isfinite(other_S).all()
            and not is_silent(other_S)
            and not is_equal(other_S, own_S)
        ):
            return [*findings, Finding(UNREAD_CHANNEL, f"{channel}, read is {entry.channel}")]
    return findings
