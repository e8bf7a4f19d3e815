"""Classes of the user's own, as docs/own_classes.md shows them: outside the project, no file of which is touched."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from pyspeech import own_code
from pyspeech.api import load_model
from pyspeech.cli import cli
from pyspeech.config import load_config
from pyspeech.decoding.own_decoder import OwnDecoder
from pyspeech.errors import UserError
from pyspeech.lang.labels import LabelTable
from pyspeech.lang.tokens import CharacterTokens, load_tokens
from pyspeech.losses.ctc import torch_ctc_loss
from pyspeech.settings import save_config
from pyspeech.transcripts import read_transcripts
from tests.recipe_runs import run_recipe, score_of
from tests.tones import PITCHES, RATE, tone_cuts, tone_manifest

PROJECT = Path(__file__).resolve().parents[1]
DOCUMENT = PROJECT / "docs" / "own_classes.md"
BLOCK = re.compile(r"```(?:python|yaml|sh)\n# (\S+)\n(.*?)```", re.DOTALL)
EXAMPLES = dict(BLOCK.findall(DOCUMENT.read_text(encoding="utf-8")))
SMALL = [
    *(f"features.sampling_rate={RATE}", "features.num_mel_bins=24", "features.high_hz=0"),
    *("augment.speeds=[1.0]", "augment.time_masks=0", "augment.frequency_masks=0"),
    *("batches.max_seconds=6", "batches.buckets=2", "batches.workers=0"),
    *("training.epochs=24", "training.learning_rate=0.01", "training.average_epochs=2"),
]


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What a test trusts and loads is not trusted and loaded in the next."""
    monkeypatch.setattr(own_code, "_trusted", [])
    yield
    own_code._forget()


def recipe(folder):
    for name, text in EXAMPLES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    tone_manifest(folder / "train.jsonl.gz", 60)
    tone_manifest(folder / "dev.jsonl.gz", 12, seed=5)
    CharacterTokens.from_words(PITCHES).save(folder / "lang")
    LabelTable("text", tuple(sorted(PITCHES))).save(folder / "labels")
    return folder


def train(folder, configuration, exp, table, *more):
    manifests = ("--train", str(folder / "train.jsonl.gz"), "--dev", str(folder / "dev.jsonl.gz"))
    command = ["train", str(folder / "conf" / configuration), str(folder / exp), *SMALL, *more, *manifests]
    return CliRunner().invoke(cli, [*command, f"--{table}", str(folder / table), "--device", "cpu"])


def last_line(exp):
    return json.loads((exp / "metrics.jsonl").read_text().splitlines()[-1])


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A recipe with its own classes, and what it trained, not for long."""
    folder = recipe(tmp_path_factory.mktemp("mine"))
    result = train(folder, "gru.yaml", "exp/gru", "lang", "training.epochs=6")
    assert result.exit_code == 0, result.output
    return folder


def test_each_example_is_short():
    assert {path.suffix for path in map(Path, EXAMPLES)} == {".py", ".yaml", ".sh"}
    assert {name: text for name, text in EXAMPLES.items() if text.count("\n") >= 60} == {}


def decode(folder, *options, code=("--code",), exp="exp/gru", out="out"):
    code = [*code, str(folder)] if code else []
    command = [*code, "decode", str(folder / exp), str(folder / "dev.jsonl.gz"), "--out", str(folder / out)]
    return CliRunner().invoke(cli, [*command, *map(str, options)], catch_exceptions=True)


def words_of(folder):
    return [json.loads(line)["words"] for line in (folder / "hyps.jsonl").read_text().splitlines()]


def test_a_network_a_loss_and_an_augmentation_train(mine):
    assert last_line(mine / "exp/gru")["step"] > 10  # what is learnt is asked of a whole recipe, below
    assert sorted(path.name for path in (mine / "exp/gru/code").iterdir()) == ["augmentation.py", "loss.py", "model.py"]


def test_a_decoder_finds_the_words(mine):
    options = ("--method", "own", "--config", mine / "conf/gru_decode.yaml", "--jobs", "2", "decode.batch_seconds=2")
    result = decode(mine, *options)
    assert result.exit_code == 0, result.output
    own_code.trust(mine)
    model, beam = load_model(mine / "exp/gru"), loaded(mine, "decoder:PrefixBeam")(width=8)
    tokens = load_tokens(mine / "lang")
    expected = []
    for each in read_transcripts(mine / "dev.jsonl.gz"):
        samples, rate = soundfile.read(mine / "dev_audio" / f"{each.id}.wav", dtype="float32")
        expected.append(tokens.decode(beam(model.log_probs(samples, rate))))
    assert words_of(mine / "out") == expected
    assert any(expected)


def test_code_runs_only_from_where_it_was_said_that_it_may(mine, tmp_path):
    theirs = tmp_path / "theirs"
    shutil.copytree(mine / "exp/gru", theirs)
    ran = tmp_path / "ran"
    for folder in (theirs / "code", theirs, tmp_path):
        (folder / "model.py").write_text(
            f"import pathlib\n\npathlib.Path({str(ran)!r}).touch()\n" + EXAMPLES["model.py"]
        )
    command = [
        sys.executable,
        "-m",
        "pyspeech",
        "decode",
        str(theirs),
        str(mine / "dev.jsonl.gz"),
        "--method",
        "greedy",
    ]
    done = subprocess.run([*command, "--out", "out"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {theirs} needs code that it carries (augmentation:Clipping, loss:Confidence")
    assert f"pyspeech --code {theirs} ..." in line
    assert not ran.exists()
    own_code.trust(theirs)
    own_code.import_trusted_classes(load_config(theirs / "config.yaml").names, theirs)
    assert ran.exists()


def test_an_experiment_keeps_the_code_that_it_was_trained_with(mine, tmp_path):
    shutil.copytree(mine, tmp_path / "copy")
    folder = tmp_path / "copy"
    (folder / "model.py").write_text("raise RuntimeError('this is another')\n")
    assert decode(folder, "--method", "greedy").exit_code == 0
    result = train(folder, "gru.yaml", "exp/gru", "lang", "training.epochs=6")
    assert "model.py cannot be imported: RuntimeError: this is another" in str(result.exception)
    (folder / "model.py").write_text(EXAMPLES["model.py"].replace("kernel_size=3", "kernel_size=(3,)"))
    result = train(folder, "gru.yaml", "exp/gru", "lang", "training.epochs=6")
    assert "exp/gru was begun with other code of recognition, model:GruCtc" in str(result.exception)


def test_a_task_trains(tmp_path):
    folder = recipe(tmp_path)
    result = train(folder, "tagging.yaml", "exp/tagging", "labels", "training.epochs=10")
    assert result.exit_code == 0, result.output
    assert last_line(folder / "exp/tagging")["dev_tag_error_rate"] < 0.2
    assert "takes --labels, not --lang" in train(folder, "tagging.yaml", "exp/other", "lang").output


@pytest.mark.slow
def test_a_recipe_outside_the_project_trains_decodes_and_scores(tmp_path):
    for split, count, seed in (("train", 60, 0), ("dev", 12, 5), ("test", 12, 9)):
        for cut in tone_cuts(tmp_path / "corpus" / split, count, seed=seed):
            path = Path(cut.recording.sources[0].source)
            path.with_suffix(".txt").write_text(cut.supervisions[0].text)
    folder = tmp_path / "mine"
    for name, text in EXAMPLES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("~/pyspeech", str(PROJECT)), encoding="utf-8")
    save_config(load_config(folder / "conf/gru.yaml", SMALL), folder / "conf/gru.yaml")  # the sizes of a test
    (folder / "run.sh").chmod(0o755)
    out, _ = run_recipe(folder, "--corpus-dir", str(tmp_path / "corpus"))
    assert score_of(out).percent < 50  # a guess has 100
    lines = {name: text.count("\n") for name, text in EXAMPLES.items()}
    assert lines["run.sh"] + lines["prepare.py"] + lines["conf/gru.yaml"] < 60


def loaded(folder, name):
    own_code.import_classes([name], folder)
    return own_code.own_class(name)


def test_the_loss_of_the_document_is_ctc_less_entropy(tmp_path):
    loss = loaded(recipe(tmp_path), "loss:ConfidencePenalty")
    log_probs_BTV, lengths_B = torch.randn(2, 5, 3).log_softmax(2), torch.tensor([5, 3])
    ctc_B = torch_ctc_loss(log_probs_BTV, lengths_B, [[1, 2], [2]])
    expected = [
        ctc_B[b] + 0.5 * sum(float(p.exp() * p) for p in log_probs_BTV[b, :length].flatten())
        for b, length in enumerate([5, 3])
    ]
    torch.testing.assert_close(loss(penalty=0.5)(log_probs_BTV, lengths_B, [[1, 2], [2]], 0.0), torch.stack(expected))


def test_the_decoder_of_the_document_sums_over_paths(tmp_path):
    decoder = loaded(recipe(tmp_path), "decoder:PrefixBeam")(width=1000)
    for seed in range(10):
        logits_TV = np.random.default_rng(seed).normal(size=(5, 3))
        log_probs_TV = logits_TV - np.log(np.exp(logits_TV).sum(1, keepdims=True))
        totals = {}
        for path in itertools.product(range(3), repeat=5):
            tokens = tuple(token for token, _ in itertools.groupby(path) if token)
            totals[tokens] = totals.get(tokens, 0.0) + np.exp(log_probs_TV[range(5), path].sum())
        assert tuple(decoder(log_probs_TV)) == max(totals, key=totals.get)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model:", "'model:' names no class; write module:Class"),
        ("a/b:C", "names no class"),
        ("nothing:Net", "'nothing:Net' is of nothing.py, which .* does not hold"),
        ("model:Net", "model.py has no class Net"),
        ("model:nn", "model.py has no class nn"),
        ("json:Net", "json.py is called like a module that Python has; call it otherwise"),
        ("numpy:Net", "numpy.py is called like a module that Python has"),
        ("broken:Net", r"broken.py cannot be imported: SyntaxError"),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path, name, message):
    for module, text in {"model": EXAMPLES["model.py"], "json": "", "numpy": "", "broken": "def"}.items():
        (tmp_path / f"{module}.py").write_text(text)
    with pytest.raises(UserError, match=message):
        own_code.import_classes([name], tmp_path)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("model.widht=3", "unknown key 'model.widht' of model:GruCtc; did you mean 'width'"),
        ("model.width=0", "model.width = 0: Input should be greater than 0"),
        ("loss.penalty=-1", "loss.penalty = -1: Input should be greater than or equal to 0"),
        ("loss={name: 'task:EachLabel'}", "loss.name = 'task:EachLabel' is not of outputs for each frame"),
        ("task='model:GruCtc'", "task: model:GruCtc is of a class that is no task"),
        (
            "augment.own=[{name: 'decoder:PrefixBeam', width: 8}]",
            "augment.own: decoder:PrefixBeam says not what it is of",
        ),
    ],
)
def test_settings_of_an_own_class_are_checked_like_ours(mine, word, message):
    result = train(mine, "gru.yaml", "exp/wrong", "lang", word)
    assert result.exit_code != 0
    assert re.search(message, f"{result.output} {result.exception}")


def test_what_is_installed_below_the_folder_is_no_code_of_its_own(tmp_path, monkeypatch):
    library = tmp_path / ".venv" / "some_library.py"
    library.parent.mkdir()
    library.write_text("")
    monkeypatch.syspath_prepend(str(library.parent))
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "model.py").write_text("import beside\nimport some_library\n" + EXAMPLES["model.py"])
    loaded(tmp_path, "model:GruCtc")
    assert sorted(own_code.code_files()) == ["beside.py", "model.py"]
    own_code._forget()
    assert "beside" not in sys.modules
    assert sys.modules.pop("some_library").__file__ == str(library)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("[0]", r"decode.own: many:Many returned \[0\] for 'a'; expected numbers of tokens, from 1 to"),
        ("[99]", "decode.own: many:Many returned"),
        ("[1] * 9", "decode.own: what many:Many returned for 'a': 5 output frames cannot spell the 9 tokens"),
    ],
)
def test_what_a_decoder_returns_is_checked(tmp_path, returned, message):
    (tmp_path / "many.py").write_text(
        f"class Many:\n    def __call__(self, log_probs_TV):\n        return {returned}\n"
    )
    tokens = CharacterTokens.from_words(PITCHES)
    decoder = OwnDecoder({"name": "many:Many"}, tmp_path, tokens)
    with pytest.raises(UserError, match=message):
        decoder("a", np.full((5, len(tokens.symbols)), -2.0, np.float32))


def test_configurations_in_conf_mean_the_folder_above():
    assert own_code.recipe_folder(Path("/recipes/mine/conf/net.yaml")) == Path("/recipes/mine")
    assert own_code.recipe_folder(Path("/recipes/mine/conf/small/net.yaml")) == Path("/recipes/mine")
    assert own_code.recipe_folder(Path("/recipes/mine/net.yaml")) == Path("/recipes/mine")
