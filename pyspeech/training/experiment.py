"""A training run from its files: manifests and a token set in, a folder with the trained model out."""

import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from pyspeech.config import Config, load_config, save_config
from pyspeech.data.batches import Batch, inference_batches, training_batches
from pyspeech.data.transcripts import read_json_lines, read_transcripts
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing, write_text
from pyspeech.lang.tokens import TokenSet, load_tokens
from pyspeech.models import build_model
from pyspeech.tasks.recognition import RecognitionTask
from pyspeech.training.checkpoint import stored_epochs
from pyspeech.training.device import choose_device
from pyspeech.training.loop import TrainingData, seed_everything, train

LANG, TRAIN_WORDS = "lang", "train_words.tsv"  # in the folder of a training: its token set, the words of its text
# A resumed training may change these: they do not change what it learns.
MAY_DIFFER = ("batches.workers", "training.max_bad_batches")


@dataclass(frozen=True)
class Sources:
    """Where a training's inputs are."""

    train: Path
    dev: Path
    lang: Path


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
        UserError: see :func:`pyspeech.training.loop.train`; empty manifests, a text that no tokens spell, or a
            configuration or token set that differs from what ``exp`` was begun with.
    """
    device = choose_device(device_name)
    tokens = load_tokens(sources.lang)
    task = RecognitionTask(tokens, config.training.ctc)
    model = _new_model(config, tokens)
    _refuse_changes(config, exp, sources.lang)
    if (exp / "model.safetensors").exists():
        return False
    data = training_data(config, sources, tokens)
    if not stored_epochs(exp):
        _write_inputs(config, exp, sources)
    begin()
    train(exp, config.training, task, model.to(device), data)
    return True


def training_data(config: Config, sources: Sources, tokens: TokenSet) -> TrainingData:
    """Read both manifests through once, before hours are spent on them.

    Raises:
        UserError: no utterances, or a text that no tokens spell, naming the cut.
    """
    for manifest in (sources.train, sources.dev):
        _check_texts(manifest, tokens)
    return TrainingData(
        train=lambda epoch: _from_workers(training_batches(sources.train, config, epoch)),
        dev=lambda: inference_batches(sources.dev, config.features, config.batches.max_seconds),
        seconds_per_epoch=_seconds_per_epoch(sources.train, config),
        digest=digest([_content(sources.train), _content(sources.dev)]),
    )


def _new_model(config: Config, tokens: TokenSet) -> nn.Module:
    seed_everything(config.training.seed)
    return build_model(config.model, config.features.num_features, len(tokens.symbols))


def _refuse_changes(config: Config, exp: Path, lang: Path) -> None:
    """Make sure that a training that is to go on does so with the configuration and the token set it began with."""
    if not stored_epochs(exp) and not (exp / "model.safetensors").exists():
        return
    began = load_config(existing(exp / "config.yaml", "configuration of this training"))
    for key, was, now in _differences(began.model_dump(mode="json"), config.model_dump(mode="json")):
        if key not in MAY_DIFFER:
            raise UserError(
                f"{exp} was begun with {key} = {was!r}, now it is {now!r}; "
                f"train into a new folder, or set {key} back to continue"
            )
    if _folder_digest(exp / LANG) != _folder_digest(lang):
        raise UserError(f"{exp} was begun with another token set than {lang}; train into a new folder")


def _write_inputs(config: Config, exp: Path, sources: Sources) -> None:
    save_config(config, exp / "config.yaml")
    with complete(exp / LANG) as partial:
        shutil.copytree(sources.lang, partial)
    write_text(exp / TRAIN_WORDS, _count_words(sources.train))


def _count_words(manifest: Path) -> str:
    """Count the words of the training text, one a line with its count: most frequent first.

    Stored features hold every utterance at several speeds: those at the first speed count.
    """
    counts: Counter[str] = Counter()
    first = None
    for transcript, (_, cut) in zip(read_transcripts(manifest), read_json_lines(manifest), strict=True):
        speed = _speed(cut)
        first = speed if first is None else first
        if speed == first:
            counts.update(transcript.text.split())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{word}\t{count}\n" for word, count in ordered)


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


def _check_texts(manifest: Path, tokens: TokenSet) -> None:
    empty = True
    for transcript in read_transcripts(manifest):
        empty = False
        try:
            tokens.encode(transcript.text.split())
        except UserError as error:
            raise UserError(f"{manifest}, cut '{transcript.id}': {error}") from error
    if empty:
        raise UserError(f"{manifest} holds no utterances; run the stage that makes it again")


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
            stored.add(_speed(cut))
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


def _speed(cut: dict[str, Any]) -> float:
    transforms = (cut.get("recording") or {}).get("transforms") or []
    factors = (float(t["kwargs"]["factor"]) for t in transforms if t.get("name") == "Speed")
    return math.prod(factors, start=1.0)


def _content(manifest: Path) -> str:
    # A manifest that was made again holds the same utterances in other bytes: gzip writes the time.
    state = ""
    for t in read_transcripts(manifest):
        state = digest(state, t.id, t.text, round(t.seconds, 4))
    return state
