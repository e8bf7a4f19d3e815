"""The four files of a new recipe as text: run.sh, prepare.py, conf/<model>.yaml, RESULTS.md."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspeech.scaffold.plan import Plan
from pyspeech.scaffold.python_code import assignment
from pyspeech.scaffold.sizes import size_for
from pyspeech.settings import SHARED_CONF, read_yaml

ALIGNED = 80  # letters of an option at most, after which its comment stands below the others
PRUNED = ' --prune "0 0 1"'  # of large texts
FIGURES = {"recognition": "WER", "classification": "ACC", "verification": "EER"}


def files(plan: Plan) -> dict[str, str]:
    """Path within the recipe's folder -> text."""
    return {
        "run.sh": RUNS[plan.task](plan),
        "prepare.py": prepare(plan),
        f"conf/{plan.learning.model}.yaml": configuration(plan),
        "RESULTS.md": results(plan),
    }


def prepare(plan: Plan) -> str:
    """The corpus, described; its constant is named for the recipe."""
    source, name = type(plan.corpus.source), plan.name.upper()
    return "\n".join(
        [
            f'"""{plan.name}: {plan.what}."""',
            "",
            "from pyspeech.cli.prepare import corpus_cli",
            f"from {source.__module__} import {source.__name__}",
            "",
            assignment(name, plan.corpus.source),  # type: ignore[arg-type]
            "",
            'if __name__ == "__main__":',
            f"    corpus_cli({name}.cuts, {name}.splits)",
            "",
        ]
    )


def run_recognition(plan: Plan) -> str:
    """Phones, letters or pieces; an n-gram of what train says and of what the user adds."""
    results = [f"{split}_all_words" for split in plan.tests] if plan.brought.lm_texts else []
    rescored = "; ".join(f"rescore {name} --lm data/lm_4gram --method search" for name in results)
    compared = "".join(f"compare {split} {name}; " for split, name in zip(plan.tests, results, strict=False))
    return _run(
        plan,
        f"{plan.learning.model}, {plan.tokens.partition(' ')[0]}, {plan.ngrams} HLG.",
        {**_of_language(plan), **_sounds(plan, "none", "none")},
        [
            'if stage 1 "Write the manifests"; then manifests; fi',
            'if stage 2 "Compute the features"; then features; fi',
            'if stage 3 "Build the lexicon, the language model and the graph"; then',
            *(f"  {line}" for line in _language(plan)),
            "fi",
            'if stage 4 "Train"; then train; fi',
            f'if stage 5 "Decode"; then decode dev {plan.scored}; fi',
            *([f'if stage 6 "Rescore with all words of the texts"; then {rescored}; fi'] if results else []),
            f'if stage 7 "Score"; then {compared}score {" ".join((*plan.tests, *results))}; fi',
        ],
    )


def run_classification(plan: Plan) -> str:
    """One label an utterance."""
    return _run(
        plan,
        f"{plan.learning.model}, one label an utterance.",
        _sounds(plan, "none", "none"),
        [
            'if stage 1 "Write the manifests"; then manifests; fi',
            'if stage 2 "Compute the features"; then features; fi',
            'if stage 3 "Make the table of labels"; then labels text; fi',
            'if stage 4 "Train"; then train; fi',
            f'if stage 5 "Predict"; then predict {plan.scored}; fi',
            f'if stage 7 "Score"; then score {plan.scored}; fi',
        ],
    )


def run_verification(plan: Plan) -> str:
    """The speakers of train teach embeddings; trials are pairs of utterances of dev, and of test."""
    trials = "; ".join(f"trials {split}" for split in ("dev", *plan.tests))
    normalised = " ".join(f"{split}_cohort" for split in plan.tests)
    calibrated = " ".join(f"{split} {split}_cohort_calibrated" for split in plan.tests)
    return _run(
        plan,
        f"{plan.learning.model}, cosine of two utterances.",
        _sounds(plan, "$PYSPEECH_CORPORA/noise_and_rir/noise", "$PYSPEECH_CORPORA/noise_and_rir/rir"),
        [
            f'if stage 1 "Write the manifests and the trials"; then manifests; {trials}; fi',
            'if stage 2 "Compute the features"; then features; fi',
            'if stage 3 "Make the table of speakers"; then labels speaker; fi',
            'if stage 4 "Train"; then train; fi',
            f'if stage 5 "Embed, score the trials"; then embed train dev {plan.scored}; by_cosine {plan.scored}; fi',
            f'if stage 6 "Normalise, calibrate"; then by_cohort dev {plan.scored}; calibrate {normalised}; fi',
            f'if stage 7 "Score"; then score {calibrated}; fi',
        ],
    )


RUNS = {"recognition": run_recognition, "classification": run_classification, "verification": run_verification}


def _of_language(plan: Plan) -> dict[str, str]:
    brought, options = plan.brought, {}
    if plan.tokens.startswith("phones"):
        lacking = "; what it lacks, espeak-ng pronounces" if plan.corpus.language else ""
        options[f"lexicon_file={_path(brought.lexicon)}"] = f"words and their phones{lacking}"
    if brought.lm:
        options[f"lm_file={_path(brought.lm)}"] = "the n-grams of the graph, in ARPA format"
    if brought.lm_texts or not brought.lm:
        texts = " ".join(map(_path, brought.lm_texts))
        options[f"lm_text=({texts})"] = "text for language models besides train's: a file .txt, .gz or .xz"
    return options


def _language(plan: Plan) -> list[str]:
    """The lines of stage 3."""
    kind, _, more = plan.tokens.partition(" ")
    lexicon = ' ${lexicon_file:+--lexicon "$lexicon_file"}' if kind == "phones" else ""
    brought, pruned, limit = plan.brought, "", ""
    if brought.has_large_texts:
        pruned, limit = PRUNED, " --vocabulary-limit 60000"
    lines = [f"tokens {kind}{lexicon}{' ' * bool(more)}{more}"]
    if brought.lm_texts or not brought.lm:
        lines += [f"prose --language {shlex.quote(plan.reading)}"]
    if not brought.lm:
        lines += [f"language_model lm data/prose.txt.gz --order {plan.order}{pruned}{limit}"]
    if brought.lm_texts:
        lines += [f"language_model lm_4gram data/prose.txt.gz --order 4{pruned}"]
    return [*lines, "graph"]


def _sounds(plan: Plan, noise: str, rirs: str) -> dict[str, str]:
    if not plan.speech.sampling_rate:  # there is no audio to add them to
        return {}
    return {
        f"noise_dir={_path(plan.brought.noise)}": f"sounds to add in training, such as MUSAN; else {noise}",
        f"rir_dir={_path(plan.brought.rirs)}": f"rooms, such as RIRS_NOISES; else {rirs}",
    }


def _path(path: Path | None) -> str:
    return shlex.quote(str(path)) if path else ""


def _run(plan: Plan, summary: str, more: Mapping[str, str], stages: Sequence[str]) -> str:
    corpus = f"corpus_dir={shlex.quote(str(plan.corpus.folder))}"
    options = {corpus: "the folder of the corpus", f"model={plan.learning.model}": "conf/<model>.yaml", **more}
    width = max(len(option) for option in options if len(option) <= ALIGNED or option == corpus)
    return "\n".join(
        [
            "#!/usr/bin/env bash",
            f"# {plan.name}: {plan.what}, {plan.speech.hours:.2f} hours. {summary}",
            f'recipe_script=$(readlink -f "$0") && . "${{recipe_script%/*}}/../../local/{plan.task}.sh" || exit',
            "",
            *(f"{option:{width}}  # {comment}" for option, comment in options.items()),
            'parse_options "$@"',
            f'corpus=$(find_corpus {plan.name} "$corpus_dir")' + " lm=$lm_file" * bool(plan.brought.lm),
            "",
            *stages,
            "",
        ]
    )


def configuration(plan: Plan) -> str:
    """What differs from the shared defaults, and why."""
    includes = ["augment", "given"] if not plan.speech.sampling_rate else ["fbank", "augment", "noise"]
    includes += ["speakers"] if plan.task == "verification" else []
    includes += ["train", plan.learning.loss, plan.learning.model]
    size = size_for(plan.speech.hours)
    reach = f"up to {size.hours:g} hours" if size.hours != float("inf") else "any more hours"
    lines = [
        f"# {plan.speech.hours:.2f} hours in {plan.speech.utterances} utterances train: sizes for {reach}.",
        f"include: [{', '.join(includes)}]",
        f"task: {plan.task}",
    ]
    for section, settings in plan.settings.items():
        defaults = _defaults(includes, section)
        differing = {key: value for key, value in settings.items() if defaults.get(key) != value}
        if differing:
            lines.append(f"{section}: {{{', '.join(f'{key}: {value}' for key, value in differing.items())}}}")
    return "\n".join([*lines, ""])


def _defaults(includes: Sequence[str], section: str) -> Mapping[str, object]:
    defaults: dict[str, object] = {}
    for name in includes:
        defaults.update(read_yaml(SHARED_CONF / f"{name}.yaml").get(section, {}))
    return defaults


def results(plan: Plan) -> str:
    """A page that waits for its figure."""
    figure = FIGURES[plan.task]
    return "\n".join(
        [
            f"# {plan.name}",
            "",
            f"{plan.what[0].upper()}{plan.what[1:]}; {plan.speech.utterances} utterances, "
            f"{plan.speech.hours:.2f} hours train. Written by `pyspeech new-recipe`; nothing was measured yet.",
            "",
            "| command | test |",
            "|---|---|",
            f"| `recipes/{plan.name}/run.sh` | its last line, `%{figure} ...`, goes here |",
            "",
        ]
    )
