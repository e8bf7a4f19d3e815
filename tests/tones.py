"""Real audio files made in a test: every word is a tone of its own pitch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from lhotse import MonoCut

from pyspeech.corpora.corpus import utterance
from pyspeech.data.manifests import write_manifest

RATE = 8000
PITCHES = {"LOW": 300.0, "MID": 900.0, "HIGH": 2500.0}
WORD_SECONDS = 0.2


def write_tones(path: Path, words: Sequence[str], seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    times = np.arange(int(WORD_SECONDS * RATE)) / RATE
    silence = np.zeros(int(0.05 * RATE))
    pieces = [silence]
    for word in words:
        pieces += [0.3 * np.sin(2 * np.pi * PITCHES[word] * times), silence]
    samples = np.concatenate(pieces)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples + 0.01 * rng.standard_normal(len(samples)), RATE, subtype="PCM_16")
    return path


def tone_cuts(folder: Path, count: int, max_words: int = 3, seed: int = 0) -> list[MonoCut]:
    rng = np.random.default_rng(seed)
    cuts = []
    for number in range(count):
        words = [str(word) for word in rng.choice(list(PITCHES), size=rng.integers(1, max_words + 1))]
        path = write_tones(folder / f"utt{number:03d}.wav", words, seed=number)
        cuts.append(utterance(path, " ".join(words), speaker=f"s{number % 2}"))
    return cuts


def tone_manifest(path: Path, count: int, max_words: int = 3, seed: int = 0) -> Path:
    write_manifest(tone_cuts(path.parent / f"{path.name.partition('.')[0]}_audio", count, max_words, seed), path)
    return path
