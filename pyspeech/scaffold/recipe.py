"""A new recipe: look at the corpus, decide, write the folder completely or not at all."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pyspeech.corpora.splits import TEST, kind_of, refuse_unless_plain
from pyspeech.errors import UserError
from pyspeech.files import complete
from pyspeech.lang.lexicon import in_case_of, read_lexicon
from pyspeech.lang.marks import counted, marks_of
from pyspeech.lang.unspaced import BY_CHARACTER, unspaced_language
from pyspeech.scaffold.channels import choose_channel
from pyspeech.scaffold.find import Wanted, find
from pyspeech.scaffold.language import check_language
from pyspeech.scaffold.measure import measure
from pyspeech.scaffold.networks import choose_learning
from pyspeech.scaffold.plan import FoundCorpus, Plan
from pyspeech.scaffold.sizes import settings
from pyspeech.scaffold.templates import files

SHOWN = 5  # words


@dataclass(frozen=True)
class Written:
    """A recipe's folder, its lines, and what was decided: one line each."""

    folder: Path
    lines: int
    decided: tuple[str, ...]


def new_recipe(name: str, wanted: Wanted, project: Path) -> Written:
    """Write ``recipes/NAME`` of the clone ``project``.

    Raises:
        UserError: a name that is no folder's, a recipe of that name, or a corpus that leaves a question.
    """
    folder = project / "recipes" / name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):  # its prepare.py is a module for whoever checks types
        raise UserError(f"'{name}' is no name for a recipe; use letters, digits and _, a letter first")
    if folder.exists():
        raise UserError(f"{folder} exists; choose another name, or remove it")
    if wanted.language:
        check_language(wanted.language)
    plan = make_plan(name, wanted)
    texts = files(plan)
    with complete(folder) as partial:
        for file, text in texts.items():
            (partial / file).parent.mkdir(parents=True, exist_ok=True)
            (partial / file).write_text(text, encoding="utf-8")
        (partial / "run.sh").chmod(0o755)
    return Written(folder, sum(len(text.splitlines()) for text in texts.values()), tuple(_decisions(plan)))


def make_plan(name: str, wanted: Wanted) -> Plan:
    """Find the corpus, measure it, choose sizes.

    Raises:
        UserError: no such network or loss, what was brought is not there or not what it is for, or the corpus leaves a
            question, has no utterance that trains or tests, or no audio to crop or to add sounds to.
    """
    task, brought = wanted.task, wanted.brought
    learning = choose_learning(task, wanted.model, wanted.loss)
    brought.check(task)
    corpus = find(wanted)
    splits = corpus.source.splits(corpus.folder)
    corpus = choose_channel(corpus, splits[0], wanted.channel)
    speech, texts = measure(corpus, splits[0])
    if wanted.task == "recognition":
        corpus = _with_words(corpus, texts)
    if brought.lexicon:
        corpus = _with_lexicon(corpus, brought.lexicon, texts)
    if task == "verification" and not speech.sampling_rate:
        raise UserError(f"{corpus.folder} holds features without audio; verification trains on crops of audio")
    if brought.has_sounds and not speech.sampling_rate:
        raise UserError(f"{corpus.folder} holds features without audio; leave out --noise-dir and --rir-dir")
    for split in splits:  # words of run.sh, which come from the corpus
        refuse_unless_plain(split, split)
    tests = tuple(split for split in splits if kind_of(split) == TEST)
    sizes = settings(speech, task, learning.model, learning.utterances_each)
    return Plan(name, task, learning, corpus, speech, tests, sizes, brought)


def _with_words(corpus: FoundCorpus, texts: Sequence[str]) -> FoundCorpus:
    """The corpus, read by characters where its texts have no spaces, and what is to be known of that and of marks."""
    if marks := counted(mark for text in texts for mark in marks_of(text)):
        warning = f"words: warning: marks of noises are learnt as words, {marks}; take them out of the texts"
        corpus = replace(corpus, decided=(*corpus.decided, warning))
    by_character = corpus.language.partition("-")[0] in BY_CHARACTER
    if unspaced := unspaced_language(texts):
        if unspaced in BY_CHARACTER and getattr(corpus.source, "language", None) is not None:
            corpus = replace(corpus, source=replace(corpus.source, language=unspaced))  # type: ignore[type-var]
            by_character = True
        else:
            warning = (
                "words: warning: the texts have no spaces between words, and a whole sentence would be one; put spaces "
                "between the words, or the characters, and make the recipe again"
            )
            return replace(corpus, decided=(*corpus.decided, warning))
    if not by_character:
        return corpus
    told = "words: each character of a language without spaces; %WER is then a character error rate (CER)"
    return replace(corpus, decided=(*corpus.decided, told))


def _with_lexicon(corpus: FoundCorpus, path: Path, texts: Sequence[str]) -> FoundCorpus:
    """The corpus, with what is to be known of a lexicon for it."""
    words = {word for text in texts for word in text.split()}
    lexicon = in_case_of(read_lexicon(path), words)
    lacking = sorted(words - lexicon.keys())
    told = f"lexicon: {path}, {len(lexicon)} words"
    if lacking:
        shown = " ".join(lacking[:SHOWN]) + (" ..." if len(lacking) > SHOWN else "")
        told += f"; it lacks {len(lacking)} of train's {len(words)}, {shown}: "
        told += "espeak-ng says them" if corpus.language else "stage 3 will ask for them, or give --language CODE"
    return replace(corpus, decided=(*corpus.decided, told))


def _decisions(plan: Plan) -> Iterator[str]:
    yield f"corpus: {plan.corpus.what} in {plan.corpus.folder}"
    yield from plan.corpus.decided
    speech = plan.speech
    rate = f"{speech.sampling_rate} Hz" if speech.sampling_rate else "given features"
    yield f"train: {speech.utterances} utterances, {speech.hours:.2f} hours, {rate}"
    if plan.task == "recognition":
        advice = (
            ""
            if plan.corpus.language or plan.brought.lexicon
            else "; if espeak-ng speaks the language, --language en-us (or another) is better"
        )
        yield f"tokens: {plan.tokens}{advice}"
        texts = "".join(f" and {text.name}" for text in plan.brought.lm_texts)
        ours = f"{plan.order}-gram of train's text{texts}"
        yield f"language model: {plan.brought.lm or ours}"
        if texts:
            yield f"rescoring: with all words of a 4-gram of train's text{texts}"
    yield f"model: {plan.learning.model}"
    yield f"loss: {plan.learning.loss}"
