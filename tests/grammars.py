"""Scores sentences in G arc by arc, beside which stand KenLM and brute force."""

import math

from pyspeech.graph.arcs import FINAL_LABEL
from pyspeech.graph.grammar import read_grammar
from pyspeech.lm.arpa import arpa_words


class Walker:
    """Scores sentences in G arc by arc, in natural logarithms."""

    def __init__(self, arpa, words=None):
        words = arpa_words(arpa) if words is None else words
        self.ids = {word: id_ for id_, word in enumerate(words, 1)}
        self.back_off = len(words) + 1
        self.grammar = read_grammar(arpa, self.ids, self.back_off)
        columns = (self.grammar.source, self.grammar.label, self.grammar.target, self.grammar.score)
        self.arcs = {
            (source, label): (target, score)
            for source, label, target, score in zip(*(column.tolist() for column in columns), strict=True)
        }
        assert len(self.arcs) == len(self.grammar.source)  # no two arcs of a state have the same label

    def labels(self, sentence):
        return [*(self.ids.get(word, self.ids.get("<unk>")) for word in sentence), FINAL_LABEL]

    def exact(self, sentence):
        """Back off only where no arc exists."""
        state, total = 0, 0.0
        for label in self.labels(sentence):
            while (state, label) not in self.arcs:
                state, score = self.arcs[state, self.back_off]
                total += score
            state, score = self.arcs[state, label]
            total += score
        assert state == self.grammar.num_states - 1
        return total

    def best(self, sentence):
        """Back off wherever it is allowed, and keep the best."""
        reached = self._closed({0: 0.0})
        for label in self.labels(sentence):
            following = {}
            for state, total in reached.items():
                if (state, label) in self.arcs:
                    target, score = self.arcs[state, label]
                    following[target] = max(following.get(target, -math.inf), total + score)
            reached = self._closed(following)
        return reached[self.grammar.num_states - 1]

    def _closed(self, reached):
        waiting = list(reached)
        while waiting:
            state = waiting.pop()
            if (state, self.back_off) in self.arcs:
                target, score = self.arcs[state, self.back_off]
                if reached[state] + score > reached.get(target, -math.inf):
                    reached[target] = reached[state] + score
                    waiting.append(target)
        return reached
