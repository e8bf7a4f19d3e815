"""``pyspeech enroll``: people who can be identified."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("exp", type=PATH)
@click.argument("store", type=PATH)
@click.argument("people_dir", required=False, type=PATH)
@click.option("--remove", multiple=True, metavar="NAME", help="Person to remove, before any are added; repeatable.")
@click.option("--device", help="cpu, cuda or cuda:<number>; without it a GPU where there is one, else the CPU.")
def enroll(exp: Path, store: Path, people_dir: Path | None, remove: tuple[str, ...], device: str | None) -> None:
    """Add the people of PEOPLE_DIR to the folder STORE, by the model in EXP.

    PEOPLE_DIR holds a folder for each person, which has their name and their audio in it. A person who is in STORE
    already is replaced. Without PEOPLE_DIR and --remove, lists the people and how many utterances each was enrolled
    with.
    """
    from pyspeech.inference.enrolment import enrol, enrolled

    if people_dir is None and not remove:
        for name, one in enrolled(exp, store).items():
            click.echo(f"{name}\t{one.utterances}")
    else:
        click.echo(f"{store}: {len(enrol(exp, store, people_dir, remove, device))} people")
