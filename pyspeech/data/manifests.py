"""Manifests: lhotse cuts in a gzipped JSON-lines file, read lazily, written completely or not at all.

Wherever one is read, a ``CutSet`` may stand in its place. It is iterated over, as a file is, and never loaded whole;
what reads from several places or in several processes reads a copy in a file, see :func:`manifest_file`.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lhotse import AudioSource, CutSet, Recording
from lhotse.cut import Cut, MixedCut, PaddingCut
from lhotse.cut.set import deserialize_cut
from lhotse.utils import fastcopy

from pyspeech.entries import FILE, Entry, NotACutError, checked
from pyspeech.errors import UserError, first_line
from pyspeech.files import complete, existing_file, writing
from pyspeech.json_files import read_json_lines
from pyspeech.transcripts import Manifest, entries_of, shown

MEMORY = "memory"  # type of a source
STORED = "audio"  # folder beside a manifest: audio that was in memory when the manifest was written


@dataclass(frozen=True)
class ManifestCounts:
    """What a manifest holds."""

    utterances: int
    seconds: float


def write_manifest(cuts: Iterable[Cut], path: Path) -> ManifestCounts:
    """Write ``cuts`` to ``path`` as they come and count them; audio that is in memory becomes files in :data:`STORED`.

    Raises:
        UserError: there is no cut, an id comes twice, or a cut is none that can be read again.
    """
    seen: set[str] = set()
    seconds = 0.0
    with complete(path) as partial:
        with CutSet.open_writer(partial.absolute()) as writer:
            for cut in cuts:
                if cut.id in seen:
                    raise UserError(f"{path.name}: two utterances have the id '{cut.id}'; ids must be unique")
                seen.add(cut.id)
                seconds += cut.duration
                values = with_recordings(cut, lambda recording: _in_files(recording, path)).to_dict()
                check_line(values, path.name)
                writer.write(values)
        if not seen:
            raise UserError(f"no utterance for {path.name}; is it the unpacked corpus, in the layout that is expected?")
    return ManifestCounts(len(seen), seconds)


def read_manifest(manifest: Manifest) -> CutSet:
    """Read a manifest lazily: memory does not grow with its length. Each line is checked when its turn comes.

    Raises:
        UserError: it is missing, unreadable or empty, or its first line is no cut.
    """
    lines = _Lines(existing_file(manifest, "manifest")) if isinstance(manifest, Path) else _Checked(manifest)
    if next(iter(lines), None) is None:
        raise UserError(f"{shown(manifest)} holds no utterance; check the split, or run the stage that makes it")
    return CutSet(lines)


def manifest_file(manifest: Manifest, name: str = "cuts", audio_beside: Path | None = None) -> Path:
    """Return a manifest as a file: cuts are written as they come, to a folder that goes when this process ends.

    Args:
        manifest: A file, which is returned as it is, or cuts.
        name: Of the file, without its ending; tells ``train``, ``dev`` and ``test`` apart where that matters.
        audio_beside: Audio that is in memory is written beside this file, to stay; else it goes with the folder.

    Raises:
        UserError: it cannot be written.
    """
    if isinstance(manifest, Path):
        return manifest
    with writing(folder := folder_until_exit()):
        path = Path(tempfile.mkdtemp(dir=folder)) / f"{name}.jsonl"
    with complete(path) as partial, partial.open("w", encoding="utf-8") as stream:
        for cut in manifest:
            stored = with_recordings(cut, lambda recording: _in_files(recording, audio_beside or path))
            stream.write(json.dumps(stored.to_dict(), ensure_ascii=False) + "\n")
    return path


@cache
def folder_until_exit() -> Path:
    """Return a folder that is removed when this process ends."""
    folder = tempfile.mkdtemp(prefix="pyspeech-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def cut_of(values: dict[str, Any], where: str) -> Cut:
    """Make the cut of a line of a manifest; ``where`` names the line in messages.

    A mixed cut has no stored features: those of its parts are not those of what they sound like together.

    Raises:
        UserError: it is none that can be read, or would run or fetch something.
    """
    check_line(values, where)
    id_ = values["id"]
    try:
        cut = deserialize_cut(values)
    except Exception as error:  # what lhotse raises on fields that it does not know is of many kinds
        raise UserError(f"{where}, cut '{id_}': lhotse cannot read it: {first_line(error)}; make it again") from error
    return _without_features_of_parts(cut)


def _without_features_of_parts(cut: Cut) -> Cut:
    return cut.drop_features() if isinstance(cut, MixedCut) and cut.has_features else cut


def check_line(values: dict[str, Any], where: str) -> Entry:
    """Refuse a line of a manifest that is no cut that can be read, or that would run or fetch something; return it.

    Raises:
        UserError: naming ``where`` and the cut.
    """
    try:
        return checked(values)
    except NotACutError as error:
        id_ = values.get("id")
        which = f"{where}, cut '{id_}'" if isinstance(id_, str) else where
        raise UserError(
            f"{which} cannot be read: {error}; mend or remove it (pyspeech validate tells of all)"
        ) from error


def check_manifest(manifest: Manifest) -> float:
    """Read a manifest through before an hour's work rather than after it: all lines are cuts, no two of one id.

    Return how many seconds it holds.

    Raises:
        UserError: naming the line that is none, or comes twice.
    """
    seen: set[str] = set()
    seconds = 0.0
    for where, values in entries_of(manifest):
        seconds += check_line(values, where).duration
        if values["id"] in seen:
            raise UserError(
                f"{where}: two utterances have the id '{values['id']}'; "
                "give each its own (pyspeech validate --fix does)"
            )
        seen.add(values["id"])
    return seconds


def recordings_of(cut: Cut) -> list[Recording]:
    """Return the recordings of a cut, which are several where it is mixed or appended."""
    cuts = [track.cut for track in cut.tracks] if isinstance(cut, MixedCut) else [cut]
    return [each.recording for each in cuts if not isinstance(each, PaddingCut) and each.has_recording]


def with_recordings(cut: Cut, change: Callable[[Recording], Recording]) -> Cut:
    """Return ``cut`` with what ``change`` makes of each of its recordings, all of them at one sampling rate."""
    if not isinstance(cut, MixedCut):
        return fastcopy(cut, recording=change(cut.recording)) if cut.has_recording else cut
    changed = [
        track if isinstance(track.cut, PaddingCut) else fastcopy(track, cut=with_recordings(track.cut, change))
        for track in cut.tracks
    ]
    rate = recordings_of(fastcopy(cut, tracks=changed))[0].sampling_rate
    tracks = [
        fastcopy(track, cut=track.cut.resample(rate)) if isinstance(track.cut, PaddingCut) else track
        for track in changed
    ]
    return fastcopy(cut, tracks=tracks)


class _Lines:
    """The cuts of a manifest, as often as they are asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Cut]:
        for number, values in read_json_lines(self._path):
            yield cut_of(values, f"{self._path}, line {number}")


class _Checked:
    """Cuts, as often as they are asked for, each as :func:`cut_of` would make it of its line."""

    def __init__(self, cuts: Iterable[Cut]) -> None:
        self._cuts = cuts

    def __iter__(self) -> Iterator[Cut]:
        for number, cut in enumerate(self._cuts, 1):
            check_line(cut.to_dict(), f"{shown(self._cuts)}, number {number}")
            yield _without_features_of_parts(cut)


def _in_files(recording: Recording, manifest: Path) -> Recording:
    if all(source.type != MEMORY for source in recording.sources):
        return recording
    return fastcopy(recording, sources=[_in_file(source, manifest) for source in recording.sources])


def _in_file(source: AudioSource, manifest: Path) -> AudioSource:
    if source.type != MEMORY:
        return source
    path = manifest.absolute().parent / STORED / f"{hashlib.sha256(source.source).hexdigest()[:16]}.wav"
    if not path.exists():
        with complete(path) as partial:
            partial.write_bytes(source.source)
    return AudioSource(FILE, source.channels, str(path))
