"""One reader of files: how its input is made and read."""

import io
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pyspeech.cli import main
from pyspeech.errors import UserError
from tools.fuzz.judge import Wrong

Read = Callable[[], object]


@dataclass(frozen=True)
class Reader:
    """How a kind of input is made and read, both in the current folder.

    Args:
        sample: Writes a valid input.
        read: Reads it, as the commands do; what it returns is looked through for numbers that are none.
        files: Glob pattern of the files that are damaged.
        needs: A package that it needs, without which it is left out.
        prepare: Called in the folder of each input before the damage, for what is true of that folder alone.
    """

    sample: Callable[[], None]
    read: Read
    files: str = "**/*"
    needs: str = "lhotse"
    prepare: Read | None = None

    @property
    def missing(self) -> bool:
        """Whether the package is not there."""
        return find_spec(self.needs) is None


def command(*lines: str, quotes: bool = False) -> Read:
    """Run ``pyspeech`` with these words, one command after the other, as from a shell; return what they print.

    Nothing, where that ``quotes`` the input, as a list of its faults does.
    """

    def run() -> str:
        printed = io.StringIO()
        for line in lines:
            with redirect_stdout(printed), redirect_stderr(io.StringIO()) as said:
                _run(line.split(), said)
        _refuse_unsound_outputs()
        return "" if quotes else printed.getvalue()

    return run


def _run(words: list[str], said: io.StringIO) -> None:
    sys.argv = ["pyspeech", *words]
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            raise UserError(end.code) from end
        if "Traceback" in said.getvalue():
            raise Wrong(f"a traceback and exit code {end.code}") from end
        if end.code == 2:  # click's
            raise UserError(said.getvalue().strip().splitlines()[-1]) from end


def _refuse_unsound_outputs() -> None:
    """What a command wrote must be JSON, without words in place of numbers, where its name says so."""
    for path in Path().glob("out*/**/*.json"):
        if re.search(r"(?<![\w\"])-?(NaN|Infinity)(?![\w\"])", path.read_text(encoding="utf-8")):
            raise Wrong(f"{path} holds numbers that are none")
