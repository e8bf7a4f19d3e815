"""Start two commands that write one output, at random moments, and look at what is left.

    python tools/stress/pairs.py recipes/yesno --pairs 100 --seed 1

Each command is run alone first, in two variants, to know what it writes and how long it takes. Then come pairs of
variants of one command, the second up to that time later; in some of them one process is killed. What stands under the
final name in the end must be what one of them writes alone, whole: of the last that ended with 0, or what stood there
before, if none did. The recipe is run to its score first where it was not.
"""

import gzip
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

TOLD = re.compile(r"is being written by (process \d+|another process)")  # the latter before the first said who it is
# Keys whose values differ in every run.
UNSTABLE = re.compile(r"seconds|time|date|wall|wait|speed|memory|host|started", re.IGNORECASE)
# What two runs never write alike: curves with the time of day, and checkpoints that hold how long things took.
LEFT_OUT = {"tensorboard", "checkpoints", "contents.json"}
# command -> its two variants; OUT is what they write, A and B are made by _inputs
COMMANDS = {
    "decode": (
        "decode exp/tdnn_lstm data/fbank/test.jsonl.gz --method greedy --jobs 1 --out OUT",
        "decode exp/tdnn_lstm data/fbank/test.jsonl.gz --graph data/graph --jobs 1 --out OUT",
    ),
    "describe": ("describe A/one.jsonl.gz --out OUT", "describe B/one.jsonl.gz --out OUT"),
    "export-text": (
        "export-text exp/tdnn_lstm/decode/test OUT --format ctm",
        "export-text exp/tdnn_lstm/decode/test OUT --format json",
    ),
    "features": (
        "features A/one.jsonl.gz OUT --config A/conf.yaml",
        "features A/one.jsonl.gz OUT --config B/conf.yaml",
    ),
    "graph": ("graph data/lang A/lm OUT", "graph data/lang B/lm OUT"),
    "labels": (
        "labels OUT --manifest A/one.jsonl.gz --field text",
        "labels OUT --manifest B/one.jsonl.gz --field text",
    ),
    "lang": (
        "lang OUT --manifest A/one.jsonl.gz --tokens characters",
        "lang OUT --manifest A/one.jsonl.gz --tokens phones --lexicon conf/lexicon.txt",
    ),
    "lattice": (
        "lattice export exp/tdnn_lstm/decode/test OUT",
        "lattice export exp/tdnn_lstm/decode/test OUT --words --beam 1",
    ),
    "lm text": ("lm text OUT.txt A/prose.txt", "lm text OUT.txt B/prose.txt"),
    "lm train": (
        "lm train OUT A/one.jsonl.gz --order 2",
        "lm train OUT B/one.jsonl.gz --order 3",
    ),
    "rescore": (
        "rescore exp/tdnn_lstm/decode/test --lm A/lm/lm.arpa --out OUT",
        "rescore exp/tdnn_lstm/decode/test --lm B/lm/lm.arpa --out OUT --method search",
    ),
    "train": tuple(
        "train conf/tdnn_lstm.yaml OUT --lang data/lang "
        "--train data/fbank/train.jsonl.gz --dev data/fbank/test.jsonl.gz "
        f"training.epochs=1 training.average_epochs=1 training.seed={seed}"
        for seed in (1, 2)
    ),
    "validate": ("validate A/one.jsonl.gz --fix OUT", "validate B/one.jsonl.gz --fix OUT"),
}


@dataclass(frozen=True)
class Alone:
    """What one variant of a command does when nothing disturbs it: words, content of OUT, seconds."""

    words: str
    content: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Trial:
    """What a pair is to do: the second starts ``delay`` seconds later; one may be killed after so many seconds."""

    order: tuple[int, int]
    delay: float
    killed: tuple[int, float] | None
    stood: int | None  # variant whose output is there before


def main(recipe: Path, pairs: int, seed: int) -> int:
    """Run all pairs and return the number of faults."""
    chance = random.Random(seed)  # noqa: S311 -- moments, no secrets
    if not list(recipe.glob("exp/*/decode/test")):
        subprocess.run(["./run.sh"], cwd=recipe, check=True, stdin=subprocess.DEVNULL)
    os.chdir(recipe)
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _inputs(folder)
        alone = {command: [_alone(folder, words) for words in variants] for command, variants in COMMANDS.items()}
        for command, (one, other) in alone.items():
            if not one.content or one.content == other.content:
                sys.exit(f"{command}: two variants write the same, or nothing")
        for number in range(1, pairs + 1):
            command = list(COMMANDS)[(number - 1) % len(COMMANDS)]
            trial = _trial(alone[command], chance)
            outcome, fault = _pair(folder, alone[command], trial)
            outcomes[outcome] += 1
            if fault:
                outcomes["faults"] += 1
                click.echo(f"pair {number}, {command}, {trial}: {fault}", err=True)
    click.echo(f"{pairs} pairs: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    return outcomes["faults"]


def _trial(alone: Sequence[Alone], chance: random.Random) -> Trial:
    longest = max(each.seconds for each in alone)
    killed = (chance.randrange(2), chance.uniform(0, longest)) if chance.random() < 0.3 else None
    order = (0, 1) if chance.random() < 0.5 else (1, 0)
    return Trial(order, chance.choice([0.0, chance.uniform(0, longest)]), killed, chance.choice([None, 0, 1]))


def _pair(folder: Path, alone: Sequence[Alone], trial: Trial) -> tuple[str, str]:
    """Run a pair; return how it went, and what is wrong, if anything is."""
    before: dict[str, str] = {}
    _clear(folder)
    if trial.stood is not None and "train " not in alone[0].words:  # another training is refused, not replaced
        before = _alone(folder, alone[trial.stood].words).content
    started = [_start(folder, alone[trial.order[0]].words)]
    time.sleep(trial.delay)
    started.append(_start(folder, alone[trial.order[1]].words))
    if trial.killed is not None:
        victim, seconds = trial.killed
        time.sleep(seconds)
        started[victim].send_signal(signal.SIGKILL)
    ended = [0.0, 0.0]
    while not all(ended):
        for place, process in enumerate(started):
            if not ended[place] and process.poll() is not None:
                ended[place] = time.monotonic()
        time.sleep(0.005)
    said = [process.communicate()[1] for process in started]
    return _judge([process.returncode for process in started], ended, said, _content(folder), before, alone, trial)


def _judge(
    codes: Sequence[int],
    ended: Sequence[float],
    said: Sequence[str],
    content: dict[str, str],
    before: dict[str, str],
    alone: Sequence[Alone],
    trial: Trial,
) -> tuple[str, str]:
    for code, text in zip(codes, said, strict=True):
        refused = TOLD.search(text) or "was begun with" in text  # the latter of a training by another configuration
        if code not in (0, -signal.SIGKILL) and not (refused and text.count("error: ") == 1):
            return "broken", f"exit code {code}: {text.strip()[-300:]}"
    winners = sorted((place for place in (0, 1) if codes[place] == 0), key=lambda place: ended[place])
    outcome = {2: "in turn", 1: "one won, the other was told or killed", 0: "none won"}[len(winners)]
    allowed = [alone[trial.order[place]].content for place in winners[-1:]] or [before]
    # A command that was killed may have ended its work.
    allowed += [alone[trial.order[place]].content for place in (0, 1) if codes[place] == -signal.SIGKILL]
    # A description is two files in a folder that may hold others: each is whole, but they may be of two runs.
    several = "describe " in alone[0].words and content.keys() == alone[0].content.keys()
    if several and all(content[name] in {each.get(name) for each in (before, *allowed)} for name in content):
        return outcome, ""
    if content not in allowed and not (not winners and "train " in alone[0].words):
        return outcome, f"what is left is none of what was written: {sorted(content)}"
    return outcome, ""


def _inputs(folder: Path) -> None:
    train = gzip.decompress(Path("data/manifests/train.jsonl.gz").read_bytes()).splitlines(keepends=True)
    for name, lines, order in (("A", train[: len(train) // 2], 2), ("B", train[len(train) // 2 :], 3)):
        (folder / name).mkdir()
        (folder / name / "one.jsonl.gz").write_bytes(gzip.compress(b"".join(lines)))
        (folder / name / "prose.txt").write_text(f"{name} is another text.\n" * 1000)
        conf = Path("conf/tdnn_lstm.yaml").resolve()
        (folder / name / "conf.yaml").write_text(
            f"include: [{conf.with_suffix('')}]\nfeatures: {{num_mel_bins: {30 + order}}}\n"
        )
        _run(folder, f"lm train {name}/lm data/manifests/train.jsonl.gz --order {order}")


def _alone(folder: Path, words: str) -> Alone:
    _clear(folder)
    begin = time.monotonic()
    _run(folder, words)
    return Alone(words, _content(folder), time.monotonic() - begin)


def _run(folder: Path, words: str) -> None:
    process = _start(folder, words)
    said = process.communicate()[1]
    if process.returncode:
        sys.exit(f"pyspeech {words}: {said}")


def _start(folder: Path, words: str) -> subprocess.Popen[str]:
    named = re.sub(r"\b(A|B)/", lambda found: f"{folder / found[1]}/", words).replace("OUT", str(folder / "made/out"))
    return subprocess.Popen(
        [sys.executable, "-m", "pyspeech", *shlex.split(named)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _clear(folder: Path) -> None:
    shutil.rmtree(folder / "made", ignore_errors=True)


def _content(folder: Path) -> dict[str, str]:
    """What stands under final names, without what differs in every run."""
    made = folder / "made"
    found = {}
    for path in sorted(made.rglob("*")):
        parts = path.relative_to(made).parts
        if path.is_file() and not any(part.startswith(("partial.", ".")) or part in LEFT_OUT for part in parts):
            found["/".join(parts)] = _stable(path)
    return found


def _stable(path: Path) -> str:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if path.name.endswith((".json", ".jsonl")):
        texts = [data.decode()] if path.suffix == ".json" else data.decode().splitlines()
        return "\n".join(json.dumps(_without(json.loads(text)), sort_keys=True) for text in texts)
    return data.hex()


def _without(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without(part) for key, part in value.items() if not UNSTABLE.search(key)}
    return [_without(part) for part in value] if isinstance(value, list) else value


@click.command(help=__doc__)
@click.argument("recipe", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--pairs", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def command(recipe: Path, pairs: int, seed: int) -> None:
    """Run the pairs; the exit code is 1 if anything is wrong."""
    sys.exit(main(recipe, pairs, seed) > 0)


if __name__ == "__main__":
    command()
