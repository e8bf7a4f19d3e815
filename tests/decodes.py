"""Decode folders made in a test without network, graph or k2: frame scores that say given words, badly if asked to."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyspeech.decoding.archive import LATTICE_CODEC, ShardWriter, finish_archive
from pyspeech.decoding.frames import FRAME_CODEC, FrameScores, likely_tokens
from pyspeech.decoding.hypothesis import Clock, from_lattice
from pyspeech.decoding.lattice import NO_FRAME, Lattice, linear_lattice
from pyspeech.lang.tokens import CharacterTokens, TokenSet
from pyspeech.lm.ngram import LmSettings, train_lm
from pyspeech.rescoring.config import Weights

# Equally long words, none with a letter twice in a row: every word takes a frame for each of its tokens.
KNOWN = ("BAD", "CAT", "COT", "CUT", "DOG", "MAT", "SAT")
RARE = "DOT"  # which no graph knows
TOKENS = CharacterTokens.from_words((*KNOWN, RARE))
WORD_FRAMES = 4
FRAME_SECONDS = 0.03
SUBJECTS, VERBS, OBJECTS = ("CAT", "DOG", "COT"), ("SAT", "CUT"), ("MAT", "BAD", "COT")


def weighing(**weights: float) -> Weights:
    """Acoustic score and language model count once, everything else not at all, but for ``weights``."""
    return Weights(**{"acoustic": 1.0, "lm": 1.0, "graph": 0.0, "word": 0.0, "boost": 0.0, "blank": 0.0, **weights})


def sentences(count: int, seed: int = 0) -> list[list[str]]:
    """Four words each, which follow a grammar that a language model learns."""
    rng = np.random.default_rng(seed)
    return [[str(rng.choice(words)) for words in (SUBJECTS, VERBS, OBJECTS, VERBS)] for _ in range(count)]


def said(prefix: str, every: Iterable[Sequence[str]]) -> dict[str, list[str]]:
    return {f"{prefix}-{number:03d}": list(words) for number, words in enumerate(every)}


def save_lm(folder: Path, every: Iterable[Sequence[str]], order: int = 3) -> Path:
    text = folder.with_suffix(".txt")
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_text("".join(" ".join(words) + "\n" for words in every))
    train_lm(folder, [text], LmSettings(order), memory="100M")
    return folder


def write_manifest(path: Path, spoken: Mapping[str, Sequence[str]]) -> Path:
    """Like one of lhotse cuts, as far as scoring reads it."""
    cuts = [
        {"id": id_, "duration": duration(words), "supervisions": [{"text": " ".join(words), "speaker": "s0"}]}
        for id_, words in spoken.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(cut) + "\n" for cut in cuts))
    return path


def duration(words: Sequence[str]) -> float:
    return round(FRAME_SECONDS * WORD_FRAMES * len(words) + 0.01, 3)


def speak(id_: str, words: Sequence[str], noise: float, seed: int, tokens: TokenSet = TOKENS) -> FrameScores:
    """A frame for each token of the words; ``noise`` is the deviation of the logits, 3 between right and wrong."""
    ids = tokens.encode(words)
    logits = np.random.default_rng(seed).normal(0, noise, (1, len(ids), len(tokens.symbols)))
    logits[0, np.arange(len(ids)), ids] += 3
    log_probs = (logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)).astype(np.float16).astype(np.float32)
    return next(likely_tokens([id_], [duration(words)], log_probs, [len(ids)], 50.0))


def lattice_of(frames: FrameScores, words: Sequence[str] = KNOWN, tokens: TokenSet = TOKENS) -> Lattice:
    """All sequences of ``words`` (ids from 1), equally likely in the graph but for the later of the list."""
    scores = frames.dense(len(tokens.symbols))
    if not frames.num_frames:
        return linear_lattice(frames.id, *(np.zeros(0, np.int32),) * 2, np.zeros(0, np.float32))
    arcs = []
    state = 0
    for start in range(0, frames.num_frames, WORD_FRAMES):
        inner = WORD_FRAMES - 1  # states within a word
        end = state + 1 + len(words) * inner
        for number, word in enumerate(words):
            way = [state, *range(state + 1 + number * inner, state + 1 + (number + 1) * inner), end]
            for place, token in enumerate(tokens.encode([word])):
                frame = start + place
                label, graph = (0, 0.0) if place else (number + 1, -2.0 - 0.1 * number)
                arcs.append((way[place], way[place + 1], token, label, scores[frame, token], graph, frame))
        state = end
    arcs.append((state, state + 1, NO_FRAME, 0, 0.0, 0.0, frames.num_frames))
    kinds = (*(np.int32,) * 4, *(np.float32,) * 2, np.int32)
    columns = zip(zip(*sorted(arcs), strict=True), kinds, strict=True)
    fields: list[Any] = [frames.id, *(np.array(each, kind) for each, kind in columns), frames.num_frames]
    return Lattice(*fields)


def save_decode(
    folder: Path,
    spoken: Mapping[str, Sequence[str]],
    noise: float = 1.5,
    seed: int = 0,
    with_lattices: bool = True,
    train_words: Mapping[str, int] | None = None,
) -> Path:
    """Write what ``pyspeech decode`` leaves, and the manifest beside it; the graph knows the words ``KNOWN``.

    Without lattices it is as the method greedy leaves it, but for its words.
    """
    symbols = ("<eps>", *KNOWN)
    manifest = write_manifest(folder.with_name(f"{folder.name}.jsonl"), spoken)
    lines = []
    with ShardWriter(folder / "frames", FRAME_CODEC) as frame_archive:
        every = [speak(id_, words, noise, seed + number) for number, (id_, words) in enumerate(spoken.items())]
        for frames in every:
            frame_archive.write(frames)
            lines.append(from_lattice(lattice_of(frames), symbols, TOKENS, Clock(FRAME_SECONDS, frames.seconds), 1.0))
    finish_archive(folder / "frames", {"tokens": TOKENS.symbols}, FRAME_SECONDS)
    if with_lattices:
        with ShardWriter(folder / "lattices", LATTICE_CODEC) as lattice_archive:
            for frames in every:
                lattice_archive.write(lattice_of(frames))
        finish_archive(folder / "lattices", {"tokens": TOKENS.symbols, "words": symbols}, FRAME_SECONDS)
    TOKENS.save(folder / "lang")
    counts = dict.fromkeys(KNOWN, 100) if train_words is None else train_words
    (folder / "train_words.tsv").write_text("".join(f"{word}\t{count}\n" for word, count in counts.items()))
    (folder / "hyps.jsonl").write_text("".join(json.dumps(line.as_json()) + "\n" for line in lines))
    summary = {
        "exp": "exp",
        "cuts": str(manifest),
        "graph": "graph" if with_lattices else None,
        "frame_seconds": FRAME_SECONDS,
        "settings": {"acoustic_scale": 1.0},
    }
    (folder / "decode.json").write_text(json.dumps(summary))
    return folder


def hypotheses(folder: Path) -> dict[str, list[str]]:
    """Words by id."""
    return {line["id"]: line["words"] for line in hypothesis_lines(folder)}


def hypothesis_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "hyps.jsonl").read_text(encoding="utf-8").splitlines()]


def word_errors(folder: Path, spoken: Mapping[str, Sequence[str]]) -> int:
    """Wrong words, where all hypotheses have the right number of words."""
    found = hypotheses(folder)
    assert list(found) == list(spoken)
    return sum(a != b for id_, words in spoken.items() for a, b in zip(words, found[id_], strict=True))
