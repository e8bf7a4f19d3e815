from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lattices import all_paths, assert_well_formed, same, words_on

k2 = pytest.importorskip("k2", reason="needs k2, which this lane does not have")

from pyspeech.decoding import search as search_module  # noqa: E402
from pyspeech.decoding.config import load_decode_config  # noqa: E402
from pyspeech.decoding.lattice import NO_FRAME, best_path  # noqa: E402
from pyspeech.decoding.search import GraphSearch  # noqa: E402

CONFIG = load_decode_config()
WIDE = CONFIG.model_copy(update={"search_beam": 1000.0, "output_beam": 1000.0})
NUM_TOKENS = 4
# Words 1 = tokens 1 2, 2 = token 2, 3 = tokens 3 1; after word 3 the sentence cannot end.
GRAMMAR = """0 0 2 2 -0.7
0 1 1 1 -0.5
0 2 3 3 -0.3
0 4 -1 -1 -0.1
1 0 2 0 0
2 3 1 0 0
3 0 2 2 -1.7
3 1 1 1 -1.5
4"""


def make_graph(words=None):
    """Topology and grammar composed; ``words`` gives other words, any number, in place of each."""
    grammar = k2.arc_sort(k2.Fsa.from_str(GRAMMAR, acceptor=False))
    if words is not None:
        grammar.aux_labels = k2.RaggedTensor([words.get(id_, [id_]) for id_ in grammar.aux_labels.tolist()])
    return k2.arc_sort(k2.connect(k2.compose(k2.ctc_topo(NUM_TOKENS - 1), grammar)))


def random_log_probs(seed, *lengths, sharpness=2.0):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths), NUM_TOKENS)
    return (torch.randn(shape, generator=generator) * sharpness).log_softmax(2)


def search(log_probs_BTV, lengths, config=CONFIG, graph=None):
    ids = [f"utt-{n}" for n in range(len(lengths))]
    return GraphSearch(make_graph() if graph is None else graph, config)(ids, log_probs_BTV, lengths)


def k2_lattice(log_probs_BTV, lengths, config, graph):
    segments = torch.tensor([[n, 0, length] for n, length in enumerate(lengths)], dtype=torch.int32)
    return k2.intersect_dense_pruned(
        graph,
        k2.DenseFsaVec(log_probs_BTV * config.acoustic_scale, segments),
        search_beam=config.search_beam,
        output_beam=config.output_beam,
        min_active_states=config.min_active_states,
        max_active_states=config.max_active_states,
    )


@pytest.mark.parametrize("scale", [1.0, 0.4, 2.5])
def test_scaled_acoustic_and_graph_scores_add_up_to_the_scores_of_k2(scale):
    config = WIDE.model_copy(update={"acoustic_scale": scale})
    lengths, graph = [9, 4, 12], make_graph()
    log_probs_BTV = random_log_probs(1, *lengths)
    found = search(log_probs_BTV, lengths, config, graph)
    reference = k2.connect(k2_lattice(log_probs_BTV, lengths, config, graph))
    for n, each in enumerate(found):
        arcs = reference[n].arcs.values()
        assert each.lattice.num_arcs == len(arcs)
        assert np.array_equal(each.lattice.token, arcs[:, 2].numpy())
        assert np.allclose(each.lattice.scores(scale), reference[n].scores.numpy(), atol=1e-5)
        in_frame = each.lattice.token >= 0
        frames, tokens = each.lattice.frame[in_frame], each.lattice.token[in_frame]
        assert np.array_equal(each.lattice.acoustic[in_frame], log_probs_BTV[n].numpy()[frames, tokens])
        assert not each.lattice.acoustic[~in_frame].any()


@given(st.integers(0, 1000), st.sampled_from([0.5, 1.0, 2.0]))
@settings(max_examples=15)
def test_the_best_path_is_the_shortest_path_of_k2(seed, scale):
    config = CONFIG.model_copy(update={"acoustic_scale": scale})
    lengths, graph = [20, 11], make_graph()
    log_probs_BTV = random_log_probs(seed, *lengths)
    shortest = k2.shortest_path(k2_lattice(log_probs_BTV, lengths, config, graph), use_double_scores=True)
    for n, each in enumerate(search(log_probs_BTV, lengths, config, graph)):
        path = best_path(each.lattice, scale)
        words = [word for word in shortest[n].aux_labels.tolist() if word > 0]
        assert words_on(each.lattice, path) == tuple(words)
        assert each.lattice.scores(scale)[path].sum() == pytest.approx(float(shortest[n].scores.sum()), abs=1e-4)


def sentences(num_words):
    """All sentences of the grammar with their tokens and scores, written out by hand."""
    first, after_three = {1: -0.5, 2: -0.7, 3: -0.3}, {1: -1.5, 2: -1.7}
    tokens = {1: (1, 2), 2: (2,), 3: (3, 1)}
    for count in range(num_words + 1):
        for words in product((1, 2, 3), repeat=count):
            scores = [
                (after_three if before == 3 else first).get(word)
                for before, word in zip((0, *words), words, strict=False)
            ]
            if None not in scores and words[-1:] != (3,):
                yield words, sum((tokens[word] for word in words), ()), sum(scores) - 0.1


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_an_unpruned_search_finds_the_best_of_all_sentences_and_alignments(seed):
    log_probs_BTV = random_log_probs(seed, 5)
    best = {}
    for labels in product(range(NUM_TOKENS), repeat=5):
        tokens = tuple(now for before, now in zip((0, *labels), labels, strict=False) if now not in (0, before))
        score = float(log_probs_BTV[0, range(5), list(labels)].sum())
        best[tokens] = max(score, best.get(tokens, score))
    expected = max((best[tokens] + score, words) for words, tokens, score in sentences(5) if tokens in best)
    (found,) = search(log_probs_BTV, [5], WIDE)
    path = best_path(found.lattice, 1.0)
    assert found.lattice.scores(1.0)[path].sum() == pytest.approx(expected[0], abs=1e-4)
    assert words_on(found.lattice, path) == expected[1]


@given(st.integers(0, 1000), st.lists(st.integers(1, 25), min_size=1, max_size=5))
@settings(max_examples=15)
def test_an_utterance_alone_and_in_a_batch_has_the_same_lattice(seed, lengths):
    log_probs_BTV = random_log_probs(seed, *lengths)
    together = search(log_probs_BTV, lengths)
    for n, length in enumerate(lengths):
        (alone,) = search(log_probs_BTV[n : n + 1, :length], [length])
        assert (alone.lattice is None) == (together[n].lattice is None)
        if alone.lattice is not None:
            assert_well_formed(alone.lattice)
            assert same(replace(alone.lattice, id=f"utt-{n}"), together[n].lattice)


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_several_words_on_an_arc_become_a_chain(seed):
    lengths, spelled = [4, 6], {0: [], 1: [11, 12, 13], 2: [21], 3: [0, 31, 32], -1: [41, 42, -1]}
    log_probs_BTV = random_log_probs(seed, *lengths)
    single = search(log_probs_BTV, lengths, WIDE)
    several = search(log_probs_BTV, lengths, WIDE, make_graph(spelled))
    for one, many in zip(single, several, strict=True):
        assert_well_formed(many.lattice)
        expected = set()
        for path in all_paths(one.lattice):
            ids = (*words_on(one.lattice, path), -1)
            words = tuple(word for id_ in ids for word in spelled[id_] if word > 0)
            score = one.lattice.scores(1.0)[list(path)].sum()
            expected.add((words, tuple(one.lattice.token[list(path)].tolist()), round(score, 4)))
        found = set()
        for path in all_paths(many.lattice):
            tokens = many.lattice.token[list(path)]
            score = many.lattice.scores(1.0)[list(path)].sum()
            found.add((words_on(many.lattice, path), (*tokens[tokens >= 0].tolist(), NO_FRAME), round(score, 4)))
        assert found == expected


def forced(*tokens, away=0.0):
    """Log-probabilities that spell ``tokens``, one a frame, all others less likely by ``away``."""
    log_probs = torch.full((1, len(tokens), NUM_TOKENS), -float(away))
    log_probs[0, range(len(tokens)), list(tokens)] = 0.0
    return log_probs.log_softmax(2)


def test_where_no_path_reached_the_end_wider_beams_find_one():
    # Tokens 3 1 make word 3, after which the sentence cannot end.
    log_probs_BTV = forced(3, 1, 0, 0, away=15)
    narrow = CONFIG.model_copy(update={"search_beam": 6.0, "min_active_states": 1, "max_active_states": 2})
    (found,) = search(log_probs_BTV, [4], narrow)
    assert_well_formed(found.lattice)
    assert len(found.problems) == 1
    assert found.problems[0].startswith("no path reached the end; found with beams x")


def test_an_utterance_too_short_for_the_graph_is_given_back_without_a_lattice():
    graph = k2.arc_sort(k2.connect(k2.compose(k2.ctc_topo(NUM_TOKENS - 1), k2.linear_fst([1, 2, 3], [1, 0, 0]))))
    short, long = search(random_log_probs(0, 1, 8), [1, 8], CONFIG, graph)
    assert (short.lattice, short.problems) == (None, ("no path reached the end",))
    assert long.lattice is not None
    assert not long.problems


@pytest.fixture
def failing(monkeypatch):
    """Make searches fail that ``fails(number of utterances, search beam)`` picks; return the calls."""
    whole, calls = k2.intersect_dense_pruned, []

    def install(fails, error=RuntimeError):
        def intersect(graph, dense, search_beam, **options):
            calls.append((dense.dim0(), search_beam))
            if fails(*calls[-1]):
                raise error("\n  out of memory\n  at some line\n")
            return whole(graph, dense, search_beam=search_beam, **options)

        monkeypatch.setattr(search_module.k2, "intersect_dense_pruned", intersect)
        return calls

    return install


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_a_batch_that_fails_is_searched_in_halves(failing, error):
    lengths = [7, 9, 5, 8, 6]
    log_probs_BTV = random_log_probs(5, *lengths)
    expected = search(log_probs_BTV, lengths)
    calls = failing(lambda count, _: count > 2, error)
    found = search(log_probs_BTV, lengths)
    assert [count for count, _ in calls] == [5, 2, 3, 1, 2]
    assert all(
        same(left.lattice, right.lattice) and not left.problems for left, right in zip(found, expected, strict=True)
    )


def test_an_utterance_that_fails_alone_is_searched_with_narrower_beams(failing):
    failing(lambda _, beam: beam > CONFIG.search_beam / 3)
    found = search(random_log_probs(5, 7, 9), [7, 9])
    assert {each.problems for each in found} == {
        ("search failed (out of memory); beams x 0.5 failed (out of memory); found with beams x 0.25",)
    }


def test_an_utterance_that_always_fails_is_given_back_without_a_lattice(failing):
    failing(lambda *_: True)
    found = search(random_log_probs(5, 7, 9), [7, 9])
    assert [each.lattice for each in found] == [None, None]
    assert "search failed (out of memory)" in found[0].problems[0]


def test_a_lattice_over_the_limit_is_pruned_harder_alone_and_said():
    lengths = [4, 40]
    log_probs_BTV = random_log_probs(2, *lengths, sharpness=0.5)
    free = search(log_probs_BTV, lengths)
    limit = free[1].lattice.num_arcs // 2
    assert free[0].lattice.num_arcs < limit
    bounded = search(log_probs_BTV, lengths, CONFIG.model_copy(update={"max_lattice_arcs": limit}))
    assert same(bounded[0].lattice, free[0].lattice)
    assert not bounded[0].problems
    assert_well_formed(bounded[1].lattice)
    assert bounded[1].lattice.num_arcs <= limit
    assert bounded[1].problems == (
        f"pruned harder, from {2 * limit + free[1].lattice.num_arcs % 2} arcs to {bounded[1].lattice.num_arcs}",
    )
    totals = [each[1].lattice.scores(1.0)[best_path(each[1].lattice, 1.0)].sum() for each in (free, bounded)]
    assert totals[0] == pytest.approx(totals[1])


def test_the_graph_that_was_given_stays_as_it_was():
    graph = make_graph()
    names = [name for name, _ in graph.named_tensor_attr()]
    search(random_log_probs(0, 5), [5], CONFIG, graph)
    assert [name for name, _ in graph.named_tensor_attr()] == names
