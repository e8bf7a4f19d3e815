"""Lattices in HTK's Standard Lattice Format (SLF), the text that other tools for lattices read and write.

The HTK Book, "HTK Standard Lattice Format (SLF)", has the grammar and its "Strings and Names" the quoting
(http://www.ee.columbia.edu/~dpwe/LabROSA/doc/HTKBook21/node257.html). It leaves room for fields of one's own whose
names begin with a free letter: ``frameseconds`` in the header, and ``unit`` on a link, the token of its frame. A link
without a unit consumes no frame, or in a lattice of words any number of them.

HTK's own programs ask for more than the format: that all links into a node have the same word.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from pyspeech.decoding.lattice import ARC_FIELDS, MAX_FRAMES, NO_FRAME, Lattice, check_lattices
from pyspeech.errors import UserError
from pyspeech.files import existing_file

SUFFIX = ".slf"
NO_WORD = "!NULL"
TIME_DIGITS = 6
LARGEST = 3.4028235e38  # float32, in the digits that it is written with
SHOWN_BYTES = 40  # of a line, in an error
SHORT_NAMES = {
    "NODES": "N",
    "LINKS": "L",
    "START": "S",
    "END": "E",
    "WORD": "W",
    "time": "t",
    "acoustic": "a",
    "language": "l",
}
# Header fields that would change what scores or times mean -> the values that do not.
NEUTRAL = {"base": math.e, "lmscale": 1.0, "wdpenalty": 0.0, "tscale": 1.0}
RESERVED = re.compile(rb"""^'|["\\]|[\x00-\x20\x7f]""")
ESCAPED = re.compile(rb"\\([0-3][0-7]{2}|.)")
FIELD = re.compile(rb"""\s*([A-Za-z0-9]+)=("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?!["'])(?:\\.|[^\s\\])+)(?:\s+|$)""")


def slf_text(
    lattice: Lattice, tokens: Sequence[str], words: Sequence[str], frame_seconds: float, acoustic_scale: float
) -> str:
    """Return the lattice as SLF; ``tokens`` and ``words`` are symbols by id, ``acoustic_scale`` is a note for readers.

    Raises:
        UserError: a word that is written like no word, ``!NULL``.
    """
    if NO_WORD in words:
        raise UserError(f"the lattices know a word '{NO_WORD}', which stands for no word in SLF; rename that word")
    names = [NO_WORD, *map(_quoted, words[1:])]
    units = [*(f" unit={_quoted(token)}" for token in tokens), ""]  # the last for NO_FRAME
    fields = [lattice.source, lattice.target, lattice.word, lattice.token]
    # As text, a float32 has the fewest digits that bring it back.
    scores = [each.astype(str).tolist() for each in (lattice.acoustic, lattice.graph)]
    links = zip(*(each.tolist() for each in fields), *scores, strict=True)
    return "".join(
        chain(
            (f"VERSION=1.0\nUTTERANCE={_quoted(lattice.id)}\nframeseconds={frame_seconds!r}\n",),
            (f"lmscale=1.0 wdpenalty=0.0 acscale={acoustic_scale!r}\n",),
            (f"N={lattice.num_states} L={lattice.num_arcs}\n",),
            (f"I={n} t={round(frame * frame_seconds, TIME_DIGITS)!r}\n" for n, frame in enumerate(_times(lattice))),
            (
                f"J={n} S={source} E={target} W={names[word]} a={acoustic} l={graph}{units[token]}\n"
                for n, (source, target, word, token, acoustic, graph) in enumerate(links)
            ),
        )
    )


def read_slf(path: Path, tokens: dict[str, int], words: dict[str, int]) -> tuple[Lattice, float]:
    """Return the lattice in a file, and the duration of its frames in seconds.

    Nodes must be in topological order and their times whole frames; words may be on links or on the nodes they lead
    to. ``tokens`` and ``words`` are ids by symbol; symbols that they lack are added.

    Raises:
        UserError: the file is missing or damaged, or says what our lattices cannot, naming the line.
    """
    lines = _read_lines(existing_file(path, "lattice"))
    header = _read_header(path, lines)
    frame_seconds = header.number("frameseconds")
    if frame_seconds <= 0:
        raise header.wrong(f"frameseconds={frame_seconds} is no duration")
    nodes, links = _read_nodes_and_links(header, lines)
    frames = [_frame(node, frame_seconds) for node in nodes]
    _check_durations(links, frames)
    arcs = sorted((_arc(link, nodes, tokens, words) for link in links), key=lambda arc: arc[0])
    _check_ends(arcs, nodes, frames)
    columns = list(zip(*arcs, strict=True))
    source, target, token, word = (np.array(column, np.int32) for column in columns[:4])
    acoustic, graph = (np.array(column, np.float32) for column in columns[4:])
    frame, num_frames = np.array(frames, np.int32)[source], frames[-1]
    lattice = Lattice(header.text("UTTERANCE"), source, target, token, word, acoustic, graph, frame, num_frames)
    fields = {name: getattr(lattice, name) for name in ARC_FIELDS}
    try:  # all that has no line of its own
        check_lattices(fields, np.array([0, len(arcs)]), np.array([num_frames]), len(tokens), len(words))
    except ValueError as error:
        raise UserError(f"{path}: {error}; write the lattice again") from error
    return lattice, frame_seconds


@dataclass(frozen=True)
class _Line:
    """The values of a line, or of all lines of the header, by short name."""

    where: str
    values: Mapping[str, str]

    def wrong(self, what: str) -> UserError:
        return UserError(f"{self.where}: {what}; write the lattice again")

    def text(self, name: str) -> str:
        if name not in self.values:
            raise self.wrong(f"there is no field {name}=")
        return self.values[name]

    def number(self, name: str) -> float:
        text = self.text(name)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not abs(value) <= LARGEST:
            raise self.wrong(f"{name}={text} is no number of 32 bits")
        return value

    def index(self, name: str, end: int) -> int:
        """A whole number from 0 to end - 1."""
        text = self.text(name)
        if not re.fullmatch("[0-9]{1,10}", text) or int(text) >= end:
            raise self.wrong(f"{name}={text} is no whole number below {end}")
        return int(text)


def _read_lines(path: Path) -> Iterator[_Line]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            where = f"{path}, line {number}"
            if line.strip() and not line.startswith(b"#"):
                yield _Line(where, dict(_fields(line, where)))


def _fields(line: bytes, where: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(line):
        match = FIELD.match(line, place)
        if not match:
            rest = line[place : place + SHOWN_BYTES].decode(errors="replace").strip()
            raise UserError(f"{where}: expected NAME=value, found '{rest}'; write the lattice again")
        name, value = match[1].decode(), match[2]
        try:
            text = _unquoted(value)
        except UnicodeDecodeError as error:
            raise UserError(f"{where}: {name}= is not UTF-8 ({error.reason}); write the lattice again") from error
        if "\0" in text:
            raise UserError(f"{where}: {name}= holds the character NUL; write the lattice again")
        yield SHORT_NAMES.get(name, name), text
        place = match.end()


def _read_header(path: Path, lines: Iterator[_Line]) -> _Line:
    """All lines up to the one that completes the numbers of nodes and links."""
    header = _Line(f"{path}, line 1", {})
    for line in lines:
        header = _Line(line.where, {**header.values, **line.values})
        if line.values.keys() & {"I", "J", "SUBLAT"}:
            raise line.wrong("expected a header with N= and L=, and no sub-lattice")
        if {"N", "L"} <= header.values.keys():
            break
    for name, neutral in NEUTRAL.items():
        if name in header.values and abs(header.number(name) - neutral) > 1e-6:
            raise header.wrong(f"{name}={header.text(name)} is not understood, only {neutral}")
    return header


def _read_nodes_and_links(header: _Line, lines: Iterator[_Line]) -> tuple[list[_Line], list[_Line]]:
    num_nodes, num_links = (header.index(name, 1 << 31) for name in "NL")
    nodes: dict[int, _Line] = {}
    links: dict[int, _Line] = {}
    for line in lines:
        kind, name, count = (nodes, "I", num_nodes) if "I" in line.values else (links, "J", num_links)
        if kind.setdefault(line.index(name, count), line) is not line:
            raise line.wrong(f"{name}={line.text(name)} was there before")
    if (len(nodes), len(links)) != (num_nodes, num_links) or num_nodes < 2:
        raise header.wrong(f"N={num_nodes} L={num_links}, but {len(nodes)} nodes and {len(links)} links follow")
    return [nodes[n] for n in range(num_nodes)], [links[n] for n in range(num_links)]


def _frame(node: _Line, frame_seconds: float) -> int:
    frames = node.number("t") / frame_seconds
    if not -0.01 <= frames < MAX_FRAMES or abs(frames - round(frames)) > 0.01:
        raise node.wrong(f"t={node.text('t')} is no multiple of {frame_seconds} s")
    return round(frames)


def _check_durations(links: Sequence[_Line], frames: Sequence[int]) -> None:
    """Make sure that links take one frame with a unit and else none; where none has a unit they may take any."""
    with_units = any("unit" in link.values for link in links)
    for link in links:
        elapsed = frames[link.index("E", len(frames))] - frames[link.index("S", len(frames))]
        if elapsed < 0 or (with_units and elapsed != ("unit" in link.values)):
            raise link.wrong(f"it lasts {elapsed} frames; a link with a unit takes one, others beside it none")


def _arc(
    link: _Line, nodes: Sequence[_Line], tokens: dict[str, int], words: dict[str, int]
) -> tuple[int, int, int, int, float, float]:
    source, target = link.index("S", len(nodes)), link.index("E", len(nodes))
    if source >= target:
        raise link.wrong(f"S={source} E={target} does not lead to a higher node")
    unit = link.values.get("unit")
    word = link.values.get("W") or nodes[target].text("W")
    return (
        source,
        target,
        NO_FRAME if unit is None else tokens.setdefault(unit, len(tokens)),
        0 if word == NO_WORD else words.setdefault(word, len(words)),
        link.number("a") if "a" in link.values else 0.0,
        link.number("l") if "l" in link.values else 0.0,
    )


def _check_ends(
    arcs: Sequence[tuple[int, int, int, int, float, float]], nodes: Sequence[_Line], frames: list[int]
) -> None:
    """Make sure that every node lies on a path from the first, at time 0, to the last."""
    sources, targets = {arc[0] for arc in arcs}, {arc[1] for arc in arcs}
    for n, node in enumerate(nodes):
        if (n > 0 and n not in targets) or (n < len(nodes) - 1 and n not in sources):
            raise node.wrong("this node lies on no path from the first to the last")
    if frames[0] != 0:
        raise nodes[0].wrong("the first node is not at time 0")


def _times(lattice: Lattice) -> list[int]:
    """Frame of every state."""
    frames = np.full(lattice.num_states, lattice.num_frames, np.int32)
    frames[lattice.source] = lattice.frame
    return frames.tolist()  # type: ignore[no-any-return]


def _quoted(symbol: str) -> str:
    """``symbol`` as a value, which HTK reads up to the next space."""
    return RESERVED.sub(_escape, symbol.encode()).decode() or '""'


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\" + (match[0] if match[0] in (b"'", b'"', b"\\") else b"%03o" % ord(match[0]))


def _unquoted(value: bytes) -> str:
    inner = value[1:-1] if value[:1] in (b"'", b'"') else value
    return ESCAPED.sub(lambda match: bytes([int(match[1], 8)]) if len(match[1]) > 1 else match[1], inner).decode()
