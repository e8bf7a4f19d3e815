"""Every reader of files that a user can be given: a small valid input, and the command or call that reads it."""

import io
from collections.abc import Mapping
from contextlib import redirect_stderr
from pathlib import Path

from tests.tones import RATE
from tools.fuzz import samples
from tools.fuzz.judge import Wrong
from tools.fuzz.reader import Read, Reader, command


def _audio_of_all() -> object:
    from pyspeech.data.features import load_audio
    from pyspeech.data.manifests import read_manifest

    return [load_audio(cut, RATE) for cut in read_manifest(Path("cuts.jsonl"))]


def _cut_index() -> object:
    from pyspeech.data.cut_index import read_cut_index

    index = read_cut_index(Path("cuts.jsonl.gz"))
    return [index.cut(number).duration for number in range(len(index.rows))]


def _speaker_index() -> object:
    from pyspeech.data.speaker_index import read_speaker_index

    index = read_speaker_index(Path("cuts.jsonl.gz"), 0.1)
    return [index.cut(int(number)).duration for number in index.utterances]


def _corpus(kind: str, path: str, task: str = "recognition") -> Read:
    """Look at a corpus as ``new-recipe`` does, and read all of its splits as its recipe does."""

    def read() -> object:
        from pyspeech.scaffold.find import Wanted, find

        with redirect_stderr(io.StringIO()):
            found = find(Wanted(Path(path), kind, task))  # type: ignore[arg-type]
            splits = found.source.splits(found.folder)
            return [cut.duration for split in splits for cut in found.source.cuts(found.folder, split)]

    return read


def _voxceleb() -> object:
    from pyspeech.corpora.sources.voxceleb import VoxCeleb

    with redirect_stderr(io.StringIO()):
        source = VoxCeleb()
        return [cut.duration for split in source.splits(Path()) for cut in source.cuts(Path(), split)]


def _split_lists() -> object:
    from pyspeech.corpora.split_lists import listed, read_split_lists

    lists = read_split_lists(Path("lists"))
    return [listed(split, lists, list("abcdefg")) for split in ("train", "dev", "test")]


def _tokens() -> object:
    from pyspeech.lang.tokens import load_tokens

    found = []
    for kind in ("characters", "pieces", "phones"):
        tokens = load_tokens(Path(kind))
        ids = tokens.encode(["LOW", "MID"])
        if not all(0 < id_ < len(tokens.symbols) for id_ in ids):
            raise Wrong(f"{kind}: ids {ids} of {len(tokens.symbols)} tokens")
        found.append(tokens.decode(ids))
    return found


def _lattices() -> object:
    from pyspeech.decoding.hypothesis import Clock, from_lattice
    from pyspeech.decoding.stored import StoredDecode

    decode = StoredDecode(Path("test"))
    archive, frames = decode.lattices, decode.frames
    for one in frames:
        if (one.dense(len(frames.tokens)) > 0).any():
            raise Wrong(f"log-probabilities above 0 in the frames of {one.id}")
    clock = Clock(archive.frame_seconds, 100.0)
    return [from_lattice(each, archive.words, decode.tokens, clock, 1.0).as_json() for each in archive]


def _weights() -> object:
    from pyspeech.rescoring.weights_file import load_weights

    return load_weights(Path("weights.json"))


def _settings() -> object:
    from pyspeech.config import load_config, load_feature_config
    from pyspeech.decoding.config import load_decode_config
    from pyspeech.rescoring.config import load_rescore_config
    from pyspeech.tasks.network import new_model

    overrides = [line for line in Path("overrides.txt").read_bytes().decode("utf-8", "replace").split("\n") if line]
    new_model(load_config(Path("conf.yaml"), overrides), 4, "utterance")
    return [
        load_feature_config(Path("conf.yaml")),
        load_decode_config(Path("decode.yaml")),
        load_rescore_config(Path("rescore.yaml")),
    ]


def _plan() -> object:
    from pyspeech.corpora.synthesis import draw_sentences, load_plan

    return draw_sentences(load_plan(Path("plan.yaml")))


def _contents() -> object:
    from pyspeech.training.manifest_digests import Contents

    found = Contents()
    found.load(Path("exp"))
    return found.of(Path("cuts.jsonl"), lambda transcript: transcript.text, "train")


READERS: Mapping[str, Reader] = {
    "manifest validate": Reader(samples.manifest, command("validate --deep cuts.jsonl.gz", quotes=True), "*.gz"),
    "manifest describe": Reader(samples.manifest, command("describe cuts.jsonl.gz --out out"), "*.gz"),
    "manifest index": Reader(samples.manifest, _cut_index, "*.gz"),
    "cut index": Reader(samples.manifest, _cut_index, ".*.index", prepare=_cut_index),
    "speaker index": Reader(samples.manifest, _speaker_index, "*.gz"),
    "audio validate": Reader(samples.audio, command("validate --deep cuts.jsonl", quotes=True)),
    "audio features": Reader(samples.audio, command("features --config conf.yaml cuts.jsonl out")),
    "audio load": Reader(samples.audio, _audio_of_all),
    "audio resample": Reader(samples.audio, command("audio --rate 16000 --jobs 1 cuts.jsonl out")),
    "inspect": Reader(samples.audio, command("inspect cuts.jsonl --id a --out out.png"), needs="matplotlib"),
    "given features": Reader(samples.given, command("features --config conf.yaml cuts.jsonl out")),
    "given validate": Reader(samples.given, command("validate --deep cuts.jsonl", quotes=True)),
    "table csv": Reader(samples.csv, _corpus("csv", "utterances.csv"), "*.csv"),
    "table semicolons": Reader(samples.semicolons, _corpus("csv", "utterances.csv"), "*.csv"),
    "table tsv": Reader(samples.tsv, _corpus("tsv", "utterances.tsv"), "*.tsv"),
    "table psv": Reader(samples.psv, _corpus("csv", "utterances.psv"), "*.psv"),
    "table json lines": Reader(samples.json_lines, _corpus("jsonl", "utterances.jsonl"), "*.jsonl"),
    "common voice": Reader(samples.common_voice, _corpus("commonvoice", "de"), "**/*.tsv"),
    "kaldi data": Reader(samples.kaldi, _corpus("kaldi", "data"), "data/*/[!td]*"),
    "kaldi features": Reader(samples.kaldi_features, _corpus("kaldi", "data")),
    "folder": Reader(samples.folders, _corpus("folder", "corpus"), "**/*.txt"),
    "folder labels": Reader(samples.folders, _corpus("folder", "corpus", "classification"), "corpus/*.txt"),
    "sphinx": Reader(samples.sphinx, _corpus("sphinx", "."), "etc/*"),
    "librispeech": Reader(samples.librispeech, _corpus("librispeech", "corpus")),
    "voxceleb": Reader(samples.voxceleb, _voxceleb, "v*.*"),
    "lhotse manifests": Reader(samples.lhotse, _corpus("lhotse", "."), "x*"),
    "lhotse cuts": Reader(samples.lhotse_cuts, _corpus("lhotse", "."), "cuts*"),
    "split lists": Reader(samples.split_lists, _split_lists),
    "lexicon": Reader(samples.lexicon, command("lang out --tokens phones --lexicon lexicon.txt --manifest cuts.jsonl")),
    "tokens": Reader(samples.tokens, _tokens, "*/*", "sentencepiece"),
    "tokens validate": Reader(samples.tokens, command("validate cuts.jsonl --lang phones", quotes=True), "phones/*"),
    "settings validate": Reader(
        samples.tokens, command("validate cuts.jsonl --lang characters --model conf.yaml", quotes=True), "conf.yaml"
    ),
    "labels": Reader(samples.labels, command("labels out --manifest cuts.jsonl --field text"), "cuts*"),
    "lm texts": Reader(samples.texts, command("lm perplexity lm.arpa a.txt b.txt.gz c.txt.xz e.jsonl.gz"), "[a-e].*"),
    "lm train": Reader(samples.held_out, command("lm train out text.txt --order 2 --held-out held.jsonl")),
    "arpa": Reader(samples.arpa, command("lm perplexity lm.arpa text.txt")),
    "binary lm": Reader(samples.binary_lm, command("lm perplexity lm text.txt"), "lm/*"),
    "graph inputs": Reader(samples.graph_inputs, command("graph lang lm.arpa out"), needs="k2"),
    "graph": Reader(
        samples.graph, command("decode exp cuts.jsonl --graph graph --out out --jobs 1 --device cpu"), "graph/*", "k2"
    ),
    "recogniser": Reader(
        samples.recogniser, command("decode exp cuts.jsonl --method greedy --out out --jobs 1 --device cpu"), "exp/**/*"
    ),
    "training": Reader(
        samples.training,
        command("train conf.yaml exp --train train.jsonl --dev train.jsonl --lang tokens --device cpu"),
    ),
    "average": Reader(samples.training, command("average exp --best 1 --out out"), "exp/c*/*"),
    "origin": Reader(
        samples.tuned,
        command(
            "train conf.yaml exp --train train.jsonl --dev train.jsonl --lang tokens --init first --device cpu",
            "train conf.yaml new --train train.jsonl --dev train.jsonl --lang tokens --init first --device cpu",
        ),
        "[ef]*/[clmo]*",
    ),
    "classifier": Reader(samples.classifier, command("predict exp cuts.jsonl --out out --device cpu"), "exp/**/*"),
    "embedder": Reader(samples.embedder, command("embed exp cuts.jsonl out --device cpu"), "exp/**/*"),
    "people": Reader(
        samples.embedder, command("identify exp a.wav --enroll people --tune dev --device cpu"), "people/**/*"
    ),
    "enrolment store": Reader(
        samples.embedder, command("identify exp a.wav --enroll store --tune dev --device cpu"), "[sd]*/*"
    ),
    "embeddings": Reader(samples.embeddings, command("verify trials.txt test --out out --cohort train")),
    "embeddings plda": Reader(samples.embeddings, command("plda train out"), "train/*"),
    "plda": Reader(samples.embeddings, command("verify trials.txt test --out out --plda plda.npz"), "[tp]*.*"),
    "identification": Reader(samples.embeddings, command("score identification test --tune dev --out out"), "[td]*/*"),
    "trials": Reader(samples.trials, command("trials cuts.jsonl out.txt --list trials.txt")),
    "verifications": Reader(
        samples.verifications, command("calibrate test --tune dev --out out", "score verification test")
    ),
    "decode score": Reader(
        samples.decode,
        command("score wer test.jsonl test", "score rare-words test.jsonl test --words rare.txt"),
        "**/*[lvt]",
    ),
    "results": Reader(samples.scored, command("results ."), "*/**/*.json"),
    "decode compare": Reader(samples.decode, command("compare test.jsonl test test"), "**/*.jsonl"),
    "timed transcripts": Reader(
        samples.decode,
        command(*(f"export-text --format {f} test out.{f}" for f in ("stm", "ctm", "json", "srt", "vtt"))),
        "*/*.js*",
    ),
    "lattices": Reader(samples.decode, _lattices, "test/*/*"),
    "lattice export": Reader(samples.decode, command("lattice export test out --words --beam 3"), "test/[ld]*/*"),
    "lattice oracle": Reader(samples.decode, command("lattice oracle test.jsonl test"), "test/l*/*"),
    "lattice draw": Reader(samples.decode, command("lattice draw test t-000"), "test/l*/*"),
    "slf": Reader(samples.slf, command("lattice import slf out")),
    "rescore lattice": Reader(
        samples.rescoring, command("rescore test --lm lm.arpa --out out --tune dev"), "[dtl]*/**/*"
    ),
    "rescore nbest": Reader(
        samples.rescoring, command("rescore test --lm lm.arpa --out out --method nbest --n 5"), "t*/**/*"
    ),
    "rescore search": Reader(
        samples.rescoring,
        command("rescore test --lm lm.arpa --out out --words words.txt --boost boost.txt"),
        "[twbl]*/**/*",
    ),
    "weights": Reader(
        samples.weights, command("rescore test --lm lm.arpa --out out --weights weights.json"), "weights*"
    ),
    "weights alone": Reader(samples.weights, _weights, "weights*"),
    "predictions": Reader(samples.predictions, command("score accuracy cuts.jsonl predict")),
    "history": Reader(samples.history, command("plot exp --out out.png"), needs="matplotlib"),
    "settings": Reader(samples.settings, _settings),
    "plan": Reader(samples.plan, _plan),
    "contents": Reader(samples.contents, _contents, prepare=samples.remember),
}
