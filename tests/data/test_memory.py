"""What the data of a training keeps in memory of an utterance, from an hour of them to twenty-five."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tones import RATE, write_tones

from pyspeech.corpora.corpus import utterance

MOST_BYTES = 130  # of an utterance: a hundred hours are 47 MB, a tenth of what torch and lhotse take
# Peak of a process that plans two epochs and loads batches, plus that of its worker.
PROGRAM = """
import sys
from pathlib import Path
from pyspeech.config import load_config
from pyspeech.data.batches import TrainingBatches
from pyspeech.data.loading import load

def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])

class WithPeak:
    def __init__(self, dataset):
        self.dataset = dataset
    def __getitem__(self, number):
        batch = self.dataset[number]
        object.__setattr__(batch, "texts", (peak(),))
        return batch

config = load_config(Path(sys.argv[1]))
worker = 0
for epoch in (1, 2):
    batches = TrainingBatches(Path(sys.argv[2]), config, epoch)
    for batch in load(WithPeak(batches), range(0, len(batches), len(batches) // 10), 1, pin=False):
        worker = max(worker, *batch.texts)
print(batches.utterances, peak(), worker)
"""


def repeated(folder: Path, count: int) -> Path:
    """A manifest of ``count`` utterances of three seconds, all of one file."""
    cut = utterance(write_tones(folder / "u.wav", ["LOW"] * 11 + ["MID"]), "LOW", "s").to_dict()
    path = folder / f"{count}.jsonl.gz"
    with gzip.open(path, "wt", compresslevel=1) as stream:
        for number in range(count):
            cut["id"] = f"utterance-{number:07d}"
            stream.write(json.dumps(cut) + "\n")
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_an_utterance_takes_few_bytes(tmp_path):
    settings = {
        "include": ["fbank", "augment", "train", "ctc", "tdnn_lstm"],
        "features": {"sampling_rate": RATE, "num_mel_bins": 20},
        "batches": {"max_seconds": 60},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    seen, totals = [], []
    for count in (1200, 30_000):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "c.yaml"), str(repeated(tmp_path, count))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        utterances, main, worker = map(int, done.stdout.split())
        assert utterances == 3 * count
        seen.append(utterances)
        totals.append((main + worker) * 1024)
    assert totals[1] - totals[0] < MOST_BYTES * (seen[1] - seen[0])
