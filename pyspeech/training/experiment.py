"""A training run from its files: manifests and a table of outputs in, a folder with the trained model out."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from pyspeech.config import Config, TrainingConfig, load_config
from pyspeech.data.batch import Batch
from pyspeech.data.batches import TrainingBatches, inference_batches
from pyspeech.data.device_features import DeviceFeatures
from pyspeech.data.own_augment import OwnAugment
from pyspeech.data.speaker_batches import SpeakerBatches
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing, folder_digest, write_text
from pyspeech.lang.tokens import load_tokens
from pyspeech.locks import only_writer
from pyspeech.losses.contract import SequenceLoss
from pyspeech.models.contract import frame_network
from pyspeech.own_code import CODE, code_digest, save_code
from pyspeech.settings import differences, save_config
from pyspeech.tasks import load_task
from pyspeech.tasks.network import CONFIG, MODEL, NetworkWithLoss, new_model
from pyspeech.tasks.recognition import pronounced, train_texts
from pyspeech.tasks.task import Task
from pyspeech.threads import workers_beside
from pyspeech.training.checkpoint import checkpoint_path, read_progress, stored_steps
from pyspeech.training.distributed import joined
from pyspeech.training.loop import TrainingData, train
from pyspeech.training.manifest_digests import Contents
from pyspeech.training.offsets import write_offsets
from pyspeech.training.origin import Origin, refuse_other_origin, take_weights, write_origin
from pyspeech.training.report import tell_setup
from pyspeech.training.seeds import seed_everything
from pyspeech.training.step import learning_rate

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
EPOCHS = "training.epochs"  # may be raised
log = logging.getLogger(__name__)


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
    origin: Origin | None = None,
) -> bool:
    """Train in ``exp``, or continue there; return False if that training is finished already.

    Under torchrun every process calls this. ``begin`` is called when everything given was found right and the training
    itself begins, by the first one. A finished training goes on where ``config`` asks for more epochs than it had: its
    model is taken away until there is that of all of them. Without ``origin``, it begins with random weights.

    Raises:
        UserError: see :func:`pyspeech.training.loop.train`; empty manifests, a text that no tokens spell, a
            label that the table lacks, a network of another kind, or a configuration, table or origin that differs
            from what ``exp`` was begun with; an origin that does not suit, or no checkpoint for more epochs to go on
            from.
    """
    with joined(device_name) as processes, only_writer(exp) if processes.first else nullcontext():
        task = load_task(sources.table, config, sources.dev)
        model = _new_model(config, task)
        model.freeze(origin.freeze if origin is not None else ())
        began = _begun_with(exp)
        if began is not None:
            _refuse_changes(began, config, exp, sources, task)
            refuse_other_origin(exp, origin)
        if _is_finished(exp, began, config):
            return False
        taken, contents = None, Contents()
        if began is not None:
            contents.load(exp)
        elif origin is not None:
            wider = new_model(config, task.num_outputs + 1, task.output_per)
            taken = take_weights(origin, model, wider, config, sources.table)
        data = training_data(config, sources, task, processes.device, contents)
        if isinstance(model.loss, SequenceLoss):
            tokens = load_tokens(sources.table)
            model.loss.learn(pronounced(tokens, text) for text in train_texts(sources.train))

        def write_and_begin() -> None:
            tell_setup(config, model, data.seconds_per_epoch, processes)
            _write_begin(began, config, exp, sources, task)
            if began is None:
                write_origin(exp, origin, taken, model)
            contents.save(exp)
            begin()

        def finish(trained: NetworkWithLoss) -> None:
            if task.table == "lang":
                shift = config.features.frame_shift_seconds
                write_offsets(exp, trained, load_tokens(sources.table), data.dev(), shift)

        train(exp, config.training, task, model.to(processes.device), data, processes, write_and_begin, finish)
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


def _begun_with(exp: Path) -> Config | None:
    """Return the configuration of the training that has left a model or a checkpoint in ``exp``; None without one."""
    if not (exp / MODEL).exists() and not stored_steps(exp):
        return None
    return load_config(existing(exp / CONFIG, "configuration of this training"))


def _is_finished(exp: Path, began: Config | None, config: Config) -> bool:
    """Whether there is the model of as many epochs as are wanted.

    Raises:
        UserError: there is that of fewer, and no checkpoint to go on from.
    """
    if began is None or not (exp / MODEL).exists():
        return False
    raised = began.training.epochs < config.training.epochs
    if raised and not stored_steps(exp):
        raise UserError(
            f"{exp} has no checkpoint from which {EPOCHS} could be raised; train elsewhere with --init {exp}"
        )
    return not raised


def _write_begin(began: Config | None, config: Config, exp: Path, sources: Sources, task: Task) -> None:
    """Write what a new training begins with, or that one goes on with more epochs than it was begun with."""
    if began is None:
        _write_inputs(config, exp, sources, task)
    elif began.training.epochs < config.training.epochs:
        log.info(_told_of_more_epochs(began.training, config.training, exp))
        (exp / MODEL).unlink(missing_ok=True)  # first: what has a model and its number of epochs is finished
        save_config(config, exp / CONFIG)


def _told_of_more_epochs(was: TrainingConfig, now: TrainingConfig, exp: Path) -> str:
    """Say that the training goes on, and what becomes of all that follows the part of it that is done."""
    done = read_progress(checkpoint_path(exp, stored_steps(exp)[-1])).done
    before, after = (
        learning_rate(part, c.learning_rate, c.final_learning_rate, c.warmup_fraction)
        for part, c in ((done, was), (done * was.epochs / now.epochs, now))
    )
    said = (
        f"{EPOCHS} raised from {was.epochs} to {now.epochs}: its model is gone until {exp} has them all, which "
        f"goes on after epoch {done * was.epochs:.4g}"
    )
    if now.warmup_fraction == 0 and now.learning_rate == now.final_learning_rate:
        return f"{said} with the learning rate that is that of all epochs, {now.learning_rate:g}"
    return (
        f"{said} as a training of {now.epochs} epochs would: with the learning rate {after:.3g}, where it had come to "
        f"{before:.3g}; so its weights will not be those of {now.epochs} epochs at once"
    )


def _refuse_changes(began: Config, config: Config, exp: Path, sources: Sources, task: Task) -> None:
    """Make sure that a training that is to go on does so with the configuration and the table it began with."""
    for key, was, now in differences(began.model_dump(mode="json"), config.model_dump(mode="json")):
        if key not in MAY_DIFFER and not (key == EPOCHS and was < now):
            raise UserError(
                f"{exp} was begun with {key} = {was!r}, now it is {now!r}; "
                f"train into a new folder (a recipe: --exp-name NAME), or set {key} back to continue"
            )
    if folder_digest(exp / task.table) != folder_digest(sources.table):
        raise UserError(f"{exp} was begun with another table than {sources.table}; train into a new folder")
    if code_digest(config.names) != folder_digest(exp / CODE):
        raise UserError(f"{exp} was begun with other code of {', '.join(config.names)}; train into a new folder")


def _write_inputs(config: Config, exp: Path, sources: Sources, task: Task) -> None:
    save_config(config, exp / CONFIG)
    with complete(exp / task.table) as partial:
        shutil.copytree(sources.table, partial)
    save_code(exp, config.names)
    for name, text in task.summaries(sources.train).items():
        write_text(exp / name, text)
