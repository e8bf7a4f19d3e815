import itertools

import pytest

k2 = pytest.importorskip("k2", reason="needs k2, which this lane does not have")

from pyspeech.graph.topology import choose_topology, ctc_topology  # noqa: E402


def read(fsa, frames):
    """All token sequences that the topology reads from the labels of frames."""
    arcs = list(zip(*(c.tolist() for c in (*fsa.arcs.values()[:, :3].T, fsa.aux_labels)), strict=True))
    reached = {(0, ())}
    for label in (*frames, -1):
        reached = {
            (target, (*tokens, output) if output > 0 else tokens)
            for state, tokens in reached
            for source, target, found, output in arcs
            if (source, found) == (state, label)
        }
    return {tokens for _, tokens in reached}


def collapse(frames):
    return tuple(label for label, _ in itertools.groupby(frames) if label)


def test_frames_mean_the_tokens_that_ctc_says():
    plain, modified = ctc_topology(3, "plain"), ctc_topology(3, "modified")
    for frames in itertools.product(range(3), repeat=4):
        labels = tuple(label for label in frames if label)
        assert read(plain, frames) == {collapse(frames)}
        # In the modified topology a repeated label may also be the token again.
        assert {collapse(frames), labels} <= read(modified, frames)
        assert {collapse(tokens) for tokens in read(modified, frames)} == {collapse(labels)}


def test_many_tokens_take_the_modified_topology():
    assert [choose_topology(count) for count in (2, 40, 200, 201, 500)] == [*["plain"] * 3, *["modified"] * 2]
