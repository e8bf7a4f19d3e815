"""Every recipe runs once, however many tests look at the result."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from layouts import LAYOUTS
from recipe_runs import PROJECT, copy_recipe, run_recipe


@dataclass(frozen=True)
class Finished:
    """A copy of a recipe that ran all its stages."""

    folder: Path
    arguments: tuple[str, ...]
    out: str
    err: str


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Callable[[str], Finished]:
    """Runs the recipe of a name on its corpus of tests/layouts.py."""

    @cache
    def finish(name: str) -> Finished:
        layout = LAYOUTS[name]
        project = tmp_path_factory.mktemp(name)
        folder = copy_recipe(PROJECT / "recipes" / name, project, layout.settings)
        for path, text in layout.files.items():
            (folder / path).write_text(text, encoding="utf-8")
        arguments = tuple(word.format(corpus=project / "corpus") for word in layout.arguments)
        if layout.make is not None:
            layout.make(project / "corpus")
            arguments += ("--corpus-dir", str(project / "corpus"))
        return Finished(folder, arguments, *run_recipe(folder, *arguments))

    return finish
