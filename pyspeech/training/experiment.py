"""A training run from its files: manifests and a table of outputs in, a folder with the trained model out."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pyspeech.config import Config, load_config
from pyspeech.data.batch import Batch
from pyspeech.data.batches import TrainingBatches, inference_batches
from pyspeech.data.device_features import DeviceFeatures
from pyspeech.data.own_augment import OwnAugment
from pyspeech.data.speaker_batches import SpeakerBatches
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing, write_text
from pyspeech.lang.tokens import load_tokens
from pyspeech.locks import only_writer
from pyspeech.models.contract import frame_network
from pyspeech.own_code import CODE, code_digest, save_code
from pyspeech.settings import save_config
from pyspeech.tasks import load_task
from pyspeech.tasks.network import CONFIG, MODEL, NetworkWithLoss, new_model
from pyspeech.tasks.task import Task
from pyspeech.threads import workers_beside
from pyspeech.training.checkpoint import stored_steps
from pyspeech.training.distributed import joined
from pyspeech.training.loop import TrainingData, train
from pyspeech.training.manifest_digests import Contents
from pyspeech.training.offsets import write_offsets
from pyspeech.training.report import tell_setup
from pyspeech.training.seeds import seed_everything

# A resumed training may change these: they do not change what it learns, but for rounding. Of batches in a step, the
# loop sees to it that their number stays; by the minute, validations are at other steps in every run.
MAY_DIFFER = (
    "batches.workers",
    "batches.features_on",
    "batches.max_unreadable_fraction",
    "training.accumulate",
    "training.gradient_checkpointing",
    "training.validate_minutes",
    "training.checkpoint_minutes",
    "training.max_bad_batches",
    "noise.noise_dir",
    "noise.rir_dir",
)


@dataclass(frozen=True)
class Sources:
    """Where a training's inputs are. ``table`` is the folder that its task is made from."""

    train: Path
    dev: Path
    table: Path


def run(
    config: Config,
    exp: Path,
    sources: Sources,
    device_name: str | None = None,
    begin: Callable[[], None] = lambda: None,
) -> bool:
    """Train in ``exp``, or continue there; return False if that training is finished already.

    Under torchrun every process calls this. ``begin`` is called when everything given was found right and the training
    itself begins, by the first one.

    Raises:
        UserError: see :func:`pyspeech.training.loop.train`; empty manifests, a text that no tokens spell, a
            label that the table lacks, a network of another kind, or a configuration or table that differs from what
            ``exp`` was begun with.
    """
    with joined(device_name) as processes, only_writer(exp) if processes.first else nullcontext():
        task = load_task(sources.table, config, sources.dev)
        model = _new_model(config, task)
        _refuse_changes(config, exp, sources, task)
        if (exp / MODEL).exists():
            return False
        contents = Contents()
        resumes = bool(stored_steps(exp))
        if resumes:
            contents.load(exp)
        data = training_data(config, sources, task, processes.device, contents)
        if processes.first:
            if not resumes:
                _write_inputs(config, exp, sources, task)
            contents.save(exp)
            tell_setup(config, model, data.seconds_per_epoch, processes)
            begin()

        def finish(trained: NetworkWithLoss) -> None:
            if task.table == "lang":
                shift = config.features.frame_shift_seconds
                write_offsets(exp, trained, load_tokens(sources.table), data.dev(), shift)

        train(exp, config.training, task, model.to(processes.device), data, processes, finish)
    return True


def training_data(
    config: Config, sources: Sources, task: Task, device: torch.device, contents: Contents | None = None
) -> TrainingData:
    """Read both manifests through, before hours are spent on them, unless ``contents`` knows them.

    Raises:
        UserError: no utterances, or one that ``task`` cannot learn, naming the cut.
    """
    contents = contents or Contents()
    digests = [contents.of(sources.train, task.target, "train"), contents.of(sources.dev, task.dev_target, "dev")]
    by_worker = device.type != "cuda" or OwnAugment(config).has("features")
    place = config.batches.features_on or ("workers" if by_worker else "device")
    batches = SpeakerBatches if config.speakers else TrainingBatches
    first = batches(sources.train, config, 1, samples=place == "device")
    if first.preparation.waves is not None:  # other sounds would be drawn; where their folder is does not matter
        digests.append(digest(first.preparation.waves.names()))
    workers = workers_beside(device.type) if config.batches.workers is None else config.batches.workers

    def dev() -> Iterator[Batch]:  # read when it is measured on: a training goes on at once, whatever the size of dev
        pin = device.type == "cuda"
        return inference_batches(sources.dev, config.features, config.batches.max_seconds, workers, pin)

    return TrainingData(
        train=first.of_epoch,
        dev=dev,
        seconds_per_epoch=first.seconds,
        digest=digest(digests),
        # One file may be bad in any corpus, at each of its speeds.
        max_unreadable=max(int(config.batches.max_unreadable_fraction * first.utterances), len(config.augment.speeds)),
        on_device=DeviceFeatures(config, device),
        workers=workers,
    )


def _new_model(config: Config, task: Task) -> NetworkWithLoss:
    seed_everything(config.training.seed)
    model = new_model(config, task.num_outputs, task.output_per)
    if config.training.gradient_checkpointing:
        network = frame_network(model.network)
        if network is None:
            raise UserError(
                f"training.gradient_checkpointing: the network {config.model['name']} has none; set it to false"
            )
        network.gradient_checkpointing = True
    return model


def _refuse_changes(config: Config, exp: Path, sources: Sources, task: Task) -> None:
    """Make sure that a training that is to go on does so with the configuration and the table it began with."""
    if not (exp / MODEL).exists() and not stored_steps(exp):
        return
    began = load_config(existing(exp / CONFIG, "configuration of this training"))
    for key, was, now in _differences(began.model_dump(mode="json"), config.model_dump(mode="json")):
        if key not in MAY_DIFFER:
            raise UserError(
                f"{exp} was begun with {key} = {was!r}, now it is {now!r}; "
                f"train into a new folder, or set {key} back to continue"
            )
    if _folder_digest(exp / task.table) != _folder_digest(sources.table):
        raise UserError(f"{exp} was begun with another table than {sources.table}; train into a new folder")
    if code_digest(config.names) != _folder_digest(exp / CODE):
        raise UserError(f"{exp} was begun with other code of {', '.join(config.names)}; train into a new folder")


def _write_inputs(config: Config, exp: Path, sources: Sources, task: Task) -> None:
    save_config(config, exp / CONFIG)
    with complete(exp / task.table) as partial:
        shutil.copytree(sources.table, partial)
    save_code(exp, config.names)
    for name, text in task.summaries(sources.train).items():
        write_text(exp / name, text)


def _differences(was: dict[str, Any], now: dict[str, Any], above: str = "") -> list[tuple[str, Any, Any]]:
    differences = []
    for key in sorted({*was, *now}):
        left, right = was.get(key), now.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            differences += _differences(left, right, f"{above}{key}.")
        elif left != right:
            differences.append((above + key, left, right))
    return differences


def _folder_digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest(*(part for path in files for part in (str(path.relative_to(folder)), path)))
