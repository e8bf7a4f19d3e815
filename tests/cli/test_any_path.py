"""Whatever a path leads to, every command answers in one line, soon, without a traceback and in little memory."""

import gzip
import os
import resource
import struct
import zlib
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from decodes import RARE, said, save_decode, save_lm, sentences
from experiments import ARPA, YAML, save_untrained
from tones import tone_manifest
from trial_lists import write_verification_folder

from pyspeech.cli import cli
from pyspeech.command_line import message_of
from pyspeech.lang.labels import LabelTable
from pyspeech.speakers.embeddings import save_embeddings

HUGE_BYTES = 1 << 40  # of a file without content, which takes no room on the disk
MORE_BYTES = 2 << 30  # of addresses, of which memory is a part, that a call may take
JUNK = bytes(number * 73 % 251 for number in range(4096))


def commands(command=cli, names=()):
    """Pairs (words that call it, command) of all commands that have none below them."""
    if not isinstance(command, click.Group):
        yield names, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from commands(command.get_command(context, name), (*names, name))


CALLS = {" ".join(names): (names, command) for names, command in commands()}
PLACES = [
    pytest.param(name, parameter, id=f"{name} {parameter.name}")
    for name, (_, command) in CALLS.items()
    for parameter in command.params
    if isinstance(parameter.type, click.Path)
]


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


CONTENTS = {
    "empty": b"",
    "junk": JUNK,
    "png": png(),
    "gz": gzip.compress(JUNK, mtime=0),
    "cut": gzip.compress(JUNK * 9, mtime=0)[:-9],
    "utf16": "{}\n".encode("utf-16"),
    "brackets": b"[" * 99_999,
    "object": b"{}\n",
    "number": b"7\n",
    "text": "eins zwei\n\n ä\u2028ö\t9\n".encode(),
}


def bad_paths(folder, like, written):
    """By what it is, a path that leads there, called as the one that a command is ``like`` to be given.

    None is a device: a command that replaced /dev/null would leave the machine without.
    """
    ending = "".join(like.suffixes)
    if written:
        os.mkfifo(folder / f"pipe{ending}")
        yield "pipe", folder / f"pipe{ending}"
    for name, content in CONTENTS.items():
        if written and name != "junk":
            continue
        path = folder / f"{name}{ending}"
        path.write_bytes(content)
        yield name, path
    if not written:
        huge = folder / f"huge{ending}"
        huge.touch()
        os.truncate(huge, HUGE_BYTES)
        yield "huge", huge
    (folder / f"folder{ending}").mkdir(exist_ok=True)
    yield "folder", folder / f"folder{ending}"
    yield "missing", folder / f"missing{ending}"
    yield "long", folder / ("x" * 300 + ending)
    yield "undecodable", Path(os.fsdecode(os.fsencode(folder) + b"/\xff" + ending.encode()))
    yield "below a file", folder / f"junk{ending}/a{ending}"
    yield "several lines", folder / f"a\nb{ending}"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """What each path of a command is to be, by the command's name and the parameter's, or by the parameter's alone."""
    folder = tmp_path_factory.mktemp("good")
    manifest = tone_manifest(folder / "train.jsonl.gz", 4)
    save_untrained(folder / "exp")
    (folder / "conf.yaml").write_text(YAML)
    spoken = said("a", sentences(3))
    decode = save_decode(folder / "decode", spoken, train_words={})
    save_lm(folder / "lm", sentences(20))
    LabelTable("text", ("LOW", "HIGH")).save(folder / "labels")
    ids = [f"u{number}" for number in range(8)]
    rows = np.random.default_rng(0).normal(size=(8, 4))
    save_embeddings(folder / "embeddings", ids, [f"s{number // 2}" for number in range(8)], rows, "net")
    pairs = [("u0", "u1"), ("u2", "u3"), ("u0", "u2"), ("u1", "u3")]
    write_verification_folder(folder / "verify", [1, 0.5, 0, 0.6], [True, True, False, False], pairs)
    texts = {
        "trials.txt": "1 u0 u1\n0 u0 u2\n",
        "words.txt": f"{RARE}\n",
        "lm.arpa": ARPA,
        "lexicon.txt": "LOW l o\n",
        "weights.json": '{"lm_weight": 1.0}\n',
        "table.csv": "path,text\ntrain_audio/utt000.wav,LOW\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    words_manifest = folder / "decode.jsonl"
    by_parameter = {
        **dict.fromkeys(("manifests", "manifest", "cuts", "train_manifest", "dev", "held_out"), manifest),
        **dict.fromkeys(("decode_dir", "decode_a", "decode_b"), decode),
        **dict.fromkeys(("embeddings", "train_embeddings", "cohort"), folder / "embeddings"),
        **dict.fromkeys(("exp", "exps"), folder / "exp"),
        **dict.fromkeys(("config_path", "model"), folder / "conf.yaml"),
        **dict.fromkeys(("texts", "words", "boost"), folder / "words.txt"),
        **dict.fromkeys(("trials", "given"), folder / "trials.txt"),
        "audio": folder / "train_audio/utt000.wav",
        "folder": folder / "scores",
        "graph": folder / "graph",
        "labels": folder / "labels",
        "lang": folder / "exp/lang",
        "lexicon_path": folder / "lexicon.txt",
        "lm": folder / "lm",
        "path": folder / "table.csv",
        "people": folder / "people",
        "people_dir": folder / "people",
        "plda": folder / "plda.npz",
        "references": words_manifest,
        "source": decode,
        "slf_folder": folder / "slf",
        "store": folder / "store",
        "tune": folder / "embeddings",
        "verification": folder / "verify",
        "weights": folder / "weights.json",
    }
    exact = {
        "train exp": folder / "new_exp",
        "lm perplexity model": folder / "lm.arpa",
        "rescore tune": decode,
        "calibrate tune": folder / "verify",
        "score verification folder": folder / "verify",
        "score accuracy folder": folder / "predict",
        **{
            f"{name} manifest": words_manifest
            for name in ("score wer", "score rare-words", "compare", "lattice oracle")
        },
    }
    return folder, by_parameter, exact


WRITTEN = ("out", "fix_folder")  # which may exist already, or be of any name
OTHERS = {  # parameters that are no paths, and have to be given
    "lm train order": "2",
    "inspect ids": "utt000",
    "lang kind": "characters",
    "labels field": "text",
    "export-text kind": "ctm",
    "new-recipe name": "toy",
    "new-recipe kind": "csv",
    "new-recipe task": "recognition",
    "lattice draw utterance": "a-000",
    "audio rate": "16000",
}


@pytest.fixture(autouse=True)
def clone(tmp_path, monkeypatch):
    """Where new-recipe writes: not into the project that is tested."""
    monkeypatch.setattr("pyspeech.scaffold.clone.this_clone", lambda: tmp_path / "clone")


@contextmanager
def memory(more):
    """Let the process have so many bytes more than it has."""
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (has + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def call(name, place, path, good):
    """The words of a call in which one parameter is ``path`` and all that have to be given are as they should be."""
    folder, by_parameter, exact = good
    names, command = CALLS[name]
    options, arguments = [], []
    for parameter in command.params:
        key = f"{name} {parameter.name}"
        if parameter is place:
            value = str(path)
        elif key in OTHERS:
            value = OTHERS[key]
        elif not parameter.required:
            continue
        elif parameter.name in WRITTEN:
            value = str(folder / "out" / f"{name}.txt")
        else:
            value = str(exact.get(key) or by_parameter[parameter.name])
        if isinstance(parameter, click.Option):
            options += [parameter.opts[-1], value]
        else:
            arguments.append(value)
    if name == "lang" and place.name == "lexicon_path":
        options[options.index("characters")] = "phones"
    if name == "audio" and place.name == "config_path":
        options = options[:2]
    return [*names, *options, "--", *arguments]


@pytest.mark.parametrize(("name", "place"), PLACES)
@pytest.mark.timeout(60)
def test_whatever_a_path_leads_to_is_one_line(tmp_path, good, name, place, monkeypatch):
    monkeypatch.setenv("PYSPEECH_CACHE", str(tmp_path / "cache"))
    _, by_parameter, exact = good
    like = exact.get(f"{name} {place.name}") or by_parameter.get(place.name) or Path("out.txt")
    for kind, path in bad_paths(tmp_path, like, place.name in WRITTEN):
        words = call(name, place, path, good)
        with memory(MORE_BYTES):
            result = CliRunner().invoke(cli, words)
        if result.exception is None or isinstance(result.exception, SystemExit):
            told = [line for line in result.output.splitlines() if line.lower().startswith("error: ")]
            assert (result.exit_code, len(told)) in ((0, 0), (1, 0), (2, 1)), (kind, words, result.output)
        else:
            message = message_of(result.exception)
            assert message is not None, (kind, words, repr(result.exception))
            assert message.count("\n") == path.name.count("\n") * message.count(path.name), (kind, message)
        if kind == "pipe":
            assert result.exit_code
            assert path.is_fifo()
