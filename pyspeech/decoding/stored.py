"""A decode folder: the names of its files, and what is read from and written to it without torch or k2."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from pyspeech.decoding.archive import LatticeArchive
from pyspeech.decoding.frames import FrameArchive
from pyspeech.decoding.token_offsets import OFFSETS, TokenOffsets, load_offsets
from pyspeech.errors import UserError
from pyspeech.files import existing, existing_file, final_name, write_text
from pyspeech.json_files import read_json, read_json_lines
from pyspeech.lang.tokens import TokenSet, load_tokens
from pyspeech.scoring.rare_words import read_train_words
from pyspeech.scoring.report import WORDS
from pyspeech.scoring.wer import read_hypotheses
from pyspeech.transcripts import Transcript, read_transcripts

HYPOTHESES, WARNINGS, SUMMARY = "hyps.jsonl", "decode_warnings.jsonl", "decode.json"
LATTICES, FRAMES, LANG, TRAIN_WORDS, SCORE = "lattices", "frames", "lang", "train_words.tsv", "score"
WEIGHTS = "weights.json"  # that were chosen for this decode
LEAST, MOST = 1e-9, 1e9  # of numbers that are durations, or factors
FILES = frozenset({HYPOTHESES, WARNINGS, SUMMARY, LATTICES, FRAMES, LANG, TRAIN_WORDS, SCORE, WEIGHTS, WORDS, OFFSETS})


@dataclass(frozen=True)
class StoredDecode:
    """What ``pyspeech decode`` left; the network and its graph are not needed.

    Raises:
        UserError: something that is asked for is missing or damaged.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The folder, for messages."""
        return str(final_name(self.folder))

    @cached_property
    def summary(self) -> dict[str, Any]:
        """``decode.json``."""
        path = existing(self.folder, "decode") / SUMMARY
        values = read_json(path, "decode", "decode again")
        if not isinstance(values.get("settings"), dict):
            raise UserError(f"{path} is not the summary of a decode; decode again")
        return values

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Duration of every utterance by its id, in order."""
        durations: dict[str, float] = {}
        for number, line in read_json_lines(existing_file(self.folder / HYPOTHESES, "hypotheses")):
            where = f"{self.folder / HYPOTHESES}, line {number}"
            if not isinstance(line.get("id"), str) or "seconds" not in line:
                raise UserError(f"{where}: no 'id' and 'seconds'; decode again")
            durations[line["id"]] = _number(line["seconds"], f"{where}: seconds", 0.0)
        return durations

    @property
    def hypotheses(self) -> dict[str, list[str]]:
        """Words of every utterance by its id."""
        return read_hypotheses(self.folder / HYPOTHESES)

    @property
    def has_lattices(self) -> bool:
        """Whether there are any."""
        return (self.folder / LATTICES).exists()

    @property
    def train_words(self) -> dict[str, int] | None:
        """How often the text that the network was trained on holds each word; None where the decode does not say."""
        return read_train_words(self.folder)

    @cached_property
    def lattices(self) -> LatticeArchive:
        """The stored lattices."""
        if not self.has_lattices:
            raise self._lacks(
                "lattices",
                "rescore with --lattices, or ",
                "decode with a graph and without --no-lattices, or rescore by --method search",
            )
        return LatticeArchive(self.folder / LATTICES)

    @cached_property
    def frames(self) -> FrameArchive:
        """The stored log-probabilities of frames."""
        if not (self.folder / FRAMES).exists():
            raise self._lacks("frame scores", "", "decode again, without --no-frames")
        return FrameArchive(self.folder / FRAMES)

    @cached_property
    def tokens(self) -> TokenSet:
        """The token set of the network."""
        if not (self.folder / LANG).exists():
            raise UserError(f"{self.folder} holds no token set (folder {LANG}), which older decodes lack; decode again")
        tokens = load_tokens(self.folder / LANG)
        for name in (LATTICES, FRAMES):
            if (self.folder / name).exists():
                archive = self.lattices if name == LATTICES else self.frames
                if archive.tokens != tuple(tokens.symbols):
                    raise UserError(
                        f"{self.folder / name} and {self.folder / LANG} hold different tokens; decode again"
                    )
        return tokens

    @property
    def acoustic_scale(self) -> float:
        """Of the search that made the lattices."""
        scale = self.summary["settings"].get("acoustic_scale", 1.0)
        return _number(scale, f"{self.folder / SUMMARY}: settings.acoustic_scale", LEAST)

    @property
    def blank_penalty(self) -> float:
        """What the acoustic scores of blanks in the lattices hold; older decodes know none."""
        penalty = self.summary["settings"].get("blank_penalty", 0.0)
        return _number(penalty, f"{self.folder / SUMMARY}: settings.blank_penalty", -MOST, 0.0)

    @property
    def frame_beam(self) -> float:
        """Of the log-probabilities that were kept."""
        beam = self.summary["settings"].get("frame_beam")
        return _number(beam, f"{self.folder / SUMMARY}: settings.frame_beam", 0.0)

    @property
    def frame_seconds(self) -> float:
        """Duration of an output frame of the network."""
        seconds = self.summary.get("frame_seconds")
        if seconds is None:
            raise UserError(f"{self.folder / SUMMARY} has no frame_seconds, which older decodes lack; decode again")
        return _number(seconds, f"{self.folder / SUMMARY}: frame_seconds", LEAST)

    @cached_property
    def offsets(self) -> TokenOffsets:
        """From the frames of tokens to their times."""
        return load_offsets(self.folder)

    def manifest(self) -> Path:
        """The manifest that was decoded."""
        return Path(str(self.summary.get("cuts")))

    def references(self, manifest: Path | None) -> dict[str, Transcript]:
        """What was said in each utterance, from ``manifest`` or the one that was decoded.

        Raises:
            UserError: it is not there, or lacks an utterance, as another corpus' manifest of the same name does.
        """
        path = manifest or self.manifest()
        if not path.exists():
            raise UserError(f"{self.folder} was decoded from {path}, which is not here; give --references MANIFEST")
        transcripts = {transcript.id: transcript for transcript in read_transcripts(path)}
        if missing := [id_ for id_ in self.seconds if id_ not in transcripts]:
            raise UserError(
                f"{path} has no utterance {missing[0]}, which {self.folder} holds; put back the manifest that was "
                "decoded, or give that of --tune as --references"
            )
        return {id_: transcripts[id_] for id_ in self.seconds}

    def known_references(self) -> dict[str, Transcript]:
        """What was said in each utterance, where the manifest that was decoded is here."""
        return self.references(None) if self.manifest().exists() else {}

    def _lacks(self, what: str, rescored: str, otherwise: str) -> UserError:
        """What to say of a missing part; that of a rescored decode lies where it was made from."""
        source = self.summary.get("rescored")
        if source is not None:
            return UserError(f"{self.folder} holds no {what}; {rescored}use {source}, which it was made from")
        return UserError(f"{self.folder} holds no {what}; {otherwise}")


def _number(value: object, where: str, least: float, most: float = MOST) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise UserError(f"{where} is {value!r}, which cannot be; decode again")
    return float(value)


@contextmanager
def utterance_writer(folder: Path) -> Iterator[Callable[[Mapping[str, Any], Sequence[str]], None]]:
    """Yield what writes the next utterance: its line of ``hyps.jsonl``, and a warning for each of its problems."""
    with (
        (folder / HYPOTHESES).open("w", encoding="utf-8") as hypotheses,
        (folder / WARNINGS).open("w", encoding="utf-8") as warnings,
    ):

        def write(line: Mapping[str, Any], problems: Sequence[str]) -> None:
            _write_line(hypotheses, line)
            for problem in problems:
                _write_line(warnings, {"id": line["id"], "problem": problem})

        yield write


def _write_line(stream: TextIO, value: Mapping[str, Any]) -> None:
    stream.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def copy_words(source: Path, folder: Path) -> None:
    """Copy what spells and times words from an experiment or a decode: ``folder`` can be rescored without it."""
    shutil.copytree(source / LANG, folder / LANG)
    for name in (TRAIN_WORDS, WORDS, OFFSETS):
        if (source / name).exists():  # an older training left none, and one has no vocabulary
            shutil.copyfile(source / name, folder / name)


def write_words(words: Iterable[str], folder: Path) -> None:
    """Write the words that could be found; what a score calls out of vocabulary is not among them."""
    write_text(folder / WORDS, "".join(f"{word}\n" for word in words))
