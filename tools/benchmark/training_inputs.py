"""What both trainings of a benchmark read: a manifest, the same with stored features, and tokens."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from pyspeech.config import Config
from pyspeech.corpora.corpus import utterance
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.stored_features import store_features
from pyspeech.files import digest
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.transcripts import read_transcripts

GIVEN, STORED, LANG = "given.jsonl.gz", "stored.jsonl.gz", "lang"
MADE_HOURS, MADE_SECONDS = 1.0, (2.0, 15.0)
SYLLABLES = ("BA", "DI", "GO", "KE", "LU", "MA", "NO", "SI", "TE", "ZU")
SYLLABLES_PER_SECOND = 4


def prepare(config: Config, folder: Path, manifest: Path | None, copies: int) -> None:
    """Write ``folder``'s manifests, each holding the cuts so many times, and its tokens: characters of the words."""
    manifest = manifest or _made_corpus(folder / f"made_{config.features.sampling_rate}", config.features.sampling_rate)
    stored = manifest
    if not next(iter(read_manifest(manifest))).has_features:
        speeds = config.augment.speeds
        key = digest(manifest, config.features.model_dump(mode="json"), speeds)
        stored = folder / "fbank" / f"{key}.jsonl.gz"
        if not stored.exists():
            store_features(manifest, stored, config.features, speeds)
    for name, source in {GIVEN: manifest, STORED: stored}.items():
        write_manifest(_repeated(source, copies), folder / name)
    words = {word for transcript in read_transcripts(manifest) for word in transcript.text.split()}
    CharacterTokens.from_words(words).save(folder / LANG)


def _repeated(manifest: Path, copies: int) -> Iterator[Cut]:
    for copy in range(copies):
        for cut in read_manifest(manifest):
            yield fastcopy(cut, id=f"{cut.id}-{copy}") if copy else cut


def _made_corpus(folder: Path, rate: int) -> Path:
    """Utterances of random lengths, every syllable a tone of its own pitch; made once."""
    path = folder / "made.jsonl.gz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        lengths = rng.uniform(*MADE_SECONDS, round(MADE_HOURS * 3600 / np.mean(MADE_SECONDS)))
        write_manifest((_made(folder / f"{n}.wav", s, rate, rng) for n, s in enumerate(lengths)), path)
    return path


def _made(path: Path, seconds: float, rate: int, rng: np.random.Generator) -> Cut:
    spoken = rng.integers(0, len(SYLLABLES), int(seconds * SYLLABLES_PER_SECOND))
    pitches = 200.0 * 1.3 ** np.repeat(spoken, rate // SYLLABLES_PER_SECOND)
    samples = 0.3 * np.sin(2 * np.pi * np.cumsum(pitches) / rate) + 0.01 * rng.standard_normal(len(pitches))
    soundfile.write(path, samples, rate, subtype="PCM_16")
    words = [SYLLABLES[first] + SYLLABLES[second] for first, second in zip(spoken[::2], spoken[1::2], strict=False)]
    return utterance(path, " ".join(words), speaker="made")
