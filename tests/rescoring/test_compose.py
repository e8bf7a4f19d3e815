import math
import random
from dataclasses import replace

import kenlm
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import NO_FRAME, Lattice, best_path, linear_lattice, prune, reordered
from pyspeech.lm.ngram import LmSettings, train_lm
from pyspeech.rescoring.boosting import Boosting
from pyspeech.rescoring.compose import compose
from pyspeech.rescoring.config import LatticeSettings
from pyspeech.rescoring.language_model import open_lm
from pyspeech.rescoring.scorer import WordScorer
from tests.decodes import weighing
from tests.experiments import save_tone_graph
from tests.lattices import all_paths, assert_well_formed, random_lattice, same, words_on

LN10 = math.log(10)
SYMBOLS = ("<eps>", "a", "b", "x")  # the model lacks the last
TEXT = ["a b a", "b b", "a", "b a a b b a", "a a b"]
BOOSTING = Boosting({("a", "b"): 0.5, ("x",): 2.0, ("b", "x", "b"): 1.25})
NO_LIMITS = LatticeSettings(beam=1e9, max_states=10**9)
SEEDS = st.integers(0, 10**6)
WEIGHTS = st.builds(
    weighing,
    acoustic=st.sampled_from([0.3, 1.0, 2.5]),
    lm=st.sampled_from([0.0, 0.4, 1.0, 3.0]),
    graph=st.sampled_from([0.0, 0.5, 1.0]),
    word=st.sampled_from([-1.0, 0.0, 4.0]),
    boost=st.sampled_from([0.0, 1.0]),
)


def train(folder, sentences, order):
    (folder / "text").write_text("\n".join(sentences))
    train_lm(folder / "lm", [folder / "text"], LmSettings(order), memory="100M")
    return folder / "lm"


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    return open_lm(train(tmp_path_factory.mktemp("lm"), TEXT, 3) / "lm.bin")


def composed(lattice, lm, weights, limits=NO_LIMITS):
    return compose(lattice, WordScorer(lm, SYMBOLS, weights, BOOSTING), weights, limits)


def small_lattice(seed):
    return with_shortcuts(random_lattice(seed, num_frames=random.Random(seed).randint(1, 5)))


def with_shortcuts(lattice):
    """Add arcs past the states that stand between frames, as arcs of one word pass those of several words."""
    between = np.flatnonzero((lattice.token == NO_FRAME) & (lattice.target < lattice.num_states - 1))
    into, out = np.nonzero(lattice.target[:, None] == lattice.source[between])
    arcs = np.append(np.arange(lattice.num_arcs), into)
    longer = replace(
        reordered(lattice, arcs), target=np.append(lattice.target, lattice.target[between[out]]).astype(np.int32)
    )
    return reordered(longer, np.lexsort((longer.target, longer.source)))


def along(lattice, path):
    """What a path is, whatever its states are called, and its acoustic score."""
    steps = zip(*(getattr(lattice, name)[list(path)].tolist() for name in ("token", "word", "frame")), strict=True)
    return tuple(steps), round(float(lattice.acoustic[list(path)].sum(dtype=np.float64)), 5)


def scores_of_all_paths(lattice, weights):
    score = lattice.scores(weights.acoustic)
    return sorted((along(lattice, path), score[list(path)].sum()) for path in all_paths(lattice))


def expected_scores(lattice, lm, weights):
    """Score every path on its own, its words by KenLM as a sentence."""
    model = kenlm.Model(str(lm.path))

    def score(path):
        words = [SYMBOLS[id_] for id_ in words_on(lattice, path)]
        log10 = sum(log10 for log10, _, _ in model.full_scores(" ".join(words)))
        return (
            weights.acoustic * lattice.acoustic[list(path)].sum(dtype=np.float64)
            + weights.graph * lattice.graph[list(path)].sum(dtype=np.float64)
            + weights.lm * LN10 * log10
            + weights.word * len(words)
            + weights.boost * sum(BOOSTING.earned(words))
        )

    return sorted((along(lattice, path), score(path)) for path in all_paths(lattice))


@given(SEEDS, WEIGHTS)
def test_without_limits_every_path_is_there_and_scores_as_its_sentence_does(lm, seed, weights):
    lattice = small_lattice(seed)
    rescored = composed(lattice, lm, weights)
    assert not rescored.cut
    assert_well_formed(rescored.lattice)
    found, expected = scores_of_all_paths(rescored.lattice, weights), expected_scores(lattice, lm, weights)
    assert [each for each, _ in found] == [each for each, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-4)


@given(SEEDS, WEIGHTS)
def test_the_best_path_is_the_best_of_all(lm, seed, weights):
    lattice = small_lattice(seed)
    found = composed(lattice, lm, weights).lattice
    score = found.scores(weights.acoustic)[best_path(found, weights.acoustic)].sum()
    assert score == pytest.approx(max(score for _, score in expected_scores(lattice, lm, weights)), abs=1e-4)


@given(SEEDS, WEIGHTS, st.floats(0, 20, exclude_min=True), st.integers(1, 6))
def test_limits_leave_paths_out_but_change_none(lm, seed, weights, beam, max_states):
    lattice = small_lattice(seed)
    exact = dict(scores_of_all_paths(composed(lattice, lm, weights).lattice, weights))
    rescored = composed(lattice, lm, weights, LatticeSettings(beam=beam, max_states=max_states))
    assert_well_formed(rescored.lattice)
    kept = scores_of_all_paths(rescored.lattice, weights)
    assert kept
    for each, score in kept:
        assert score <= exact[each] + 1e-4  # of paths that look alike, the best is in ``exact``
    best = best_path(rescored.lattice, weights.acoustic)
    assert rescored.lattice.scores(weights.acoustic)[best].sum() <= max(exact.values()) + 1e-4


@given(SEEDS, WEIGHTS, st.floats(0, 20, exclude_min=True))
def test_what_the_beam_keeps_lies_on_a_path_within_it(lm, seed, weights, beam):
    found = composed(small_lattice(seed), lm, weights, LatticeSettings(beam=beam, max_states=10**9)).lattice
    assert prune(found, beam, found.num_arcs, weights.acoustic) is found


@given(SEEDS, WEIGHTS, st.sampled_from([1e9, 3.0]), st.integers(1, 12))
def test_cut_tells_whether_max_states_left_something_out(lm, seed, weights, beam, max_states):
    lattice = small_lattice(seed)
    free = composed(lattice, lm, weights, LatticeSettings(beam=beam, max_states=10**9))
    limited = composed(lattice, lm, weights, LatticeSettings(beam=beam, max_states=max_states))
    assert not free.cut
    if not limited.cut:
        assert same(limited.lattice, free.lattice)
    elif beam == 1e9:
        assert limited.lattice.num_arcs < free.lattice.num_arcs


def test_one_state_at_a_time_still_reaches_the_end(lm):
    lattice = random_lattice(3, num_frames=30, width=6)
    rescored = composed(lattice, lm, weighing(), LatticeSettings(beam=1e9, max_states=1))
    assert rescored.cut
    assert_well_formed(rescored.lattice)


@given(SEEDS, st.sampled_from([0.5, 1.0]))
def test_where_no_word_costs_anything_the_lattice_stays_as_it_is(seed, scale):
    lattice, weights = small_lattice(seed), weighing(acoustic=scale, graph=1.0)
    assert same(compose(lattice, WordScorer(None, SYMBOLS, weights), weights, NO_LIMITS).lattice, lattice)


def test_an_arc_of_several_words_may_be_left_out_before_its_second_word(lm):
    source, target, token, word, acoustic, frame = np.array(
        [
            (0, 1, 1, 1, -1, 0),
            (0, 2, 2, 2, -50, 0),
            (1, 4, 0, 0, -1, 1),
            (2, 3, 2, 1, -1, 1),
            (3, 4, NO_FRAME, 2, 0, 2),
            (4, 5, NO_FRAME, 0, 0, 2),
        ],
        np.int32,
    ).T
    acoustic = acoustic.astype(np.float32)
    lattice = Lattice("several", source, target, token, word, acoustic, np.zeros(6, np.float32), frame, 2)
    assert composed(lattice, lm, weighing()).lattice.num_arcs == 7
    found = composed(lattice, lm, weighing(), LatticeSettings(beam=10.0, max_states=9)).lattice
    assert_well_formed(found)
    assert words_on(found, (0, 1, 2)) == (1,)


def test_a_lattice_of_one_path_keeps_it(lm):
    lattice = linear_lattice(
        "one", np.array([1, 0, 2], np.int32), np.array([1, 0, 3], np.int32), np.array([-0.5, 0, -1], np.float32)
    )
    found = composed(lattice, lm, weighing()).lattice
    assert np.array_equal(found.token, lattice.token)
    assert found.scores(1.0).sum() == pytest.approx(-1.5 + lm.score(["a", "x"]), abs=1e-5)


def test_one_scorer_serves_lattice_after_lattice(lm):
    weights = weighing(word=-0.5)
    scorer = WordScorer(lm, SYMBOLS, weights, BOOSTING)
    for seed in range(20):
        lattice = random_lattice(seed, num_frames=6)
        alone = WordScorer(lm, SYMBOLS, weights, BOOSTING)
        assert same(
            compose(lattice, scorer, weights, NO_LIMITS).lattice, compose(lattice, alone, weights, NO_LIMITS).lattice
        )


# k2 composes with G, in which a path may back off past an n-gram that the model has. It never gains by that with a
# bigram model of lmplz, which interpolates: no bigram is less likely than what backing off gives, and the next state is
# the same. With trigrams it may: after an unlikely word, the shorter history can promise more to the next.
SENTENCES = ["LOW MID HIGH", "LOW LOW", "HIGH MID", "MID HIGH LOW MID", "MID", "HIGH HIGH LOW"]


def tone_lattices(tmp_path, count):
    """Lattices of noise, searched with a graph without preferences."""
    from pyspeech.decoding.config import load_decode_config
    from pyspeech.decoding.search import GraphSearch
    from pyspeech.graph.compose import load_graph

    save_tone_graph(tmp_path / "graph")
    graph = load_graph(tmp_path / "graph")
    num_tokens = int(graph.fsa.labels.max()) + 1
    torch.manual_seed(1)
    log_probs_BTV = (3 * torch.randn(count, 40, num_tokens)).log_softmax(2)
    found = GraphSearch(graph.fsa, load_decode_config())([str(n) for n in range(count)], log_probs_BTV, [40] * count)
    return [each.lattice for each in found], graph.words


def rescored_by_k2(k2, lattice, arpa, symbols, weights):
    """Best path of the lattice, without its graph scores, intersected with G: words and score."""
    from pyspeech.graph.arcs import FINAL_LABEL, Arcs
    from pyspeech.graph.grammar import read_grammar

    final = lattice.target == lattice.num_states - 1
    assert not lattice.word[final].any()
    score = weights.acoustic * lattice.acoustic + weights.word * (lattice.word > 0)
    label = np.where(final, FINAL_LABEL, lattice.word).astype(np.int32)
    words = Arcs(lattice.source, lattice.target, label, score.astype(np.float32)).to_fsa()
    grammar = read_grammar(arpa, {word: id_ for id_, word in enumerate(symbols) if id_}, len(symbols)).to_fsa()
    grammar.labels = grammar.labels.masked_fill(grammar.labels == len(symbols), 0)
    grammar.scores = grammar.scores * weights.lm
    # Unlike intersect_device, it can take a back-off where the lattice has no arc without a word.
    whole = k2.intersect(k2.arc_sort(words), k2.arc_sort(grammar), treat_epsilons_specially=True)
    best = k2.shortest_path(k2.create_fsa_vec([k2.top_sort(k2.connect(whole))]), use_double_scores=True)
    return [symbols[id_] for id_ in best.labels.tolist() if id_ > 0], float(best.scores.sum())


@pytest.mark.parametrize("weights", [weighing(), weighing(acoustic=0.7, lm=2.0, word=1.5)])
@pytest.mark.parametrize("order", [2, 3])
def test_the_best_path_is_that_of_whole_lattice_rescoring_by_k2_but_never_backs_off_past_an_ngram(
    tmp_path, order, weights
):
    k2 = pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    folder = train(tmp_path, SENTENCES, order)
    lattices, symbols = tone_lattices(tmp_path, 10)
    scorer = WordScorer(open_lm(folder / "lm.bin"), symbols, weights)
    gains = []
    for lattice in lattices:
        found = compose(lattice, scorer, weights, NO_LIMITS).lattice
        path = best_path(found, weights.acoustic)
        words, score = rescored_by_k2(k2, lattice, folder / "lm.arpa", symbols, weights)
        gains.append(score - found.scores(weights.acoustic)[path].sum())
        if order == 2:
            assert words == [symbols[id_] for id_ in words_on(found, path)]
    assert min(gains) == pytest.approx(0, abs=1e-3)
    assert (max(gains) > 1e-3) == (order > 2)
