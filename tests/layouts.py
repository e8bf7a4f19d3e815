"""Small corpora in the layouts of the real ones, made in a test: every word is a tone of its own pitch."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

WORD_SECONDS = 0.2
GAP_SECONDS = 0.06
LOWEST_HZ, HIGHEST_HZ = 300.0, 3400.0  # below the Nyquist frequency of 8 kHz, with room for a speaker's own pitch
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".sph": "NIST"}
# Short real words, which espeak-ng and any English dictionary pronounce, each with a first and a last sound.
WORDS = ("ASH", "EGG", "ITCH", "ODD", "UP", "EAT", "OWN", "ICE")
DIGITS = tuple("0123456789")


def pitches(words: Sequence[str]) -> dict[str, float]:
    """A pitch in Hz for each word, evenly spaced for the ear (https://en.wikipedia.org/wiki/Mel_scale)."""
    mels = np.linspace(*(2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ)), len(words))
    return {word: float(700 * (10 ** (mel / 2595) - 1)) for word, mel in zip(words, mels, strict=True)}


def write_speech(path: Path, words: Sequence[str], vocabulary: Sequence[str], rate: int, speaker: int = 0) -> Path:
    """Write ``words`` one after the other, in the format of the file's ending; ``speaker`` shifts all pitches."""
    hz = pitches(vocabulary)
    rng = np.random.default_rng([*path.name.encode()])
    times = np.arange(int(WORD_SECONDS * rate)) / rate
    gap = np.zeros(int(GAP_SECONDS * rate))
    tones = [0.3 * np.sin(2 * np.pi * hz[word] * (1 + 0.01 * (speaker % 4)) * times) for word in words]
    samples = np.concatenate([gap, *(piece for tone in tones for piece in (tone, gap))])
    samples += 0.01 * rng.standard_normal(len(samples))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16", format=FORMATS[path.suffix])
    return path


def sentences(count: int, seed: int = 0, words: Sequence[str] = WORDS) -> Iterator[list[str]]:
    """``count`` sentences of three to five words, none twice; other seeds give others, but for a few."""
    rng = np.random.default_rng(seed)
    seen: set[tuple[str, ...]] = set()
    while len(seen) < count:
        sentence = tuple(str(word) for word in rng.choice(words, size=rng.integers(3, 6)))
        if sentence not in seen:
            seen.add(sentence)
            yield list(sentence)


def waves_yesno(corpus: Path, count: int = 44) -> None:
    """``1_0_0_1_1_1_0_1.wav``: 1 is yes, 0 is no."""
    rng = np.random.default_rng(0)
    for number in rng.choice(256, size=count, replace=False):
        words = list(f"{number:08b}")
        write_speech(corpus / f"{'_'.join(words)}.wav", words, ("0", "1"), 8000)


def free_spoken_digit_dataset(corpus: Path, takes: Sequence[int] = (0, 1, 5, 8, 9, 10, 11, 12)) -> None:
    """``recordings/<digit>_<speaker>_<take>.wav``; takes 0 to 4 are the test set."""
    for speaker, name in enumerate(("jackson", "lucas")):
        for digit in DIGITS:
            for take in takes:
                write_speech(corpus / "recordings" / f"{digit}_{name}_{take}.wav", [digit], DIGITS, 8000, speaker)


def ljspeech(corpus: Path, count: int = 80) -> None:
    """``metadata.csv`` (id, as written, as spoken) and ``wavs``; a tenth is dev, as much test."""
    lines = []
    for number, words in enumerate(sentences(count)):
        name = f"LJ001-{number + 1:04d}"
        write_speech(corpus / "wavs" / f"{name}.wav", words, WORDS, 22050)
        spoken = " ".join(words).capitalize()
        lines.append(f"{name}|{spoken.replace(' ', ', ', 1)}.|{spoken}.\n")
    (corpus / "metadata.csv").write_text("".join(lines), encoding="utf-8")


def librispeech(corpus: Path, parts: Sequence[str], count: int = 8, chapters: int = 3) -> None:
    """``<part>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac`` and one ``.trans.txt`` a chapter.

    ``count`` utterances a part, ten times as many where its name begins with "train"; ``chapters`` speakers, of one
    chapter each.
    """
    for number, part in enumerate(parts):
        share = (10 if part.startswith("train") else 1) * count
        texts = list(sentences(share, seed=number))
        for chapter in range(chapters):
            speaker = 100 * (number + 1) + chapter
            stem = f"{speaker}-{speaker + 1000}"
            folder = corpus / part / str(speaker) / str(speaker + 1000)
            lines = []
            for index, words in enumerate(texts[chapter::chapters]):
                name = f"{stem}-{index:04d}"
                write_speech(folder / f"{name}.flac", words, WORDS, 16000, speaker)
                lines.append(f"{name} {' '.join(words)}\n")
            (folder / f"{stem}.trans.txt").write_text("".join(lines), encoding="utf-8")


def an4(corpus: Path, train: int = 100, test: int = 10) -> None:
    """``etc/an4_<part>.transcription`` and ``.fileids``, ``wav/<folder>/<speaker>/an<n>-<speaker>-b.sph``."""
    (corpus / "etc").mkdir(parents=True)
    for seed, (part, folder, count) in enumerate((("train", "an4_clstk", train), ("test", "an4test_clstk", test))):
        transcription, fileids = [], []
        for number, words in enumerate(sentences(count, seed)):
            speaker = ("m", "f")[number % 2] + part[:2] + "abcdefghij"[number % 10]
            name = f"an{number + 1}-{speaker}-b"
            write_speech(corpus / "wav" / folder / speaker / f"{name}.sph", words, WORDS, 16000, number % 10)
            text = " ".join(words)
            transcription.append(f"<s> {text} </s> ({name})\n" if part == "train" else f"{text} ({name})\n")
            fileids.append(f"{folder}/{speaker}/{name}\n")
        (corpus / "etc" / f"an4_{part}.transcription").write_text("".join(transcription), encoding="utf-8")
        (corpus / "etc" / f"an4_{part}.fileids").write_text("".join(fileids), encoding="utf-8")


# Settings for write_voice's half a second: 40 bands blur its resonances.
SHORT_VOICES = ("features.num_mel_bins=80", "features.normalise=mean", "speakers.crop_seconds=[0.3,0.4]")
VOICES = 24  # of their own timbre; a speaker beyond them shares another's, at another pitch


def write_voice(path: Path, voice: int, take: int, rate: int = 8000) -> Path:
    """Write half a second of other vowels in every take, louder or lower, in a voice of its own pitch and timbre.

    Each begins and ends softly, so that the timbre is heard as a change too where features have their mean taken off.
    They are harmonics with two resonances: the lower one is the vowel, the upper one the voice's own.
    """
    rng = np.random.default_rng([voice, take])
    pitch, own = 90 * 1.03**voice * rng.uniform(0.99, 1.01), 2000 + 70 * (7 * voice % VOICES)
    harmonics = pitch * np.arange(1, 3800 // pitch)[:, None]
    pieces = []
    for vowel in rng.uniform(400, 1600, size=4):
        heights = sum(1 / (1 + ((harmonics - centre) / 120) ** 2) for centre in (vowel, own))
        pieces.append(
            np.hanning(rate // 8) * (heights * np.sin(2 * np.pi * harmonics * np.arange(rate // 8) / rate)).sum(axis=0)
        )
    samples = np.concatenate(pieces)
    samples = rng.uniform(0.1, 0.5) * samples / abs(samples).max() + 0.003 * rng.standard_normal(len(samples))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def voxceleb1(corpus: Path, train: int = 32, test: int = 6, takes: int = 4) -> None:
    """``wav/<speaker>/<session>/<n>.wav``, who is of which set, and all pairs of test; ``noise`` and ``rir`` to add."""
    table, ids = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"], []
    for voice in range(train + test):
        part = "test" if voice % (train // test) == 0 and len(ids) < test * takes else "dev"
        speaker = f"id1{voice:04d}"
        table.append(f"{speaker}\tSome_Body\tf\tUK\t{part}\n")
        for take in range(takes):
            name = f"{speaker}/abc{take // 2}/{take:05d}.wav"
            write_voice(corpus / "wav" / name, voice, take, 16000)
            if part == "test":
                ids.append(name)
    (corpus / "vox1_meta.csv").write_text("".join(table), encoding="utf-8")
    pairs = itertools.combinations(ids, 2)
    lines = [f"{int(one.split('/')[0] == other.split('/')[0])} {one} {other}\n" for one, other in pairs]
    (corpus / "veri_test.txt").write_text("".join(lines), encoding="utf-8")
    echoes = np.where(np.arange(800) % 200 == 0, 0.5 ** (np.arange(800) / 100), 0.0)
    for name, samples in (("noise", np.random.default_rng(0).uniform(-0.5, 0.5, 16000)), ("rir", echoes)):
        (corpus / name).mkdir()
        soundfile.write(corpus / name / "1.wav", samples, 16000, subtype="PCM_16")


# The demo speaks its own corpus; LOTTIE is said in test alone, and the text of stage 6 has her.
DEMO_PLAN = """
seed: 1
splits:
  train:
    sentences: 60
    voices:
      - {voice: en-us, pitch: 50, words_per_minute: 170}
      - {voice: en-us+m3, pitch: 45, words_per_minute: 170}
  dev: {sentences: 6, voices: [{voice: en-us+m1, pitch: 50, words_per_minute: 170}]}
  test: {sentences: 10, voices: [{voice: en-us+m5, pitch: 50, words_per_minute: 170}]}
held_out: {test: [LOTTIE]}
texts: {contacts: 40}
grammar:
  sentence: [CALL <name> <when>, TELL <name> <when>, CALL <name> AND <name> <when>, <name> IS HERE <when>]
  name: [ANNA, OTTO, ROBERT, KENJI, LOTTIE]
  when: [TODAY, TONIGHT, NEXT WEEK, AT NOON]
"""


@dataclass(frozen=True)
class Layout:
    """What a recipe needs to run all its stages in a test."""

    make: Callable[[Path], None] | None  # writes the corpus into a folder; None: the recipe makes its own
    max_error_percent: float  # several times what trainings end with, far from what one that learnt nothing has
    arguments: tuple[str, ...] = ()  # of run.sh, besides --corpus-dir, whose folder {corpus} stands for
    settings: tuple[str, ...] = ()  # section.key=value words for the configurations
    files: Mapping[str, str] = field(default_factory=dict)  # of the recipe, written anew: path in it -> text


# Words all wrong are 100%, and a guess of two words is wrong half of the time. Of other seeds and other rounding, no
# training was above 16%.
MAX_WER = 40.0
LAYOUTS = {
    "yesno": Layout(waves_yesno, MAX_WER),
    "digits": Layout(free_spoken_digit_dataset, MAX_WER, settings=("training.epochs=16",)),
    "ljspeech": Layout(ljspeech, MAX_WER),
    "demo": Layout(None, MAX_WER, files={"conf/corpus.yaml": DEMO_PLAN}),
    "librispeech": Layout(partial(librispeech, parts=("train-clean-5", "dev-clean-2", "test-clean")), MAX_WER),
    "an4": Layout(an4, MAX_WER),
    "voxceleb": Layout(
        voxceleb1,
        33,  # guesses are wrong half of the time; trainings of other seeds ended between 7 and 13%
        arguments=("--noise-dir", "{corpus}/noise", "--rir-dir", "{corpus}/rir"),
        settings=(
            *SHORT_VOICES,
            "speakers.per_batch=11",
            "speakers.crops_each=8",
            "noise.noise_probability=0.1",
            "noise.rir_probability=0.1",
            "training.epochs=15",
        ),
    ),
}
