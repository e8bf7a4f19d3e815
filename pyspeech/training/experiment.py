"""A training run from its files: manifests and a table of outputs in, a folder with the trained model out."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from pyspeech.config import Config, load_config, save_config
from pyspeech.data.batches import Batch, inference_batches, training_batches
from pyspeech.data.speaker_batches import seconds_per_epoch as speaker_seconds_per_epoch
from pyspeech.data.speaker_batches import speaker_batches
from pyspeech.data.speeds import speed_of
from pyspeech.data.transcripts import Transcript, read_json_lines, read_transcripts
from pyspeech.data.wave_augment import wave_augment
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing, write_text
from pyspeech.models import OutputPer, require_output_per
from pyspeech.tasks import classification, recognition, verification
from pyspeech.tasks.network import new_network
from pyspeech.training.checkpoint import stored_epochs
from pyspeech.training.device import choose_device
from pyspeech.training.loop import Task, TrainingData, seed_everything, train

# A resumed training may change these: they do not change what it learns.
MAY_DIFFER = ("batches.workers", "training.max_bad_batches", "noise.noise_dir", "noise.rir_dir")


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

    ``begin`` is called when everything given was found right and the training itself begins.

    Raises:
        UserError: see :func:`pyspeech.training.loop.train`; empty manifests, a text that no tokens spell, a
            label that the table lacks, a network of another kind, or a configuration or table that differs from what
            ``exp`` was begun with.
    """
    device = choose_device(device_name)
    task = _load_task(config, sources)
    model = _new_model(config, task)
    _refuse_changes(config, exp, sources, task)
    if (exp / "model.safetensors").exists():
        return False
    data = training_data(config, sources, task)
    if not stored_epochs(exp):
        _write_inputs(config, exp, sources, task)
    begin()
    train(exp, config.training, task, model.to(device), data)
    return True


def training_data(config: Config, sources: Sources, task: TableTask) -> TrainingData:
    """Read both manifests through once, before hours are spent on them.

    Raises:
        UserError: no utterances, or one that ``task`` cannot learn, naming the cut.
    """
    contents = [_content(sources.train, task.target), _content(sources.dev, task.dev_target)]
    batches = speaker_batches if config.speakers else training_batches
    batches(sources.train, config, 1)  # what makes no batches is told of now
    sounds = wave_augment(config)
    if sounds is not None:  # other ones would be drawn; where their folder is does not matter
        contents.append(digest(sounds.names()))
    seconds = (speaker_seconds_per_epoch if config.speakers else _seconds_per_epoch)(sources.train, config)
    return TrainingData(
        train=lambda epoch: _from_workers(batches(sources.train, config, epoch)),
        dev=lambda: inference_batches(sources.dev, config.features, config.batches.max_seconds),
        seconds_per_epoch=seconds,
        digest=digest(contents),
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
    return model


def _refuse_changes(config: Config, exp: Path, sources: Sources, task: TableTask) -> None:
    """Make sure that a training that is to go on does so with the configuration and the table it began with."""
    if not stored_epochs(exp) and not (exp / "model.safetensors").exists():
        return
    began = load_config(existing(exp / "config.yaml", "configuration of this training"))
    for key, was, now in _differences(began.model_dump(mode="json"), config.model_dump(mode="json")):
        if key not in MAY_DIFFER:
            raise UserError(
                f"{exp} was begun with {key} = {was!r}, now it is {now!r}; "
                f"train into a new folder, or set {key} back to continue"
            )
    if _folder_digest(exp / sources.kind) != _folder_digest(sources.table):
        raise UserError(f"{exp} was begun with another {task.table_name} than {sources.table}; train into a new folder")


def _write_inputs(config: Config, exp: Path, sources: Sources, task: TableTask) -> None:
    save_config(config, exp / "config.yaml")
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


def _from_workers(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Pass batches on; of an error that a worker process sends as a whole traceback, keep its sentence."""
    try:
        yield from batches
    except UserError as error:
        name = f"{UserError.__module__}.{UserError.__name__}: "
        raise UserError(str(error).rpartition(name)[2].strip()) from error


def _seconds_per_epoch(manifest: Path, config: Config) -> float:
    """Audio seconds of one epoch of :func:`training_batches`."""
    total = 0.0
    stored: set[float] = set()  # the speeds at which features are stored
    for _, cut in read_json_lines(manifest):
        if cut.get("features") is not None:
            stored.add(speed_of(cut))
        # Stored features come at the speeds that they were stored with.
        speeds = (1.0,) if stored else config.augment.speeds
        seconds = [float(cut["duration"]) / speed for speed in speeds]
        limits = config.batches
        total += sum(s for s in seconds if limits.min_utterance_seconds <= s <= limits.max_utterance_seconds)
    if stored and stored != set(config.augment.speeds):
        raise UserError(
            f"{manifest} holds features stored at the speeds {sorted(stored)}, augment.speeds is "
            f"{list(config.augment.speeds)}; set it to those, or run pyspeech features again, with --perturb"
        )
    # All too short or too long: training_batches says so.
    return total or 1.0


def _content(manifest: Path, target_of: Callable[[Transcript], str]) -> str:
    """Make sure that all of a manifest can be learnt, and return a digest of what."""
    # A manifest that was made again holds the same utterances in other bytes: gzip writes the time.
    state = ""
    for t in read_transcripts(manifest):
        try:
            target = target_of(t)
        except UserError as error:
            raise UserError(f"{manifest}, cut '{t.id}': {error}") from error
        state = digest(state, t.id, target, round(t.seconds, 4))
    if not state:
        raise UserError(f"{manifest} holds no utterances; run the stage that makes it again")
    return state
