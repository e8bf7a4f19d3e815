"""Features of whole manifests, on disk: computed in parts by several processes, each part kept once it is finished.

While ``fbank/train.jsonl.gz`` is in the making, what is finished of it stands in ``fbank/.train.parts``. A run that was
stopped leaves that folder; the next one takes from it what it would compute itself, and removes it in the end.
"""

import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from lhotse import Features, LilcomChunkyWriter
from lhotse.cut import Cut, MixedCut, MonoCut
from tqdm import tqdm

from pyspeech.config import FeatureConfig
from pyspeech.data.features import SETTINGS_KEY, FeatureExtractor, at_speed, with_features
from pyspeech.data.manifest_parts import ManifestPart, split_manifest
from pyspeech.data.manifests import (
    ManifestCounts,
    check_manifest,
    manifest_file,
    read_manifest,
    recordings_of,
    write_manifest,
)
from pyspeech.data.precomputed_features import given_features
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, sync, write_text, writing
from pyspeech.locks import PARTIAL, only_writer
from pyspeech.processes import jobs_for, map_in_processes
from pyspeech.threads import one_thread
from pyspeech.transcripts import Manifest, manifest_name, read_transcripts

VERSION = 1  # of what a part holds; parts of another are made again
PART_SECONDS = 1200.0  # of audio: a few seconds of work for each process
LESS_MEMORY = "use fewer --jobs; what is finished is kept"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """A manifest, what is written of it, and the speeds at which each of its utterances is stored."""

    manifest: Path
    path: Path
    speeds: tuple[float, ...] = (1.0,)

    @property
    def archives(self) -> Path:
        """The folder that the features end up in."""
        return self.path.with_name(f"{manifest_name(self.path)}.lca")

    @property
    def unfinished(self) -> Path:
        """The folder of what is finished in part."""
        return self.path.with_name(f".{manifest_name(self.path)}.parts")


@dataclass(frozen=True)
class Part:
    """Consecutive utterances of a manifest at one speed.

    Args:
        cuts: The utterances, as they are in the manifest.
        archive: Their features; the name is a digest of all that decides what they are.
        places: Where in the archive each is, line by line, written when the archive is complete.
        end: Where the archive ends up.
    """

    cuts: ManifestPart
    speed: float
    archive: Path
    places: Path
    end: Path

    @property
    def is_finished(self) -> bool:
        """Whether it need not be computed."""
        return self.archive.exists() and self.places.exists()


def store_features(
    manifest: Manifest,
    path: Path,
    config: FeatureConfig,
    speeds: Sequence[float] = (1.0,),
    jobs: int | None = None,
    part_seconds: float = PART_SECONDS,
) -> ManifestCounts:
    """As :func:`store_all`, of one manifest, which becomes ``path``."""
    store = Store(manifest_file(manifest, audio_beside=path), path, tuple(speeds))
    [counts] = store_all([store], config, jobs, part_seconds)
    return counts


def store_all(
    stores: Sequence[Store], config: FeatureConfig, jobs: int | None = None, part_seconds: float = PART_SECONDS
) -> list[ManifestCounts]:
    """Compute and store the features of manifests, each utterance once at each speed.

    They go into a folder of archives beside each new manifest, which points to them. Features that others computed stay
    where they are: each is read through, and the manifest is the same.

    Args:
        stores: What to read and to write.
        config: Of the features.
        jobs: Processes; None for one per core, or one where the audio is little.
        part_seconds: Audio in a part of the work, which is kept when the rest is not finished.

    Raises:
        UserError: a damaged or empty manifest, audio that cannot be read, features that others computed at another
            speed, a process died, or something cannot be written.
    """
    if config.type == "given":
        return [_read_through(store, config) for store in stores]
    with ExitStack() as stack:
        parts = [stack.enter_context(_begun(store, config, part_seconds)) for store in stores]
        _compute([part for each in parts for part in each], config, jobs)
        return [_finish(store, each, config) for store, each in zip(stores, parts, strict=True)]


@contextmanager
def _begun(store: Store, config: FeatureConfig, part_seconds: float) -> Iterator[list[Part]]:
    """Yield the parts of the work, which nobody else does meanwhile; those that are finished outlive an error."""
    folder = store.unfinished
    with writing(store.path, folder), only_writer(store.path):
        check_manifest(store.manifest)
        try:
            yield _parts(store, config, part_seconds)
        except BaseException:
            if not any(folder.glob("*.jsonl")):  # nothing to keep
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _compute(parts: Sequence[Part], config: FeatureConfig, jobs: int | None) -> None:
    missing = [part for part in parts if not part.is_finished]
    if there := len(parts) - len(missing):
        log.info(f"{parts[0].end.parent}: {there} of {len(parts)} parts were there")
    jobs = jobs or jobs_for(sum(part.cuts.seconds for part in missing))
    total = sum(part.cuts.utterances for part in missing)
    with tqdm(desc="features", total=total, unit=" cuts", leave=False, disable=None) as bar:
        for done in map_in_processes(partial(_compute_part, config), missing, jobs, LESS_MEMORY):
            bar.update(done)


def _compute_part(config: FeatureConfig, part: Part) -> int:
    extractor = FeatureExtractor(config)
    # Sums are rounded in another way by several threads: so, features do not depend on the number of processes.
    with one_thread(), complete(part.archive) as unfinished, LilcomChunkyWriter(unfinished) as writer:
        places = [_write(cut, extractor, writer, part.end / part.archive.name) for cut in _cuts(part)]
    write_text(part.places, "".join(json.dumps(place.to_dict()) + "\n" for place in places))
    return part.cuts.utterances


def _write(cut: MonoCut, extractor: FeatureExtractor, writer: LilcomChunkyWriter, archive: Path) -> Features:
    matrix = extractor.compute(cut)
    return Features(
        type=extractor.name,
        num_frames=len(matrix),
        num_features=matrix.shape[1],
        frame_shift=extractor.config.frame_shift_seconds,
        sampling_rate=extractor.config.sampling_rate,
        start=cut.start,
        duration=cut.duration,
        storage_type=writer.name,
        storage_path=str(archive),
        storage_key=writer.write(cut.id, matrix),
        recording_id=cut.id if isinstance(cut, MixedCut) else cut.recording_id,
        channels=cut.channel,
    )


def _finish(store: Store, parts: Sequence[Part], config: FeatureConfig) -> ManifestCounts:
    with writing(store.path, store.archives):
        _add(parts, store.archives)
    counts = write_manifest(_stored(parts, FeatureExtractor(config).settings), store.path)
    for other in {*store.archives.iterdir()} - {store.archives / part.archive.name for part in parts}:
        other.unlink()
    shutil.rmtree(store.unfinished)
    return counts


def _read_through(store: Store, config: FeatureConfig) -> ManifestCounts:
    if store.speeds != (1.0,):
        raise UserError(
            f"{store.manifest}: given features cannot be stored at the speeds {list(store.speeds)}; leave out --perturb"
        )
    cuts = read_manifest(store.manifest)
    total = sum(1 for _ in read_transcripts(store.manifest))  # reads it through before the work begins

    def read(cuts: Iterable[MonoCut]) -> Iterator[MonoCut]:
        for cut in cuts:
            given_features(cut, config)
            yield cut

    with tqdm(cuts, desc=store.path.name, total=total, unit=" cuts", leave=False, disable=None) as bar:
        return write_manifest(read(bar), store.path)


def _parts(store: Store, config: FeatureConfig, part_seconds: float) -> list[Part]:
    """Cut up the work anew; of an earlier run, only parts remain that are among those of this one."""
    cuts = iter(read_manifest(store.manifest))
    folder = store.unfinished
    given = folder / "cuts"
    shutil.rmtree(given, ignore_errors=True)
    settings = FeatureExtractor(config).settings
    # What is in the files is part of it: one that was fetched again since is another.
    keys = {}
    for part in split_manifest(store.manifest, given, part_seconds):
        audio = [_audio_state(cut) for cut in islice(cuts, part.utterances)]
        keys[part] = digest(VERSION, settings, part.path.name, part.path, audio)
    parts = []
    for speed in store.speeds:
        for part, key in keys.items():
            name = digest(key, speed)
            archive, places = folder / "archives" / f"{name}.lca", folder / f"{name}.jsonl"
            parts.append(Part(part, speed, archive, places, store.archives.resolve()))
    names = {part.places.stem for part in parts}
    for path in [*folder.glob("*.*"), *folder.glob("archives/*")]:
        if path.name.removeprefix(PARTIAL).partition(".")[0] not in names:
            path.unlink()
    return parts


def _audio_state(cut: Cut) -> list[tuple[int, int] | None]:
    """Size and time of the files that a cut is read from; None for one that cannot be read."""
    sources = [source for recording in recordings_of(cut) for source in recording.sources]
    return [_state(Path(source.source)) for source in sources if source.type == "file"]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _add(parts: Iterable[Part], archives: Path) -> None:
    """Put the archives beside those of an earlier manifest, which stay until the new one has taken its place.

    Each has a second name there, so that a run which ends now has them for the next one, too.
    """
    if not archives.is_dir():  # of an earlier version, it is one file
        archives.unlink(missing_ok=True)
    archives.mkdir(parents=True, exist_ok=True)
    for part in parts:
        target = archives / part.archive.name
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(part.archive)
        except OSError:  # not every file system has second names
            part.archive.replace(target)
    sync(archives)


def _stored(parts: Iterable[Part], settings: str) -> Iterator[MonoCut]:
    for part in parts:
        with part.places.open(encoding="utf-8") as lines:
            for cut, line in zip(_cuts(part), lines, strict=True):
                features = Features.from_dict(json.loads(line))
                yield with_features(cut, features, {**(cut.custom or {}), SETTINGS_KEY: settings})


def _cuts(part: Part) -> Iterator[MonoCut]:
    return (at_speed(cut, part.speed) for cut in read_manifest(part.cuts.path))
