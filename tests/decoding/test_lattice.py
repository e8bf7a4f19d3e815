import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.lattice import NO_FRAME, Lattice, best_path, linear_lattice, prune
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
