import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.decoding.frames import likely_tokens
from pyspeech.decoding.lattice import BLANK, NO_FRAME
from pyspeech.rescoring.lexicon_tree import LexiconTree
from pyspeech.rescoring.search_batch import FrameBatch
from pyspeech.rescoring.search_space import Hypotheses, Places, Transitions
from pyspeech.rescoring.search_trace import Trace
from tests import lattices

NUM_TOKENS, NUM_STATES, NUM_WORDS = 3, 2, 4
SCALE = 0.5
TREE = LexiconTree.from_spellings(((2, (1, 2)), (3, (2, 1, 1))), NUM_TOKENS)
PLACES = Places.of(TREE, -np.arange(TREE.num_nodes, dtype=np.float64))
WITHIN_WORDS = (PLACES.inside, PLACES.inside + 3)  # few, so that paths meet and part often
BETWEEN_WORDS = (BLANK, 2 * NUM_TOKENS - 1)


def frame_scores(rng, num_frames, id_):
    logits = rng.normal(0, 1, (1, num_frames, NUM_TOKENS))
    log_probs = (logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)).astype(np.float32)
    return next(likely_tokens([id_], [num_frames / 30], log_probs, [num_frames], np.inf))


class RandomSearch:
    """Hypotheses and arcs between them that a search might have kept, and every path through these.

    A path is (utterance, score, and for each arc: token, word, score of the word, whether it leads from between words).
    """

    def __init__(self, seed, lengths):
        self.rng = np.random.default_rng(seed)
        self.cost = -self.rng.random((NUM_STATES, NUM_WORDS))  # of a word, by the state before it
        utterances = [frame_scores(self.rng, length, f"utt{number}") for number, length in enumerate(lengths)]
        self.batch = FrameBatch.of(utterances, SCALE, NUM_TOKENS, 0.0)
        layer, paths = self.starts(0)
        layers, steps = [layer], []
        for time in range(self.batch.num_steps):
            step, layer, paths = self.read(layer, paths, self.batch.scores(time))
            start, new = self.starts(time + 1)
            layer, paths = layer.followed_by(start), paths + new
            layers.append(layer)
            steps.append(step)
        last, self.paths = self.finish(layer, paths)
        self.trace = Trace(PLACES, self.batch, layers, [*steps, last])

    def starts(self, time):
        utterances = np.flatnonzero(self.batch.start == time)
        hypotheses = Hypotheses(PLACES.key(utterances, np.zeros(len(utterances), np.int32), BLANK), 0.0 * utterances)
        return hypotheses, [[(int(number), 0.0, ())] for number in utterances]

    def targets(self, key):
        """Where a hypothesis may go: (key, word) pairs; within a word it keeps its state."""
        utterance, state = (int(each[0]) for each in (PLACES.utterance(key), PLACES.state(key)))
        inside = PLACES.key(utterance, state, self.rng.choice(WITHIN_WORDS, 2))
        between = PLACES.key(utterance, self.rng.integers(0, NUM_STATES, 2), self.rng.choice(BETWEEN_WORDS, 2))
        words = self.rng.integers(0 if PLACES.between(key)[0] else 1, NUM_WORDS, 2)
        pairs = [*((int(each), 0) for each in inside), *zip(between.tolist(), words.tolist(), strict=True)]
        return {pairs[each] for each in self.rng.integers(0, 4, 3)}

    def read(self, layer, paths, seen):
        arcs = sorted(
            (source, key, word) for source in range(len(layer.key)) for key, word in self.targets(layer.key[[source]])
        )
        keys = sorted({key for _, key, _ in arcs})
        self.rng.shuffle(keys)
        graph = [self.cost[PLACES.state(layer.key)[source], word] if word else 0.0 for source, _, word in arcs]
        after = [[] for _ in keys]
        for (source, key, word), added in zip(arcs, graph, strict=True):
            token = int(PLACES.last[PLACES.of_key(key)])
            for utterance, score, steps in paths[source]:
                total = score + added + seen[utterance * NUM_TOKENS + token]
                way = (token, word, added, bool(PLACES.between(layer.key)[source]))
                after[keys.index(key)].append((utterance, total, (*steps, way)))
        source, key, word = np.array(arcs).T
        step = Transitions(source, np.array([keys.index(each) for each in key]), word.astype(np.int32), np.array(graph))
        return step, self.hypotheses(np.array(keys), after), after

    def hypotheses(self, keys, paths):
        best = np.array([max(score for _, score, _ in every) for every in paths])
        return Hypotheses(keys, best + PLACES.ahead[PLACES.of_key(keys)])

    def finish(self, layer, paths):
        between, state = PLACES.between(layer.key), PLACES.state(layer.key)
        word = np.where(between, 0, 1).astype(np.int32)
        graph = np.where(between, 0.0, self.cost[state, 1])
        found = [
            (utterance, score + graph[source], (*steps, (NO_FRAME, int(word[source]), graph[source], between[source])))
            for source, every in enumerate(paths)
            for utterance, score, steps in every
        ]
        return Transitions(np.arange(len(layer.key)), PLACES.utterance(layer.key), word, graph), found


def labelled(path):
    """Tokens, words and scores of a path, where each word and its score are on the arc of its first token."""
    tokens, words, scores = [], [0] * len(path), [0.0] * len(path)
    first = 0
    for place, (token, word, score, between) in enumerate(path):
        first = place if between else first
        tokens.append(token)
        if word:
            words[first], scores[first] = word, score
    return tuple(tokens), tuple(words), tuple(round(score, 4) for score in scores)


def paths_of(lattice):
    for path in map(list, lattices.all_paths(lattice)):
        yield (
            tuple(lattice.token[path].tolist()),
            tuple(lattice.word[path].tolist()),
            tuple(round(float(score), 4) for score in lattice.graph[path]),
        )


LENGTHS = st.lists(st.integers(0, 4), min_size=1, max_size=3)


@settings(max_examples=40)
@given(st.integers(0, 10**6), LENGTHS)
def test_without_a_beam_the_lattices_hold_every_path_and_words_at_their_starts(seed, lengths):
    search = RandomSearch(seed, lengths)
    for number, lattice in enumerate(search.trace.lattices(np.inf)):
        lattices.assert_well_formed(lattice)
        frames = search.batch.utterances[number]
        assert (lattice.id, lattice.num_frames) == (frames.id, frames.num_frames)
        heard = np.flatnonzero(lattice.token != NO_FRAME)
        expected = frames.dense(NUM_TOKENS)[lattice.frame[heard], lattice.token[heard]]
        np.testing.assert_array_equal(lattice.acoustic[heard], expected)
        assert sorted(paths_of(lattice)) == sorted(labelled(path) for own, _, path in search.paths if own == number)


@settings(max_examples=40)
@given(st.integers(0, 10**6), LENGTHS, st.floats(0, 2))
def test_with_a_beam_arcs_are_kept_that_lie_on_a_path_so_close_to_the_best(seed, lengths, beam):
    search = RandomSearch(seed, lengths)
    for number, lattice in enumerate(search.trace.lattices(beam)):
        lattices.assert_well_formed(lattice)
        own = [(score, labelled(path)) for utterance, score, path in search.paths if utterance == number]
        best = max(score for score, _ in own)
        assert {path for score, path in own if score >= best - beam} <= set(paths_of(lattice))
        score = lattice.scores(SCALE)
        through = np.full(lattice.num_arcs, -np.inf)
        for path in map(list, lattices.all_paths(lattice)):
            through[path] = np.maximum(through[path], score[path].sum())
        assert through.max() == pytest.approx(best, abs=1e-4)
        assert through.min() >= best - beam - 1e-4
