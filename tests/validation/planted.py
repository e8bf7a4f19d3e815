"""A corpus with every fault planted in real files, modelled on what lhotse's and icefall's users ran into."""

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import soundfile

from pyspeech.corpora.corpus import utterance
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.validation import faults as k
from tests.experiments import YAML
from tests.tones import PITCHES, RATE, write_tones

WORDS = list(PITCHES)
FEATURES = {"type": "kaldi-fbank", "num_frames": 1, "num_features": 1, "sampling_rate": RATE, "start": 0, "duration": 1}


class Planted:
    """Manifests train, dev and test in a folder; ``expected`` holds "train: id" by kind."""

    def __init__(self, folder):
        self.folder = folder
        self.lines = defaultdict(list)
        self.expected = defaultdict(set)
        self.counts = Counter()
        for split, count in (("train", 40), ("dev", 8), ("test", 8)):
            for number in range(count):
                words = [WORDS[(number * step + len(split)) % 3] for step in range(1, 2 + number % 3)]
                self.add(split, self.cut(f"{split}-{number:02d}", words, speaker=f"{split}{number % 2}"))

    @property
    def manifests(self):
        return tuple(self.folder / f"{split}.jsonl.gz" for split in self.lines)

    def cut(self, name, words=("LOW", "MID"), speaker="train0", samples=None, ending="wav"):
        """The JSON object of a sound utterance of its own file: tones for words, or ``samples``."""
        path = self.folder / "audio" / f"{name}.{ending}"
        if samples is None:
            write_tones(path, words)
        else:
            soundfile.write(path, samples, RATE)
        return utterance(path, " ".join(words), speaker).to_dict()

    def add(self, split, line, *found):
        """Append a line, in which ``found`` are to be found."""
        raw = line if isinstance(line, bytes) else json.dumps(line).encode()
        self.lines[split].append(raw + b"\n")
        id_ = line.get("id") if isinstance(line, dict) else None
        for kind in found:
            self.counts[kind] += 1
            self.expected[kind].add(f"{split}: {id_ or f'line {len(self.lines[split])}'}")

    def write(self):
        for path, lines in zip(self.manifests, self.lines.values(), strict=True):
            path.write_bytes(gzip.compress(b"".join(lines)))
        CharacterTokens.from_words(WORDS).save(self.folder / "lang")
        (self.folder / "conf.yaml").write_text(YAML)
        return self


def changed(cut, **values):
    return {**cut, **values}


def said(cut, **values):
    """With other values in its one supervision."""
    return {**cut, "supervisions": [{**cut["supervisions"][0], **values}]}


def recorded(cut, **values):
    return {**cut, "recording": {**cut["recording"], **values}}


def ran(cut):
    """With a command in place of its file."""
    return recorded(cut, sources=[{"type": "command", "channels": [0], "source": "touch ran; false"}])


def path_of(cut):
    return Path(cut["recording"]["sources"][0]["source"])


def cut_short(cut, size):
    path_of(cut).write_bytes(path_of(cut).read_bytes()[:size])


def streamed_flac(path, count):
    """A FLAC file of ``count`` samples of noise whose header does not say how many, as a program writes to a pipe."""
    soundfile.write(path, 0.1 * np.random.default_rng(4).standard_normal(count), RATE)
    content = bytearray(path.read_bytes())
    # The 36 bits before the last 16 bytes of STREAMINFO, which begins at byte 8 (RFC 9639, section 8.2).
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    return path


def plant(folder):
    (folder / "audio").mkdir(parents=True)
    planted = Planted(folder)
    plant_lines(planted)
    plant_supervisions(planted)
    plant_audio(planted)
    plant_samples(planted)
    plant_texts(planted)
    plant_splits(planted)
    return planted.write()


def plant_lines(planted):
    planted.add("train", b'{"id": "half', k.NOT_JSON)
    planted.add("train", b'["a list"]', k.NOT_JSON)
    latin = json.dumps(planted.cut("latin"), ensure_ascii=False).replace("LOW", "CAFÉ").encode("latin-1")
    planted.add("train", latin, k.NOT_UTF8)
    missing = planted.cut("fields")
    del missing["duration"]
    planted.add("train", json.dumps(missing).encode(), k.NOT_A_CUT)
    planted.add("train", json.dumps(changed(missing, type="MixedCut")).encode(), k.NOT_A_CUT)
    planted.add("train", json.dumps(ran(planted.cut("ran"))).encode(), k.NOT_A_FILE)
    planted.add("train", json.dumps(planted.cut("nan")).replace('"start": 0.0', '"start": NaN').encode(), k.NOT_A_CUT)
    same, other = planted.cut("double"), planted.cut("other", ["HIGH"])
    planted.add("train", same)
    planted.add("train", same, k.DUPLICATE_ID)
    planted.add("train", changed(other, id="double"), k.DUPLICATE_ID)


def plant_supervisions(planted):
    none = planted.cut("unsaid")
    planted.add("train", changed(none, supervisions=[]), k.NO_SUPERVISION)  # lhotse#778
    # icefall#126, icefall#320, icefall#424: one long file, several utterances in it.
    long = planted.cut("long", ["LOW", "MID", "HIGH"])
    parts = [
        {**long["supervisions"][0], "id": f"long-{word}", "start": 0.25 * number, "duration": 0.3, "text": word}
        for number, word in enumerate(["LOW", "MID", "HIGH"])
    ]
    planted.add("train", changed(long, supervisions=parts), k.SEVERAL_SUPERVISIONS)
    # lhotse#904: the one supervision is of a small part of the cut.
    tones, rate = soundfile.read(write_tones(planted.folder / "tones.wav", ["MID"]))
    noise = 0.01 * np.random.default_rng(0).standard_normal(2 * rate)
    wide = planted.cut("wide", ["MID"], samples=np.concatenate([noise, tones]))
    planted.add("train", said(wide, start=2.0, duration=len(tones) / rate), k.LEFT_OVER, k.ODD_PACE)


def plant_audio(planted):
    gone = planted.cut("gone")
    sources = [{"type": "file", "channels": [0], "source": str(planted.folder / "nowhere.wav")}]
    planted.add("train", recorded(gone, sources=sources), k.MISSING_AUDIO)
    page = planted.cut("page")
    path_of(page).write_text("<html>404 not found</html>")
    planted.add("train", page, k.UNREADABLE_AUDIO)
    half = planted.cut("half")
    cut_short(half, 3000)
    planted.add("train", half, k.SHORT_FILE)
    empty = planted.cut("empty")
    soundfile.write(path_of(empty), np.zeros(0), RATE)
    planted.add("train", empty, k.EMPTY_AUDIO)
    planted.add("train", changed(planted.cut("instant"), duration=0.0), k.EMPTY_AUDIO)
    # lhotse#780 and others: durations of tables, not of files.
    table = recorded(planted.cut("table"), duration=0.9, num_samples=7200)
    planted.add("train", said(changed(table, duration=0.9), duration=0.9), k.DURATION_DIFFERS)
    # A file cut short that does not show it: with so much of the audio, words are gone.
    torso = recorded(planted.cut("torso"), duration=1.5, num_samples=12000)
    planted.add("train", said(changed(torso, duration=1.5), duration=1.5), k.DURATION_DIFFERS, k.ODD_PACE)
    beyond = changed(planted.cut("beyond"), start=0.1)
    planted.add("train", beyond, k.DURATION_DIFFERS)
    planted.add("train", changed(planted.cut("before"), start=-0.2), k.DURATION_DIFFERS)
    faster = recorded(planted.cut("faster"), sampling_rate=16000, num_samples=8800)
    planted.add("train", faster, k.RATE_DIFFERS, k.MIXED_RATES)
    planted.add("train", changed(planted.cut("left"), channel=1), k.NO_CHANNEL)
    mute = planted.cut("mute")
    del mute["recording"]
    planted.add("train", mute, k.NO_AUDIO)
    stored = FEATURES | {
        "storage_path": str(planted.folder / "none.lca"),
        "storage_key": "0,10",
        "storage_type": "lilcom_chunky",
    }
    planted.add("train", changed(planted.cut("stored"), features=stored), k.MISSING_FEATURES)
    planted.add("train", changed(mute, id="given", custom={"matrix": {"kind": "npy", "path": "none.npy"}}),
                k.MISSING_FEATURES)  # fmt: skip
    (planted.folder / "page.npy").write_text("<html>")
    page = {"kind": "npy", "path": str(planted.folder / "page.npy"), "offset": 0, "columns": 0}
    planted.add("train", changed(mute, id="damaged", custom={"matrix": page}), k.DAMAGED_FEATURES)
    low = planted.cut("low")
    soundfile.write(path_of(low), soundfile.read(path_of(low))[0][::2], RATE // 2)
    planted.add("train", recorded(low, sampling_rate=RATE // 2, num_samples=2200), k.MIXED_RATES, k.LOW_RATE)


def plant_samples(planted):
    noise = 0.1 * np.random.default_rng(1).standard_normal(20000)
    torn = planted.cut("torn", samples=noise, ending="flac")
    cut_short(torn, 15000)
    planted.add("train", torn, k.DAMAGED_AUDIO, k.ODD_PACE)
    planted.add("train", planted.cut("silent", samples=np.full(4800, 0.2)), k.SILENT_AUDIO)
    planted.add("train", planted.cut("clipped", samples=np.clip(20 * noise[:4800], -1, 1)), k.CLIPPED_AUDIO)


def plant_texts(planted):
    planted.add("train", said(planted.cut("wordless"), text=None), k.NO_TEXT)
    planted.add("train", said(planted.cut("blank"), text=" \u200b"), k.EMPTY_TEXT)
    # lhotse#977: a quotation mark that is never closed joins the rows of a table.
    rows = "LOW\t2\t0\tfifties\tmale\nMID\t2\t0\tfifties\tfemale"
    planted.add("train", said(planted.cut("rows"), text=rows),
                k.JOINED_TEXT, k.ODD_SPACES, k.UNCOVERED_TEXT, k.TOO_FAST, k.ODD_PACE, k.MIXED_CASE)  # fmt: skip
    planted.add("train", said(planted.cut("spaces"), text="LOW  MID\u200b "), k.UNTIDY_TEXT)
    planted.add("train", said(planted.cut("gaps"), text=" LOW  MID\n"), k.ODD_SPACES)
    planted.add("train", said(planted.cut("seven"), text="LOW 7"), k.UNCOVERED_TEXT)
    # icefall#320: more tokens than the frames that are left of short audio.
    planted.add("train", planted.cut("dense", ["LOW"] * 9, samples=np.resize([0.1, -0.1], 2400)),
                k.INFEASIBLE, k.TOO_FAST, k.ODD_PACE)  # fmt: skip
    planted.add("test", said(planted.cut("zebra", speaker="test0"), text="LOW ZEBRA"), k.UNSPELLED_IN_TEST)
    tiny = planted.cut("tiny", ["L"], samples=0.1 * np.random.default_rng(2).standard_normal(720))
    planted.add("train", tiny, k.OUT_OF_LIMITS)
    click = planted.cut("click", ["L"], samples=0.1 * np.random.default_rng(5).standard_normal(64))
    planted.add("train", click,
                k.TOO_SHORT, k.OUT_OF_LIMITS, k.INFEASIBLE, k.ODD_DURATION, k.ODD_PACE)  # fmt: skip
    hum = 0.1 * np.random.default_rng(3).standard_normal(12 * RATE)
    planted.add("train", planted.cut("hum", ["LOW"], samples=hum), k.TOO_SLOW, k.ODD_PACE)


def plant_splits(planted):
    words = ["LOW", "MID", "LOW", "HIGH"]
    planted.add("train", planted.cut("learnt", words))
    planted.add("test", planted.cut("asked", words, speaker="test0"), k.SAME_TEXT)
    planted.add("dev", planted.cut("known", speaker="train1"), k.SAME_SPEAKER)
    shared = json.loads(planted.lines["train"][0])
    planted.add("test", said(changed(shared, id="shared"), speaker="test1"), k.SAME_AUDIO)
    planted.add("train", changed(shared, id="again"), k.AUDIO_TWICE)
