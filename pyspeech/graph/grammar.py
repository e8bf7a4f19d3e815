"""G: an n-gram model in ARPA format as an acceptor of words, its back-offs as arcs with a label of their own.

A state is a history. In it, an arc for every word that the model has seen after this history, a final arc for the end
of the sentence, and a back-off arc to the next shorter history. Who takes an explicit arc where there is one and backs
off only where there is none gets exactly the probability of the model; the best path may find more by backing off
past an explicit arc, never less (https://cs.nyu.edu/~mohri/pub/hbka.pdf, section 3).
"""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyspeech.graph.arcs import FINAL_LABEL, Arcs
from pyspeech.lm.arpa import BEGIN, END, ArpaReader

ROOT = 0
LOG_10 = float(np.log(10))
END_ID, BEGIN_ID = 0, -1  # beside the words, whose ids start at 1


def read_grammar(arpa: Path, words: Mapping[str, int], back_off_id: int) -> Arcs:
    """Read G from an ARPA file, plain or packed, in one pass.

    ``words`` gives labels from 1; n-grams with another word are left out. Back-off arcs have the label ``back_off_id``.

    Raises:
        UserError: it is none that :class:`ArpaReader` takes.
    """
    histories = _Histories()
    ids = {**words, BEGIN: BEGIN_ID, END: END_ID}
    for log10, ngram, back_off in _read_ngrams(ArpaReader(arpa)):
        try:
            *history, word = (ids[name] for name in ngram)
        except KeyError:
            continue
        # Nothing goes on after the end of a sentence, whatever the model says of it.
        if END_ID not in history:
            histories.add(history, word, log10, back_off)
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

    def add(self, history: list[int], word: int, log10: float, back_off: float | None) -> None:
        """Add an n-gram; its history was added before."""
        node = ROOT
        for name in history:
            node = self.children[_key(node, name)]
        self.extended[node] = 1
        target = self._longest(node, word) if back_off is None else self._new(node, word, back_off)
        if word != BEGIN_ID:
            self.arc_source.append(node)
            self.arc_target.append(target)
            self.arc_word.append(word)
            self.arc_log10.append(log10)

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
        while (child := self.children.get(_key(node, word))) is None:
            if node == ROOT:
                return ROOT
            node = self.suffix[node]
        return child

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


def _read_ngrams(arpa: ArpaReader) -> Iterator[tuple[float, list[str], float | None]]:
    """Yield (log10 probability, words, log10 back-off); the back-off is None at the highest order alone.

    Raises:
        UserError: the file is damaged.
    """
    for block in arpa.blocks():
        is_highest = block.order == len(arpa.counts)
        for line, ngram in zip(block.text.split("\n"), block.ngrams, strict=False):  # after the last newline is nothing
            log10, _, *back_off = line.split("\t")
            yield float(log10), ngram.split(" "), None if is_highest else float(back_off[0]) if back_off else 0.0
