"""The one exception that means "the user can mend this"."""

import difflib
from collections.abc import Iterable

MOST_LETTERS = 2000  # of a message: what was found may be a file that is one word


class UserError(Exception):
    r"""A fault in what the user gave: which thing, what was found, what to do.

    The command line prints it as one line without a traceback and exits with 1. So the message is one, whatever was
    found: what would break the line, command a terminal or could not be encoded stands as its escape (``\x1b``), and
    the middle of what is too long is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class MissingPackage(UserError):
    """An optional package that a command needs is not installed."""

    def __init__(self, package: str, needed_for: str, install: str) -> None:
        super().__init__(f"{needed_for} needs the package {package}, which is not installed; run: {install}")


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says, or its name if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def printable(text: str) -> str:
    """Return ``text`` as a line that can be printed anywhere, with escapes for what cannot."""
    if len(text) > MOST_LETTERS:
        half = MOST_LETTERS // 2
        text = f"{text[:half]} … {text[-half:]}"  # the end says what to do
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Say which allowed name is closest: ``"; did you mean 'epochs'?"`` or the whole list."""
    names = sorted(allowed)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; allowed: {', '.join(names)}"
