"""What docs/files.md says of our files is what commands write: each name and each key, and none that nobody writes."""

import gzip
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lhotse import MonoCut
from safetensors import safe_open

from pyspeech.cli import cli
from pyspeech.corpora.corpus import utterance
from pyspeech.data.manifests import write_manifest
from pyspeech.decoding import stored
from pyspeech.graph import inputs
from pyspeech.lm import ngram
from pyspeech.scoring import accuracy
from pyspeech.speakers import embeddings, enrolments, verify
from tests.decodes import said, save_decode, save_lm, sentences
from tests.experiments import YAML
from tests.tones import PITCHES, write_tones

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
HAS_K2 = importlib.util.find_spec("k2") is not None
FEW = ("rescore.tuning.lm=[0, 1, 1]", "rescore.tuning.word=[0, 0, 1]", "rescore.tuning.graph=[0, 0, 1]")
# What the page tells that none of the commands below write: a GPU does, code of one's own, what goes wrong or on.
ELSEWHERE = {
    "`metrics.jsonl`": {"peak_memory_bytes", "loss_scale", "overflows"},
    "What was left out": {"step", "not_finite", "left_out"},
    "files": {
        "code/<module>.py",
        "bad_batches.jsonl",
        "out_of_memory.jsonl",
        "comparison.png",
        ".<split>.parts/",
        "partial.<name>",
        "partial.<name>.lock",
    },
}


def section(heading: str) -> str:
    """The text below a heading, to the next of its level or above."""
    level = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}$\n(.*?)(?=^#{{1,{level}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/files.md has no heading {heading!r}"
    return found[1]


def first_column(text: str, of: str) -> list[str]:
    """What stands in backticks in the first column of the tables whose first column is called so."""
    names: list[str] = []
    within = False
    for line in text.splitlines():
        if line.startswith(f"| {of} |"):
            within = True
        elif not line.startswith("|"):
            within = False
        elif within:
            names += re.findall(r"`([^`]+)`", line.split(" | ")[0])
    return names


def pattern(name: str) -> re.Pattern[str]:
    """A name as the page writes it: ``<split>`` stands for anything."""
    return re.compile(
        "".join(".+" if part.startswith("<") else re.escape(part) for part in re.split("(<[^>]+>)", name))
    )


def invoke(*words: object) -> None:
    done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def tones(split: str, count: int) -> list[MonoCut]:
    words = list(PITCHES)
    return [
        utterance(
            write_tones(Path.cwd() / f"audio/{split}{n}.wav", [words[n % 3], words[n // 3 % 3]], seed=n),
            f"{words[n % 3]} {words[n // 3 % 3]}",
            f"{split}-s{n % 2}",
        )
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory, train_on_tones) -> Iterator[Path]:
    """A folder in which commands wrote every kind of file that the page tells of, as far as this lane can."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYSPEECH_CACHE", str(folder / "cache"))
        data()
        training()
        decodes()
        classification(folder, train_on_tones)
        speakers(folder, train_on_tones)
        yield folder


def data() -> None:
    Path("conf.yaml").write_text(YAML.replace("epochs: 12", "epochs: 1"))
    Path("lexicon.txt").write_text("LOW\tl o\nMID\tm i\nHIGH\th i\n")
    splits = {split: tones(split, count) for split, count in {"train": 16, "dev": 20, "test": 4}.items()}
    gone = utterance(write_tones(Path.cwd() / "audio/gone.wav", ["LOW"]), "LOW", "s")
    long = utterance(write_tones(Path.cwd() / "audio/long.wav", ["LOW"]), " ".join(["HIGH"] * 30), "s")
    for split, cuts in splits.items():
        write_manifest(cuts, Path(f"data/manifests/{split}.jsonl.gz"))
    write_manifest([*splits["train"], gone, long], Path("data/faulty/train.jsonl.gz"))
    Path("audio/gone.wav").unlink()
    every = [f"data/manifests/{split}.jsonl.gz" for split in splits]
    invoke("validate", "data/faulty/train.jsonl.gz", "--fix", "data/mended")
    invoke("describe", *every, "--out", "data/description")
    invoke("audio", every[-1], "data/audio", "--rate", 4000)
    invoke("features", *every, "data/fbank", "--config", "conf.yaml", "--jobs", 1)
    invoke("lang", "data/lang", "--tokens", "phones", "--lexicon", "lexicon.txt")
    invoke("lang", "data/lang_pieces", "--tokens", "pieces", "--pieces", 10, "--manifest", every[0])
    invoke("lm", "train", "data/lm", every[0], "--order", 2, "--memory", "100M")
    invoke("labels", "data/labels", "--manifest", every[0], "--field", "speaker")
    if HAS_K2:
        invoke("graph", "data/lang", "data/lm", "data/graph")


def training() -> None:
    manifests = ("--train", "data/faulty/train.jsonl.gz", "--dev", "data/fbank/dev.jsonl.gz")
    invoke("train", "conf.yaml", "exp/tdnn_lstm", *manifests, "--lang", "data/lang", "--device", "cpu")
    begun = ("--lang", "data/lang", "--init", "exp/tdnn_lstm", "--freeze", "network.tdnn", "--device", "cpu")
    invoke("train", "conf.yaml", "exp/tuned", *manifests, *begun)
    invoke("plot", "exp/tdnn_lstm")
    invoke("inspect", "data/fbank/test.jsonl.gz", "--id", "test0", "--exp", "exp/tdnn_lstm")


def decodes() -> None:
    """Of the network; and of given frame scores, which have lattices without k2, too."""
    search = ("--method", "search", "--lm", "data/lm", "--jobs", 1)
    invoke("decode", "exp/tdnn_lstm", "data/fbank/dev.jsonl.gz", *search)
    invoke("decode", "exp/tdnn_lstm", "data/fbank/test.jsonl.gz", *search, "--tune", "exp/tdnn_lstm/decode/dev", *FEW)
    if HAS_K2:
        graph = ("--graph", "data/graph", "--method", "nbest", "--jobs", 1, "--out", "exp/graph")
        invoke("decode", "exp/tdnn_lstm", "data/fbank/test.jsonl.gz", *graph)
    save_decode(Path("exp/given"), said("test", sentences(4)))
    save_lm(Path("lm"), sentences(50))
    invoke("rescore", "exp/given", "--lm", "lm/lm.arpa", "--lattices", "--out", "exp/again")
    invoke("rescore", "exp/given", "--lm", "lm.txt", "--drop-held-out", "--out", "exp/of_text")
    Path("list.txt").write_text("CAT\n")
    invoke("score", "wer", "exp/given.jsonl", "exp/again")
    invoke("score", "rare-words", "exp/given.jsonl", "exp/again", "--words", "list.txt")
    invoke("score", "wer", "data/manifests/test.jsonl.gz", "exp/tdnn_lstm/decode/test")


def classification(folder: Path, train_on_tones) -> None:
    exp = train_on_tones(folder / "words", "text")
    invoke("predict", exp, "words/test.jsonl.gz", "--out", "predict", "--device", "cpu")
    invoke("score", "accuracy", "words/test.jsonl.gz", "predict")


def speakers(folder: Path, train_on_tones) -> None:
    exp = train_on_tones(folder / "voices", "speaker")
    invoke("embed", exp, "voices/test.jsonl.gz", "embeddings", "--device", "cpu")
    for word in PITCHES:
        write_tones(Path("people") / word / "1.wav", [word])
    invoke("enroll", exp, "store", "people", "--device", "cpu")
    rng = np.random.default_rng(1)
    for split in ("train", "dev", "test"):
        names = [f"{split}-{number}" for number in range(6) for _ in range(5)]
        ids = [f"{name}-{row}" for row, name in enumerate(names)]
        rows = np.repeat(rng.normal(0, 2, (6, 4)), 5, axis=0) + rng.normal(size=(30, 4))
        embeddings.save_embeddings(Path("vectors") / split, ids, names, rows, "network")
        lines = [
            {"id": id_, "duration": 1.0, "supervisions": [{"text": "", "speaker": name}]}
            for id_, name in zip(ids, names, strict=True)
        ]
        Path(f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    invoke("plda", "vectors/train", "plda.npz")
    for split in ("dev", "test"):
        invoke("trials", f"{split}.jsonl", f"trials/{split}.txt")
        means = ("--plda", "plda.npz", "--cohort", "vectors/train")
        invoke("verify", f"trials/{split}.txt", f"vectors/{split}", *means, "--out", f"verify/{split}")
    invoke("calibrate", "verify/test", "--tune", "verify/dev", "--out", "verify/calibrated")
    invoke("score", "verification", "verify/calibrated")
    invoke("score", "identification", "vectors/test", "--tune", "vectors/dev", "--out", "identify")


# Heading of the page -> the folders that it is about, in that of ``made``.
FOLDERS = {
    "## Data": ("data/manifests", "data/faulty", "data/fbank", "data/audio", "data/mended", "data/description"),
    "## Tokens, words, labels": ("data/lang", "data/lang_pieces", "data/labels"),
    "## Language model": ("data/lm",),
    "## Graph": ("data/graph",),
    "## Training": ("exp/tdnn_lstm", "exp/tuned", "words/exp", "voices/exp"),
    "## Decode": ("exp/tdnn_lstm/decode/dev", "exp/tdnn_lstm/decode/test", "exp/graph", "exp/again"),
    "## Predictions": ("predict",),
    "## Embeddings": ("embeddings",),
    "## Store of people": ("store",),
    "## Verification": ("verify/test", "verify/calibrated"),
    "## Identification": ("identify",),
    "## Cache": ("cache",),
}
BELOW = re.compile(r"(decode|lang|labels)/")  # of other sections


@pytest.mark.parametrize("heading", FOLDERS)
def test_every_file_is_named(made, heading):
    names = first_column(section(heading), "file")
    assert names
    for folder in FOLDERS[heading]:
        if heading == "## Graph" and not HAS_K2:
            pytest.skip("needs k2, which this lane does not have")
        if folder == "exp/graph" and not HAS_K2:
            continue
        files = [str(path.relative_to(made / folder)) for path in (made / folder).rglob("*") if path.is_file()]
        assert files, folder
        others = [name for name in files if not BELOW.match(name)]
        assert [name for name in others if not any(pattern(each).fullmatch(name) for each in names)] == [], folder


@pytest.mark.skipif(not HAS_K2, reason="needs k2, which this lane does not have")
@pytest.mark.parametrize("heading", FOLDERS)
def test_every_file_that_is_named_is_written(made, heading):
    folders = [made / folder for folder in FOLDERS[heading]]
    files = [str(path.relative_to(folder)) for folder in folders for path in folder.rglob("*") if path.is_file()]
    names = set(first_column(section(heading), "file")) - ELSEWHERE["files"]
    assert {name for name in names if not any(pattern(name).fullmatch(file) for file in files)} == set()


# Heading of the page -> all files that a folder of this kind may hold, as the code says.
MAY_HOLD = {
    "## Language model": ngram.FILES,
    "## Graph": inputs.FILES,
    "## Decode": stored.FILES,
    "## Predictions": accuracy.FILES,
    "## Embeddings": embeddings.FILES,
    "## Store of people": enrolments.FILES,
    "## Verification": verify.FILES,
}


@pytest.mark.parametrize("heading", MAY_HOLD)
def test_every_file_that_may_be_there_is_named(heading):
    names = {name.partition("/")[0] for name in first_column(section(heading), "file")}
    assert MAY_HOLD[heading] - names == set()


# Heading of the page -> the files that have these keys.
KEYS = {
    "### A cut": ("data/fbank/train.jsonl.gz", "data/manifests/train.jsonl.gz"),
    "### `description.json`": ("data/description/description.json",),
    "### `tokens.json`": ("data/lang/tokens.json", "data/lang_pieces/tokens.json"),
    "### `labels.json`": ("data/labels/labels.json",),
    "### `lm.json`": ("data/lm/lm.json",),
    "### `graph.json`": ("data/graph/graph.json",),
    "### `graph.safetensors`": ("data/graph/graph.safetensors",),
    "### `origin.json`": ("exp/tuned/origin.json",),
    "### `metrics.jsonl`": ("exp/tdnn_lstm/metrics.jsonl", "words/exp/metrics.jsonl"),
    "### `steps.jsonl`": ("exp/tdnn_lstm/steps.jsonl",),
    "### `token_offsets.json`": ("exp/tdnn_lstm/token_offsets.json",),
    "### What was left out": ("exp/tdnn_lstm/left_out.jsonl", "exp/tdnn_lstm/unreadable.jsonl"),
    "### `step-<step>.safetensors`": ("exp/tdnn_lstm/checkpoints/step-*.safetensors",),
    "### `model.safetensors`": ("exp/tdnn_lstm/model.safetensors",),
    "### `hyps.jsonl`": ("exp/graph/hyps.jsonl", "exp/again/hyps.jsonl", "exp/tdnn_lstm/decode/dev/hyps.jsonl"),
    "### `decode.json`": ("exp/graph/decode.json", "exp/tdnn_lstm/decode/test/decode.json", "exp/again/decode.json"),
    "### `symbols.json`": ("exp/again/lattices/symbols.json", "exp/tdnn_lstm/decode/test/frames/symbols.json"),
    "### `lattices/<n>.npz`": ("exp/again/lattices/0.npz",),
    "### `frames/<n>.npz`": ("exp/tdnn_lstm/decode/test/frames/0.npz",),
    "### `weights.json`": ("exp/tdnn_lstm/decode/test/weights.json",),
    "### `score/score.json` of words": ("exp/again/score/score.json", "exp/tdnn_lstm/decode/test/score/score.json"),
    "### `score/rare_words.json`": ("exp/again/score/rare_words.json",),
    "### `predictions.jsonl`": ("predict/predictions.jsonl",),
    "### `score/score.json` of labels": ("predict/score/score.json",),
    "### `people.json`": ("store/people.json",),
    "### `plda.npz`": ("plda.npz",),
    "### `verify.json`": ("verify/test/verify.json", "verify/calibrated/verify.json"),
    "### `score/score.json` of trials": ("verify/calibrated/score/score.json",),
    "### `score.json` of people": ("identify/score.json",),
}


def values_of(path: Path) -> list[object]:
    """The objects of a file: one, or one a line; of arrays their names, of tensors the header."""
    if path.suffix == ".npz":
        return [dict.fromkeys(np.load(path).files)]
    if path.suffix == ".safetensors":
        with safe_open(path, "np") as file:
            header = json.loads(file.metadata()["pyspeech"])
            names = file.keys() if path.name == "graph.safetensors" else ()
            return [{f"pyspeech.{name}": value for name, value in header.items()} | dict.fromkeys(names)]
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    return [json.loads(text)] if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]


def leaves(value: object, above: str = "") -> Iterator[str]:
    """The keys of what is no object, with those above them; a list is what is in it."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from leaves(below, f"{above}.{key}" if above else key)
    elif isinstance(value, list) and value:
        for each in value:
            yield from leaves(each, above)
    else:
        yield above


@pytest.mark.parametrize("heading", KEYS)
def test_every_key_is_told_and_is_there(made, heading):
    told = first_column(section(heading), "key")
    paths = [path for name in KEYS[heading] for path in made.glob(name)]
    if not paths and not HAS_K2:
        pytest.skip("needs k2, which this lane does not have")
    found = {key for path in paths for value in values_of(path) for key in leaves(value)}
    assert found
    # Where there is nothing, null or an empty list, the keys below it are missing.
    untold = {
        key for key in found if not any(pattern(each).fullmatch(key) or each.startswith(key + ".") for each in told)
    }
    assert untold == set()
    if HAS_K2:
        absent = {each for each in told if not any(map(pattern(each).fullmatch, found))}
        assert absent == ELSEWHERE.get(heading.removeprefix("### "), set())
