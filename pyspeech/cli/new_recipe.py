"""``pyspeech new-recipe``: the recipe of a corpus, from a look at it."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)
TASKS = ["recognition", "verification", "classification"]
SOURCES = ["csv", "tsv", "jsonl", "kaldi", "folder", "lhotse", "librispeech", "commonvoice", "sphinx"]
TIMES = ["seconds", "milliseconds", "samples", "none"]


@click.command("new-recipe")
@click.argument("name")
@click.argument("path", type=PATH)
@click.option("--task", required=True, type=click.Choice(TASKS), help="What the recipe trains.")
@click.option("--from", "kind", required=True, type=click.Choice(SOURCES), help="What PATH is.")
@click.option("--language", default="", metavar="CODE", help="Of espeak-ng, e.g. en-us: phones, and numbers as words.")
@click.option("--model", type=click.Choice(["tdnn_lstm", "bilstm_ctc"]), help="Of recognition; tdnn_lstm unless given.")
@click.option("--audio", default="", help="Tables: a folder of audio, or a template such as 'clips/{id}.wav'.")
@click.option("--text", default="", metavar="COLUMN", help="Tables: the text, or the label of a classification.")
@click.option("--speaker", default="", metavar="COLUMN", help="Tables: the speaker.")
@click.option("--split", default="", metavar="COLUMN", help="Tables: train, dev or test.")
@click.option("--start", default="", metavar="COLUMN", help="Tables: when an utterance begins in its file.")
@click.option("--end", default="", metavar="COLUMN", help="Tables: when it ends.")
@click.option("--duration", default="", metavar="COLUMN", help="Tables: how long it lasts, in place of --end.")
@click.option("--times", type=click.Choice(TIMES), help="Tables: unit of these; none takes whole files.")
@click.option("--lexicon", type=PATH, help="Of recognition: words and their phones, in place of espeak-ng's or before.")
@click.option("--lm", type=PATH, help="Of recognition: an ARPA model for the graph, in place of train's n-grams.")
@click.option("--channel", default="", metavar="0|1|mix|each", help="Of recordings with several; mix: their average.")
@click.option("--allow-pipes", is_flag=True, help="Kaldi: run the commands of wav.scp, once.")
def new_recipe(  # noqa: PLR0913, PLR0917 -- one for each option
    name: str,
    path: Path,
    task: str,
    kind: str,
    language: str,
    model: str | None,
    allow_pipes: bool,
    lexicon: Path | None,
    lm: Path | None,
    channel: str,
    **columns: str,
) -> None:
    """Write recipes/NAME for the corpus at PATH, ready to run from stage 1; it says what it found.

    PATH is the table (csv, tsv, jsonl), a Kaldi data directory or the folder of several, a folder of audio, a folder of
    lhotse manifests, the folder LibriSpeech, one language of Common Voice (cv-corpus-*/de), or the folder of Sphinx's
    etc/.
    """
    from pyspeech.scaffold.clone import this_clone

    project = this_clone()  # before what follows imports packages that come with a clone's own environment
    from pyspeech.scaffold.columns import Asked
    from pyspeech.scaffold.find import Wanted
    from pyspeech.scaffold.recipe import new_recipe as write

    if model and task != "recognition":
        raise click.UsageError(f"--model is for recognition; {task} has one network")
    asked = Asked(**columns)  # type: ignore[arg-type]
    lexicon, lm = (each and each.resolve() for each in (lexicon, lm))
    wanted = Wanted(path, kind, task, language, asked, allow_pipes, lexicon, lm, channel)  # type: ignore[arg-type]
    written = write(name, wanted, model or "tdnn_lstm", project)
    for line in written.decided:
        click.echo(line)
    click.echo(f"{written.folder}: {written.lines} lines; run recipes/{name}/run.sh")
