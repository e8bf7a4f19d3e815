"""``pyspeech describe``: what is in these manifests?"""

from pathlib import Path

import click

from pyspeech.cli.output import OUTPUT

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("manifests", metavar="MANIFEST...", type=PATH, nargs=-1, required=True)
@click.option("--out", type=OUTPUT, metavar="FOLDER", help="Write description.json and description.png there.")
def describe(manifests: tuple[Path, ...], out: Path | None) -> None:
    """Describe manifests: hours, speakers, words, characters, durations, rates of speech; a column for each.

    Give the one that trains first: the words and speakers of the others are held against it. Texts that are few are
    taken for labels. Of utterances that are stored at several speeds, one speed counts. The picture needs matplotlib.
    """
    from pyspeech.corpora.description.figures import description_values
    from pyspeech.corpora.description.picture import draw
    from pyspeech.corpora.description.tally import describe_manifest
    from pyspeech.corpora.description.text import description_text
    from pyspeech.errors import UserError
    from pyspeech.files import write_json

    if len({manifest.resolve() for manifest in manifests}) < len(manifests):
        raise UserError("a manifest is given twice; name each once")
    descriptions = [describe_manifest(manifest) for manifest in manifests]
    click.echo(description_text(descriptions), nl=False)
    if out is not None:
        write_json(out / "description.json", description_values(descriptions))
        draw(descriptions, out / "description.png")
