"""What a training begins with in place of random weights: those of another training, and which of them never change.

Weights go by their names. Those whose shape depends on the outputs (the network's last layer, the classes of a loss) go
by the names of the outputs, token for token: they are made anew where the other training had none of that name.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from pyspeech.config import Config, load_config
from pyspeech.errors import UserError
from pyspeech.files import digest, existing, folder_digest, write_json
from pyspeech.json_files import read_json
from pyspeech.own_code import own_class
from pyspeech.scoring.wer import shortened
from pyspeech.settings import differences
from pyspeech.tasks import TASKS
from pyspeech.tasks.network import CONFIG, LOSS, MODEL, NetworkWithLoss
from pyspeech.tasks.task import NamedOutputs
from pyspeech.tensor_files import read_tensors

ORIGIN = "origin.json"  # in the folder of a training that began so
MAY_DIFFER = ("model.dropout",)  # of the settings of a network: the others decide what its weights mean
SHOWN = 10  # names in a message; ORIGIN has all
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """What is asked for: the folder of a finished training, and how the names begin of what stays as it is there."""

    exp: Path
    freeze: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taken:
    """What became of the tensors, by their names, and of the outputs.

    Args:
        weights: Digest of the file that they are from.
        whole: Taken as they are.
        by_output: Taken for the outputs ``shared``, and made anew for ``new_outputs``.
        anew: Made anew.
        unused: Left where they were, as the outputs ``unused_outputs``.
    """

    weights: str
    whole: tuple[str, ...]
    by_output: tuple[str, ...]
    anew: tuple[str, ...]
    unused: tuple[str, ...]
    shared: tuple[str, ...] = ()
    new_outputs: tuple[str, ...] = ()
    unused_outputs: tuple[str, ...] = ()


def take_weights(origin: Origin, model: NetworkWithLoss, wider: NetworkWithLoss, config: Config, table: Path) -> Taken:
    """Put the weights of another training into ``model``.

    Args:
        origin: Which, and what of them is frozen.
        model: New, of ``config`` and ``table``.
        wider: The same with one output more: where its shapes differ, they depend on the outputs.
        config: Of the training that begins.
        table: Its token set or label table.

    Raises:
        UserError: the other training is not finished, its file of weights is damaged, it had other features or another
            network, or what is frozen would be made anew.
    """
    path = existing(origin.exp / MODEL, "trained model to begin with")
    other = load_config(existing(origin.exp / CONFIG, "configuration of this training"))
    theirs, ours = read_tensors(path, "trained model", "train it again"), model.state_dict()
    axes = _output_axes(ours, wider.state_dict())
    _refuse_other_features(origin.exp, other, config)
    _refuse_other_network(origin.exp, other, config, theirs, {name: t for name, t in ours.items() if name not in axes})
    rows = _Rows(_their_outputs(origin.exp, other), _outputs(config, table))
    whole, by_output, anew = [], [], []
    with torch.no_grad():
        for name, tensor in ours.items():
            found = theirs.get(name)
            if found is not None and found.shape == tensor.shape and (name not in axes or rows.same):
                tensor.copy_(found)
                whole.append(name)
            elif found is not None and rows.put(found, tensor, axes.get(name)):
                by_output.append(name)
            else:
                anew.append(name)
    if new := [name for name in (*by_output, *anew) if name.startswith(origin.freeze)]:
        raise UserError(
            f"--freeze would keep {new[0]}, which is made anew (in part, or wholly) since {origin.exp} has other "
            "outputs or another loss; freeze less"
        )
    unused = [name for name in theirs if name not in {*whole, *by_output}]
    outputs = rows.outputs if by_output else ((), (), ())
    return Taken(digest(path), tuple(whole), tuple(by_output), tuple(anew), tuple(unused), *outputs)


def _told(origin: Origin, taken: Taken, model: NetworkWithLoss) -> str:
    """Say what the training begins with, in one line."""
    parts = [f"{len(taken.whole)} tensors taken ({_names(_groups(taken.whole))})"]
    if taken.by_output:
        of_all = f"{len(taken.shared)} of {len(taken.shared) + len(taken.new_outputs)} outputs taken by name"
        new = f"{len(taken.new_outputs)} made anew ({_names(taken.new_outputs)})" if taken.new_outputs else "none anew"
        parts.append(f"in {_names(taken.by_output)} {of_all}, {new}")
    parts += [f"{len(taken.anew)} tensors made anew ({_names(taken.anew)})"] if taken.anew else []
    left = [f"{len(taken.unused_outputs)} outputs ({_names(taken.unused_outputs)})"] if taken.unused_outputs else []
    left += [f"{len(taken.unused)} tensors ({_names(taken.unused)})"] if taken.unused else []
    parts += [f"left unused: {', '.join(left)}"] if left else []
    if origin.freeze:
        frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
        all_weights = sum(parameter.numel() for parameter in model.parameters())
        parts.append(
            f"frozen: {len(frozen)} tensors, {sum(p.numel() for p in frozen):,} of {all_weights:,} weights "
            f"({_names(origin.freeze)})"
        )
    return f"the training begins with {origin.exp}: {'; '.join(parts)}"


def write_origin(exp: Path, origin: Origin | None, taken: Taken | None, model: NetworkWithLoss) -> None:
    """Record what the training in ``exp`` begins with, and tell it; without, the record of an earlier begin goes."""
    if origin is None or taken is None:
        (exp / ORIGIN).unlink(missing_ok=True)
        return
    write_json(exp / ORIGIN, {"exp": str(origin.exp.resolve()), "freeze": origin.freeze, **asdict(taken)})
    log.info(_told(origin, taken, model))


def read_origin(exp: Path) -> tuple[Origin, str] | None:
    """Read what the training in ``exp`` began with, and the digest of its weights; None if with random ones.

    Raises:
        UserError: the record is damaged.
    """
    if not (exp / ORIGIN).exists():
        return None
    remedy = "train into a new folder"
    values = read_json(exp / ORIGIN, "record of what this training began with", remedy)
    folder, freeze, weights = (values.get(key) for key in ("exp", "freeze", "weights"))
    if not (isinstance(folder, str) and isinstance(weights, str) and isinstance(freeze, list)):
        raise UserError(f"{exp / ORIGIN} lacks exp, freeze or weights; {remedy}")
    return Origin(Path(folder), tuple(map(str, freeze))), weights


def refuse_other_origin(exp: Path, origin: Origin | None) -> None:
    """Make sure that the training in ``exp`` is to go on with what it began with.

    That may lie elsewhere now, or be gone: all that matters of it is in the checkpoints.

    Raises:
        UserError: it began with other weights or other frozen ones, or with none.
    """
    began = read_origin(exp)
    if began is not None and origin is not None:
        (recorded, weights), model = began, origin.exp / MODEL
        same = origin.exp.resolve() == recorded.exp or (model.exists() and digest(model) == weights)
        if same and set(origin.freeze) == set(recorded.freeze):
            return
    elif began is None and origin is None:
        return
    was, now = (_options(each) for each in (began and began[0], origin))
    raise UserError(f"{exp} was begun {was}, now it is {now}; go on as it was begun, or train into a new folder")


def _options(origin: Origin | None) -> str:
    if origin is None:
        return "without --init"
    return " ".join((f"with --init {origin.exp}", *(f"--freeze {prefix}" for prefix in origin.freeze)))


class _Rows:
    """The outputs of two trainings by their names."""

    def __init__(self, theirs: Sequence[str], ours: Sequence[str]) -> None:
        self.sizes = len(theirs), len(ours)
        self.same = tuple(theirs) == tuple(ours)
        places = {name: place for place, name in enumerate(theirs)}
        self.pairs = [(places[name], place) for place, name in enumerate(ours) if name in places]
        shared = {ours[place] for _, place in self.pairs}
        self.outputs = (
            tuple(name for name in ours if name in shared),
            tuple(name for name in ours if name not in shared),
            tuple(name for name in theirs if name not in shared),
        )

    def put(self, theirs: Tensor, ours: Tensor, axis: int | None) -> bool:
        """Put what belongs to an output that both have from one tensor into the other; False where nothing can be.

        ``axis`` is the one with an entry for each output; None if there is no such.
        """
        if axis is None or not self.pairs or (theirs.dim(), ours.shape[axis]) != (ours.dim(), self.sizes[1]):
            return False
        if [*theirs.shape] != [*ours.shape[:axis], self.sizes[0], *ours.shape[axis + 1 :]]:
            return False
        there, here = (torch.tensor(places) for places in zip(*self.pairs, strict=True))
        ours.index_copy_(axis, here, theirs.index_select(axis, there))
        return True


def _outputs(config: Config, table: Path) -> tuple[str, ...]:
    """Names of the outputs; the digest of the table where the task does not name them."""
    kind = TASKS.get(config.task) or own_class(config.task)
    return kind.output_names(table, config) if isinstance(kind, NamedOutputs) else (folder_digest(table),)


def _their_outputs(exp: Path, config: Config) -> tuple[str, ...]:
    """The same of another training; none where its table is not at hand, or its task is of code that is not loaded."""
    kind = TASKS.get(config.task) or own_class(config.task)
    table = exp / str(getattr(kind, "table", ""))
    return _outputs(config, table) if kind is not None and table.is_dir() else ()


def _output_axes(ours: Mapping[str, Tensor], wider: Mapping[str, Tensor]) -> dict[str, int | None]:
    """Tensors whose shape depends on the number of outputs, and along which axis, if it is one."""
    axes: dict[str, int | None] = {}
    for name, tensor in ours.items():
        other = wider[name].shape
        changed = [axis for axis, size in enumerate(tensor.shape) if size != other[axis]]
        if changed:
            axes[name] = changed[0] if len(changed) == 1 else None
    return axes


def _refuse_other_features(exp: Path, other: Config, config: Config) -> None:
    found = differences(other.features.model_dump(mode="json"), config.features.model_dump(mode="json"), "features.")
    if found:
        raise UserError(
            f"{exp} was trained on other features, {_settings(found)}; a network knows none but its own: give the same"
        )


def _refuse_other_network(
    exp: Path, other: Config, config: Config, theirs: Mapping[str, Tensor], needed: Mapping[str, Tensor]
) -> None:
    """Make sure that the networks are the same but for what depends on the outputs, which ``needed`` lacks.

    Losses may be different ones; what one that is the same has learnt is part of it.
    """
    found = [each for each in differences(other.model, config.model, "model.") if each[0] not in MAY_DIFFER]
    told = [_settings(found)] if found else []
    if other.loss.get("name") != config.loss.get("name"):
        needed = {name: tensor for name, tensor in needed.items() if not name.startswith(LOSS)}
    for name, tensor in needed.items():
        there = theirs.get(name)
        if there is None or there.shape != tensor.shape:
            is_there = "missing" if there is None else f"of shape {list(there.shape)}"
            told.append(f"tensor {name} is {is_there} there, of shape {list(tensor.shape)} here")
            break
    if told:
        raise UserError(f"{exp} is of another network: {'; '.join(told)}; set model as {exp / CONFIG} has it")


def _settings(found: Sequence[tuple[str, object, object]]) -> str:
    return ", ".join(f"{key} = {was!r} there and {now!r} here" for key, was, now in found)


def _names(names: Sequence[str]) -> str:
    return shortened(names, SHOWN)


def _groups(names: Sequence[str]) -> list[str]:
    """The parts of a model that tensors are of: ``network.lstms``."""
    return list(dict.fromkeys(".".join(name.split(".")[:2]) for name in names))
