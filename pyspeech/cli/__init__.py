"""The command line: one verb, one call. A command's module is imported when the command is run."""

import importlib
from pathlib import Path
from typing import NoReturn

import click

from pyspeech import __version__
from pyspeech.cli.options import NamingGroup, verbosity
from pyspeech.command_line import interruptible, run

# name -> (module, attribute, one line for --help), group by group. Listing the commands imports none of them.
COMMANDS = {
    "new-recipe": ("pyspeech.cli.new_recipe", "new_recipe", "Write the recipe of a corpus from a look at it."),
    "describe": ("pyspeech.cli.describe", "describe", "Hours, speakers, durations, words, rates; a picture."),
    "validate": ("pyspeech.cli.validate", "validate", "Find all that is wrong with manifests; mend it."),
    "audio": ("pyspeech.cli.audio", "audio", "Resample the recordings of manifests once, as FLAC."),
    "features": ("pyspeech.cli.features", "features", "Compute and store log-mel or MFCC features."),
    "lang": ("pyspeech.cli.lang", "lang", "Make the tokens (phones, characters, pieces) and the lexicon."),
    "lm": ("pyspeech.cli.lm", "lm", "Train and measure n-gram models; write prose as it is spoken."),
    "graph": ("pyspeech.cli.graph", "graph", "Compile the decoding graph HLG."),
    "labels": ("pyspeech.cli.labels", "labels", "Make the table of words or speakers to tell apart."),
    "config": ("pyspeech.cli.config", "config", "Show and check every setting of a configuration."),
    "train": ("pyspeech.cli.train", "train", "Train a network for words, labels or speakers, or go on with it."),
    "average": ("pyspeech.cli.average", "average", "Average checkpoints of a training into its model."),
    "decode": ("pyspeech.cli.decode", "decode", "Find words by graph, by language model, greedily; keep lattices."),
    "predict": ("pyspeech.cli.predict", "predict", "Say which label each cut has."),
    "rescore": ("pyspeech.cli.rescore", "rescore", "Another language model, new words, boosts for a decode."),
    "score": ("pyspeech.cli.score", "score", "WER, rare words, accuracy, verification, identification."),
    "results": ("pyspeech.cli.results", "results", "List every score below a folder, the best first."),
    "compare": ("pyspeech.cli.compare", "compare", "Compare two decodes, with p-values."),
    "lattice": ("pyspeech.cli.lattice", "lattice", "Draw stored lattices; exchange them; their oracle WER."),
    "export-text": ("pyspeech.cli.export_text", "export_text", "Words as text, TRN, STM, CTM, JSON, SRT, VTT."),
    "trials": ("pyspeech.cli.trials", "trials", "List pairs of utterances to verify speakers on."),
    "embed": ("pyspeech.cli.embed", "embed", "Compute and store the embeddings of cuts."),
    "plda": ("pyspeech.cli.plda", "plda", "Learn how speakers differ, to verify them by PLDA."),
    "verify": ("pyspeech.cli.verify", "verify", "Score trials by cosine or PLDA, plain or AS-normalised."),
    "calibrate": ("pyspeech.cli.calibrate", "calibrate", "Make likelihood ratios of a verification's scores."),
    "enroll": ("pyspeech.cli.enroll", "enroll", "Store people who can be identified."),
    "identify": ("pyspeech.cli.identify", "identify", "Say who of the enrolled people speaks, or nobody."),
    "env": ("pyspeech.cli.env", "env", "What is installed, what works, and how to mend the rest."),
    "plot": ("pyspeech.cli.plot", "plot", "Draw the course of trainings: loss, errors, learning rate, speed."),
    "inspect": ("pyspeech.cli.inspect", "inspect", "Draw an utterance: waveform, features, tokens, words."),
}
# The first command of each group -> its heading in --help.
HEADINGS = {
    "new-recipe": "Data",
    "lang": "Language",
    "labels": "Train",
    "decode": "Decode, rescore, score",
    "trials": "Speakers",
    "env": "Look",
}


class LazyGroup(NamingGroup):
    """A group whose commands are imported on use, so that ``--help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: list[tuple[str, list[tuple[str, str]]]] = []
        width = max(map(len, COMMANDS))  # so that the lines begin in one column
        for name, (_, _, text) in COMMANDS.items():
            if name in HEADINGS:
                groups.append((HEADINGS[name], []))
            groups[-1][1].append((f"{name:<{width}}", text))
        for heading, rows in groups:
            with formatter.section(heading):
                formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
@click.option(
    "--code",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of a recipe or an experiment whose own classes may run; may be given several times.",
)
@verbosity
def cli(code: tuple[Path, ...]) -> None:
    """Kaldi-style speech recipes: lhotse data, torch training, k2 lattices, KenLM language models."""
    from pyspeech.own_code import trust
    from pyspeech.threads import set_threads

    interruptible()
    trust(*code)
    set_threads()  # here, before a command's module imports numpy


def main() -> NoReturn:
    """Run the command line; of several processes of a training, what started them says what is wrong."""
    from pyspeech.training.launcher import told_to_launcher

    run(cli, "pyspeech", told_to_launcher)
