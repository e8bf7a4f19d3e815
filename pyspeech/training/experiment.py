"""A training run from its files: manifests and a table of outputs in, a folder with the trained model out."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from pyspeech.config import Config, load_config
from pyspeech.data.batch import Batch
from pyspeech.data.batches import InferenceBatches, TrainingBatches
from pyspeech.data.device_features import DeviceFeatures
from pyspeech.data.loading import load
from pyspeech.data.speaker_batches import SpeakerBatches
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing, write_text
from pyspeech.locks import only_writer
from pyspeech.models import require_output_per
from pyspeech.models.contract import OutputPer, frame_network
from pyspeech.settings import save_config
from pyspeech.tasks import classification, recognition, verification
from pyspeech.tasks.network import CONFIG, MODEL, EmbeddingModel, new_network
from pyspeech.threads import workers_beside
from pyspeech.training.checkpoint import stored_steps
from pyspeech.training.distributed import joined
from pyspeech.training.inputs import Task, TrainingData
from pyspeech.training.loop import train
from pyspeech.training.manifest_digests import Contents
from pyspeech.training.seeds import seed_everything
from pyspeech.transcripts import Transcript

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


class TableTask(Task, Protocol):
    """A task whose network has an output for each entry of a table: tokens, labels. ``table_name`` is for messages."""

    table_name: str
    output_per: OutputPer

    @property
    def num_outputs(self) -> int:
        """Of the network."""

    def target(self, transcript: Transcript) -> str:
        """Return what is learnt from an utterance; a ``UserError`` where the table does not hold it."""

    def dev_target(self, transcript: Transcript) -> str:
        """Return what is measured on an utterance; a ``UserError`` where that cannot be."""

    def summaries(self, manifest: Path) -> Mapping[str, str]:
        """Return what the folder of a training keeps of its training manifest, by the name of the file."""


@dataclass(frozen=True)
class Sources:
    """Where a training's inputs are. ``table`` is the folder that its task is made from.

    ``kind`` is that of the table, and the name of its copy in the folder of the training: tokens, or labels.
    """

    train: Path
    dev: Path
    table: Path
    kind: str = recognition.TABLE


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
        task = _load_task(config, sources)
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
            begin()
        train(exp, config.training, task, model.to(processes.device), data, processes)
    return True


def training_data(
    config: Config, sources: Sources, task: TableTask, device: torch.device, contents: Contents | None = None
) -> TrainingData:
    """Read both manifests through, before hours are spent on them, unless ``contents`` knows them.

    Raises:
        UserError: no utterances, or one that ``task`` cannot learn, naming the cut.
    """
    contents = contents or Contents()
    digests = [contents.of(sources.train, task.target, "train"), contents.of(sources.dev, task.dev_target, "dev")]
    place = config.batches.features_on or ("device" if device.type == "cuda" else "workers")
    batches = SpeakerBatches if config.speakers else TrainingBatches
    first = batches(sources.train, config, 1, samples=place == "device")
    if first.preparation.waves is not None:  # other sounds would be drawn; where their folder is does not matter
        digests.append(digest(first.preparation.waves.names()))
    workers = workers_beside(device.type) if config.batches.workers is None else config.batches.workers

    def dev() -> Iterator[Batch]:  # read when it is measured on: a training goes on at once, whatever the size of dev
        batches = InferenceBatches(sources.dev, config.features, config.batches.max_seconds)
        return load(batches, range(len(batches)), workers, pin=device.type == "cuda")

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


def _load_task(config: Config, sources: Sources) -> TableTask:
    if sources.kind == recognition.TABLE:
        if config.speakers:
            raise UserError("the section 'speakers' is of speaker verification; give --labels, or take it out")
        return recognition.load_recognition_task(sources.table, config)
    if config.speakers:
        return verification.load_verification_task(sources.table, config, sources.dev)
    return classification.load_classification_task(sources.table, config)


def _new_model(config: Config, task: TableTask) -> nn.Module:
    seed_everything(config.training.seed)
    model = new_network(config, task.num_outputs)
    require_output_per(config.model, task.output_per)
    if config.training.gradient_checkpointing:
        network = None if isinstance(model, EmbeddingModel) else frame_network(model)
        if network is None:
            raise UserError(
                f"training.gradient_checkpointing: the network {config.model['name']} has none; set it to false"
            )
        network.gradient_checkpointing = True
    return model


def _refuse_changes(config: Config, exp: Path, sources: Sources, task: TableTask) -> None:
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
    if _folder_digest(exp / sources.kind) != _folder_digest(sources.table):
        raise UserError(f"{exp} was begun with another {task.table_name} than {sources.table}; train into a new folder")


def _write_inputs(config: Config, exp: Path, sources: Sources, task: TableTask) -> None:
    save_config(config, exp / CONFIG)
    with complete(exp / sources.kind) as partial:
        shutil.copytree(sources.table, partial)
    for name, text in task.summaries(sources.train).items():
        write_text(exp / name, text)


def _differences(was: dict[str, Any], now: dict[str, Any], above: str = "") -> list[tuple[str, Any, Any]]:
    found = []
    for key in sorted({*was, *now}):
        left, right = was.get(key), now.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            found += _differences(left, right, f"{above}{key}.")
        elif left != right:
            found.append((above + key, left, right))
    return found


def _folder_digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest(*(part for path in files for part in (str(path.relative_to(folder)), path)))
