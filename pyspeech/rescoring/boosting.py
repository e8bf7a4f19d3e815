"""Rewards for the words of listed phrases, given early and taken back where a phrase is not completed.

Each word of a sentence earns the largest weight among the listed phrases that cover it there, and nothing where none
does. A weight is per word, because what a language model holds against an unlikely phrase grows with its words, and so
does the sound that speaks for it: one weight then suits names of one word and of five. No word earns twice, so a list
with "OSWALD" and "LEE OSWALD" boosts neither more than a list with one of them, and a phrase that is added to a list
never lowers the score of any sentence.

A search has to see a reward before its phrase is complete. So a phrase that has begun counts as if it were complete as
far as it goes, and a change of that is paid as a difference (potential-based shaping): over a whole sentence the
differences add up to what its complete phrases earn. Phrases are found by the automaton of Aho and Corasick
(https://doi.org/10.1145/360825.360855).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyspeech.errors import UserError
from pyspeech.text_files import read_text

Phrases = Mapping[tuple[str, ...], float]
Earned = tuple[float, ...]  # what each of the latest words earns by complete phrases


@dataclass(eq=False)
class _Node:
    """The beginning of a phrase: words from the root of the trie down to here."""

    depth: int
    following: dict[str, "_Node"] = field(default_factory=dict)
    weight: float = 0.0  # of the phrase that ends here
    promised: float = 0.0  # largest weight of a longer phrase that begins so
    suffix: "_Node | None" = None  # longest proper suffix that begins a phrase, too; none of the root


class Boosting:
    """An automaton over words. Its integer states tell sentences apart only where their rewards may still differ.

    A state is the longest ending of a word sequence that begins a phrase, with what its words have earned already.

    Args:
        phrases: Phrase -> weight per word, finite and above 0.
    """

    start = 0

    def __init__(self, phrases: Phrases) -> None:
        assert all(phrase and 0 < weight < math.inf for phrase, weight in phrases.items())
        self._root = _Node(0)
        for phrase, weight in phrases.items():
            self._insert(phrase, weight)
        self._link()
        self._states: list[tuple[_Node, Earned]] = [(self._root, ())]
        self._numbers: dict[tuple[_Node, Earned], int] = {self._states[0]: self.start}
        self._pending = [0.0]  # by state: reward that has been given ahead of completion

    def advance(self, state: int, word: str) -> tuple[int, float]:
        """Return the state after ``word`` and the change of the reward, which is negative where a phrase fails."""
        node, earned = self._states[state]
        if node is self._root and word not in node.following:
            return self.start, 0.0
        following = self._follow(node, word)
        before = (*earned, 0.0)
        after = _with_phrases_ending_at(following, before)
        reward = sum(after) - sum(before)
        latest = after[len(after) - following.depth :]
        reached = self._number(following, latest)
        return reached, reward + self._pending[reached] - self._pending[state]

    def finish(self, state: int) -> float:
        """Return the change of the reward at the end of a sentence: 0 or less."""
        return -self._pending[state]

    def earned(self, words: Sequence[str]) -> list[float]:
        """Return what each word of a whole sentence earns; their sum is what ``advance`` and ``finish`` add up to."""
        found = [0.0] * len(words)
        node = self._root
        for end, word in enumerate(words, 1):
            node = self._follow(node, word)
            if node is self._root:
                continue
            found[end - node.depth : end] = _with_phrases_ending_at(node, tuple(found[end - node.depth : end]))
        return found

    def _insert(self, phrase: Sequence[str], weight: float) -> None:
        node = self._root
        for word in phrase:
            node.promised = max(node.promised, weight)
            node = node.following.setdefault(word, _Node(node.depth + 1))
        node.weight = max(node.weight, weight)

    def _link(self) -> None:
        """Set ``suffix`` of all nodes, the shallow ones first."""
        nodes = [self._root]
        for node in nodes:
            for word, child in node.following.items():
                child.suffix = self._root if node.suffix is None else self._follow(node.suffix, word)
                nodes.append(child)

    def _follow(self, node: _Node, word: str) -> _Node:
        """The longest ending of what ``node`` and ``word`` make that begins a phrase."""
        while word not in node.following:
            if node.suffix is None:
                return node
            node = node.suffix
        return node.following[word]

    def _number(self, node: _Node, earned: Earned) -> int:
        key = (node, earned)
        if key not in self._numbers:
            self._numbers[key] = len(self._states)
            self._states.append(key)
            self._pending.append(_promised(node, earned))
        return self._numbers[key]


def _with_phrases_ending_at(node: _Node, earned: Earned) -> Earned:
    """What words earn once the phrases count that end with the last of them."""
    now: _Node | None = node
    while now is not None:
        if now.weight:
            start = len(earned) - now.depth
            earned = (*earned[:start], *(max(each, now.weight) for each in earned[start:]))
        now = now.suffix
    return earned


def _promised(node: _Node, earned: Earned) -> float:
    """The most that a phrase which has begun adds to its words so far; completing it adds at least as much."""
    most = 0.0
    now: _Node | None = node
    while now is not None:
        words = earned[len(earned) - now.depth :]
        most = max(most, sum(max(0.0, now.promised - each) for each in words))
        now = now.suffix
    return most


def read_phrases(path: Path) -> dict[tuple[str, ...], float]:
    """Read a phrase per line: its words, and after a TAB its weight per word where that is not 1.

    Blank lines are skipped; no sign marks a comment, since a word may begin with any.

    Raises:
        UserError: an unreadable file or one without phrases, a line without words or with a bad weight, a phrase twice.
    """
    phrases: dict[tuple[str, ...], float] = {}
    for number, line in enumerate(read_text(path, "list of phrases"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        text, *weights = line.rstrip().split("\t")
        phrase = tuple(text.split())
        if not phrase:
            raise UserError(f"{where}: a weight without words before it; write WORDS, or WORDS TAB WEIGHT")
        if phrase in phrases:
            raise UserError(f"{where}: '{' '.join(phrase)}' is listed a second time; keep one of the two lines")
        phrases[phrase] = _weight(weights, where)
    if not phrases:
        raise UserError(f"{path} holds no phrase; write one per line, or leave the list out")
    return phrases


def _weight(found: Sequence[str], where: str) -> float:
    try:
        (weight,) = (float(each) for each in found) if found else (1.0,)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise UserError(f"{where}: expected one weight above 0 after a TAB, found '{' '.join(found)}'; such as 1.5")
    return weight
