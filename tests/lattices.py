"""Random small lattices, and all paths through one: the second opinion on every algorithm over lattices."""

import itertools
from collections.abc import Iterator

import numpy as np

from pyspeech.decoding.lattice import NO_FRAME, Lattice


def random_lattice(seed: int, num_frames: int = 4, width: int = 3, words: int = 3, id_: str = "utt") -> Lattice:
    """Layers of states, one for each frame and at times one more for the further word of an arc."""
    rng = np.random.default_rng(seed)
    layers, frames, number = [[0]], [0], 1
    for frame in range(1, num_frames + 1):
        size = int(rng.integers(1, width + 1))
        if rng.random() < 0.3:
            # A state of the same time right before: its arcs consume no frame.
            layers.append([number])
            frames.append(frame)
            number += 1
        layers.append(list(range(number, number + size)))
        frames.append(frame)
        number += size
    layers.append([number])
    frames.append(num_frames)
    arcs = []
    for layer, (before, after) in enumerate(itertools.pairwise(layers)):
        consumes = frames[layer + 1] > frames[layer] and layer + 2 < len(layers)
        pairs = {(source, int(rng.choice(after))) for source in before}
        pairs |= {(int(rng.choice(before)), target) for target in after}
        pairs |= {(source, target) for source in before for target in after if rng.random() < 0.4}
        for source, target in sorted(pairs):
            word = int(rng.integers(1, words + 1)) if rng.random() < 0.5 else 0
            arcs.append((source, target, int(rng.integers(0, 3)) if consumes else NO_FRAME, word, frames[layer]))
    source, target, token, word, frame = np.array(sorted(arcs), np.int32).T
    acoustic = np.where(token < 0, 0, -rng.random(len(arcs))).astype(np.float32)
    graph = -rng.random(len(arcs)).astype(np.float32)
    return Lattice(id_, source, target, token, word, acoustic, graph, frame, num_frames)


def all_paths(lattice: Lattice, state: int = 0) -> Iterator[tuple[int, ...]]:
    if state == lattice.num_states - 1:
        yield ()
    for arc in np.flatnonzero(lattice.source == state).tolist():
        for rest in all_paths(lattice, int(lattice.target[arc])):
            yield (arc, *rest)


def words_on(lattice: Lattice, path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(lattice.word[arc]) for arc in path if lattice.word[arc])


def assert_well_formed(lattice: Lattice) -> None:
    """The promises that the class makes about its arcs."""
    assert (lattice.source < lattice.target).all()
    assert (np.diff(lattice.source) >= 0).all()
    states = np.arange(lattice.num_states)
    assert set(lattice.source.tolist()) == set(states[:-1].tolist())
    assert set(lattice.target.tolist()) == set(states[1:].tolist())
    assert set(lattice.frame[lattice.source == 0].tolist()) == {0}
    times = {state: set(lattice.frame[lattice.source == state].tolist()) for state in states[:-1].tolist()}
    assert all(len(each) == 1 for each in times.values())
    for target, token, frame in zip(
        lattice.target.tolist(), lattice.token.tolist(), lattice.frame.tolist(), strict=True
    ):
        assert times.get(target, {lattice.num_frames}) == {frame + (token != NO_FRAME)}
    for name, kind in (("source", np.int32), ("token", np.int32), ("acoustic", np.float32), ("graph", np.float32)):
        assert getattr(lattice, name).dtype == kind


def same(left: Lattice, right: Lattice) -> bool:
    names = ("source", "target", "token", "word", "acoustic", "graph", "frame")
    return (left.id, left.num_frames) == (right.id, right.num_frames) and all(
        np.array_equal(getattr(left, name), getattr(right, name)) for name in names
    )
