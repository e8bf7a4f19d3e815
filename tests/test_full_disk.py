"""A disk that is really full: a small file system in memory, filled to the brim, under every command that writes.

One child process does it all, in a mount namespace of its own; the tests look at what it reports.
"""

import contextlib
import hashlib
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
DISK_BYTES = 8 << 20
ROOMS = (0, 4096)  # bytes left free: for nothing at all, and for the beginning of a file
PREPARE = """
from pathlib import Path
from pyspeech.cli.prepare import Row, corpus_cli

def rows(corpus, split):
    for path in sorted((corpus / split).glob("*.wav")):
        yield Row(path, text="LOW MID", speaker="a")

corpus_cli(rows, splits=("audio",))
"""
TRAINING = (
    "include: [fbank, augment, train, ctc, bilstm_ctc]\ntask: recognition\n"
    + """
features: {sampling_rate: 8000, num_mel_bins: 12, high_hz: 0}
augment: {speeds: [1.0]}
batches: {max_seconds: 6, buckets: 2, workers: 0}
model: {channels: 2, lstm_width: 8, lstm_layers: 1, dropout: 0.2}
training: {epochs: 4, learning_rate: 0.01, average_epochs: 2}
"""
)
# name -> (what of pyspeech it runs, words that its error must hold). Every case first makes an earlier output with the
# words after "earlier", which is other than the one that the full disk prevents.
CASES = {
    "manifests": ("prepare.py manifests corpus disk/manifests", "", "cannot write disk/manifests/audio.jsonl.gz: "),
    "features": ("features train.jsonl.gz disk/fbank --config exp/conf.yaml", "", "cannot write disk/fbank/"),
    "lang": (
        "lang disk/lang --manifest train.jsonl.gz --tokens characters",
        "",
        "cannot write disk/lang",
    ),
    "pieces": ("lang disk/lang --manifest train.jsonl.gz --tokens pieces --pieces 12", "", "cannot write disk/lang"),
    "lm": ("lm train disk/lm text.txt --memory 50M --order 2", "--prune 0", "cannot write disk/lm: "),
    "graph": ("graph exp/lang lm2 disk/graph", "lm1", "cannot write disk/graph"),
    "decode": (
        "decode exp train.jsonl.gz --out disk/decode --method greedy --jobs 1 --device cpu",
        "decode.batch_seconds=5",
        "cannot write disk/decode: ",
    ),
    "score": ("score wer train.jsonl.gz disk/decode", "", "cannot write disk/decode/score"),
}
NEEDS_K2 = ("graph",)
RUNS = [
    (name, room) for name in CASES for room in ROOMS if room == 0 or name not in ("manifests", "lang")
]  # one page each


def can_mount():
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    if reason := can_mount():
        pytest.skip(f"the kernel gives no small disk to fill: {reason}")
    folder = tmp_path_factory.mktemp("full")
    environment = os.environ | {"PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}", "OMP_NUM_THREADS": "1"}
    command = ["unshare", "-rm", sys.executable, str(Path(__file__)), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "report.json").read_text())


@pytest.mark.parametrize(("name", "room"), RUNS)
def test_a_full_disk_is_one_error_and_leaves_what_stood_there(report, name, room):
    if name in NEEDS_K2:
        pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    found = report[f"{name} {room}"]
    assert found["code"] == 1, found
    errors = [line for line in found["stderr"].splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, found["stderr"]
    assert found["stderr"].endswith(errors[0] + "\n")
    assert CASES[name][2] in errors[0]
    assert "No space left on device" in errors[0]
    assert errors[0].endswith("; free space or choose another place")
    assert "Traceback" not in found["stderr"]
    assert found["before"]
    assert found["after"] == found["before"]


def test_a_training_that_filled_the_disk_goes_on_when_there_is_space(report):
    stopped, resumed = report["train stopped"], report["train resumed"]
    assert stopped["code"] == 1
    assert stopped["stderr"].splitlines()[-1].startswith("error: cannot write disk/exp/checkpoints/step-")
    assert "it continues by: " in stopped["stderr"]
    assert 0 < len(stopped["checkpoints"]) < 4
    assert resumed["code"] == 0
    assert len(resumed["losses"]) == 4
    assert resumed["losses"] == report["train whole"]["losses"]


@pytest.mark.parametrize("what", ["tensorboard", "bad_batches.jsonl"])
def test_what_a_training_notes_on_a_full_disk_is_one_error_too(report, what):
    assert report[what]["error"].startswith("UserError: cannot write disk/noted/")
    assert "No space left on device" in report[what]["error"]


# --- the child process


def run(words):
    """One command in this process: its exit code and what it said."""
    from pyspeech.cli import main

    sys.argv = ["pyspeech", *words]
    stderr = io.StringIO()
    code = 0
    with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
        try:
            if words[0].endswith(".py"):
                sys.argv = words
                runpy.run_path(words[0], run_name="__main__")
            else:
                main()
        except SystemExit as end:
            if isinstance(end.code, str):  # as Python itself does at the end of a process
                print(end.code, file=sys.stderr)
            code = 1 if isinstance(end.code, str) else end.code or 0
    return {"code": code, "stderr": stderr.getvalue()}


def tree():
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(Path("disk").rglob("*")) if is_output(p)}


def is_output(path):
    return path.is_file() and path.name != "filler"


@contextlib.contextmanager
def filled(room):
    """Leave ``room`` bytes of the disk."""
    filler = Path("disk/filler")
    with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(1 << 12))
    os.truncate(filler, filler.stat().st_size - room)
    yield
    filler.unlink()


def make_inputs():
    from pyspeech.lm.ngram import LmSettings, train_lm
    from tests.experiments import save_untrained
    from tests.tones import tone_manifest

    tone_manifest(Path("train.jsonl.gz"), 24)
    tone_manifest(Path("dev.jsonl.gz"), 4, seed=100)
    shutil.copytree("train_audio", "corpus/audio")
    Path("prepare.py").write_text(PREPARE)
    save_untrained(Path("exp"))
    Path("train.yaml").write_text(TRAINING)
    Path("text.txt").write_text("LOW MID\nMID HIGH\nLOW LOW HIGH\n")
    for order in (1, 2):
        settings = LmSettings(max(order, 2)) if order == 2 else LmSettings(2, (0, 0), 2)
        train_lm(Path(f"lm{order}"), [Path("text.txt")], settings, memory="50M")


def earlier(name, words, other):
    """Make what stands there before, and change it where the command would find it made already."""
    words = [other if word == "lm2" else word for word in words] if name == "graph" else [*words, *other.split()]
    if name == "score":
        run(
            [
                "decode",
                "exp",
                "train.jsonl.gz",
                "--out",
                "disk/decode",
                "--method",
                "greedy",
                "--jobs",
                "1",
                "--device",
                "cpu",
            ]
        )
    done = run(words)
    assert done["code"] == 0, done


def full_disk_cases():
    report = {}
    for name, (command, other, _) in CASES.items():
        if name in NEEDS_K2 and not has_k2():
            continue
        words = command.split()
        earlier(name, words, other)
        for room in ROOMS:
            before = tree()
            with filled(room):
                found = run(words)
                found["after"] = tree()
            report[f"{name} {room}"] = {**found, "before": before}
        for path in Path("disk").iterdir():
            shutil.rmtree(path)
    return report


def has_k2():
    try:
        import k2  # noqa: F401
    except ImportError:
        return False
    return True


def losses(exp):
    lines = [json.loads(line) for line in (exp / "metrics.jsonl").read_text().splitlines()]
    return [[line["train_loss"], line["dev_loss"]] for line in lines]


def training_cases():
    words = ["--train", "train.jsonl.gz", "--dev", "dev.jsonl.gz", "--lang", "exp/lang", "--device", "cpu"]
    whole = run(["train", "train.yaml", "whole", *words])
    assert whole["code"] == 0, whole
    size = max(path.stat().st_size for path in Path("whole/checkpoints").iterdir())
    again = ["train", "train.yaml", "disk/exp", *words]
    with filled(2 * size + (48 << 10)):  # for the small files and two checkpoints, while three are kept for a moment
        stopped = run(again)
        stopped["checkpoints"] = [path.name for path in Path("disk/exp/checkpoints").iterdir()]
    resumed = run(again)
    return {
        "train whole": {"losses": losses(Path("whole"))},
        "train stopped": stopped,
        "train resumed": {**resumed, "losses": losses(Path("disk/exp"))},
    }


def note_cases():
    from pyspeech.errors import UserError
    from pyspeech.training.json_lines import Lines
    from pyspeech.training.progress import Curves

    folder = Path("disk/noted")
    curves = Curves(folder / "tensorboard", step=0)
    lines = Lines(folder / "bad_batches.jsonl")
    lines.add({"epoch": 1})
    report = {}
    with filled(0):
        for name, call in {
            "tensorboard": lambda: [curves.add(step, {"loss": 1.0}) for step in range(1000)],
            "bad_batches.jsonl": lambda: lines.add({"epoch": 1, "ids": ["a" * 10_000]}),
        }.items():
            try:
                call()
            except UserError as error:
                report[name] = {"error": f"UserError: {error}"}
    return report


def main(folder):
    os.chdir(folder)
    make_inputs()
    Path("disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", "disk"], check=True)
    report = {**full_disk_cases(), **training_cases(), **note_cases()}
    Path("report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
