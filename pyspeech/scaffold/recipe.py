"""A new recipe: look at the corpus, decide, write the folder completely or not at all."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyspeech
from pyspeech.data.left_out import told_once
from pyspeech.data.splits import TEST, kind_of, refuse_unless_plain
from pyspeech.errors import UserError
from pyspeech.files import complete
from pyspeech.scaffold.channels import choose_channel
from pyspeech.scaffold.find import Wanted, find
from pyspeech.scaffold.language import check_language
from pyspeech.scaffold.measure import measure
from pyspeech.scaffold.plan import Plan
from pyspeech.scaffold.sizes import settings
from pyspeech.scaffold.templates import files

EMBEDDING = "speaker_lstm"  # the network of verification and classification


@dataclass(frozen=True)
class Written:
    """A recipe's folder, its lines, and what was decided: one line each."""

    folder: Path
    lines: int
    decided: tuple[str, ...]


def new_recipe(name: str, wanted: Wanted, model: str, project: Path | None = None) -> Written:
    """Write ``recipes/NAME`` of the clone that this package runs from, or of ``project``.

    Raises:
        UserError: a name that is no folder's, a recipe of that name, no clone, or a corpus that leaves a question.
    """
    project = project or _clone()
    folder = project / "recipes" / name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):  # its prepare.py is a module for whoever checks types
        raise UserError(f"'{name}' is no name for a recipe; use letters, digits and _, a letter first")
    if folder.exists():
        raise UserError(f"{folder} exists; choose another name, or remove it")
    if wanted.language:
        check_language(wanted.language)
    with told_once():
        plan = make_plan(name, wanted, model if wanted.task == "recognition" else EMBEDDING)
    texts = files(plan)
    with complete(folder) as partial:
        for file, text in texts.items():
            (partial / file).parent.mkdir(parents=True, exist_ok=True)
            (partial / file).write_text(text, encoding="utf-8")
        (partial / "run.sh").chmod(0o755)
    return Written(folder, sum(len(text.splitlines()) for text in texts.values()), tuple(_decisions(plan)))


def make_plan(name: str, wanted: Wanted, model: str) -> Plan:
    """Find the corpus, measure it, choose sizes.

    Raises:
        UserError: the corpus leaves a question, has no utterance that trains or tests, or no audio to crop.
    """
    found = find(wanted)
    splits = found.source.splits(found.corpus)
    found = choose_channel(found, splits[0], wanted.channel)
    speech = measure(found, splits[0])
    if wanted.task == "verification" and not speech.sampling_rate:
        raise UserError(f"{found.corpus} holds features without audio; verification trains on crops of audio")
    for split in splits:  # words of run.sh, which come from the corpus
        refuse_unless_plain(split, split)
    tests = tuple(split for split in splits if kind_of(split) == TEST)
    return Plan(name, wanted.task, model, found, speech, tests, settings(speech, wanted.task, model))


def _decisions(plan: Plan) -> Iterator[str]:
    yield f"corpus: {plan.found.what} in {plan.found.corpus}"
    yield from plan.found.decided
    speech = plan.speech
    rate = f"{speech.sampling_rate} Hz" if speech.sampling_rate else "given features"
    yield f"train: {speech.utterances} utterances, {speech.hours:.2f} hours, {rate}"
    if plan.task == "recognition":
        advice = (
            "" if plan.found.language else "; if espeak-ng speaks the language, --language en-us (or another) is better"
        )
        yield f"tokens: {plan.tokens}{advice}"
        yield f"language model: {plan.order}-gram of train's text"
    yield f"model: {plan.model}"


def _clone() -> Path:
    project = Path(pyspeech.__file__).parents[1]
    if not (project / "local" / "recipe.sh").is_file():
        raise UserError(
            f"this pyspeech is installed in {project}, without recipes; clone the project and run it there: "
            "python -m pyspeech new-recipe"
        )
    return project
