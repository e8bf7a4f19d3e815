import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import (
    ARC_FIELDS,
    NO_FRAME,
    Lattice,
    best_path,
    check_lattices,
    linear_lattice,
    prune,
    reordered,
)
from pyspeech.formats.word_lattice import word_lattice
from tests.lattices import all_paths, assert_well_formed, random_lattice

SEEDS = st.integers(0, 10_000)
SCALES = st.sampled_from([0.5, 1.0, 3.0])


def path_scores(lattice, scale):
    score = lattice.scores(scale)
    return {path: float(score[list(path)].sum()) for path in all_paths(lattice)}


@given(SEEDS, SCALES)
def test_the_best_path_is_the_best_of_all_paths(seed, scale):
    lattice = random_lattice(seed)
    scores = path_scores(lattice, scale)
    assert scores[tuple(best_path(lattice, scale).tolist())] == pytest.approx(max(scores.values()))


@given(SEEDS, SCALES, st.floats(0.01, 4))
def test_pruning_keeps_exactly_the_arcs_of_paths_within_the_beam(seed, scale, beam):
    lattice = random_lattice(seed)
    scores = path_scores(lattice, scale)
    limit = max(scores.values()) - beam
    expected = {arc for path, score in scores.items() if score >= limit for arc in path}
    pruned = prune(lattice, beam, lattice.num_arcs, scale)
    assert_well_formed(pruned)
    kept = sorted(zip(*(getattr(pruned, name).tolist() for name in ("acoustic", "graph", "frame")), strict=True))
    assert kept == sorted((lattice.acoustic[arc], lattice.graph[arc], lattice.frame[arc]) for arc in expected)


@given(SEEDS, st.integers(1, 30))
def test_pruning_to_few_arcs_leaves_a_whole_lattice_with_the_best_path(seed, max_arcs):
    lattice = random_lattice(seed, num_frames=6)
    pruned = prune(lattice, np.inf, max_arcs, 1.0)
    assert_well_formed(pruned)
    best = best_path(lattice, 1.0)
    assert pruned.num_arcs <= max(max_arcs, len(best))
    kept = best_path(pruned, 1.0)
    assert pruned.scores(1.0)[kept].sum() == pytest.approx(lattice.scores(1.0)[best].sum())


def test_pruning_keeps_as_many_arcs_as_it_may():
    # Parallel arcs, each a path of its own but for the final arc they share.
    source = np.array([0, 0, 0, 0, 1], np.int32)
    token = np.array([1, 2, 3, 4, NO_FRAME], np.int32)
    scores = np.array([-4, -1, -3, -2, 0], np.float32)
    zeros, frame = np.zeros(5, np.int32), np.array([0, 0, 0, 0, 1], np.int32)
    lattice = Lattice("utt", source, source + 1, token, zeros, scores, np.zeros(5, np.float32), frame, 1)
    assert prune(lattice, np.inf, 4, 1.0).token.tolist() == [2, 3, 4, NO_FRAME]
    assert prune(lattice, np.inf, 5, 1.0) is lattice


def test_arcs_that_lead_nowhere_go():
    lattice = random_lattice(3)
    dead = lattice.num_states - 1
    with_dead = Lattice(
        id="utt",
        source=np.append(0, lattice.source + 0).astype(np.int32),
        target=np.append(dead, np.where(lattice.target == dead, dead + 1, lattice.target)).astype(np.int32),
        token=np.append(1, lattice.token).astype(np.int32),
        word=np.append(1, lattice.word).astype(np.int32),
        acoustic=np.append(9, lattice.acoustic).astype(np.float32),
        graph=np.append(9, lattice.graph).astype(np.float32),
        frame=np.append(0, lattice.frame).astype(np.int32),
        num_frames=lattice.num_frames,
    )
    pruned = prune(with_dead, np.inf, with_dead.num_arcs, 1.0)
    assert_well_formed(pruned)
    assert pruned.num_arcs == lattice.num_arcs


@pytest.mark.parametrize("num_frames", [0, 1, 5])
def test_a_linear_lattice_has_one_path_through_every_frame(num_frames):
    tokens = np.arange(num_frames, dtype=np.int32)
    lattice = linear_lattice("utt", tokens, tokens + 1, -tokens.astype(np.float32))
    assert_well_formed(lattice)
    assert lattice.token[best_path(lattice, 1.0)].tolist() == [*range(num_frames), NO_FRAME]
    assert lattice.num_frames == num_frames


def test_lattices_are_read_without_torch_k2_and_lhotse():
    code = (
        "import sys, pyspeech.decoding.archive, pyspeech.decoding.nbest; "
        "sys.exit(len({'torch', 'k2', 'lhotse'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


NUM_TOKENS, NUM_WORDS = 3, 4


def is_right(lattice):
    """What a lattice promises, arc by arc."""
    arcs = list(zip(*(getattr(lattice, name).tolist() for name in ARC_FIELDS), strict=True))
    times = {0: 0}
    end = max(arc[1] for arc in arcs)
    if end > 2 * len(arcs) or [arc[0] for arc in arcs] != sorted(arc[0] for arc in arcs):
        return False
    for source, target, token, word, acoustic, graph, frame in arcs:
        if not (0 <= source < target and -1 <= token < NUM_TOKENS and 0 <= word < NUM_WORDS):
            return False
        if not np.isfinite([acoustic, graph]).all() or times.setdefault(source, frame) != frame:
            return False
    times[end] = lattice.num_frames
    for source, target, token, *_, frame in arcs:
        elapsed = times.get(target, -1) - frame
        free = all(arc[2] == NO_FRAME for arc in arcs)
        if elapsed != (token != NO_FRAME) and not (free and elapsed >= 0):
            return False
        if source not in times or (source and source not in {arc[1] for arc in arcs}):
            return False
    return {arc[0] for arc in arcs} == set(range(end)) and {arc[1] for arc in arcs} == set(range(1, end + 1))


def is_accepted(lattices):
    arcs = {name: np.concatenate([getattr(each, name) for each in lattices]) for name in ARC_FIELDS}
    bounds = np.cumsum([0, *(each.num_arcs for each in lattices)])
    try:
        check_lattices(arcs, bounds, np.array([each.num_frames for each in lattices]), NUM_TOKENS, NUM_WORDS)
    except ValueError:
        return False
    return True


@given(SEEDS, st.booleans(), st.data())
def test_any_change_of_a_lattice_is_accepted_just_where_it_is_one_arc_by_arc(seed, of_words, data):
    before, lattice, after = (random_lattice(seed + n, num_frames=3, words=NUM_WORDS - 1) for n in range(3))
    if of_words:
        lattice = word_lattice(lattice, 1.0)
    assert is_right(lattice)
    assert is_accepted([before, lattice, after])
    name = data.draw(st.sampled_from([*ARC_FIELDS, "num_frames"]))
    if name == "num_frames":
        lattice = replace(lattice, num_frames=lattice.num_frames + data.draw(st.sampled_from([-3, -1, 1, 2**20])))
    else:
        values = getattr(lattice, name).copy()
        place = data.draw(st.integers(0, len(values) - 1))
        whole = st.sampled_from([-(2**31), -1, 0, 1, 2, 3, 2**31 - 1]) | st.integers(-2, lattice.num_states + 1)
        values[place] = data.draw(whole if values.dtype == np.int32 else st.floats(width=32))
        lattice = replace(lattice, **{name: values})
    assert is_accepted([before, lattice, after]) == is_right(lattice)


@given(SEEDS, st.data())
def test_arcs_that_are_left_out_or_doubled_are_accepted_just_where_a_lattice_is_left(seed, data):
    lattice = random_lattice(seed, num_frames=3, words=NUM_WORDS - 1)
    arcs = data.draw(st.lists(st.integers(0, lattice.num_arcs - 1), min_size=1, max_size=2 * lattice.num_arcs))
    if data.draw(st.booleans()):
        arcs = sorted({*range(lattice.num_arcs)} - set(arcs[:2])) or [0]
    changed = reordered(lattice, np.array(arcs))
    assert is_accepted([changed]) == is_right(changed)


def test_no_lattices_and_one_without_frames_are_accepted():
    empty = np.zeros(0, np.int32)
    assert is_accepted([linear_lattice("utt", empty, empty, np.zeros(0, np.float32))])
    kinds = dict.fromkeys(ARC_FIELDS, empty) | {name: np.zeros(0, np.float32) for name in ("acoustic", "graph")}
    check_lattices(kinds, np.array([0]), empty, NUM_TOKENS, NUM_WORDS)
