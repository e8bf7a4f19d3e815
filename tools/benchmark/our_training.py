"""A training by the loop of ``pyspeech train``, measured from within."""

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pyspeech.config import Config
from pyspeech.data.batch import Batch
from pyspeech.device import choose_device
from pyspeech.tasks.network import new_model
from pyspeech.tasks.recognition import RecognitionTask
from pyspeech.training import loop
from pyspeech.training.distributed import Processes
from pyspeech.training.experiment import Sources, training_data
from pyspeech.training.seeds import seed_everything
from tools.benchmark.meter import WARM_UP, Enough, Meter, Turn
from tools.benchmark.training_inputs import GIVEN, LANG


def train(folder: Path, config: Config, device_name: str | None, seconds: float) -> Turn:
    """Train for so many seconds after the warm-up; an epoch that ends earlier ends it."""
    exp = folder / "exp"
    shutil.rmtree(exp, ignore_errors=True)
    device = choose_device(device_name)
    meter = Meter(device, seconds)
    task = RecognitionTask.load(folder / LANG, config, folder / GIVEN)
    data = training_data(config, Sources(folder / GIVEN, folder / GIVEN, folder / LANG), task, device)
    to_device = data.on_device

    def on_device(batch: Batch) -> Batch:
        meter.batch(batch.seconds)
        return to_device(batch)

    seed_everything(config.training.seed)
    model = new_model(config, task.num_outputs, task.output_per).to(device)
    measured = replace(data, on_device=on_device, dev=meter.stop)
    with suppress(Enough):
        loop.train(exp, config.training, task, model, measured, Processes(device=device))
    assert meter.turn is not None
    return replace(meter.turn, data_wait=_data_wait(exp, meter.turn.steps))


def _data_wait(exp: Path, steps: int) -> float:
    """Seconds, without the wait for the first batch, after which the clock starts."""
    lines = (exp / "steps.jsonl").read_text(encoding="utf-8").splitlines()
    return sum(float(json.loads(line)["data_wait"]) for line in lines[WARM_UP + 1 : WARM_UP + steps])
