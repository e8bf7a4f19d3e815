r"""The one reader of n-gram models in ARPA format: here is decided which files are taken, and what they mean.

What can mean one thing only is written as KenLM expects it: a byte order mark, text before ``\data\``, ends of lines of
Windows, spaces for tabs, blank lines, ``<UNK>``, a back-off that the highest order cannot use. Probabilities of zero
(``-inf``) become 10^-99, as SRILM writes them. What has no such meaning is refused, before KenLM or a graph sees it.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from pyspeech.errors import UserError
from pyspeech.files import existing_file, writing
from pyspeech.text_files import PACKED, UNPACK_ERRORS, unpacked

BEGIN, END = "<s>", "</s>"
MAX_ORDER = 6  # what KenLM's programs and its Python module are built for
DATA, FIRST_SECTION = "\\data\\", "\\1-grams:"
LOG10_OF_ZERO = -99.0
MAX_LOG10 = 1e6  # so that no sum leaves what 32 bits hold
HEAD_BYTES = 1 << 16  # within which the n-grams must begin
LINE_BYTES = 1 << 16
FOREIGN_BYTES = 32
CHUNK_BYTES = 1 << 20
# How the binary files of other toolkits begin, and what makes ARPA files of them.
FOREIGN = {
    b"Darpa Trigram LM": "a model of Sphinx (.DMP); convert it with sphinx_lm_convert -ofmt arpa",
    b"Trie Language Model": "a model of Sphinx (.lm.bin); convert it with pocketsphinx_lm_convert -ofmt arpa",
    b"SRILM_BINARY_NGRAM": "a binary of SRILM; convert it with ngram -lm FILE -write-lm FILE.arpa",
    b"blmt": "a binary of IRSTLM; convert it with compile-lm FILE --text=yes FILE.arpa",
    b"qblmt": "a binary of IRSTLM; convert it with compile-lm FILE --text=yes FILE.arpa",
    b"\xd6\xfd\xb2~": "an FST of OpenFst or Kaldi (G.fst); give the ARPA file that it was made from",
}
MAX_SHOWN = 80  # characters of a line in a message
LAST = np.iinfo(np.int64).max

BLANKS = " \t\r\n"
BEFORE_DATA = f"{BLANKS}\ufeff"  # the mark of UTF-8 may stand there
WORD = r"[^\t\n\r \0]+"  # KenLM parts words nowhere else: one may hold any other space of Unicode
# Numbers that KenLM reads. Python's float() takes "1_0" and the digits of other scripts, too.
DIGITS = r"[0-9]{1,6}(?:\.[0-9]+)?(?:[eE]-[0-9]+)?"
PROBABILITY = rf"(?:-{DIGITS}|0(?:\.0+)?)"
NUMBER = re.compile(r"[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|inf(?:inity)?)", re.IGNORECASE)
COUNT = re.compile(r"ngram[ \t]+([0-9]{1,3})[ \t]*=[ \t]*([0-9]{1,18})")
COMMAND = re.compile(r"^[ \t]*\\.*$", re.MULTILINE)

Keys = npt.NDArray[np.int64]


class Block(NamedTuple):
    """Some n-grams of one order, in the order of the file.

    Args:
        order: The number of words of each.
        text: Lines of log10 probability, TAB, words with a space between, and perhaps TAB and log10 back-off.
        ngrams: The words of each line.
    """

    order: int
    text: str
    ngrams: list[str]


class ArpaReader:
    """Reads a model from its beginning to its end, with the words and one number per n-gram in memory.

    Args:
        path: An ARPA file, plain or packed as its name says.

    Attributes:
        path: The file.
        counts: How many n-grams there are of each order.
        is_plain: Whether KenLM reads the same in the file itself; known once all blocks were read.

    Raises:
        UserError: no ARPA file, or one of an order that KenLM does not take.
    """

    def __init__(self, path: Path) -> None:
        self.path = existing_file(path, "language model")
        _refuse_foreign(path)
        self.is_plain = path.suffix not in PACKED
        self._number = 0  # of the last line that is done with
        with self._opened() as stream:
            self.counts = self._read_counts(stream)

    def blocks(self) -> Iterator[Block]:
        """Yield all n-grams.

        Raises:
            UserError: the file is damaged; some blocks may have been yielded before that is seen.
        """
        highest, order, num_read = len(self.counts), 1, 0
        ngrams = _Ngrams(self.path)
        with self._opened() as stream:
            self._read_counts(stream)
            for lines, command in self._pieces(stream):
                if order > highest and (lines.strip() or command):
                    raise UserError(f"{self.path} goes on after its line '\\end\\'; is it one model? Make it again")
                if block := self._block(lines, order):
                    num_read += len(block.ngrams)
                    ngrams.add(block)
                    yield block
                self._number += lines.count("\n")
                if command is None:
                    continue
                self._number += 1
                if num_read != (promised := self.counts[order - 1]):
                    counted = f"{num_read} {order}-grams where its head says {promised}"
                    raise UserError(f"{self._where()}: {counted}; make the model again")
                ngrams.finish(order)
                self._expect(command, f"\\{order + 1}-grams:" if order < highest else "\\end\\")
                order, num_read = order + 1, 0
        if order <= highest:
            raise self._incomplete("\\end\\")

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        self._number = 0
        try:
            with unpacked(self.path) as stream:
                yield stream
        except UNPACK_ERRORS as error:
            raise UserError(f"{self.path} cannot be read after line {self._number} ({error}); make it again") from error

    def _where(self) -> str:
        return f"{self.path}, line {self._number}"

    def _incomplete(self, missing: str) -> UserError:
        return UserError(f"{self.path} is not a complete ARPA file: it has no line '{missing}'; make the model again")

    def _read_counts(self, stream: IO[bytes]) -> tuple[int, ...]:
        """Read up to the head of the 1-grams."""
        counts: list[int] = []
        lines = _head(stream)
        first = read = ""
        for line in lines:
            self._number += 1
            read += line
            if (text := line.strip(BEFORE_DATA)) == DATA:
                break
            first = first or text
        else:
            beginning = f"begins with '{_shown(first)}'" if first else "is empty"
            raise UserError(f"{self.path} is not an ARPA file, it {beginning} where {DATA} is expected; make it again")
        for line in lines:
            self._number += 1
            read += line
            if (text := line.strip(BLANKS)) == FIRST_SECTION:
                break
            if text:
                counts.append(self._promised(text, len(counts) + 1))
        else:
            raise self._incomplete(FIRST_SECTION)
        if not 1 <= len(counts) <= MAX_ORDER:
            raise UserError(
                f"{self.path} is a model of order {len(counts)}, and KenLM takes orders 1 to {MAX_ORDER}; "
                f"make it again with n-grams of at most {MAX_ORDER} words"
            )
        self.is_plain &= len(counts) > 1 and read.lstrip("\n") == f"{_counts_text(counts)}\n{FIRST_SECTION}\n"
        return tuple(counts)

    def _promised(self, line: str, order: int) -> int:
        match = COUNT.fullmatch(line)
        if match is None or int(match[1]) != order:
            raise UserError(f"{self._where()}: expected 'ngram {order}=<count>', found '{_shown(line)}'")
        return int(match[2])

    def _pieces(self, stream: IO[bytes]) -> Iterator[tuple[str, str | None]]:
        """Yield whole lines, many at once, and the line that begins with a backslash after them if there is one."""
        while content := stream.read(CHUNK_BYTES):
            content += stream.readline(LINE_BYTES)
            if not content.endswith(b"\n"):
                if stream.read(1):
                    raise UserError(f"{self.path}: {LINE_BYTES:,} bytes without the end of a line; is it an ARPA file?")
                content += b"\n"
            try:
                text = content.decode()
            except UnicodeDecodeError as error:
                line = self._number + content.count(b"\n", 0, error.start) + 1
                raise UserError(f"{self.path}, line {line} is not text in UTF-8; convert the file with iconv") from None
            start = 0
            # Most blocks hold no backslash, and the search for a line that begins with one takes longer.
            for command in COMMAND.finditer(text) if "\\" in text else ():
                name = command[0].strip(BLANKS)
                self.is_plain &= name == command[0]
                yield text[start : command.start()], name
                start = command.end() + 1
            yield text[start:], None

    def _expect(self, command: str, expected: str) -> None:
        if command != expected:
            raise UserError(
                f"{self._where()}: expected {expected}, found {_shown(command)}; is this a model in ARPA format?"
            )

    def _block(self, lines: str, order: int) -> Block | None:
        """Check n-grams, and write those that KenLM would not take as they are in its way."""
        text = lines.strip("\n")
        if not text:
            return None
        text += "\n"
        if "\r\n" in text:
            self.is_plain = False
            text = text.replace("\r\n", "\n")
        # All at once where that is enough, which is many times as fast as one by one.
        pattern = _pattern(order, is_highest=order == len(self.counts))
        ngrams = pattern.findall(text)
        if len(ngrams) != text.count("\n") or "<UNK>" in text:
            self.is_plain = False
            numbered = enumerate(lines.split("\n"), self._number + 1)
            text = "".join(self._line(line, order, number) for number, line in numbered)
            ngrams = pattern.findall(text)
        return Block(order, text, ngrams) if text else None

    def _line(self, line: str, order: int, number: int) -> str:
        """Write one n-gram as KenLM reads it; a blank line is none."""
        if not (line := line.strip(BLANKS)):
            return ""
        fields = re.split("[\t\r ]+", line)
        try:
            # Between two tabs something is missing.
            if len(fields) not in (order + 1, order + 2) or "\t\t" in line or "\0" in line:
                raise ValueError
            log10 = _number(fields[0])
            back_off = _number(fields[order + 1]) if len(fields) == order + 2 else 0.0
            if log10 > 0:
                raise ValueError
        except ValueError:
            what = f"log10 (at most 0), {order} words and perhaps a back-off"
            raise UserError(f"{self.path}, line {number}: expected {what}, found '{_shown(line)}'") from None
        words = " ".join("<unk>" if word == "<UNK>" else word for word in fields[1 : order + 1])
        return f"{log10}\t{words}\n" if order == len(self.counts) else f"{log10}\t{words}\t{back_off}\n"


class _Ngrams:
    """What was read, to tell n-grams that stand twice or lack the words or the history that they are made of.

    An n-gram's key is the place of its history among the keys of the order before, times the number of words, plus its
    last word; so that a model of a billion n-grams fits the memory that KenLM takes for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: dict[str, int] = {}
        self._keys: list[Keys] = []  # sorted, from order 2 on, each with LAST after them
        self._unsorted: list[Keys] = []

    def add(self, block: Block) -> None:
        if block.order == 1:
            for word in block.ngrams:
                if word in self._ids:
                    raise self._twice(word)
                self._ids[word] = len(self._ids)
            return
        words = " ".join(block.ngrams).split(" ")
        try:
            ids = np.fromiter(map(self._ids.__getitem__, words), np.int64, len(words)).reshape(-1, block.order)
        except KeyError as error:
            ngram = block.ngrams[words.index(error.args[0]) // block.order]
            raise self._fault(f"'{ngram}' holds '{error.args[0]}', which is no 1-gram") from None
        key = ids[:, 0]
        for order, column in enumerate(ids.T[1:], 2):
            key = key * len(self._ids) + column
            if order == block.order:
                self._unsorted.append(key)
                return
            known = self._keys[order - 2]
            place = np.searchsorted(known, key)
            if len(missing := np.flatnonzero(known[place] != key)):
                ngram = block.ngrams[int(missing[0])]
                raise self._fault(f"'{ngram}' stands without '{' '.join(ngram.split(' ')[:order])}'")
            key = place

    def finish(self, order: int) -> None:
        """Look at all n-grams of one order together."""
        if order == 1:
            for mark, what in ((BEGIN, "beginning"), (END, "end")):
                if mark not in self._ids:
                    raise self._fault(f"the {what} of a sentence, {mark}, is no 1-gram")
            return
        keys = np.sort(np.concatenate([*self._unsorted, [LAST]]))
        self._unsorted = []
        self._keys.append(keys)
        if len(twice := np.flatnonzero(keys[1:] == keys[:-1])):
            raise self._twice(self._ngram(order, int(keys[twice[0]])))

    def _ngram(self, order: int, key: int) -> str:
        words = list(self._ids)
        backwards = []
        for known in [*reversed(self._keys[: order - 2]), None]:
            key, word = divmod(key, len(words))
            backwards.append(words[word])
            key = key if known is None else int(known[key])
        return " ".join(reversed([*backwards, words[key]]))

    def _twice(self, ngram: str) -> UserError:
        return self._fault(f"'{ngram}' stands twice")

    def _fault(self, what: str) -> UserError:
        return UserError(f"{self._path}: {what}; make the model again")


def is_arpa(path: Path) -> bool:
    """Whether a file, plain or packed, begins as one in ARPA format does.

    Raises:
        UserError: it cannot be read, or is another toolkit's binary.
    """
    _refuse_foreign(path)
    try:
        with unpacked(path) as stream:
            return any(line.strip(BEFORE_DATA) == DATA for line in _head(stream))
    except UNPACK_ERRORS as error:
        raise UserError(f"{path} cannot be read ({error}); make it again") from error


def arpa_words(path: Path) -> list[str]:
    """Return the words of an ARPA file in its order, ``<unk>`` among them, ``<s>`` and ``</s>`` not.

    Raises:
        UserError: it is none that :class:`ArpaReader` takes, as far as it was read.
    """
    unigrams = takewhile(lambda block: block.order == 1, ArpaReader(path).blocks())
    return [word for block in unigrams for word in block.ngrams if word not in (BEGIN, END)]


def for_kenlm(path: Path, folder: Path) -> Path:
    """Check a whole ARPA file; return it, or a copy in ``folder`` where KenLM would not take it as it is.

    Raises:
        UserError: the file is damaged or of an order that KenLM does not take.
    """
    reader = ArpaReader(path)
    for _ in reader.blocks() if reader.is_plain else ():
        if not reader.is_plain:
            break  # writing the copy looks at all of it
    if reader.is_plain:
        return path
    copy = folder / "lm.arpa"
    with writing(copy), copy.open("w", encoding="utf-8", newline="\n") as out:
        # KenLM wants a second order, which may be empty.
        counts = reader.counts if len(reader.counts) > 1 else (*reader.counts, 0)
        out.write(_counts_text(counts))
        before = 0
        for block in reader.blocks():
            out.write(_heads(before, block.order) + block.text)
            before = block.order
        out.write(f"{_heads(before, len(counts))}\n\\end\\\n")
    return copy


def _refuse_foreign(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(FOREIGN_BYTES)
    # Sphinx writes the length of the name before it.
    for start, what in FOREIGN.items():
        if head.startswith(start) or head[4:].startswith(start):
            raise UserError(f"{path} is {what}")


def _counts_text(counts: Sequence[int]) -> str:
    return f"{DATA}\n" + "".join(f"ngram {order}={count}\n" for order, count in enumerate(counts, 1))


def _heads(before: int, order: int) -> str:
    return "".join(f"\n\\{number}-grams:\n" for number in range(before + 1, order + 1))


def _head(stream: IO[bytes]) -> Iterator[str]:
    left = HEAD_BYTES
    while left > 0 and (line := stream.readline(left)):
        yield line.decode(errors="replace")
        left -= len(line)


@cache
def _pattern(order: int, is_highest: bool) -> re.Pattern[str]:
    """A line that KenLM and :class:`ArpaReader` read alike; its group is the words."""
    back_off = r"(?:\t-?0(?:\.0+)?)?" if is_highest else rf"(?:\t-?{DIGITS})?"
    return re.compile(rf"^{PROBABILITY}\t({WORD}(?: {WORD}){{{order - 1}}}){back_off}$", re.MULTILINE)


def _number(text: str) -> float:
    if not NUMBER.fullmatch(text):
        raise ValueError
    number = float(text)
    if number == -math.inf and "inf" in text.lower():
        return LOG10_OF_ZERO
    if abs(number) >= MAX_LOG10:
        raise ValueError
    return number


def _shown(line: str) -> str:
    shown = line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"
    return "".join(
        letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}" for letter in shown
    )
