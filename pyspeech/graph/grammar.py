"""G: an n-gram model in ARPA format as an acceptor of words, its back-offs as arcs with a label of their own.

A state is a history. In it, an arc for every word that the model has seen after this history, a final arc for the end
of the sentence, and a back-off arc to the next shorter history. Who takes an explicit arc where there is one and backs
off only where there is none gets exactly the probability of the model; the best path may find more by backing off
past an explicit arc, never less (https://cs.nyu.edu/~mohri/pub/hbka.pdf, section 3).
"""

import itertools
import math
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyspeech.errors import UserError
from pyspeech.graph.arcs import FINAL_LABEL, Arcs
from pyspeech.lm.text import read_text

BEGIN, END = "<s>", "</s>"
ROOT = 0
LOG_10 = float(np.log(10))
END_ID, BEGIN_ID = 0, -1  # beside the words, whose ids start at 1


def read_vocabulary(arpa: Path) -> list[str]:
    """Return the words of an ARPA file in its order, ``<unk>`` among them, ``<s>`` and ``</s>`` not.

    Raises:
        UserError: the file is not in ARPA format.
    """
    entries = itertools.takewhile(lambda entry: len(entry[1]) == 1, _read_ngrams(arpa))
    return [words[0] for _, words, _ in entries if words[0] not in (BEGIN, END)]


def read_grammar(arpa: Path, words: Mapping[str, int], back_off_id: int) -> Arcs:
    """Read G from an ARPA file (also ``.gz`` or ``.xz``), in one pass.

    ``words`` gives labels from 1; n-grams with another word are left out. Back-off arcs have the label ``back_off_id``.

    Raises:
        UserError: the file is not in ARPA format, is cut short or lacks ``</s>``.
    """
    histories = _Histories()
    ids = {**words, BEGIN: BEGIN_ID, END: END_ID}
    for log10, ngram, back_off in _read_ngrams(arpa):
        try:
            *history, word = (ids[name] for name in ngram)
        except KeyError:
            continue
        if not histories.add(history, word, log10, back_off):
            raise UserError(
                f"{arpa}: '{' '.join(ngram)}' stands without '{' '.join(ngram[:-1])}'; make the model again"
            )
    if END_ID not in histories.arc_word:
        raise UserError(f"{arpa} gives the end of a sentence, {END}, no probability; make the model again")
    return histories.arcs(back_off_id)


@dataclass
class _Histories:
    """A trie of the n-grams that may be histories; every node knows its longest proper suffix that is a node too.

    Nodes stand in the order of their length, so that a suffix always has a lower number.
    """

    children: dict[int, int] = field(default_factory=dict)  # _key(node, word) -> node
    suffix: "array[int]" = field(default_factory=lambda: array("i", [ROOT]))
    back_off: "array[float]" = field(default_factory=lambda: array("d", [0.0]))
    extended: bytearray = field(default_factory=lambda: bytearray([1]))  # has an n-gram that starts with it
    arc_source: "array[int]" = field(default_factory=lambda: array("i"))
    arc_target: "array[int]" = field(default_factory=lambda: array("i"))
    arc_word: "array[int]" = field(default_factory=lambda: array("i"))
    arc_log10: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, history: list[int], word: int, log10: float, back_off: float | None) -> bool:
        """Add an n-gram; False where the n-gram's history was never added itself."""
        node = ROOT
        for name in history:
            found = self.children.get(_key(node, name))
            if found is None:
                return False
            node = found
        self.extended[node] = 1
        target = self._longest(node, word) if back_off is None else self._new(node, word, back_off)
        if word != BEGIN_ID:
            self.arc_source.append(node)
            self.arc_target.append(target)
            self.arc_word.append(word)
            self.arc_log10.append(log10)
        return True

    def _new(self, parent: int, word: int, back_off: float) -> int:
        # No history continues an ended sentence.
        if word == END_ID:
            return ROOT
        node = len(self.suffix)
        self.suffix.append(ROOT if parent == ROOT else self._longest(self.suffix[parent], word))
        self.back_off.append(back_off)
        self.extended.append(0)
        self.children[_key(parent, word)] = node
        return node

    def _longest(self, node: int, word: int) -> int:
        """Follow ``word`` from ``node`` or the longest of its suffixes that has it."""
        while (found := self.children.get(_key(node, word))) is None:
            if node == ROOT:
                return ROOT
            node = self.suffix[node]
        return found

    def arcs(self, back_off_id: int) -> Arcs:
        """Turn the trie into arcs: a node that nothing extends and that backs off for free is its suffix."""
        suffix = np.frombuffer(self.suffix, np.int32)
        back_off = np.frombuffer(self.back_off, np.float64)
        is_state = (np.frombuffer(self.extended, np.uint8) > 0) | (back_off != 0)
        history = np.where(is_state, np.arange(len(suffix)), suffix)
        # Suffixes of suffixes: as many rounds as the longest history has words.
        while not is_state[history].all():
            history = history[history]
        start = int(history[self.children.get(_key(ROOT, BEGIN_ID), ROOT)])
        state = _numbers(is_state, start)
        final = int(is_state.sum())
        word = np.frombuffer(self.arc_word, np.int32)
        backing = np.flatnonzero(is_state)[1:]  # all but the root
        source = np.concatenate([state[np.frombuffer(self.arc_source, np.int32)], state[backing]])
        target = state[history[np.concatenate([np.frombuffer(self.arc_target, np.int32), suffix[backing]])]]
        label = np.concatenate([np.where(word == END_ID, FINAL_LABEL, word), np.full(len(backing), back_off_id)])
        score = LOG_10 * np.concatenate([np.frombuffer(self.arc_log10, np.float64), back_off[backing]])
        order = np.lexsort((label, source))
        target = np.where(label == FINAL_LABEL, final, target)
        return Arcs(
            source[order].astype(np.int32),
            target[order].astype(np.int32),
            label[order].astype(np.int32),
            score[order].astype(np.float32),
        )


def _key(node: int, word: int) -> int:
    # One number where a pair would do: millions of tuples keep the garbage collector busy.
    return node << 32 | word + 1


def _numbers(is_state: npt.NDArray[np.bool_], start: int) -> npt.NDArray[np.int64]:
    """Number the states in their order, except that the start changes places with the first."""
    state = np.cumsum(is_state) - 1
    state[ROOT], state[start] = state[start], 0
    return state


def _read_ngrams(arpa: Path) -> Iterator[tuple[float, list[str], float | None]]:
    """Yield (log10 probability, words, log10 back-off); the back-off is None at the highest order alone.

    Raises:
        UserError: the file is not in ARPA format or is cut short.
    """
    counts: list[int] = []
    order = found = 0
    for number, text in enumerate(read_text(arpa), 1):
        line = text.strip(" \t\r\n")
        if line.startswith("\\"):
            if order and found != counts[order - 1]:
                raise UserError(f"{arpa}, line {number}: {found} {order}-grams where its head says {counts[order - 1]}")
            if line == "\\end\\" and order == len(counts) > 0:
                return
            order, found = _next_order(line, order, len(counts), f"{arpa}, line {number}"), 0
        elif line and order:
            found += 1
            yield _parse(line, order, order == len(counts), f"{arpa}, line {number}")
        elif line.startswith("ngram "):
            counts.append(_promised(line, f"{arpa}, line {number}"))
    raise UserError(f"{arpa} is not a complete ARPA file: it has no line '\\end\\'; make the model again")


def _promised(line: str, where: str) -> int:
    try:
        return int(line.partition("=")[2])
    except ValueError:
        raise UserError(f"{where}: expected 'ngram <order>=<count>', found '{line}'") from None


def _next_order(line: str, order: int, highest: int, where: str) -> int:
    if line == "\\data\\" and order == 0:
        return 0
    if order < highest and line == f"\\{order + 1}-grams:":
        return order + 1
    expected = f"\\{order + 1}-grams:" if order < highest else "\\end\\"
    raise UserError(f"{where}: expected {expected}, found {line}; is this a model in ARPA format?")


def _parse(line: str, order: int, is_highest: bool, where: str) -> tuple[float, list[str], float | None]:
    # Only these two part fields: a word may hold any other space of Unicode, as KenLM reads it.
    fields = line.replace("\t", " ").split(" ")
    try:
        if len(fields) not in (order + 1, order + 2):
            raise ValueError
        log10, back_off = float(fields[0]), float(fields[order + 1]) if len(fields) == order + 2 else 0.0
        if not (-math.inf < log10 <= 0 and math.isfinite(back_off)):
            raise ValueError
        return log10, fields[1 : order + 1], None if is_highest else back_off
    except ValueError:
        raise UserError(
            f"{where}: expected log10 (at most 0), {order} words and perhaps a back-off, found '{line}'"
        ) from None
