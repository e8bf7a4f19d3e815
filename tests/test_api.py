"""What the documentation shows is what runs: its examples are read from it and run beside the command."""

import contextlib
import gzip
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pyspeech import api
from pyspeech.cli.decode import decode
from pyspeech.cli.rescore import rescore
from pyspeech.cli.score import score
from pyspeech.corpora.corpus import utterance
from pyspeech.data.manifests import write_manifest as write_cuts
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from tests.decodes import hypotheses, said, save_decode, save_lm, sentences, write_manifest
from tests.experiments import save_untrained
from tests.tones import write_tones

PROJECT = Path(__file__).resolve().parents[1]
DEV, TEST = said("dev", sentences(8, seed=3)), said("test", sentences(8, seed=4))


def example_of_the_docstring():
    return api.__doc__.partition("\n\n")[2]


def example_of_the_readme():
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    return re.search(r"^From Python:\n\n```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]


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


def test_the_readme_shows_the_example_of_the_docstring():
    assert example_of_the_readme().strip() == example_of_the_docstring().strip()


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


def example_with_a_network():
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    return re.search(r"^A trained network, .*?:\n\n```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]


def test_the_example_with_a_network_does_what_decode_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_untrained(tmp_path / "exp/tdnn_lstm")
    write_tones(tmp_path / "call.wav", ["LOW", "HIGH", "MID"])
    write_cuts([utterance(tmp_path / "call.wav", "LOW HIGH MID", "s")], tmp_path / "cuts.jsonl.gz")
    found = {}
    exec(example_with_a_network(), found)  # noqa: S102 -- our own documentation

    run_command(decode, "exp/tdnn_lstm", "cuts.jsonl.gz", "--method", "greedy", "--device", "cpu", "--out", "decode")
    [words] = hypotheses(tmp_path / "decode").values()
    assert list(found["words"]) == words
    [frames] = StoredDecode(tmp_path / "decode").frames
    stored_TV = frames.dense(len(found["model"].symbols))
    kept = stored_TV > stored_TV.min(axis=1, keepdims=True)  # what lies far below the best is not stored
    np.testing.assert_allclose(found["log_probs"][kept], stored_TV[kept], atol=1e-2)
    assert found["errors"].reference_length == 3


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
    with pytest.raises(UserError, match="1 hypotheses belong to no utterance of the references"):
        api.score_texts({"a": "x"}, {"b": "x"})
