"""Readers that are wrong in one way each, for the tests of tools/fuzz; run as a module, a process that reads."""

import ctypes
import sys
from pathlib import Path
from subprocess import run

import numpy as np

from pyspeech.errors import UserError
from tools.fuzz.child import Limits, serve
from tools.fuzz.judge import Wrong
from tools.fuzz.reader import Reader, command


def one_line():
    Path("a.txt").write_text("as it was\n")


def is_damaged():
    return Path("a.txt").read_bytes() != b"as it was\n"


def when_damaged(fault):
    def read():
        return fault() if is_damaged() else "right"

    return Reader(one_line, read, needs="numpy")


def refuse():
    raise UserError("a.txt is damaged; write it again")


def say_nothing():
    raise UserError("")


def raise_another():
    return {}["a"]


def hang():
    while True:
        pass


def take_memory():
    return np.ones(1 << 30, np.uint8)


def take_memory_step_by_step():
    return [bytearray(b"x" * (1 << 20)) for _ in range(500)][-1].count(b"y")


def crash():
    ctypes.string_at(0)


def exit_at_once():
    sys.exit(3)


def obey():
    run(["touch", "canary"], check=True)


def write_elsewhere():
    Path("../up").touch()


def lie():
    raise Wrong("not what it was")


READERS = {
    "right": when_damaged(lambda: [1.5, {"a": "b"}]),
    "refuses": when_damaged(refuse),
    "usage": when_damaged(command("lattice nothing")),
    "without words": when_damaged(say_nothing),
    "traceback": when_damaged(raise_another),
    "hangs": when_damaged(hang),
    "memory": when_damaged(take_memory),
    "more memory": when_damaged(take_memory_step_by_step),
    "crashes": when_damaged(crash),
    "exits": when_damaged(exit_at_once),
    "obeys": when_damaged(obey),
    "writes elsewhere": when_damaged(write_elsewhere),
    "no number": when_damaged(lambda: {"a": [float("nan")]}),
    "prints no number": when_damaged(lambda: "%WER nan"),
    "lies": when_damaged(lie),
}
FAULTS = {
    "without words": "a message without words",
    "traceback": "KeyError at ",
    "hangs": "more than 0.5 s of processor time at ",
    "memory": "MemoryError at ",
    "more memory": "MemoryError at ",
    "crashes": "the process died: SIGSEGV at ",
    "exits": "SystemExit at ",
    "obeys": "a command of the input was run",
    "writes elsewhere": "files outside its folder: up",
    "no number": "the number nan",
    "prints no number": "'nan' is printed: '%WER nan'",
    "lies": "not what it was",
}

if __name__ == "__main__":
    serve(READERS, Path(sys.argv[1]), Path(sys.argv[2]), Limits(float(sys.argv[3]), int(sys.argv[4])))
