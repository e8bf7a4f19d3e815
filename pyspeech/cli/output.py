"""What a command writes, as an argument or an option."""

import os
from pathlib import Path
from typing import Any

import click

from pyspeech.files import writing
from pyspeech.locks import only_writer


class _Output(click.Path):
    """A path that no other process may write while the command runs: it is told before hours are spent, not after."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 -- as click has it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if ctx is not None:
            with writing(path):
                ctx.with_resource(only_writer(path))
        return path


OUTPUT = _Output(path_type=Path)
