"""Manifests whose recordings are at one sampling rate: what is at another is resampled once, on disk."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Literal

import soundfile
from lhotse import AudioSource, Recording
from lhotse.cut import Cut
from tqdm import tqdm

from pyspeech.corpora.left_out import leave_out
from pyspeech.corpora.resample import resample_file
from pyspeech.data.audio_files import CannotRead
from pyspeech.data.concurrent_write import remove_leftovers
from pyspeech.data.manifests import ManifestCounts, read_manifest, recordings_of, with_recordings, write_manifest
from pyspeech.entries import FILE
from pyspeech.errors import UserError
from pyspeech.files import digest
from pyspeech.transcripts import manifest_name

VERSION = 1  # of what is written; copies of another are made again
FOLDER = "flac"  # beside the manifests
CHUNK = 64  # files at a time for each thread: no more wait in memory, however long a manifest is
LONGEST_STEM = 100  # characters of a source's name in that of its copy

Outcome = Literal["there", "made", "quieter", "fault"]


class Resampler:
    """Copies recordings at one rate into one folder, each once, however many utterances and manifests it is of.

    A copy that is there is not made again, so that work which was killed goes on; that of a file which changed is, and
    one that cannot be read.

    Args:
        out: Folder of the manifests to write.
        rate: In Hz.
        jobs: Threads; what works in them releases Python's lock.
    """

    def __init__(self, out: Path, rate: int, jobs: int) -> None:
        self._out, self._rate, self._jobs = out, rate, jobs
        self._faults: dict[Path, str] = {}
        self._met: set[int] = set()  # hashes of sources: of millions, paths would take much memory
        self.outcomes: Counter[Outcome] = Counter()  # of recordings; "quieter" are those made that would be clipped

    def manifest(self, path: Path) -> ManifestCounts:
        """Write ``<out>/<name of path>``, the same utterances with all recordings at the rate.

        Raises:
            UserError: a recording cannot be read, but for a few of train (:mod:`.left_out`), is no plain file, or
                nothing can be written.
        """
        target = self._out / path.name
        if target.resolve() == path.resolve():
            raise UserError(f"{path} would be replaced by its own copy; name another folder than {self._out}")
        remove_leftovers(self._folder)
        with tqdm(desc=path.name, unit=" recordings", leave=False, disable=None) as bar:
            self._make(self._sources(read_manifest(path)), bar.update)
        return write_manifest(leave_out(read_manifest(path), manifest_name(path), self._at_rate), target)

    @property
    def _folder(self) -> Path:
        return self._out.resolve() / FOLDER

    def _sources(self, cuts: Iterable[Cut]) -> Iterator[Path]:
        return (source for cut in cuts for source in self._at_other_rate(cut))

    def _at_other_rate(self, cut: Cut) -> list[Path]:
        if not (recordings := recordings_of(cut)):
            raise UserError(f"cut '{cut.id}' has no recording; give manifests of audio")
        other = [recording for recording in recordings if recording.sampling_rate != self._rate]
        if any(each.transforms or any(source.type != FILE for source in each.sources) for each in other):
            raise UserError(
                f"the recording of cut '{cut.id}' is no plain file, but in memory or altered as it is read; "
                "write it to a file, and make the manifest again"
            )
        return [Path(source.source) for recording in other for source in recording.sources]

    def _make(self, sources: Iterator[Path], tell: Callable[[int], object]) -> None:
        with ThreadPoolExecutor(self._jobs) as pool:
            while chunk := list(islice(sources, CHUNK * self._jobs)):
                new = [source for source in dict.fromkeys(chunk) if hash(source) not in self._met]
                self._met.update(map(hash, new))
                outcomes = Counter(pool.map(self._make_one, new))
                self.outcomes += outcomes
                tell(outcomes.total())

    def _make_one(self, source: Path) -> Outcome:
        try:
            copy = self._copy_of(source)
            if _num_samples(copy):
                return "there"
            return "quieter" if resample_file(source, copy, self._rate) else "made"
        except CannotRead as error:
            self._faults[source] = str(error)
            return "fault"

    def _copy_of(self, source: Path) -> Path:
        """Name of the copy, which is another for a source that changed."""
        try:
            stat = source.stat()
        except OSError as error:
            raise CannotRead(f"cannot read {source}: {error.strerror}; check the path, or leave it out") from error
        key = digest(VERSION, str(source), stat.st_size, stat.st_mtime_ns, self._rate)
        return self._folder / f"{source.stem[:LONGEST_STEM]}-{key}.flac"

    def _at_rate(self, cut: Cut) -> Cut:
        for source in self._at_other_rate(cut):
            if source in self._faults:
                raise CannotRead(self._faults[source])
        return with_recordings(cut, self._copied)

    def _copied(self, recording: Recording) -> Recording:
        if recording.sampling_rate == self._rate:
            return recording
        copies = [self._copy_of(Path(source.source)) for source in recording.sources]
        num_samples = _num_samples(copies[0])
        return Recording(
            recording.id,
            [
                AudioSource(FILE, source.channels, str(copy))
                for source, copy in zip(recording.sources, copies, strict=True)
            ],
            self._rate,
            num_samples,
            num_samples / self._rate,
            recording.channel_ids,
        )


def _num_samples(copy: Path) -> int:
    """Of a copy; 0 where there is none, or a damaged one, as a machine leaves that loses its power."""
    try:
        return int(soundfile.info(copy).frames)
    except (OSError, soundfile.LibsndfileError):
        return 0
