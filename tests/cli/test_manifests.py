"""What every command does with manifests that came from elsewhere; above all, it runs nothing that they name."""

import gzip
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from pyspeech.cli import COMMANDS, cli
from pyspeech.corpora.corpus import utterance
from pyspeech.errors import UserError
from tests.experiments import YAML, save_untrained
from tests.tones import RATE, tone_manifest

TRAIN = "train CONF OUT --train M --dev M --lang LANG --device cpu"
# Every command line that reads a manifest, M; the rest read none.
LINES = (
    "new-recipe x CORPUS --from lhotse --task recognition --language en",
    "describe M",
    "validate M --deep --model CONF --lang LANG",
    "audio M OUT --rate 16000",
    "features M OUT --config CONF",
    "lang OUT --tokens characters --manifest M",
    "lm train OUT M --order 2",
    "lm train OUT TEXT --order 2 --held-out M",
    "labels OUT --manifest M --field text",
    TRAIN,
    f"{TRAIN} augment.speeds=[0.9,1.1]",
    "decode EXP M --method greedy --out OUT --device cpu",
    "predict LABELLED M --out OUT --device cpu",
    "trials M OUT",
    "embed LABELLED M OUT --device cpu",
    "rescore DECODE --out OUT --lm LM --tune DECODE --references M",
    "inspect M --id utt000 --out OUT",
    "inspect M --id utt000 --exp EXP --out OUT",
    "score wer M DECODE",
    "score accuracy M PREDICTIONS",
    "compare M DECODE DECODE",
    "export-text M --format stm",
    "lattice oracle M DECODE",
)
NO_MANIFEST = {
    "average",
    "config",
    *("env", "graph", "plot", "plda", "verify", "calibrate", "enroll", "identify", "results"),
}
READ_AUDIO = {"validate", "audio", "features", "train", "decode", "predict", "embed", "inspect"}


@pytest.fixture(autouse=True)
def clone(tmp_path, monkeypatch):
    """Where new-recipe writes: not into the project that is tested."""
    monkeypatch.setattr("pyspeech.scaffold.clone.this_clone", lambda: tmp_path / "clone")


def by_command(touch, recording):
    return {**recording, "sources": [{"type": "command", "channels": [0], "source": touch}]}


def one_command(cut, touch):
    return {**cut, "recording": by_command(touch, cut["recording"])}


def command_in_a_room(cut, touch):
    """In the impulse response of a reverberation, as lhotse writes it."""
    room = {"rir": by_command(touch, cut["recording"]), "normalize_output": True, "rir_channels": [0]}
    transform = {"name": "ReverbWithImpulseResponse", "kwargs": {**room, "affect_duration": False}}
    return {**cut, "recording": {**cut["recording"], "transforms": [transform]}}


def pipe_of_features(cut, touch):
    """A path from which lhotse starts a shell."""
    stored = {"storage_type": "lilcom_files", "storage_path": f"pipe:{touch}; echo ", "storage_key": "a.llc"}
    features = {"type": "kaldi-fbank", "num_frames": 40, "num_features": 24, "frame_shift": 0.01, "channels": 0}
    of_cut = {"sampling_rate": RATE, "start": 0, "duration": cut["duration"], "recording_id": cut["id"]}
    return {**cut, "features": features | of_cut | stored}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, train_on_tones):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("commands")
    (folder / "labelled").mkdir()
    tone_manifest(folder / "sound.jsonl.gz", 3)
    (folder / "conf.yaml").write_text(YAML)
    save_untrained(folder / "exp")
    (folder / "text.txt").write_text("LOW MID HIGH\nHIGH LOW\n")
    shutil.move(train_on_tones(folder / "labelled", "text"), folder / "labelled-exp")
    for name, file in (("decode", "hyps.jsonl"), ("predictions", "predictions.jsonl")):
        (folder / name).mkdir()
        (folder / name / file).write_text("")
    return folder


def invoke(folder, out, line, manifest):
    """Run a line; return (whether it went well, what it said)."""
    places = {
        "M": manifest,
        "CORPUS": manifest.parent,
        "OUT": out,
        "CONF": folder / "conf.yaml",
        "LANG": folder / "exp" / "lang",
        "EXP": folder / "exp",
        "LABELLED": folder / "labelled-exp",
        "DECODE": folder / "decode",
        "PREDICTIONS": folder / "predictions",
        "LM": folder / "text.txt",
        "TEXT": folder / "text.txt",
    }
    done = CliRunner().invoke(cli, [str(places.get(word, word)) for word in line.split()])
    assert done.exception is None or isinstance(done.exception, UserError | SystemExit), done.exc_info
    return done.exit_code == 0, f"{done.output} {done.exception}"


def test_the_lines_are_of_every_command_that_reads_manifests():
    assert {line.split()[0] for line in LINES} | NO_MANIFEST == set(COMMANDS)


def cuts_of(folder):
    return [json.loads(text) for text in gzip.decompress((folder / "sound.jsonl.gz").read_bytes()).splitlines()]


@pytest.fixture
def run(folder, tmp_path, monkeypatch):
    """Writes lines as a manifest and runs a command line on it; (whether it went well, what it said)."""
    monkeypatch.chdir(tmp_path)
    manifest = tmp_path / "corpus" / "cuts_train.jsonl.gz"
    manifest.parent.mkdir()

    def run(line, lines):
        if line.startswith("inspect"):
            pytest.importorskip("matplotlib", reason="needs matplotlib, which this lane does not have")
        manifest.write_bytes(gzip.compress("\n".join(lines).encode()))
        return invoke(folder, tmp_path / "out", line, manifest)

    return run


@pytest.mark.parametrize("poison", [one_command, command_in_a_room, pipe_of_features], ids=lambda each: each.__name__)
@pytest.mark.parametrize("line", LINES)
def test_what_a_manifest_names_in_place_of_a_file_is_never_run(folder, tmp_path, run, line, poison):
    made = tmp_path / "made"
    well, said = run(line, [json.dumps(poison(cut, f"touch {made}")) for cut in cuts_of(folder)])
    assert not made.exists()
    if line.split()[0] in READ_AUDIO:
        assert not well
        assert "not a file" in said or "not in a file" in said or "not from a file" in said


@pytest.mark.parametrize("line", [line for line in LINES if line.split()[0] in READ_AUDIO - {"validate"}])
def test_blank_lines_are_passed_over(folder, run, line):
    line = f"{line} training.epochs=1" if line.startswith("train") else line
    well, said = run(line, ["", *(json.dumps(cut) + "\n" for cut in cuts_of(folder)), " "])
    assert well, said


@pytest.mark.parametrize("line", [line for line in LINES if line.split()[0] in READ_AUDIO - {"audio"}])
def test_a_recording_shorter_than_one_window_is_named(folder, tmp_path, run, line):
    soundfile.write(tmp_path / "utt000.wav", 0.1 * np.random.default_rng(0).standard_normal(64), RATE)
    cuts = [utterance(tmp_path / "utt000.wav", "LOW", "s0").to_dict(), *cuts_of(folder)[1:]]
    well, said = run(line, list(map(json.dumps, cuts)))
    assert not well
    assert "utt000" in said
    assert re.search(r"(less|shorter) than one window|lasts 0\.01 seconds", said), said


@pytest.mark.parametrize(
    "line", [line for line in LINES if line.split()[0] in ("audio", "features", "decode", "predict", "trials", "embed")]
)
def test_an_id_that_comes_twice_is_named_before_anything_is_written(folder, tmp_path, run, line):
    cuts = cuts_of(folder)
    well, said = run(line, list(map(json.dumps, [*cuts, cuts[0]])))
    assert not well
    assert re.search("two utterances (have the id 'utt000'|are called utt000)", said), said
    assert not [path for path in tmp_path.glob("out/*") if path.name != "flac"]
