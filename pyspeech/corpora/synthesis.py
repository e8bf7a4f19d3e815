"""A corpus made from a grammar: sentences drawn from it, each spoken by one of espeak-ng's voices."""

import csv
import random
import re
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from pyspeech.errors import UserError, nearest
from pyspeech.files import complete, digest, write_json, write_text
from pyspeech.json_files import read_json
from pyspeech.lang.espeak import speak
from pyspeech.settings import Section, check_config, read_yaml
from pyspeech.threads import one_thread

SAMPLING_RATE = 16000
IDENTITY = "corpus.json"  # what makes a folder a synthesised corpus
TABLE, COLUMNS = "utterances.csv", ("file", "split", "speaker", "text")
SLOT = re.compile(r"<(\w+)>")
START = "sentence"  # the slot that a sentence is drawn from
MAX_SENTENCES = 10_000_000  # of one split or text
MAX_SLOTS = 1000  # that one sentence is drawn from
MAX_DRAWS = 1000  # in search of one more sentence that no split holds yet
Size = Annotated[int, Field(le=MAX_SENTENCES)]


class Voice(Section):
    """Who speaks: an espeak-ng voice, 0 <= pitch <= 99, and the speed."""

    voice: str
    pitch: int = Field(ge=0, le=99)
    words_per_minute: int = Field(ge=80, le=450)

    @property
    def name(self) -> str:
        """The speaker's identity; usable as a file name."""
        return f"{self.voice}_{self.pitch}_{self.words_per_minute}"


class Split(Section):
    """One split: its size and its speakers, who take turns."""

    sentences: Annotated[Size, Field(gt=0)]
    voices: tuple[Voice, ...] = Field(min_length=1)


class Plan(Section):
    """Everything that decides a synthesised corpus."""

    seed: int
    splits: dict[str, Split] = Field(min_length=1)
    held_out: dict[str, tuple[str, ...]]  # split -> words that no other split holds
    texts: dict[str, Size]  # name -> sentences that are written to <name>.txt, not spoken, with every split's words
    grammar: dict[str, tuple[str, ...]]  # slot -> what may stand there; "<slot>" within is drawn in turn


def load_plan(path: Path) -> Plan:
    """Read a plan from YAML.

    Raises:
        UserError: an unknown key or slot, a voice in two splits, or a held-out word that the grammar lacks.
    """
    plan = check_config(Plan, read_yaml(path), str(path))
    _check_grammar(plan, path)
    known = {word for lines in plan.grammar.values() for line in lines for word in line.split()}
    if both := plan.splits.keys() & plan.texts.keys():
        raise UserError(f"{path}: '{min(both)}' is a split and a text; give each a name of its own")
    for split, words in plan.held_out.items():
        if split not in plan.splits:
            raise UserError(f"{path}: held_out names no split '{split}'{nearest(split, plan.splits)}")
        for word in words:
            if word not in known:
                raise UserError(f"{path}: the held-out word '{word}' is not in the grammar{nearest(word, known)}")
    owners: dict[str, str] = {}
    for split, values in plan.splits.items():
        for voice in values.voices:
            if owners.setdefault(voice.voice, split) != split:
                raise UserError(f"{path}: voice {voice.voice} is in splits {owners[voice.voice]} and {split}; keep one")
    return plan


def _check_grammar(plan: Plan, path: Path) -> None:
    for name in {START, *(slot for lines in plan.grammar.values() for line in lines for slot in SLOT.findall(line))}:
        if not plan.grammar.get(name):
            raise UserError(f"{path}: the grammar has no slot '{name}'{nearest(name, plan.grammar)}")


def draw_sentences(plan: Plan) -> dict[str, list[str]]:
    """Draw the sentences of every split, then of every text; no two in the whole corpus are equal.

    Raises:
        UserError: the grammar is too small for so many, or its slots stand in each other without end.
    """
    generator = random.Random(plan.seed)  # noqa: S311 - sentences, not secrets
    seen: set[str] = set()
    drawn: dict[str, list[str]] = {}
    counts = {**{split: values.sentences for split, values in plan.splits.items()}, **plan.texts}
    for name, count in counts.items():
        others = () if name in plan.texts else (words for other, words in plan.held_out.items() if other != name)
        banned = {word for words in others for word in words}
        drawn[name] = []
        while len(drawn[name]) < count:
            for _ in range(MAX_DRAWS):
                sentence = _sentence(plan.grammar, generator)
                if sentence not in seen and banned.isdisjoint(sentence.split()):
                    break
            else:
                raise UserError(
                    f"the grammar gives no more than {len(seen)} sentences, not {count} for {name}; "
                    "ask for fewer or add to the grammar"
                )
            seen.add(sentence)
            drawn[name].append(sentence)
    return drawn


def synthesise(plan: Plan, corpus: Path) -> None:
    """Speak the corpus of ``plan`` into the folder ``corpus``, equal for equal plans.

    Its table ``utterances.csv`` has the columns file, split, speaker, text; the files are WAV of 16 kHz.

    A folder that holds it already is left alone, one of another plan is made anew.

    Raises:
        UserError: ``corpus`` holds something else, or a voice does not exist.
        MissingPackage: espeak-ng is not installed.
    """
    # As text, since sentences are drawn in the order of the splits and texts, which a digest of the values overlooks.
    identity = digest(plan.model_dump_json())
    if corpus.is_file() or (corpus.exists() and any(corpus.iterdir())):
        if not (corpus / IDENTITY).exists():
            raise UserError(f"{corpus} holds something that is not a synthesised corpus; choose another folder")
        if _stored_digest(corpus) == identity and (corpus / TABLE).exists():
            return
    drawn = draw_sentences(plan)
    turns = [
        (split, number, text, values.voices[number % len(values.voices)])
        for split, values in plan.splits.items()
        for number, text in enumerate(drawn[split])
    ]
    rows: list[tuple[str, str, str, str]] = []
    with complete(corpus) as partial, one_thread():
        for split, number, text, voice in tqdm(turns, desc="speak", unit=" sentences", leave=False, disable=None):
            name = f"{split}/{voice.name}/{split}-{number:05d}.wav"
            _write_wav(_say(text, voice), partial / name)
            rows.append((name, split, voice.name, text))
        for name in plan.texts:
            write_text(partial / f"{name}.txt", "".join(f"{line}\n" for line in drawn[name]))
        _write_table(rows, partial / TABLE)
        write_json(partial / IDENTITY, {"digest": identity})


def _sentence(grammar: Mapping[str, tuple[str, ...]], generator: random.Random) -> str:
    done, waiting, slots = "", [f"<{START}>"], 0
    while waiting:
        part = waiting.pop()
        slot = SLOT.search(part)
        if slot is None:
            done += part
            continue
        slots += 1
        if slots > MAX_SLOTS:
            break
        lines = grammar[slot[1]]
        # random() gives the same numbers in every Python version; choice() does not promise to.
        done += part[: slot.start()]
        waiting += [part[slot.end() :], lines[int(generator.random() * len(lines))]]
    else:
        return done
    raise UserError(f"the grammar goes on for ever: a sentence of more than {MAX_SLOTS} slots; end what holds itself")


def _say(text: str, voice: Voice) -> NDArray[np.int16]:
    """Speak ``text``; samples int16[S] at ``SAMPLING_RATE``."""
    import torch
    from torchaudio.functional import resample

    samples, rate = speak(text.lower(), voice.voice, voice.words_per_minute, voice.pitch)
    resampled = resample(torch.from_numpy(samples.astype(np.float32)), rate, SAMPLING_RATE)
    spoken: NDArray[np.int16] = resampled.round().clamp(-32768, 32767).numpy().astype(np.int16)
    return spoken


def _write_wav(samples: NDArray[np.int16], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(samples.itemsize)
        stream.setframerate(SAMPLING_RATE)
        stream.writeframes(samples.astype("<i2").tobytes())


def _stored_digest(corpus: Path) -> str:
    path = corpus / IDENTITY
    stored_digest = read_json(path, "description of a synthesised corpus", "choose another folder").get("digest")
    if not isinstance(stored_digest, str):
        raise UserError(f"{path} does not describe a synthesised corpus; choose another folder")
    return stored_digest


def _write_table(rows: list[tuple[str, str, str, str]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *rows])
