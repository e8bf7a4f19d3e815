"""``pyspeech config``: every setting that a configuration comes to."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)
SEARCHES = ("decode", "rescore")  # sections of the commands of that name


@click.command()
@click.argument("config_path", metavar="CONFIG", type=PATH)
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
def config(config_path: Path, overrides: tuple[str, ...]) -> None:
    """Show every setting of CONFIG with all that it includes, where KEY=VALUE words override it; check them all.

    Of recognition, also those of decode and rescore: decode.KEY=VALUE and rescore.KEY=VALUE are for these commands,
    all others are for train.
    """
    import yaml

    from pyspeech.config import load_config
    from pyspeech.decoding.config import load_decode_config
    from pyspeech.errors import UserError
    from pyspeech.own_code import import_classes, recipe_folder
    from pyspeech.rescoring.config import load_rescore_config
    from pyspeech.tasks import task_class
    from pyspeech.tasks.network import new_model

    words = {name: [word for word in overrides if word.startswith(f"{name}.")] for name in SEARCHES}
    of_search = [word for name in SEARCHES for word in words[name]]
    of_train = [word for word in overrides if word not in of_search]
    training = load_config(config_path, of_train)
    import_classes(training.names, recipe_folder(config_path))
    task = task_class(training.task)
    new_model(training, 2, task.output_per)  # which knows the settings of its network and its loss
    sections = training.model_dump(mode="json")
    if task.table == "lang":
        sections["decode"] = load_decode_config(overrides=words["decode"]).model_dump(mode="json")
        sections["rescore"] = load_rescore_config(overrides=words["rescore"]).model_dump(mode="json")
    elif of_search:
        raise UserError(f"'{of_search[0]}' is of recognition, and {config_path} of {training.task}; leave it out")
    click.echo(yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, default_flow_style=None), nl=False)
