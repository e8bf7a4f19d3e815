import sys

import numpy as np
import pytest
from lhotse import CutSet

from pyspeech.decoding.times import token_runs
from tests.decodes import said, save_decode, save_lm, sentences
from tools.benchmark.decoders import SYSTEMS
from tools.benchmark.decoding import LM_GRID, WORD_GRID, Point, _compare, _decoded, _improving, _table
from tools.benchmark.manifests import COMMANDS, make_manifest, measure
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


def test_a_generated_manifest_is_one_of_real_audio_files(tmp_path):
    cuts = list(CutSet.from_file(make_manifest(tmp_path, 12)))
    assert len({cut.recording.sources[0].source for cut in cuts}) == 12
    for cut in cuts:
        assert cut.load_audio().shape == (1, cut.num_samples)
        assert cut.supervisions[0].text


def test_a_measured_command_tells_its_own_memory_and_status(tmp_path):
    small, large = (measure([sys.executable, "-c", f"bytes(1) * ({mib} << 20)"]) for mib in (1, 300))
    assert 250 < large.peak_mib - small.peak_mib < 350
    assert small.peak_mib < 100
    assert 0 < small.cpu_seconds < small.seconds + 0.1
    assert [measure([sys.executable, "-c", f"exit({status})"]).status for status in (0, 3)] == [0, 3]
    described = measure([*COMMANDS["pyspeech describe"], str(make_manifest(tmp_path, 2))])
    assert described.status == 0
