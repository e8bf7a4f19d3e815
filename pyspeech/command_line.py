"""How every command ends: what a user can mend is one line on standard error, and Ctrl-C is none at all."""

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn

import click

from pyspeech.errors import UserError, printable
from pyspeech.messages import tell_from

INTERRUPTED = 128 + signal.SIGINT
SHOWN = 80  # characters of what is wrong


def run(command: click.Command, name: str | None = None, tell: Callable[[str], bool] = lambda _: False) -> NoReturn:
    """Run a command line to its end; the exit code is 1 for a fault of the user, 2 for a wrong option, 130 for Ctrl-C.

    An exception that nobody foresaw is a mistake of ours and keeps its traceback.

    Args:
        command: What to run.
        name: As the user calls it.
        tell: Is given the line first, and says whether somebody else prints it.
    """
    _open_streams()
    tell_from(logging.INFO)
    sys.unraisablehook = _unraisable
    try:
        code = command.main(prog_name=name, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        _exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        _exit(error.exit_code)
    except Exception as error:
        if _interrupted(error):
            _exit(INTERRUPTED)
        message = message_of(error)
        if message is None:
            raise
        _exit(1 if not message or tell(message) else f"error: {printable(message)}")
    except KeyboardInterrupt:
        _exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what follows is the interpreter's own end


def interruptible() -> None:
    """From here on Ctrl-C is a ``KeyboardInterrupt``, so that what is half written is removed; but not in imports."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_: int, frame: FrameType | None) -> NoReturn:
    while frame is not None:
        # torch makes a RuntimeError of an exception in its import, others pass over it.
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _die()
        frame = frame.f_back
    threading.excepthook = lambda _: None  # of threads that lose the processes which the same Ctrl-C ended
    raise KeyboardInterrupt


def _die() -> None:
    """End by the signal itself: no exception, no tidying up."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)


def message_of(error: Exception) -> str | None:
    """What is to be said of an exception; nothing ("") where nobody reads it, ``None`` where it is our mistake."""
    message = None
    match error:
        case UserError():
            message = str(error)
        case OSError(filename=None):
            message = _nameless(error)
        case OSError():
            message = f"{os.fsdecode(error.filename)}: {error.strerror}; give another path, or mend this one"
        case UnicodeDecodeError():
            byte = f"0x{error.object[error.start]:02x}"
            message = f"what was read is not {error.encoding} (byte {byte}); convert it with iconv"
        case UnicodeEncodeError(encoding="utf-8"):
            message = f"{error.object[:SHOWN]!a} holds what is no character, which cannot be written; give it in UTF-8"
        case UnicodeEncodeError():
            character = error.object[error.start]
            message = f"this output is in {error.encoding}, which has no {character!a}; set PYTHONIOENCODING=utf-8"
        case MemoryError():
            message = "there is not enough memory; end other programs, or give less at a time"
        case RecursionError():
            message = "what was given is nested too deeply; make it anew"
        case ModuleNotFoundError() if not (error.name or "").startswith("pyspeech"):
            message = f"this needs the package {error.name}, which is not installed; see: pyspeech env"
    return message


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C led to an error."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt | click.Abort):
            return True
        error = error.__cause__ or error.__context__
    return False


def _open_streams() -> None:
    """Make sure that the files to come are not taken for the standard streams, and that names come out as they came."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # the user closed it; the lowest number that is free is given to the next file
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="surrogateescape")  # of names that are not UTF-8


def _nameless(error: OSError) -> str:
    """What is to be said where no file has a name, of standard output as a rule; "" if nobody reads that any more."""
    # What still waits goes nowhere: the interpreter would try again at its end, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return "" if error.errno == errno.EPIPE else f"cannot write the output: {error.strerror or error}; free space"


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """Ctrl-C where no exception can be raised, as in a destructor, would be lost."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _die()
    sys.__unraisablehook__(unraisable)


def _exit(code: int | str) -> NoReturn:
    sys.exit(code)
