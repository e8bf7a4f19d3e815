"""The command line of a recipe's prepare.py: options of its own, and how much it tells."""

import subprocess
from pathlib import Path

import pytest
from processes import run_script
from tones import write_tones

from pyspeech.data.manifests import read_manifest

PREPARE = """
from pyspeech.cli.prepare import Row, corpus_cli

def download(corpus, subset, text):
    (corpus / subset).mkdir(parents=True)

def splits(corpus, subset, text):
    return [path.name for path in sorted((corpus / subset).iterdir())]

def rows(corpus, split, subset, text):
    for path in sorted((corpus / subset / split).glob("*.wav")):
        yield Row(path, text=text)

if __name__ == "__main__":
    corpus_cli(rows, splits, download, subset=("small", "full"), text="LOW")
"""


@pytest.fixture
def corpus(tmp_path):
    """Three utterances of train, of which one cannot be read, in the subset full."""
    (tmp_path / "prepare.py").write_text(PREPARE)
    for name in "abc":
        write_tones(tmp_path / "corpus/full/train" / f"{name}.wav", ["LOW"])
    (tmp_path / "corpus/full/train/b.wav").write_bytes(b"RIFF")
    return tmp_path


def prepare(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = run_script(folder / "prepare.py", *arguments, cwd=folder)
    assert done.returncode == code, done.stderr
    return done


def test_options_of_the_recipe_reach_its_functions_by_name(corpus):
    prepare(corpus, "download", "new")
    assert [path.name for path in (corpus / "new").iterdir()] == ["small"]
    prepare(corpus, "manifests", "corpus", "out", "--subset", "full", "--text", "HIGH")
    cuts = list(read_manifest(corpus / "out/train.jsonl.gz"))
    assert [(cut.id, cut.supervisions[0].text) for cut in cuts] == [("a", "HIGH"), ("c", "HIGH")]


def test_what_cannot_be_chosen_is_refused_with_what_can(corpus):
    done = prepare(corpus, "manifests", "corpus", "out", "--subset", "ful", code=2)
    assert "'ful' is not one of 'small', 'full'" in done.stderr
    assert "[default: LOW]" in prepare(corpus, "manifests", "--help").stdout


def test_how_much_is_told_is_an_option_of_the_whole_command_line(corpus):
    arguments = ("manifests", "corpus", "out", "--subset", "full")
    plain = prepare(corpus, *arguments)
    told = plain.stderr.splitlines()
    assert plain.stdout == ""
    assert told[0].startswith(f"left out: {corpus}/corpus/full/train/b.wav is cut short")
    assert told[1:] == [
        "train: left out 1 of 3 utterances, which cannot be used",
        "out/train.jsonl.gz: 2 utterances, 0.00 hours",
    ]
    assert prepare(corpus, "-q", *arguments).stderr.splitlines() == told[:2]
    more = prepare(corpus, "-v", *arguments).stderr.splitlines()
    assert [line for line in more if not line.startswith("wrote ")] == told
    assert any(line.startswith("wrote out/train.jsonl.gz in ") for line in more)
    assert "-v and -q exclude each other" in prepare(corpus, "-v", "-q", *arguments, code=2).stderr
