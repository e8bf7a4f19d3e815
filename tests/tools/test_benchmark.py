import numpy as np
import pytest

from pyspeech.decoding.times import token_runs
from tests.decodes import said, save_decode, save_lm, sentences
from tools.benchmark.decoders import SYSTEMS
from tools.benchmark.decoding import LM_GRID, WORD_GRID, Point, _compare, _decoded, _improving, _table
from tools.benchmark.simulated import simulate


@pytest.mark.parametrize("system", ["pyspeech search", "pyspeech lattices"])
def test_a_system_is_tuned_on_dev_and_swept_on_test(tmp_path, monkeypatch, system):
    monkeypatch.setenv("PYSPEECH_CACHE", str(tmp_path / "cache"))
    arpa = save_lm(tmp_path / "lm", sentences(300, seed=1)) / "lm.arpa"
    folders = [
        save_decode(tmp_path / name, said(name, sentences(4, seed))) for seed, name in enumerate(("dev", "test"))
    ]
    given, references = _decoded(folders, arpa)
    points = _compare(system, given, references)
    assert [point.setting for point in points] == list(SYSTEMS[system].settings)
    assert len({(point.lm, point.word) for point in points}) == 1
    assert all(point.wer < 20 and point.rtf > 0 and point.peak_mib > 10 for point in points)
    rows = _table(points, given, references).splitlines()
    assert sum(row.startswith(f"| {system} |") for row in rows) == len(points)


def test_grids_begin_in_their_middle():
    for grid in (LM_GRID, WORD_GRID):
        assert grid[0] in np.sort(grid)[[(len(grid) - 1) // 2, len(grid) // 2]]


def test_points_that_are_slower_and_no_better_are_left_out():
    points = [
        Point("", "", (), 1.0, 0.0, wer, rtf, 1.0, 1.0) for wer, rtf in ((9, 3), (10, 1), (10, 2), (8, 4), (8, 5))
    ]
    assert [(point.wer, point.rtf) for point in _improving(points)] == [(10, 1), (9, 3), (8, 4)]


def test_a_simulated_network_hears_what_is_said_but_for_noise():
    spoken = [[1, 2, 2, 7], [5], [9, 8, 7, 6, 5] * 20]
    clear, same, loud = (simulate(spoken, 10, noise, seed) for noise, seed in ((0.0, 1), (0.0, 1), (3.0, 1)))
    assert all((one == other).all() for one, other in zip(clear, same, strict=True))
    np.testing.assert_allclose(np.exp(clear[2]).sum(axis=1), 1, rtol=1e-5)
    heard = [[run.token for run in token_runs(scores.argmax(axis=1))] for scores in clear]
    assert heard[:2] == spoken[:2]
    assert [run.token for run in token_runs(loud[2].argmax(axis=1))] != spoken[2]
