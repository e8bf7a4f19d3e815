"""Time and memory of "pyspeech validate" and "pyspeech describe" on a long manifest, beside lhotse's own commands.

    python -m tools.benchmark.manifests FOLDER [--entries 100000] [--runs 3]

FOLDER gets the manifest and as many audio files, by names of their own: hard links to a few hundred real ones. Every
command is a whole process and runs alone, all in turn in each run; what is printed are medians. lhotse's validate reads
no audio here, ours reads the header of every file.
"""

import gzip
import itertools
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

RATE, SECONDS, AMPLITUDE = 8000, 0.2, 1000
FILES = 300  # real ones
VOCABULARY, MOST_WORDS, SPEAKERS = 20_000, 3, 500
SEED = 1
LHOTSE = str(Path(sys.executable).with_name("lhotse"))
COMMANDS = {
    "pyspeech describe": (sys.executable, "-m", "pyspeech", "describe"),
    "lhotse cut describe": (LHOTSE, "cut", "describe"),
    "pyspeech validate": (sys.executable, "-m", "pyspeech", "validate"),
    "lhotse validate": (LHOTSE, "validate", "--dont-read-data"),
}
# A small process of its own starts each command: Linux counts the memory of the one that starts it as its peak too.
LAUNCHER = """
import resource, subprocess, sys, time
began = time.perf_counter()
ran = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print([time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss, ran.returncode])
"""


@dataclass(frozen=True)
class Cost:
    """What one process took, and its exit status."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    status: int


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--entries", default=100_000, show_default=True)
@click.option("--runs", default=3, show_default=True)
def main(folder: Path, entries: int, runs: int) -> None:
    """Print the table."""
    manifest = make_manifest(folder, entries)
    costs: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, command in COMMANDS.items():
            costs[name].append(measure([*command, str(manifest)]))
    click.echo(f"{entries:,} entries, medians of {runs}\n")
    click.echo("| Command | Seconds | CPU seconds | Peak MiB | Exit status |\n|---|---:|---:|---:|---:|")
    for name, found in costs.items():
        seconds = statistics.median(cost.seconds for cost in found)
        cpu = statistics.median(cost.cpu_seconds for cost in found)
        peak = statistics.median(cost.peak_mib for cost in found)
        click.echo(f"| {name} | {seconds:.1f} | {cpu:.1f} | {peak:.0f} | {found[-1].status} |")


def make_manifest(folder: Path, entries: int) -> Path:
    """Write audio files and the manifest of them, one cut for each."""
    rng = random.Random(SEED)  # noqa: S311 -- sentences, not secrets
    words = ["".join(rng.choices("ABCDEFGHIKLMNOPRSTUVWY", k=rng.randint(2, 10))) for _ in range(VOCABULARY)]
    weights = [*itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1))]  # as in real text
    audio = folder / "audio"
    audio.mkdir(parents=True, exist_ok=True)
    sources = [_write_noise(folder / f"source{number:03d}.wav", rng) for number in range(min(FILES, entries))]
    manifest = folder / "manifest.jsonl.gz"
    with gzip.open(manifest, "wt", encoding="utf-8", compresslevel=6) as stream:
        for number in range(entries):
            path = audio / f"utterance{number:06d}.wav"
            path.unlink(missing_ok=True)
            os.link(sources[number % len(sources)], path)
            text = " ".join(rng.choices(words, cum_weights=weights, k=rng.randint(1, MOST_WORDS)))
            stream.write(json.dumps(_cut(path.resolve(), text, f"speaker{number % SPEAKERS:03d}")) + "\n")
    return manifest


def measure(command: Sequence[str]) -> Cost:
    """Run a command to its end; its output is thrown away."""
    told = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, *command], check=True, capture_output=True)
    seconds, cpu_seconds, peak_kib, status = json.loads(told.stdout)
    return Cost(seconds, cpu_seconds, peak_kib / 1024, status)


def _write_noise(path: Path, rng: random.Random) -> Path:
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        samples = (int(rng.gauss(0, AMPLITUDE)) for _ in range(int(RATE * SECONDS)))
        stream.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path


def _cut(path: Path, text: str, speaker: str) -> dict[str, object]:
    place = {"start": 0.0, "duration": SECONDS, "channel": 0}
    return {
        "id": path.stem,
        **place,
        "supervisions": [{"id": path.stem, "recording_id": path.stem, **place, "text": text, "speaker": speaker}],
        "recording": {
            "id": path.stem,
            "sources": [{"type": "file", "channels": [0], "source": str(path)}],
            "sampling_rate": RATE,
            "num_samples": int(RATE * SECONDS),
            "duration": SECONDS,
            "channel_ids": [0],
        },
        "type": "MonoCut",
    }


if __name__ == "__main__":
    main()
