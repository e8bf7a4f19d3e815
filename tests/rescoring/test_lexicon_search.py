import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.decoding.frames import FrameScores, likely_tokens
from pyspeech.decoding.lattice import best_path
from pyspeech.decoding.nbest import n_best
from pyspeech.decoding.times import token_runs
from pyspeech.lm.ngram import LmSettings, train_lm
from pyspeech.rescoring import lexicon_search as module
from pyspeech.rescoring.boosting import Boosting
from pyspeech.rescoring.config import SearchSettings, UnknownSettings
from pyspeech.rescoring.language_model import LanguageModel
from pyspeech.rescoring.lexicon_search import LexiconSearch, search_in_batches
from pyspeech.rescoring.lexicon_tree import LexiconTree
from pyspeech.rescoring.scorer import WordScorer
from tests import lattices
from tests.decodes import weighing

WORDS = ("<eps>", "<unk>", "a", "b", "c", "d")
NUM_TOKENS = 4
# One word within another, two spelled alike, one spelled in two ways, the same token twice in a row.
SPELLINGS = ((2, (1,)), (3, (1, 1)), (4, (2,)), (5, (2,)), (2, (1, 2)), (5, (2, 3)))
EVERYTHING = SearchSettings(beam=1e9, max_hypotheses=10**9, lattice_beam=1e9, unknown_beam=1e9)
WEIGHTS = weighing(acoustic=0.7, lm=1.3, word=0.4, boost=1.0)
LOOK_AHEAD = np.array([0.0, -1.0, -2.0, -3.0, -0.5, -1.5])
PHRASES = {("a", "b"): 1.5, ("d",): 0.5}


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    draw = random.Random(1)
    lines = (" ".join(draw.choices("abcde", (4, 3, 3, 2, 1), k=draw.randint(1, 7))) for _ in range(80))
    (folder / "text").write_text("\n".join(lines))
    train_lm(folder / "lm", [folder / "text"], LmSettings(3), memory="100M")
    return LanguageModel(folder / "lm" / "lm.bin")


def frame_scores(seed, num_frames, keep=np.inf, num_tokens=NUM_TOKENS, sharpness=2.0, id_="utt"):
    logits = np.random.default_rng(seed).normal(0, sharpness, (1, num_frames, num_tokens))
    log_probs = (logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)).astype(np.float32)
    return next(likely_tokens([id_], [num_frames / 30], log_probs, [num_frames], keep))


def make_search(lm, unknown=None, limits=EVERYTHING, weights=WEIGHTS, spellings=SPELLINGS, look_ahead=LOOK_AHEAD):
    tree = LexiconTree.from_spellings(spellings, NUM_TOKENS)
    scorer = WordScorer(lm, WORDS, weights, Boosting(PHRASES))
    return LexiconSearch(tree, scorer, weights, limits, unknown, look_ahead)


def search_one(search, frames):
    (found,) = search([frames])
    return found


def collapsed(path):
    return tuple(run.token for run in token_runs(np.array(path, np.int32)))


def readings(tokens, unknown, spellings=SPELLINGS):
    """Every way to read tokens as words: (word, the tokens it takes) in order."""
    if not tokens:
        yield ()
    for length in range(1, len(tokens) + 1):
        words = [word for word, spelling in spellings if spelling == tokens[:length]] + [1] * (unknown is not None)
        for word in words:
            for rest in readings(tokens[length:], unknown, spellings):
                yield ((word, tokens[:length]), *rest)


def cost_of_words(lm, reading, unknown):
    words = [WORDS[word] for word, _ in reading]
    total = WEIGHTS.lm * lm.score(words) + WEIGHTS.word * len(words) + sum(Boosting(PHRASES).earned(words))
    return total + sum(unknown.word + unknown.token * len(tokens) for word, tokens in reading if word == 1)


def every_path(lm, frames, unknown):
    """Best score of each word sequence, over all sequences of frames' tokens and all ways to read them."""
    log_probs = WEIGHTS.acoustic * frames.dense(NUM_TOKENS).astype(np.float64)
    kept = [np.flatnonzero(np.isfinite(row)).tolist() for row in log_probs]
    spoken = {}
    for path in itertools.product(*kept):
        score = sum(log_probs[frame, token] for frame, token in enumerate(path))
        tokens = collapsed(path)
        spoken[tokens] = max(score, spoken.get(tokens, -np.inf))
    found = {}
    for tokens, acoustic in spoken.items():
        for reading in readings(tokens, unknown):
            words = tuple(word for word, _ in reading)
            found[words] = max(acoustic + cost_of_words(lm, reading, unknown), found.get(words, -np.inf))
    return found


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(0, 4), st.sampled_from([None, UnknownSettings(word=-1.0, token=-0.5)]))
def test_without_limits_every_word_sequence_is_found_with_the_score_that_brute_force_gives_it(
    lm, seed, num_frames, unknown
):
    frames = frame_scores(seed, num_frames, keep=2.5)
    lattice = search_one(make_search(lm, unknown), frames).lattice
    lattices.assert_well_formed(lattice)
    score = lattice.scores(WEIGHTS.acoustic)
    found = {each.words: WEIGHTS.acoustic * each.acoustic + each.graph for each in n_best(lattice, 10**4, score)}
    expected = every_path(lm, frames, unknown)
    assert set(found) == set(expected)
    for words, total in expected.items():
        assert found[words] == pytest.approx(total, abs=1e-4)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([None, UnknownSettings(word=-0.5, token=-0.5)]))
def test_every_path_of_the_lattice_spells_its_words_from_the_arcs_that_carry_them(lm, seed, unknown):
    frames = frame_scores(seed, 4, keep=3.0)
    lattice = search_one(make_search(lm, unknown), frames).lattice
    lattices.assert_well_formed(lattice)
    log_probs = frames.dense(NUM_TOKENS)
    spelled = {word: {tuple(way) for other, way in SPELLINGS if other == word} for word, _ in SPELLINGS}
    for path in itertools.islice(lattices.all_paths(lattice), 300):
        arcs = [arc for arc in path if lattice.token[arc] >= 0]
        assert len(arcs) == 4
        np.testing.assert_array_equal(lattice.acoustic[arcs], log_probs[range(4), lattice.token[arcs]])
        runs = token_runs(lattice.token[arcs])
        starts = [frame for frame, arc in enumerate(arcs) if lattice.word[arc]]
        words = lattice.word[arcs][starts].tolist()
        assert {run.start for run in runs} >= set(starts)
        for word, start, end in zip(words, starts, [*starts, 4][1:], strict=True):
            tokens = tuple(run.token for run in runs if start <= run.start < end)
            assert word == 1 or tokens in spelled[word]
        assert [run.start for run in runs[:1]] == starts[:1]


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(1, 10), st.integers(1, 30), st.floats(0, 6))
def test_with_limits_the_lattice_is_never_empty_and_never_better_than_without(lm, seed, beam, width, lattice_beam):
    frames = frame_scores(seed, 7, keep=4.0)
    unknown = UnknownSettings(word=-1.0, token=-0.5)
    best = {}
    for name, limits in (
        ("all", EVERYTHING),
        ("few", SearchSettings(beam=beam, max_hypotheses=width, lattice_beam=lattice_beam, unknown_beam=2.0)),
    ):
        found = search_one(make_search(lm, unknown, limits), frames)
        lattices.assert_well_formed(found.lattice)
        score = found.lattice.scores(WEIGHTS.acoustic)
        best[name] = score[best_path(found.lattice, WEIGHTS.acoustic)].sum()
    assert best["few"] <= best["all"] + 1e-4


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_guess_of_look_ahead_leaves_no_trace_in_the_scores(lm, seed):
    frames = frame_scores(seed, 5, keep=3.0)
    guesses = (LOOK_AHEAD, np.zeros(len(WORDS)))
    searches = (make_search(lm, UnknownSettings(word=-1, token=-1), look_ahead=guess) for guess in guesses)
    one, other = (search_one(search, frames).lattice for search in searches)
    assert lattices.same(one, other)


LIMITS = st.builds(
    SearchSettings,
    beam=st.floats(1, 10),
    max_hypotheses=st.integers(1, 30),
    lattice_beam=st.floats(0, 6),
    unknown_beam=st.floats(0, 3),
)
# Scores of few different values, so that many tie.
TIED = st.tuples(st.integers(0, 10**6), st.integers(0, 8), st.sampled_from([1, 200]))


def tied_frames(number, seed, num_frames, steps):
    """Frames whose scores are multiples of a large or a small step."""
    frames = frame_scores(seed, num_frames, keep=4.0, id_=f"utt{number}")
    return replace(frames, log_probs=np.round(frames.log_probs * steps) / np.float32(steps))


def assert_same(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert lattices.same(one.lattice, other.lattice)
        assert one.complete == other.complete


@settings(max_examples=60)
@given(
    st.lists(TIED, min_size=1, max_size=8),
    LIMITS,
    st.sampled_from([None, UnknownSettings(word=-1.0, token=-0.5)]),
    st.randoms(use_true_random=False),
)
def test_what_is_found_does_not_depend_on_the_batch_its_order_or_what_was_searched_before(
    lm, given_, limits, unknown, draw
):
    every = [tied_frames(number, *each) for number, each in enumerate(given_)]
    alone = [search_one(make_search(lm, unknown, limits), frames) for frames in every]
    search = make_search(lm, unknown, limits)
    assert_same(search(every), alone)
    order = draw.sample(range(len(every)), len(every))
    assert_same(search([every[number] for number in order]), [alone[number] for number in order])


def test_batches_keep_the_order_and_have_limits(lm, monkeypatch):
    monkeypatch.setattr(module, "BATCH_UTTERANCES", 3)
    monkeypatch.setattr(module, "BATCH_FRAMES", 10)
    every = [
        frame_scores(number, frames, id_=f"utt{number}") for number, frames in enumerate([2, 3, 0, 1, 12, 4, 5, 6])
    ]
    search = make_search(lm)
    sizes = []

    def noting(batch):
        sizes.append(len(batch))
        return search(batch)

    found = list(search_in_batches(noting, iter(every)))
    assert sizes == [3, 2, 3]
    assert [each.lattice.id for each in found] == [each.id for each in every]
    assert_same(found, [search_one(make_search(lm), frames) for frames in every])
    assert list(search_in_batches(search, [])) == []


@pytest.mark.parametrize("unknown", [None, UnknownSettings(word=-1.0, token=-1.0)])
def test_an_utterance_of_no_frames_is_the_empty_sentence(lm, unknown):
    found = search_one(make_search(lm, unknown), frame_scores(0, 0))
    lattices.assert_well_formed(found.lattice)
    assert found.complete
    assert found.lattice.num_arcs == 1
    assert found.lattice.graph[0] == pytest.approx(WEIGHTS.lm * lm.score([]), abs=1e-5)


def sure_frames(path):
    """Each frame holds one token, nearly sure, and the blank."""
    frames = []
    for token in path:
        frames.append([(0, -0.01)] if token == 0 else [(0, -9.0), (token, -0.01)])
    flat = [pair for frame in frames for pair in frame]
    bounds = np.cumsum([0, *map(len, frames)]).astype(np.int32)
    tokens, log_probs = zip(*flat, strict=True)
    return FrameScores("utt", len(path) / 30, bounds, np.array(tokens, np.int32), np.array(log_probs, np.float32))


def words_found(found):
    return [int(word) for word in found.lattice.word[best_path(found.lattice, WEIGHTS.acoustic)] if word]


def test_a_token_twice_needs_a_blank_between_across_words_too(lm):
    spellings = ((2, (1, 2)), (3, (2, 3)))
    search = make_search(lm, spellings=spellings)
    assert words_found(search_one(search, sure_frames([1, 2, 2, 0, 2, 3]))) == [2, 3]
    found = search_one(search, sure_frames([1, 2, 2, 2, 3]))  # taken for 1 2 and a blank: 2 3
    assert words_found(found) == [2, 3]
    tokens = found.lattice.token[best_path(found.lattice, WEIGHTS.acoustic)]
    assert collapsed(tokens[tokens >= 0]) == (1, 2, 2, 3)


def test_words_spelled_alike_both_stay_in_the_lattice(lm):
    found = search_one(make_search(lm), sure_frames([0, 2, 2, 0]))
    candidates = n_best(found.lattice, 10, found.lattice.scores(WEIGHTS.acoustic))
    assert {(4,), (5,)} <= {candidate.words for candidate in candidates}


def test_an_unknown_word_carries_its_tokens_from_its_first_on(lm):
    limits = SearchSettings(beam=20, max_hypotheses=1000, lattice_beam=8, unknown_beam=1)
    search = make_search(lm, UnknownSettings(word=0.0, token=-3.0), limits, spellings=((2, (1, 2)), (3, (1, 3))))
    lattice = search_one(search, sure_frames([0, 1, 2, 3, 0, 3, 3, 2, 1, 3])).lattice
    path = best_path(lattice, WEIGHTS.acoustic)
    labels = [(int(lattice.frame[arc]), int(lattice.word[arc])) for arc in path if lattice.word[arc]]
    assert labels == [(1, 2), (3, 1), (8, 3)]


def test_a_last_word_broken_off_is_an_unknown_one_and_said(lm):
    limits = SearchSettings(beam=5, max_hypotheses=1000, lattice_beam=8, unknown_beam=1)
    search = make_search(lm, limits=limits, spellings=((2, (1,)), (3, (2, 3, 2, 1))))
    found = search_one(search, sure_frames([1, 0, 2, 3, 2]))
    lattices.assert_well_formed(found.lattice)
    assert not found.complete
    assert words_found(found) == [2, 1]
    path = best_path(found.lattice, WEIGHTS.acoustic)
    assert found.lattice.frame[path][found.lattice.word[path] > 0].tolist() == [0, 2]


def test_a_vocabulary_of_nothing_leaves_silence_or_unknown_words(lm):
    frames = sure_frames([0, 1, 0, 2])
    assert words_found(search_one(make_search(lm, spellings=()), frames)) == []
    assert words_found(search_one(make_search(lm, UnknownSettings(word=0.0, token=0.0), spellings=()), frames)) == [1]


# Every bigram is likelier than its two words by way of the back-off, which a graph allows and KenLM does not.
ARPA = """\\data\\
ngram 1=7
ngram 2=6

\\1-grams:
-2.0\t<unk>
-99\t<s>\t-0.4
-0.9\t</s>
-0.6\ta\t-0.3
-0.8\tb\t-0.2
-0.7\tc\t-0.5
-1.1\td

\\2-grams:
-0.5\t<s> a
-0.4\ta b
-0.7\ta </s>
-0.9\tb d
-0.6\tc c
-0.8\tc a

\\end\\
"""


# Of word sequences spelled alike the graph keeps the likelier alone where they lead from one state to one: removing
# epsilons keeps best paths. What is best of all stays the same, and all where no two are spelled alike.
@pytest.mark.parametrize(
    ("pairs", "compared"), [(((2, (1,)), (2, (2, 1)), (3, (2, 2)), (4, (3,)), (5, (2, 3))), 20), (SPELLINGS, 1)]
)
def test_the_best_word_sequences_score_as_in_the_compiled_graph(tmp_path, pairs, compared):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    import torch

    from pyspeech.decoding.config import load_decode_config
    from pyspeech.decoding.search import GraphSearch
    from pyspeech.graph.compose import Compilation, compile_graph

    arpa = tmp_path / "lm.arpa"
    arpa.write_text(ARPA)
    spellings = {WORDS[word]: [list(way) for other, way in pairs if other == word] for word, _ in pairs}
    graph = compile_graph(("<blk>", "x", "y", "z"), spellings, arpa, "plain", Compilation())
    config = load_decode_config().model_copy(
        update={
            "search_beam": 1000.0,
            "output_beam": 1000.0,
            "max_active_states": 10**6,
            "max_lattice_arcs": 10**6,
            "acoustic_scale": 0.7,
        }
    )
    weights = weighing(acoustic=0.7)
    scorer = WordScorer(LanguageModel(arpa), WORDS, weights)
    tree = LexiconTree.from_spellings(pairs, NUM_TOKENS)
    search = LexiconSearch(tree, scorer, weights, EVERYTHING, None, LOOK_AHEAD)
    for seed in range(10):
        frames = frame_scores(seed, num_frames=8)
        log_probs = torch.from_numpy(frames.dense(NUM_TOKENS))[None]
        reference = GraphSearch(graph.fsa, config)(["utt"], log_probs, [8])[0].lattice
        assert reference is not None
        ours, theirs = (
            [
                (tuple(symbols[word] for word in each.words), 0.7 * each.acoustic + each.graph)
                for each in n_best(lattice, compared, lattice.scores(0.7))
            ]
            for lattice, symbols in ((search_one(search, frames).lattice, WORDS), (reference, graph.words))
        )
        assert [words for words, _ in ours] == [words for words, _ in theirs]
        np.testing.assert_allclose([total for _, total in ours], [total for _, total in theirs], atol=1e-4)
