"""Two commands that write one output: real processes, of which the second is told."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from pyspeech.cli import COMMANDS, cli
from pyspeech.errors import UserError

HOLDS = """
import sys
from pathlib import Path
from pyspeech.locks import only_writer
with only_writer(Path(sys.argv[1])):
    print("has it", flush=True)
    sys.stdin.readline()
"""
# name -> words with which a command gets so far that it would write OUT
WORDS = {
    "average": "exp --last 1 --out OUT",
    "calibrate": "verification --tune dev --out OUT",
    "decode": "exp train.jsonl --method greedy --out OUT",
    "describe": "train.jsonl --out OUT",
    "embed": "exp train.jsonl OUT",
    "export-text": "decode OUT",
    "graph": "lang lm OUT",
    "inspect": "train.jsonl --id a --out OUT",
    "labels": "OUT --manifest train.jsonl --field text",
    "lang": "OUT --manifest train.jsonl --tokens characters",
    "lattice draw": "decode a --out OUT",
    "lattice export": "decode OUT",
    "lattice import": "slf OUT",
    "lm train": "OUT text.txt",
    "lm text": "OUT text.txt",
    "plda": "embeddings OUT",
    "plot": "exp --out OUT",
    "predict": "exp train.jsonl --out OUT",
    "rescore": "decode --lm lm.arpa --out OUT",
    "score identification": "embeddings --tune dev --out OUT",
    "trials": "train.jsonl OUT",
    "validate": "train.jsonl --fix OUT",
    "verify": "trials embeddings --out OUT",
}
# What these write stands in the folder of what they read, in files that are each written in a moment or by the loop.
OTHERWISE = {"audio", "compare", "enroll", "env", "features", "identify", "new-recipe", "results", "score", "train"}
NOTHING = {"config"}


def test_every_command_that_writes_is_known_here():
    assert {name.partition(" ")[0] for name in WORDS} | OTHERWISE | NOTHING == set(COMMANDS)


@pytest.mark.parametrize("name", WORDS)
def test_who_would_write_what_another_process_writes_is_told_at_once(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "new" / "out"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, out], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "has it\n"
        words = [*name.split(), *(WORDS[name].replace("OUT", str(out)).split())]
        with pytest.raises(UserError, match=rf"out is being written by process {holder.pid} "):
            CliRunner().invoke(cli, words, catch_exceptions=False)
        holder.communicate("\n")
    assert not list(tmp_path.iterdir())
