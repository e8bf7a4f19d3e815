"""Kaldi data directories: audio or stored features, segments, texts and speakers (https://kaldi-asr.org/doc)."""

import io
import math
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile
from lhotse import AudioSource, MonoCut, Recording
from lhotse.cut import Cut

from pyspeech.corpora.channels import on_channel
from pyspeech.corpora.corpus import recording_of, utterance
from pyspeech.corpora.left_out import tell_left_out
from pyspeech.corpora.sources.dividing import Task
from pyspeech.corpora.sources.layout import all_splits, cut_of, locate, members, named_splits
from pyspeech.corpora.sources.reading import lines_of, read
from pyspeech.data.audio_reading import AudioFile
from pyspeech.data.precomputed_features import FRAME_SHIFT_SECONDS, WITH_OFFSET, given_utterance
from pyspeech.errors import UserError
from pyspeech.text_files import read_text

BLANKS = re.compile(r"[ \t]+")  # Kaldi's; other white space may be part of a text
TO_THE_END = -1.0  # the end of a segment that lasts as long as its recording
SIDES = "reco2file_and_channel"


@dataclass(frozen=True)
class KaldiData:
    """Data directories ``train``, ``dev`` and ``test`` in the corpus or its ``data``, or one directory to be divided.

    Each holds ``wav.scp``, or ``feats.scp`` where there is no audio, and ``text``, ``utt2spk``, ``segments`` and
    ``reco2file_and_channel`` where there are any. Texts stay as they are.

    Args:
        allow_pipes: Run the commands (``sph2pipe … |``) that ``wav.scp`` holds in place of files, each once: the
            manifest gets files of what they write. Only for directories whose every line you trust.
        task: What is held out goes by it; without texts it is verification.
        channel: Of recordings with several whose channel the directory does not say, the number of one, "mix" for
            their average, "each" for one utterance a channel; the first if empty.
    """

    allow_pipes: bool = False
    task: Task = "recognition"
    channel: str = ""

    def splits(self, corpus: Path) -> tuple[str, ...]:
        """Names of the splits, train first; ``dev`` and ``test`` are taken from train where they have no directory.

        Tells on stderr of data directories that are no split.
        """
        folders = _folders(corpus)
        beside = next(iter(folders.values())).parent
        if not _is_data(corpus):
            others = sorted(path.name for path in beside.iterdir() if _is_data(path) and path not in folders.values())
            tell_left_out(beside, others, "data directories that are no split")
        return all_splits(folders)

    def cuts(self, corpus: Path, split: str) -> Iterator[MonoCut]:
        """Every utterance of one split, sorted by id.

        Raises:
            UserError: naming file and line of what is not as Kaldi has it, or of a command that is not allowed.
        """
        folders = _folders(corpus)
        folder = folders.get(split, folders["train"])
        if self.channel and says_channel(folder):
            raise UserError(f"channel='{self.channel}': {folder / SIDES} says the channels; take one of the two away")
        entries, without_text = _with_text(folder, _entries(folder, self.allow_pipes), self.task)
        if split in folders:
            _tell(folder, entries, without_text)
        if folder == folders["train"]:
            entries = members(entries, split, folders, self.task)
        yield from read(entries, split, _Cuts(folder), self.channel)


@dataclass(frozen=True)
class _Row:
    """One line of a file: what follows its id, and where it stands."""

    value: str
    where: str


@dataclass
class _Entry:
    """One utterance as the files of a data directory describe it."""

    id: str
    source: _Row
    start: float = 0.0
    seconds: float | None = None
    text: str = ""
    speaker: str = ""
    channel: int | None = None  # where the directory says it


def says_channel(folder: Path) -> bool:
    """Whether a data directory says which channel of its files each recording is."""
    return (folder / SIDES).is_file()


def _folders(corpus: Path) -> dict[str, Path]:
    """The data directory of each split."""
    if _is_data(corpus):
        return {"train": corpus}
    for base in (corpus, corpus / "data"):
        names = [path.name for path in base.iterdir() if _is_data(path)] if base.is_dir() else []
        if names:
            return {split: base / name for split, name in named_splits(names).items()}
    raise UserError(f"no Kaldi data directory in {corpus}: none holds wav.scp or feats.scp; give the folder of train/")


def _is_data(folder: Path) -> bool:
    return _has_audio(folder) or (folder / "feats.scp").is_file()


def _has_audio(folder: Path) -> bool:
    return (folder / "wav.scp").is_file()


def _entries(folder: Path, allow_pipes: bool) -> list[_Entry]:
    """The utterances of a data directory, sorted by id."""
    texts, speakers = _optional(folder / "text"), _optional(folder / "utt2spk")
    if _has_audio(folder):
        entries = _with_audio(folder, allow_pipes)
    else:
        entries = [_Entry(name, row) for name, row in _rows(folder / "feats.scp").items()]
    nothing = _Row("", "")
    for entry in entries:
        entry.text, entry.speaker = texts.get(entry.id, nothing).value, speakers.get(entry.id, nothing).value
    return sorted(entries, key=lambda entry: entry.id)


def _tell(folder: Path, entries: Sequence[_Entry], without_text: Sequence[_Entry]) -> None:
    """Tell what a directory describes in part: texts without audio, audio without texts or segments."""
    ids = {entry.id for entry in (*entries, *without_text)}
    tell_left_out(folder / "text", sorted(_optional(folder / "text").keys() - ids), "utterances without audio")
    tell_left_out(folder, [entry.id for entry in without_text], "utterances without a line in text")
    if _has_audio(folder) and (folder / "segments").is_file():
        names = {BLANKS.split(row.value)[0] for row in _rows(folder / "segments").values()}
        tell_left_out(
            folder / "wav.scp", sorted(_rows(folder / "wav.scp").keys() - names), "recordings without segments"
        )


def _with_text(folder: Path, entries: Sequence[_Entry], task: Task) -> tuple[list[_Entry], list[_Entry]]:
    """The entries that have a line in ``text``, if any has, and the others; verification needs none."""
    texts = _optional(folder / "text")
    if task == "verification" or not any(entry.id in texts for entry in entries):
        return list(entries), []
    return [each for each in entries if each.id in texts], [each for each in entries if each.id not in texts]


def _with_audio(folder: Path, allow_pipes: bool) -> list[_Entry]:
    recordings, sides = _rows(folder / "wav.scp"), _sides(folder)
    for row in recordings.values():
        _refuse(row, allow_pipes)
    if not (folder / "segments").is_file():
        return [_Entry(name, row, channel=sides.get(name)) for name, row in recordings.items()]
    segments = [_segment(name, row, recordings, sides) for name, row in _rows(folder / "segments").items()]
    return [segment for segment in segments if segment is not None]


def _refuse(row: _Row, allow_pipes: bool) -> None:
    if not row.value:
        raise UserError(f"{row.where} names no audio file; add it, or remove the line")
    if row.value.endswith("|") and not allow_pipes:
        raise UserError(
            f"{row.where}: '{row.value}' is a command; write its output to a file, "
            "or set allow_pipes=True if you trust every line"
        )


def _sides(folder: Path) -> dict[str, int]:
    """The channels, from 0 on, of recordings of which the directory says the side: A or 1 is the first."""
    sides = {}
    for name, row in _optional(folder / SIDES).items():
        side = BLANKS.split(row.value)[-1]
        if not re.fullmatch("[A-Z]|[1-9][0-9]?", side):
            raise UserError(f"{row.where}: '{side}' is no side; expected recording, file and A, B, 1 or 2")
        sides[name] = ord(side) - ord("A") if side.isalpha() else int(side) - 1
    return sides


def _segment(name: str, row: _Row, recordings: dict[str, _Row], sides: dict[str, int]) -> _Entry | None:
    """The utterance of one line ``recording start end [channel]``; None if there is no such recording."""
    recording, *numbers = BLANKS.split(row.value)
    channel = sides.get(recording)
    try:
        if len(numbers) == 3:  # Kaldi's channel, from 0 on; -1 for the only one
            channel = max(0, int(numbers.pop()))
        start, end = (float(number) for number in numbers)
    except ValueError:
        raise UserError(f"{row.where}: expected id, recording, start and end, found '{name} {row.value}'") from None
    if not (0 <= start < math.inf) or (end != TO_THE_END and not start < end < math.inf):
        raise UserError(f"{row.where}: a segment from {start} to {end} seconds holds nothing; correct or remove it")
    if recording not in recordings:
        return None
    seconds = None if end == TO_THE_END else round(end - start, 8)
    return _Entry(name, recordings[recording], start, seconds, channel=channel)


def _optional(path: Path) -> dict[str, _Row]:
    return _rows(path) if path.is_file() else {}


def _rows(path: Path) -> dict[str, _Row]:
    """The lines of a file by the id that each begins with."""
    rows: dict[str, _Row] = {}
    for number, line in enumerate(read_text(path), 1):
        name, *rest = BLANKS.split(line.strip(" \t\r\n"), maxsplit=1)
        where = f"{path}, line {number}"
        if not name:
            raise UserError(f"{where} is empty; remove it")
        if name in rows:
            raise UserError(f"{where}: '{name}' stands there twice, before in {rows[name].where}; remove one")
        rows[name] = _Row(rest[0] if rest else "", where)
    return rows


def _frame_shift(folder: Path) -> float:
    """From one frame of ``feats.scp`` to the next, as the file ``frame_shift`` says."""
    path = folder / "frame_shift"
    if not path.is_file():
        return FRAME_SHIFT_SECONDS
    try:
        shift = float(" ".join(lines_of(path)))
    except ValueError:
        shift = 0.0
    if not 0 < shift < 1:
        raise UserError(f"{path} holds no time in seconds; write one such as {FRAME_SHIFT_SECONDS}")
    return shift


class _Cuts:
    """Makes the cuts of a data directory; looks at a recording of many segments, or runs its command, once.

    Of audio that a command wrote, no more than that of one recording is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frame_shift_seconds = None if _has_audio(folder) else _frame_shift(folder)
        self._recordings: dict[_Row, Recording] = {}

    def __call__(self, entry: _Entry) -> Cut:
        cut = self._cut(entry)
        # Of audio that a command took a side out of, there is one channel, whichever side that was.
        one = entry.channel is None or not cut.has_recording or len(cut.recording.channel_ids) == 1
        return cut if one else on_channel(cut, str(entry.channel))

    def _cut(self, entry: _Entry) -> MonoCut:
        if self._frame_shift_seconds is not None:
            source = _features_source(entry.source.value, self._folder)
            return given_utterance(source, entry.text, entry.speaker, entry.id, self._frame_shift_seconds)
        if entry.seconds is None and not entry.start and not entry.source.value.endswith("|"):
            return utterance(_audio_file(entry.source, self._folder), entry.text, entry.speaker, entry.id)
        recording = self._recordings.get(entry.source)
        if recording is None:
            recording = self._recording(entry)
            if entry.source.value.endswith("|"):
                self._recordings.clear()
            self._recordings[entry.source] = recording
        return cut_of(recording, entry, recording.channel_ids[0], entry.start, entry.seconds)

    def _recording(self, entry: _Entry) -> Recording:
        if entry.source.value.endswith("|"):
            return _run(entry)
        return recording_of(_audio_file(entry.source, self._folder))


def _audio_file(row: _Row, folder: Path) -> Path:
    path = locate(row.value, folder)
    if WITH_OFFSET.fullmatch(row.value) and not path.exists():
        raise UserError(f"{row.where}: '{row.value}' is audio within an archive; write it to files (Kaldi: wav-copy)")
    return path


def _features_source(value: str, folder: Path) -> str:
    if "|" in value:  # which given_utterance refuses
        return value
    file = WITH_OFFSET.fullmatch(value)
    return f"{locate(file[1], folder)}:{file[2]}" if file else str(locate(value, folder))


def _run(entry: _Entry) -> Recording:
    """What a command of ``wav.scp`` writes, as WAV in memory, which becomes a file with the manifest."""
    shell = entry.source.value.removesuffix("|").strip()
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, check=False)  # Kaldi's own way
    try:
        with AudioFile(io.BytesIO(done.stdout)) as audio:
            exact = audio.subtype == "PCM_16"
            samples_SC, rate = audio.read(dtype="int16" if exact else "float32"), audio.sampling_rate
    except (soundfile.SoundFileError, ValueError) as error:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [str(error)]
        raise UserError(f"{entry.source.where}: '{shell}' gives no audio: {said[0]}; run it by hand") from error
    samples, channels = samples_SC.shape
    if done.returncode or not samples:
        raise UserError(
            f"{entry.source.where}: '{shell}' gives {samples} samples and the status {done.returncode}; run it by hand"
        )
    wav = io.BytesIO()
    soundfile.write(wav, samples_SC, rate, "PCM_16" if exact else "FLOAT", format="WAV")
    source = AudioSource("memory", list(range(channels)), wav.getvalue())
    return Recording(entry.id, [source], rate, samples, samples / rate)
