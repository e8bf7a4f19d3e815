"""Small valid inputs of every kind, made in the current folder by the project's own writers; all paths are relative."""

import bz2
import gzip
import io
import itertools
import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Literal

import numpy as np

from pyspeech.files import write_json
from pyspeech.scoring.report import report_decode
from pyspeech.speakers.embeddings import load_embeddings, save_embeddings
from pyspeech.speakers.enrolments import Enrolment, change_enrolments
from pyspeech.speakers.plda import save_plda, train_plda
from tests.decodes import RARE, TOKENS, said, save_decode, save_lm, sentences
from tests.tones import PITCHES, RATE, write_tones

TEXTS = (["LOW", "MID"], ["HIGH"], ["MID", "LOW", "HIGH"])
FEATURES = f"{{sampling_rate: {RATE}, num_mel_bins: 12, high_hz: 0}}"
SPEAKERS = f"""include: [fbank, augment, train, speaker_lstm, softmax]
task: classification
features: {FEATURES}
augment: {{speeds: [1.0], time_masks: 0, frequency_masks: 0}}
batches: {{max_seconds: 3, buckets: 2, workers: 0}}
model: {{lstm_width: 8, lstm_layers: 1, attention_width: 8, embedding_width: 8}}
training: {{epochs: 1, learning_rate: 0.02, average_epochs: 1}}
"""
WORDS = (
    SPEAKERS.replace("speaker_lstm, softmax", "tdnn_lstm, ctc")
    .replace("task: classification", "task: recognition")
    .replace(
        "lstm_width: 8, lstm_layers: 1, attention_width: 8, embedding_width: 8",
        "tdnn_width: 8, lstm_width: 8, lstm_layers: 1, label_delay: 2",
    )
)
PLAN = """seed: 1
splits:
  train: {sentences: 3, voices: [{voice: en-us, pitch: 50, words_per_minute: 170}]}
  dev: {sentences: 2, voices: [{voice: en-us+m1, pitch: 50, words_per_minute: 170}]}
held_out: {dev: [LOTTIE]}
texts: {contacts: 2}
grammar:
  sentence: [CALL <name> <when>, TELL <name>, <name> IS HERE]
  name: [ANNA, OTTO, LOTTIE]
  when: [TODAY, NEXT WEEK]
"""
ARPA = """\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-0.6\tLOW\t-0.1
-0.6\tMID\t-0.2
-0.6\tHIGH
-0.6\t</s>
-99\t<s>\t-0.3

\\2-grams:
-0.2\t<s> LOW
-0.3\tLOW MID

\\end\\
"""
LEXICON = "LOW\tL OW1\nMID\tM IH1 D\nHIGH\tHH AY1\nHIGH(2)\tHH EY1\n;;; remark\n"
NO_OPTIONS: Mapping[str, object] = {}


def audio() -> None:
    """A manifest of recordings in several formats."""
    import soundfile

    names = ["a.wav", "b.flac", "c.ogg", "d.sph"]
    for name, words in zip(names, (*TEXTS, TEXTS[0]), strict=True):
        write_tones(Path("tone.wav"), words)
        samples, rate = soundfile.read("tone.wav")
        soundfile.write(name, samples, rate, format="NIST" if name.endswith(".sph") else None)
        Path("tone.wav").unlink()
    with suppress(ValueError, soundfile.LibsndfileError):  # older libraries write no MP3
        samples, rate = soundfile.read("a.wav")
        soundfile.write("e.mp3", samples, rate)
        content = Path("e.mp3").read_bytes()
        Path("f.mp3").write_bytes(content[content.index(content[:2], 4) :])  # without its table of contents
        names += ["e.mp3", "f.mp3"]
    soundfile.write("g.wav", *soundfile.read("a.wav"), subtype="GSM610")  # in which there is no seeking
    names.append("g.wav")
    _write_cuts(Path("cuts.jsonl"), names)
    Path("conf.yaml").write_text(f"include: [fbank, augment]\nfeatures: {FEATURES}\n")


def manifest() -> None:
    """A gzipped manifest of two short recordings."""
    for name, words in zip("ab", TEXTS[:2], strict=True):
        write_tones(Path(f"{name}.wav"), words)
    _write_cuts(Path("cuts.jsonl.gz"), ["a.wav", "b.wav"])


def given() -> None:
    """A manifest of feature matrices: NumPy's, Kaldi's and Sphinx's."""
    import kaldiio

    from pyspeech.data.manifests import write_manifest
    from pyspeech.data.precomputed_features import given_utterance

    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(20, 6)).astype(np.float32) for _ in range(4)]
    np.save("a.npy", matrices[0])
    for kind, options in (("b", NO_OPTIONS), ("c", {"compression_method": 2})):
        kaldiio.save_ark(f"{kind}.ark", {kind: matrices[1]}, scp=f"{kind}.scp", **options)
    Path("d.txt").write_text(
        "d  [\n" + "".join(f"  {' '.join(map(str, row))}\n" for row in matrices[2].tolist()) + "]\n"
    )
    values = matrices[3].astype(">f4").reshape(-1)
    Path("e.mfc").write_bytes(np.array(len(values), ">i4").tobytes() + values.tobytes())
    sources = {"a": "a.npy", "b": "b.ark:2", "c": "c.ark:2", "d": "d.txt:2", "e": "e.mfc"}
    cuts = [given_utterance(path, "LOW", "s0", id_, 0.01, 6) for id_, path in sources.items()]
    write_manifest(cuts, Path("cuts.jsonl"))
    _make_relative(Path("cuts.jsonl"))
    Path("conf.yaml").write_text("include: [given, augment]\nfeatures: {num_given: 6}\naugment: {speeds: [1.0]}\n")


def csv() -> None:
    """A table with commas, and its audio."""
    _table(".csv", ",")


def semicolons() -> None:
    """A table with semicolons, and its audio."""
    _table(".csv", ";")


def tsv() -> None:
    """A table with tabs, and its audio."""
    _table(".tsv", "\t")


def psv() -> None:
    """A table with pipes, and its audio."""
    _table(".psv", "|")


def json_lines() -> None:
    """A table of JSON objects, and its audio."""
    psv()
    names, *rows = (line.split("|") for line in Path("utterances.psv").read_text().splitlines())
    lines = [json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows]
    Path("utterances.jsonl").write_text("".join(lines))
    Path("utterances.psv").unlink()


def _table(ending: str, delimiter: str) -> None:
    rows = [["file", "split", "speaker", "sentence"]]
    for number in range(12):
        name = f"u{number:02d}.wav"
        write_tones(Path("clips") / name, TEXTS[number % 3])
        split = ("train", "train", "dev", "test")[number % 4]
        rows.append([name, split, f"s{number % 4}", f"{' '.join(TEXTS[number % 3])} {number}"])
    Path(f"utterances{ending}").write_text("".join(delimiter.join(row) + "\n" for row in rows))


def common_voice() -> None:
    """A language of Common Voice."""
    for split in ("train", "dev", "test"):
        for number in range(2):
            write_tones(Path(f"de/clips/{split}{number}.wav"), ["LOW"])
        rows = [f"s{n}\t{split}{n}.wav\tlow mid {split} {n}\n" for n in range(2)]
        Path(f"de/{split}.tsv").write_text("".join(["client_id\tpath\tsentence\n", *rows]))


def kaldi() -> None:
    """Kaldi data directories of audio, one with segments."""
    for split in ("train", "dev", "test"):
        folder = Path("data") / split
        names = [f"{split}-{number}" for number in range(3)]
        for name in names:
            write_tones(folder / f"{name}.wav", ["LOW", "MID"])
        (folder / "wav.scp").write_text("".join(f"{name} {folder}/{name}.wav\n" for name in names))
        (folder / "text").write_text("".join(f"{name} low mid\n" for name in names))
        (folder / "utt2spk").write_text("".join(f"{name} s{number}\n" for number, name in enumerate(names)))
    segments = "".join(f"{name}-{part} {name} {part / 5} {part / 5 + 0.2}\n" for name in names for part in (0, 1))
    Path("data/test/segments").write_text(segments)
    for file, value in (("text", "low"), ("utt2spk", "s0")):
        Path("data/test", file).write_text("".join(f"{line.split()[0]} {value}\n" for line in segments.splitlines()))


def kaldi_features() -> None:
    """A Kaldi data directory of stored features."""
    import kaldiio

    matrices = {f"u{number}": np.ones((10, 4), np.float32) for number in range(3)}
    Path("data/train").mkdir(parents=True)
    kaldiio.save_ark("feats.ark", matrices, scp="data/train/feats.scp")
    Path("data/train/text").write_text("".join(f"{name} low\n" for name in matrices))
    Path("data/train/frame_shift").write_text("0.01\n")
    Path("data/train/utt2dur").write_text("".join(f"{name} 0.1\n" for name in matrices))


def folders() -> None:
    """Audio with texts beside it, and the lists of Speech Commands."""
    for number in range(6):
        word = ("low", "mid")[number % 2]
        path = write_tones(Path(f"corpus/{word}/s{number}_nohash_0.wav"), [word.upper()])
        path.with_suffix(".txt").write_text(f"{word} {number}\n")
    Path("corpus/validation_list.txt").write_text("low/s0_nohash_0.wav\n")
    Path("corpus/testing_list.txt").write_text("mid/s1_nohash_0.wav\n")


def sphinx() -> None:
    """Lists of files and of transcripts, as Sphinx has them."""
    Path("etc").mkdir()
    for split in ("train", "dev", "test"):
        names = [f"{speaker}/{split}{number}" for speaker in "ab" for number in range(2)]
        for name in names:
            write_tones(Path(f"wav/{name}.wav"), ["LOW", "MID"])
        Path(f"etc/x_{split}.fileids").write_text("".join(f"{name}\n" for name in names))
        lines = [f"<s> LOW ++NOISE++ MID(2) </s> ({Path(name).name})\n" for name in names]
        Path(f"etc/x_{split}.transcription").write_text("".join(lines))


def librispeech() -> None:
    """LibriSpeech, the smallest."""
    import soundfile

    for speaker, split in enumerate(("train-clean-5", "dev-clean-2", "test-clean")):
        folder = Path(f"corpus/{split}/{speaker}/1")
        lines = []
        for number in range(2):
            name = f"{speaker}-1-{number:04d}"
            samples, rate = soundfile.read(write_tones(Path("tone.wav"), ["LOW"]))
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{name}.flac", samples, rate)
            lines.append(f"{name} LOW {number}\n")
        (folder / f"{speaker}-1.trans.txt").write_text("".join(lines))
    Path("tone.wav").unlink()


def voxceleb() -> None:
    """VoxCeleb1, the smallest."""
    table = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"]
    for speaker in range(6):
        table.append(f"id{speaker}\tA_B\tf\tUK\t{'test' if speaker < 2 else 'dev'}\n")
        for take in range(2):
            write_tones(Path(f"wav/id{speaker}/abc/{take:05d}.wav"), ["LOW"])
    Path("vox1_meta.csv").write_text("".join(table))
    pairs = itertools.combinations([f"id{speaker}/abc/{take:05d}.wav" for speaker in range(2) for take in range(2)], 2)
    Path("veri_test.txt").write_text("".join(f"{int(one[:3] == other[:3])} {one} {other}\n" for one, other in pairs))


def lhotse() -> None:
    """Manifests as lhotse's own preparation writes them."""
    from lhotse import RecordingSet, SupervisionSegment, SupervisionSet

    from pyspeech.corpora.corpus import recording_of

    for number, split in enumerate(("train", "dev", "test")):
        recording = recording_of(write_tones(Path(f"u{number}.wav"), ["LOW", "MID"]))
        spoken = [SupervisionSegment(f"u{number}-{n}", recording.id, n / 5, 0.2, 0, text="low") for n in (0, 1)]
        RecordingSet.from_recordings([recording]).to_file(f"x_recordings_{split}.jsonl.gz")
        SupervisionSet.from_segments(spoken).to_file(f"x_supervisions_{split}.json")
        _make_relative(Path(f"x_recordings_{split}.jsonl.gz"))


def lhotse_cuts() -> None:
    """Manifests of cuts as lhotse's own preparation writes them."""
    for split in ("train", "dev", "test"):
        write_tones(Path(f"{split}.wav"), ["LOW", "MID"])
        _write_cuts(Path(f"cuts_{split}.jsonl.gz"), [f"{split}.wav"])


def split_lists() -> None:
    """Lists of ids."""
    Path("lists").mkdir()
    for split, ids in (("train", "abc"), ("dev", "de"), ("test", "fg")):
        Path(f"lists/{split}.txt").write_text("".join(f"{id_}\n" for id_ in ids))


def lexicon() -> None:
    """A lexicon, and a manifest of the words."""
    Path("lexicon.txt").write_text(LEXICON)
    _write_texts(Path("cuts.jsonl"), TEXTS)


def tokens() -> None:
    """Token sets of all kinds, a manifest whose words they spell, and a configuration."""
    from pyspeech.lang.lexicon import read_lexicon
    from pyspeech.lang.tokens import CharacterTokens, PhoneTokens, PieceTokens

    Path("lexicon.txt").write_text(LEXICON)
    CharacterTokens.from_words(PITCHES).save(Path("characters"))
    PieceTokens.from_texts([" ".join(words) for words in TEXTS], 12).save(Path("pieces"))
    PhoneTokens.from_lexicon(read_lexicon(Path("lexicon.txt"))).save(Path("phones"))
    Path("conf.yaml").write_text(WORDS)
    _write_texts(Path("cuts.jsonl"), TEXTS)


def labels() -> None:
    """A label table, and the manifest whose labels it holds."""
    from pyspeech.lang.labels import LabelTable

    LabelTable("text", ("HIGH", "LOW", "MID")).save(Path("labels"))
    _write_texts(Path("cuts.jsonl"), [["LOW"], ["HIGH"], ["MID"]])


def texts() -> None:
    """Texts of language models, plain and packed, a model to measure on them, and a held-out set."""
    lines = "".join(" ".join(words) + "\n" for words in TEXTS).encode()
    Path("a.txt").write_bytes(lines)
    for path, module in (("b.txt.gz", gzip), ("c.txt.xz", lzma), ("d.txt.bz2", bz2)):
        Path(path).write_bytes(module.compress(lines))
    _write_texts(Path("e.jsonl.gz"), TEXTS)
    arpa()


def held_out() -> None:
    """What a language model is trained on, and what must not be in it."""
    Path("text.txt").write_text("".join(" ".join(words) + "\n" for words in TEXTS))
    _write_texts(Path("held.jsonl"), [["MID", "MID", "MID"]])


def arpa() -> None:
    """A language model as ARPA."""
    Path("lm.arpa").write_text(ARPA)
    Path("text.txt").write_text("LOW MID\nHIGH OTHER\n")


def binary_lm() -> None:
    """A language model as a folder of ``lm train``."""
    save_lm(Path("lm"), TEXTS, 2)
    Path("text.txt").write_text("LOW MID\nHIGH OTHER\n")


def graph_inputs() -> None:
    """What a graph is made of."""
    from pyspeech.lang.tokens import CharacterTokens

    CharacterTokens.from_words(PITCHES).save(Path("lang"))
    Path("lm.arpa").write_text(ARPA)


def recogniser() -> None:
    """A network of tokens and what it is to recognise."""
    from pyspeech.lang.tokens import CharacterTokens

    CharacterTokens.from_words(PITCHES).save(Path("exp/lang"))
    _save_network(WORDS, "lang", len(CharacterTokens.from_words(PITCHES).symbols), "frame")
    write_tones(Path("a.wav"), ["LOW", "MID"])
    _write_cuts(Path("cuts.jsonl"), ["a.wav"])


def graph() -> None:
    """A decoding graph, with the network that is searched by it."""
    from pyspeech.graph.compose import make_graph
    from pyspeech.lang.tokens import load_tokens

    recogniser()
    Path("lm.arpa").write_text(ARPA)
    make_graph(Path("graph"), "key", load_tokens(Path("exp/lang")), Path("lm.arpa"))


def training() -> None:
    """A training that was interrupted: its configuration, checkpoints and journals, and what it trains on."""
    from pyspeech.config import load_config
    from pyspeech.training.experiment import Sources, run

    for number in range(4):
        write_tones(Path(f"{number}.wav"), [list(PITCHES)[number % 3]])
    _write_cuts(
        Path("train.jsonl"), [f"{number}.wav" for number in range(4)], [[list(PITCHES)[n % 3]] for n in range(4)]
    )
    from pyspeech.lang.tokens import CharacterTokens

    CharacterTokens.from_words(PITCHES).save(Path("lang"))
    Path("conf.yaml").write_text(WORDS)
    with redirect_stderr(io.StringIO()):
        run(
            load_config(Path("conf.yaml")),
            Path("exp"),
            Sources(Path("train.jsonl"), Path("train.jsonl"), Path("lang")),
            "cpu",
        )
    Path("exp/model.safetensors").unlink()
    for path in Path("exp").rglob("*tfevents*"):
        path.unlink()
    Path("lang").rename("tokens")


def tuned() -> None:
    """A training that began with the weights of another one, and that one."""
    from pyspeech.config import load_config
    from pyspeech.training.average import average
    from pyspeech.training.experiment import Sources, run
    from pyspeech.training.origin import Origin

    training()
    sources = Sources(Path("train.jsonl"), Path("train.jsonl"), Path("tokens"))
    with redirect_stderr(io.StringIO()):
        average(Path("exp"), "last", 1, Path("first"))
        _remove(Path("exp"))
        run(load_config(Path("conf.yaml")), Path("exp"), sources, "cpu", origin=Origin(Path("first")))


def classifier() -> None:
    """A network of labels and what it is to tell apart."""
    _speakers("text")


def embedder() -> None:
    """A network of embeddings, an audio file, and people in a folder and in a store."""
    from pyspeech.inference.embedding import load_embedder, origin_of

    _speakers("speaker")
    for name in ("ann", "bob"):
        write_tones(Path(f"people/{name}/1.wav"), ["LOW"])
    origin = origin_of(Path("exp"))
    width = load_embedder(Path("exp"), "cpu").config.model["embedding_width"]
    mean_D = np.eye(width, dtype=np.float32)
    change_enrolments(Path("store"), origin, {name: Enrolment(2, mean_D[n]) for n, name in enumerate(("ann", "bob"))})
    (Path("store") / "lock").unlink(missing_ok=True)
    rng = np.random.default_rng(0)
    ids = [f"{name}-{number}" for name in ("x", "y", "z") for number in range(3)]
    save_embeddings(Path("dev"), ids, [id_[0] for id_ in ids], rng.normal(size=(len(ids), width)), origin)


def embeddings() -> None:
    """Stored embeddings of three sets of speakers, trials, and a PLDA."""
    rng = np.random.default_rng(0)
    for name, speakers in (("train", "abcdefgh"), ("test", "ij"), ("dev", "klm")):
        names = [f"{speaker}-{number}" for speaker in speakers for number in range(3)]
        rows = rng.normal(size=(len(speakers), 4)).repeat(3, 0) + 0.3 * rng.normal(size=(len(names), 4))
        save_embeddings(Path(name), names, [each[0] for each in names], rows, "net")
    pairs = itertools.combinations([f"{speaker}-{number}" for speaker in "ij" for number in range(3)], 2)
    Path("trials.txt").write_text("".join(f"{int(one[0] == other[0])} {one} {other}\n" for one, other in pairs))
    save_plda(train_plda(load_embeddings(Path("train"))), Path("plda.npz"))


def trials() -> None:
    """A manifest of speakers and a list of trials that a corpus brings along."""
    _write_texts(Path("cuts.jsonl"), [["LOW"]] * 6, speakers=3)
    Path("trials.txt").write_text("1 u0 u3\n0 u0 u1\n1 u1 u4\n")


def verifications() -> None:
    """Two scored verifications of different speakers."""
    for folder, people in (("dev", "abc"), ("test", "xyz")):
        rng = np.random.default_rng(len(folder))
        pairs = itertools.combinations([f"{person}-{number}" for person in people for number in range(3)], 2)
        lines = [
            f"{int(one[0] == other[0])}\t{rng.normal() + (one[0] == other[0])}\t{one}\t{other}\n"
            for one, other in pairs
        ]
        Path(folder).mkdir()
        Path(folder, "scores.tsv").write_text("".join(lines))
        description = {"scores": "cosine", "calibrated": False, "made_with": {"network": "x"}, "speakers": list(people)}
        write_json(Path(folder, "verify.json"), description)


def decode() -> None:
    """A decode of four utterances with lattices and frames, and lists that go with it."""
    save_decode(Path("test"), said("t", sentences(3, 1)), seed=1)
    Path("test/words.txt").write_text("BAD\nCAT\nCOT\nSAT\n")
    Path("rare.txt").write_text("CAT\nDOG SAT\n")


def scored() -> None:
    """A decode that is scored, and a verification."""
    decode()
    report_decode(Path("test.jsonl"), Path("test"))
    weights = {"lm": "my.arpa", "weights": {"acoustic": 1.0, "lm": 0.5}, "weights_chosen_on": "dev", "settings": {}}
    write_json(Path("test/decode.json"), {"method": "rescore lattice", **weights})
    figures = {"eer_percent": 2.5, "eer_interval_95_percent": [1.0, 3.5], "minDCF(0.01)": {"value": 0.2}}
    counts = {"target_trials": 9, "non_target_trials": 20, "speakers": 3, "scores": "cosine", "calibrated": False}
    Path("verify/score").mkdir(parents=True)
    write_json(Path("verify/score/score.json"), {**figures, **counts})


def rescoring() -> None:
    """Two decodes, a language model as ARPA, and lists of words and phrases."""
    save_decode(Path("test"), said("t", sentences(2, 1)), seed=1)
    save_decode(Path("dev"), said("d", sentences(2, 2)), seed=2)
    TOKENS.save(Path("lang"))
    save_lm(Path("lm"), sentences(20, 3), 2)
    Path("lm/lm.arpa").rename("lm.arpa")
    _remove(Path("lm"))
    Path("words.txt").write_text(f"{RARE}\n")
    Path("boost.txt").write_text(f"{RARE} SAT\t2.5\nCAT\n")


def weights() -> None:
    """As ``rescoring``, with the weights that dev chose."""
    from pyspeech.api import rescore

    rescoring()
    rescore("test", "lm.arpa", "out", tune="dev")
    Path("out/weights.json").rename("weights.json")
    _remove(Path("out"))


def slf() -> None:
    """Lattices in HTK's format."""
    from pyspeech.api import load_lattices
    from pyspeech.formats.slf_folder import export_slf

    save_decode(Path("test"), said("t", sentences(1, 1)), seed=1)
    export_slf(load_lattices("test"), Path("slf"), (), 1.0, 3.0, words=False)
    _remove(Path("test"))


def predictions() -> None:
    """Predicted labels, and the manifest that they are of."""
    labels()
    Path("predict").mkdir()
    Path("labels").rename("predict/labels")
    lines = [{"id": f"u{n}", "label": "LOW", "predicted": "LOW", "scores": {"LOW": 0.9}} for n in range(3)]
    Path("predict/predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def history() -> None:
    """The journals of a training."""
    Path("exp").mkdir()
    steps = [
        {"step": n, "epoch": n / 4, "loss": 3 / (n + 1), "learning_rate": 1e-3, "grad_norm": 1.0, "seconds": 0.1}
        for n in range(1, 9)
    ]
    metrics = [{"epoch": n, "step": 4 * n, "loss": 1.0, "dev_loss": 2.0, "dev_token_error_rate": 0.5} for n in (1, 2)]
    for name, rows in (("steps", steps), ("metrics", metrics)):
        Path(f"exp/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def settings() -> None:
    """Configurations that include others, and words that override them."""
    Path("base.yaml").write_text(SPEAKERS)
    Path("conf.yaml").write_text("include: [base, noise]\ntraining: {epochs: 3, seed: 2}\n")
    Path("decode.yaml").write_text((_conf() / "decode.yaml").read_text())
    Path("rescore.yaml").write_text((_conf() / "rescore.yaml").read_text())
    Path("overrides.txt").write_text("training.epochs=2\naugment.speeds=[1.0]\nmodel.lstm_width=16\n")


def plan() -> None:
    """The plan of a corpus that is spoken."""
    Path("plan.yaml").write_text(PLAN)


def contents() -> None:
    """A manifest that a training has read."""
    _write_texts(Path("cuts.jsonl"), TEXTS)
    Path("exp").mkdir()


def remember() -> None:
    """What it remembers of that."""
    from pyspeech.training.manifest_digests import Contents

    found = Contents()
    found.of(Path("cuts.jsonl"), lambda transcript: transcript.text, "train")
    found.save(Path("exp"))


def _conf() -> Path:
    from pyspeech.settings import SHARED_CONF

    return SHARED_CONF


def _save_network(yaml: str, table_name: str, num_outputs: int, output_per: Literal["frame", "utterance"]) -> None:
    """What a training leaves, with the weights it began with."""
    import torch

    from pyspeech.config import load_config
    from pyspeech.settings import save_config
    from pyspeech.tasks.network import new_model
    from pyspeech.tensor_files import write_tensors

    Path("conf.yaml").write_text(yaml)
    config = load_config(Path("conf.yaml"))
    save_config(config, Path("exp/config.yaml"))
    torch.manual_seed(0)
    write_tensors(Path("exp/model.safetensors"), new_model(config, num_outputs, output_per).state_dict(), {})
    Path("conf.yaml").unlink()
    assert Path("exp", table_name).is_dir()


def _speakers(field: str) -> None:
    from pyspeech.lang.labels import LabelTable

    LabelTable(field, tuple(sorted(PITCHES))).save(Path("exp/labels"))  # type: ignore[arg-type]
    _save_network(SPEAKERS, "labels", len(PITCHES), "utterance")
    write_tones(Path("a.wav"), ["LOW", "MID"])
    _write_cuts(Path("cuts.jsonl"), ["a.wav"])


def _write_cuts(path: Path, audio: Sequence[str], texts: Iterable[Sequence[str]] = itertools.cycle(TEXTS)) -> None:
    from pyspeech.corpora.corpus import utterance
    from pyspeech.data.manifests import write_manifest

    cuts = [
        utterance(Path(name), " ".join(words), f"s{number % 2}")
        for number, (name, words) in enumerate(zip(audio, texts, strict=False))
    ]
    write_manifest(cuts, path)
    _make_relative(path)


def _write_texts(path: Path, texts: Sequence[Sequence[str]], speakers: int = 2) -> None:
    """A manifest without audio, as far as scoring reads it."""
    cuts = [
        {"id": f"u{n}", "duration": 1.5, "supervisions": [{"text": " ".join(words), "speaker": f"s{n % speakers}"}]}
        for n, words in enumerate(texts)
    ]
    text = "".join(json.dumps(cut) + "\n" for cut in cuts).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def _make_relative(path: Path) -> None:
    content = path.read_bytes()
    packed = path.suffix == ".gz"
    text = (gzip.decompress(content) if packed else content).replace(f"{Path.cwd()}/".encode(), b"")
    path.write_bytes(gzip.compress(text, mtime=0) if packed else text)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)
