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
@click.option(
    "--model",
    default="",
    metavar="NAME",
    help="Network: tdnn_lstm (the default of recognition), bilstm_ctc, conformer; of the other tasks speaker_lstm (the "
    "default), xvector, ecapa_tdnn.",
)
@click.option(
    "--loss",
    default="",
    metavar="NAME",
    help="ctc or lfmmi of recognition; softmax (the default of classification), aam_softmax (of verification), ge2e.",
)
@click.option("--audio", default="", help="Tables: a folder of audio, or a template such as 'clips/{id}.wav'.")
@click.option("--text", default="", metavar="COLUMN", help="Tables: the text, or the label of a classification.")
@click.option("--speaker", default="", metavar="COLUMN", help="Tables: the speaker.")
@click.option("--split", default="", metavar="COLUMN", help="Tables: train, dev or test.")
@click.option("--start", default="", metavar="COLUMN", help="Tables: when an utterance begins in its file.")
@click.option("--end", default="", metavar="COLUMN", help="Tables: when it ends.")
@click.option("--duration", default="", metavar="COLUMN", help="Tables: how long it lasts, in place of --end.")
@click.option("--times", type=click.Choice(TIMES), help="Tables: unit of these; none takes whole files.")
@click.option(
    "--lexicon-file", type=PATH, help="Of recognition: words and their phones, in place of espeak-ng or before."
)
@click.option("--lm-file", type=PATH, help="Of recognition: an ARPA model for the graph, in place of train's n-grams.")
@click.option(
    "--lm-text",
    type=PATH,
    multiple=True,
    help="Of recognition: prose (.txt .gz .xz) for the n-grams besides train's text, and for a rescoring with all its "
    "words, in stage 6; may be given several times.",
)
@click.option("--noise-dir", type=PATH, help="Folder of sounds to add in training, such as MUSAN.")
@click.option("--rir-dir", type=PATH, help="Folder of rooms to place speech in, such as RIRS_NOISES.")
@click.option("--channel", default="", metavar="0|1|mix|each", help="Of recordings with several; mix: their average.")
@click.option("--allow-pipes", is_flag=True, help="Kaldi: run the commands of wav.scp, once.")
def new_recipe(  # noqa: PLR0913, PLR0917 -- one for each option
    name: str,
    path: Path,
    task: str,
    kind: str,
    language: str,
    model: str,
    loss: str,
    allow_pipes: bool,
    lexicon_file: Path | None,
    lm_file: Path | None,
    lm_text: tuple[Path, ...],
    noise_dir: Path | None,
    rir_dir: Path | None,
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
    from pyspeech.scaffold.brought import Brought
    from pyspeech.scaffold.columns import Asked
    from pyspeech.scaffold.find import Wanted
    from pyspeech.scaffold.recipe import new_recipe as write

    lexicon, lm, noise, rirs = (each and each.resolve() for each in (lexicon_file, lm_file, noise_dir, rir_dir))
    wanted = Wanted(
        path,
        kind,  # type: ignore[arg-type]
        task,  # type: ignore[arg-type]
        language,
        Asked(**columns),  # type: ignore[arg-type]
        allow_pipes,
        channel,
        Brought(lexicon, lm, tuple(text.resolve() for text in lm_text), noise, rirs),
        model,
        loss,
    )
    written = write(name, wanted, project)
    for line in written.decided:
        click.echo(line)
    click.echo(f"{written.folder}: {written.lines} lines; run recipes/{name}/run.sh")
