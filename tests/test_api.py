"""What the documentation shows is what runs: its examples are read from it and run beside the command."""

import contextlib
import gzip
import io
import json
import re
import subprocess
import sys
from functools import reduce
from pathlib import Path

import kenlm
import numpy as np
import pytest
from click.testing import CliRunner
from lhotse import CutSet

from pyspeech import api
from pyspeech.cli.decode import decode
from pyspeech.cli.graph import graph
from pyspeech.cli.identify import identify
from pyspeech.cli.rescore import rescore
from pyspeech.cli.score import score
from pyspeech.config import load_config
from pyspeech.corpora.corpus import utterance
from pyspeech.data.manifests import write_manifest as write_cuts
from pyspeech.decoding.results import Decoded, HeldDecode, held_log_probs
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.graph.inputs import read_words
from pyspeech.inference.embedding import embed
from pyspeech.lang.labels import LabelTable
from pyspeech.lang.tokens import CharacterTokens, load_tokens
from pyspeech.speakers.embeddings import load_embeddings, unit_rows
from pyspeech.training.experiment import Sources, run
from tests.classifiers import SPEAKERS_YAML, labelled_manifest
from tests.decodes import hypotheses, hypothesis_lines, said, save_decode, save_lm, sentences, write_manifest
from tests.experiments import save_untrained
from tests.tones import PITCHES, tone_manifest, write_tones

PROJECT = Path(__file__).resolve().parents[1]
DEV, TEST = said("dev", sentences(8, seed=3)), said("test", sentences(8, seed=4))


def example_of_the_docstring():
    return api.__doc__.partition("\n\n")[2]


def examples_of_the_page(name="docs/python.md"):
    text = (PROJECT / name).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


FOLDERS, IN_MEMORY, NETWORK, CUTS, VOICES = examples_of_the_page()


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """A working folder with all that the examples name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSPEECH_CACHE", str(tmp_path / "cache"))
    save_decode(tmp_path / "exp/decode/dev", DEV, noise=1.7)
    save_decode(tmp_path / "exp/decode/test", TEST, noise=1.7, seed=1000)
    manifest = tmp_path / "data/manifests/test.jsonl.gz"
    write_manifest(manifest, TEST).write_bytes(gzip.compress(manifest.read_bytes()))
    (save_lm(tmp_path / "lm", sentences(300, seed=1)) / "lm.arpa").rename("my.arpa")
    return tmp_path


def run_command(command, *words):
    done = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_page_shows_the_example_of_the_docstring():
    assert FOLDERS.strip() == example_of_the_docstring().strip()


def test_what_the_readme_shows_is_part_of_an_example_of_the_page():
    [shown] = examples_of_the_page("README.md")
    assert {line for line in shown.splitlines() if " import " not in line} <= set(NETWORK.splitlines())


@pytest.mark.parametrize("example", examples_of_the_page())
def test_each_takes_ten_lines_at_most(example):
    assert len(example.splitlines()) <= 10


def test_the_example_runs_and_does_what_the_commands_do(experiment):
    shown, found = io.StringIO(), {}
    with contextlib.redirect_stdout(shown):
        exec(example_of_the_docstring(), found)  # noqa: S102 -- our own documentation
    decode, dev, manifest = "exp/decode/test", "exp/decode/dev", "data/manifests/test.jsonl.gz"
    assert [lattice.id for lattice in found["lattices"]] == list(TEST)

    run_command(rescore, decode, "--lm", "my.arpa", "--out", "exp/other", "--tune", dev)
    assert hypotheses(experiment / "exp/other") == hypotheses(experiment / "exp/decode/test_my")
    assert read(experiment / "exp/other/weights.json") == read(experiment / "exp/decode/test_my/weights.json")
    assert lasting(found["summary"]) == lasting(read(experiment / "exp/other/decode.json"))
    assert found["summary"]["weights_chosen_on"] == dev

    figure = run_command(score, "wer", manifest, "exp/other").splitlines()[-1]
    rate = f"{100 * found['result'].words.rate:.2f}"
    assert figure.startswith(f"%WER {rate} [ {found['result'].words.errors} / 32, ")
    assert shown.getvalue().splitlines()[-1] == f"{rate}% WER with {found['summary']['weights']}, 8 utterances"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def lasting(summary):
    """A summary without what differs from run to run."""
    return {key: value for key, value in summary.items() if key not in {"wall_seconds", "real_time_factor"}}


def test_every_argument_reaches_the_run(experiment):
    (experiment / "words").write_text("DOT\n")
    (experiment / "names").write_text("BAD MAT\n")
    (experiment / "exp/decode/dev.jsonl").rename(experiment / "dev.jsonl")
    first = api.rescore(
        "exp/decode/test",
        "my.arpa",
        Path("exp/first"),
        tune="exp/decode/dev",
        references="dev.jsonl",
    )
    summary = api.rescore(
        Path("exp/decode/test"),
        "my.arpa",
        "exp/second",
        weights="exp/first/weights.json",
        method="search",
        words="words",
        boost="names",
        overrides=["rescore.search.beam=12"],
    )
    assert (summary["method"], summary["words"], summary["boost"]) == ("rescore search", "words", "names")
    assert summary["settings"]["search"]["beam"] == 12
    assert summary["weights"]["lm"] == first["weights"]["lm"]


def test_what_is_missing_is_named(experiment):
    with pytest.raises(UserError, match="no decode at nowhere"):
        api.load_lattices("nowhere")
    with pytest.raises(UserError, match=r"no hypotheses at .*nowhere"):
        api.score("data/manifests/test.jsonl.gz", "nowhere")


def test_the_example_in_memory_finds_what_the_command_writes_and_needs_no_network(experiment):
    heavy = "sorted({'torch', 'k2', 'lhotse'} & set(sys.modules))"
    program = f"{IN_MEMORY}\nimport json, sys\nprint(json.dumps([best, {heavy}]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *_, figures, last = done.stdout.splitlines()
    best, heavy = json.loads(last)
    assert heavy == []
    assert re.fullmatch(r"[0-9.]+% WER, 95% interval [0-9.]+% to [0-9.]+%", figures)
    weights = ("rescore.weights.lm=0.8", "rescore.weights.word=0.5")
    before = {path: path.stat().st_mtime_ns for path in experiment.rglob("*")}
    run_command(rescore, "exp/decode/test", *weights, "--lm", "my.arpa", "--out", "exp/other")
    assert hypotheses(experiment / "exp/other") == best
    assert before.keys() <= set(experiment.rglob("*"))
    figures_of_command = run_command(score, "wer", "data/manifests/test.jsonl.gz", "exp/other").splitlines()[-1]
    spoken = {id_: " ".join(words) for id_, words in TEST.items()}
    low, high = api.score_texts(spoken, best).interval
    assert f"95% [ {100 * low:.1f}, {100 * high:.1f} ]" in figures_of_command


@pytest.mark.parametrize("method", ["lattice", "nbest", "search"])
def test_a_decode_in_memory_is_rescored_as_one_in_a_folder(experiment, method):
    stored = StoredDecode(Path("exp/decode/test"))
    lines = hypothesis_lines(stored.folder)
    decoded = [Decoded(*each) for each in zip(lines, stored.lattices, stored.frames, strict=True)]
    held = HeldDecode(decoded, stored.tokens, stored.frame_seconds, stored.lattices.words, 1.0, stored.train_words)
    options = {"method": method, "weights": {"lm": 0.7}}
    of_memory = list(api.rescore_in_memory(held, kenlm.Model("my.arpa"), **options))
    assert of_memory == list(api.rescore_in_memory("exp/decode/test", "my.arpa", **options))
    assert held.hypotheses == {id_: tuple(words) for id_, words in stored.hypotheses.items()}
    manifest = Path("data/manifests/test.jsonl.gz")
    assert api.score(manifest, held).words == api.score(manifest, stored.folder).words
    few = [f"rescore.tuning.{name}=[0, {most}, 1]" for name, most in {"lm": 1, "graph": 0, "word": 0}.items()]
    tuned = {"method": method, "tune": "exp/decode/dev", "overrides": few}
    chosen = list(api.rescore_in_memory(held, "my.arpa", **tuned, references=Path("exp/decode/dev.jsonl")))
    api.rescore("exp/decode/test", "my.arpa", "exp/tuned", **tuned)
    assert {one.id: list(one.words) for one in chosen} == hypotheses(experiment / "exp/tuned")
    with pytest.raises(UserError, match=r"exp/decode/test shares 8 utterances .* with exp/decode/test"):
        api.rescore_in_memory("exp/decode/test", "my.arpa", tune="exp/decode/test")


def test_the_outputs_of_any_network_are_searched(experiment):
    stored = StoredDecode(Path("exp/decode/test"))
    arrays = {each.id: each.dense(len(stored.tokens.symbols)) for each in stored.frames}
    held = held_log_probs(arrays, stored.tokens, stored.frame_seconds)
    found = api.rescore_in_memory(held, "my.arpa", method="search")
    expected = api.rescore_in_memory(stored, "my.arpa", method="search")
    assert [(one.id, one.words, one.score) for one in found] == [(one.id, one.words, one.score) for one in expected]
    with pytest.raises(UserError, match="in memory holds no lattices; decode with a graph, or rescore by the method"):
        api.rescore_in_memory(held, "my.arpa")
    with pytest.raises(UserError, match=r"'x': .* of the form \[3, 2\], expected \[frames, 12\]"):
        held_log_probs({"x": np.zeros((3, 2), np.float32)}, stored.tokens, 0.03)


def test_the_example_with_a_network_does_what_decode_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_untrained(tmp_path / "exp/tdnn_lstm")
    write_tones(tmp_path / "call.wav", ["LOW", "HIGH", "MID"])
    write_cuts([utterance(tmp_path / "call.wav", "LOW HIGH MID", "s")], tmp_path / "cuts.jsonl.gz")
    found = {}
    exec(NETWORK, found)  # noqa: S102 -- our own documentation

    run_command(decode, "exp/tdnn_lstm", "cuts.jsonl.gz", "--method", "greedy", "--device", "cpu", "--out", "decode")
    [words] = hypotheses(tmp_path / "decode").values()
    assert list(found["words"]) == words
    [frames] = StoredDecode(tmp_path / "decode").frames
    stored_TV = frames.dense(len(found["model"].symbols))
    kept = stored_TV > stored_TV.min(axis=1, keepdims=True)  # what lies far below the best is not stored
    np.testing.assert_allclose(found["log_probs"][kept], stored_TV[kept], atol=1e-2)
    assert found["errors"].reference_length == 3


@pytest.fixture
def tones(tmp_path, monkeypatch):
    """A working folder with a network that hears tones, a language model of them and a manifest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSPEECH_CACHE", str(tmp_path / "cache"))
    save_untrained(tmp_path / "exp/tdnn_lstm")
    tone_manifest(tmp_path / "data/manifests/test.jsonl.gz", 4)
    (save_lm(tmp_path / "lm", [["LOW", "MID", "HIGH"], ["MID", "LOW"]] * 10, order=2) / "lm.arpa").rename("my.arpa")
    return tmp_path


def test_the_example_with_cuts_does_what_the_commands_do(tones):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    found = {}
    exec(CUTS, found)  # noqa: S102 -- our own documentation
    manifest = "data/manifests/test.jsonl.gz"
    run_command(graph, "exp/tdnn_lstm/lang", "my.arpa", "graph")
    run_command(decode, "exp/tdnn_lstm", manifest, "--graph", "graph", "--device", "cpu", "--out", "decode")
    assert {id_: list(words) for id_, words in found["decode"].hypotheses.items()} == hypotheses(tones / "decode")
    assert found["errors"] == api.score(manifest, "decode").words
    run_command(rescore, "decode", "--lm", "my.arpa", "--method", "search", "--out", "other")
    assert {id_: list(words) for id_, words in found["best"].items()} == hypotheses(tones / "other")
    made = (tones / "graph/graph.json").stat().st_mtime_ns
    assert api.graph("exp/tdnn_lstm/lang", "my.arpa", "graph").words == read_words(tones / "graph")
    assert (tones / "graph/graph.json").stat().st_mtime_ns == made  # of the same contents, it is read
    of_memory = api.graph(load_tokens(tones / "exp/tdnn_lstm/lang"), "my.arpa", "again")
    for name in ("graph.safetensors", "words.txt"):
        assert (tones / "again" / name).read_bytes() == (tones / "graph" / name).read_bytes()
    [each] = api.load_model("exp/tdnn_lstm", graph=of_memory).decode_cuts(list(found["cuts"])[:1]).decoded
    assert list(each.words) == hypotheses(tones / "decode")[each.frames.id]


def test_a_graph_of_other_tokens_is_refused_in_memory_too(tones):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    other = api.graph(CharacterTokens.from_words(["LOW", "MID", "HIGH", "X"]), "my.arpa")
    with pytest.raises(UserError, match=r"^the graph was made for other tokens than exp/tdnn_lstm/lang"):
        api.load_model("exp/tdnn_lstm", graph=other)


def test_the_example_of_voices_names_whom_the_command_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exp, train = Path("exp/speaker_lstm"), labelled_manifest(tmp_path / "train.jsonl.gz", 8)
    LabelTable("speaker", tuple(sorted(PITCHES))).save(Path("labels"))
    short = {"epochs: 12": "epochs: 1", "average_epochs: 2": "average_epochs: 1", "crops_each: 40": "crops_each: 4"}
    Path("conf.yaml").write_text(reduce(lambda text, pair: text.replace(*pair), short.items(), SPEAKERS_YAML))
    run(load_config(Path("conf.yaml")), exp, Sources(train, train, Path("labels")), "cpu")
    for name, word in {"anna": "LOW", "bob": "HIGH", "call": "LOW"}.items():
        write_tones(tmp_path / f"{name}.wav", [word], seed=len(name))
        if name != "call":
            write_tones(tmp_path / "people" / name / "1.wav", [word], seed=len(name))
    found = {}
    exec(VOICES, found)  # noqa: S102 -- our own documentation
    line = json.loads(run_command(identify, exp, "call.wav", "--enroll", "people", "--device", "cpu", "--json"))
    assert found["name"] == line["people"][0]["name"]
    assert found["cosine"] == pytest.approx(line["people"][0]["score"], abs=1e-4)
    embed(exp, CutSet([utterance(tmp_path / "anna.wav", "LOW", "anna")]), Path("embeddings"), "cpu")
    rows_ND = load_embeddings(Path("embeddings")).rows_ND
    np.testing.assert_allclose(unit_rows(found["anna"][None]), unit_rows(rows_ND), atol=1e-4)


@pytest.mark.parametrize("embeddings", [{}, {"anna": []}])
def test_nobody_is_not_enrolled(embeddings):
    with pytest.raises(UserError, match="give one embedding or more of each"):
        api.enrol(embeddings)


def test_samples_that_do_not_suit_the_network_are_refused(tmp_path):
    save_untrained(tmp_path / "exp")
    model = api.load_model(tmp_path / "exp", device="cpu")
    with pytest.raises(UserError, match="the samples have 16000 Hz, the network was trained on 8000; resample them"):
        model.features(np.zeros(16000, np.float32), 16000)
    for samples in (np.zeros((8000, 2), np.float32), np.zeros(8000, np.int16), np.full(8000, np.nan)):
        with pytest.raises(UserError, match="expected one channel of finite floats"):
            model.log_probs(samples, 8000)


def test_texts_are_scored_without_files():
    scored = api.score_texts({"a": "x y z", "b": "x"}, {"a": "x z"})
    assert (scored.words.deletions, scored.words.errors, scored.missing) == (2, 2, ["b"])
    assert api.score_texts({"a": ["x", "y", "z"]}, {"a": ("x", "z")}).words.deletions == 1
    assert api.score_texts({"a": "x y"}, {"a": "x z"}).interval == (0.5, 0.5)
    with pytest.raises(UserError, match="1 hypotheses belong to no utterance of the references"):
        api.score_texts({"a": "x"}, {"b": "x"})
