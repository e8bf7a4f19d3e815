import sys
from pathlib import Path

import numpy as np
import pytest

from pyspeech.errors import MissingPackage
from pyspeech.speakers.det_curve import draw_det_curve
from pyspeech.speakers.scored_trials import ScoredTrials
from pyspeech.speakers.trials import Trial
from pyspeech.speakers.verification_figures import verification_figures
from tests.trial_lists import labelled, simulated

pytest.importorskip("scipy", reason="needs scipy, which this lane does not have")


def measured(scores, targets, pairs):
    trials = tuple(Trial(target, *pair) for target, pair in zip(targets, pairs, strict=True))
    return verification_figures(ScoredTrials(trials, np.array(scores, np.float64), "cosine", False, {}, ()), 20)


@pytest.mark.parametrize(
    ("weight_of_score", "weight_of_kind"),
    [
        pytest.param(1, 0, id="some errors"),
        pytest.param(0, 1, id="no error"),
        pytest.param(-1, 0, id="worse than chance"),
        pytest.param(0, -1, id="errors only"),
        pytest.param(0, 0, id="all the same"),
    ],
)
def test_a_picture_is_drawn_whatever_the_scores(tmp_path, weight_of_score, weight_of_kind):
    pytest.importorskip("matplotlib", reason="needs matplotlib, which this lane does not have")
    from matplotlib.image import imread

    scores, targets, pairs = simulated(0, 5)
    changed = [weight_of_score * score + weight_of_kind * kind for score, kind in zip(scores, targets, strict=True)]
    draw_det_curve(measured(changed, targets, pairs), Path("/a/$x^/はい/_no"), tmp_path / "det.png")
    assert imread(tmp_path / "det.png").shape[:2] == (680, 660)
    assert [path.name for path in tmp_path.iterdir()] == ["det.png"]


@pytest.fixture
def drawn(monkeypatch):
    """The axes of each picture that is drawn."""
    figures = pytest.importorskip("matplotlib.figure", reason="needs matplotlib, which this lane does not have")
    found, save = [], figures.Figure.savefig

    def saved(figure, *args, **kwargs):
        found.extend(figure.axes)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(figures.Figure, "savefig", saved)
    return found


@pytest.mark.parametrize(
    ("target_scores", "non_target_scores"),
    [
        pytest.param([1, 1], [0, 0], id="no errors of few trials"),
        pytest.param([1] + 49 * [3], [2, 0], id="half of a fiftieth is 1%, where a tick would be"),
    ],
)
def test_no_tick_stands_where_points_without_errors_do(tmp_path, drawn, target_scores, non_target_scores):
    scores, targets = labelled(target_scores, non_target_scores)
    pairs = [(f"a{n}", f"b{n}") if target else ("a0", f"a{n}") for n, target in enumerate(targets)]
    draw_det_curve(measured(scores, targets, pairs), tmp_path, tmp_path / "det.png")
    axes = drawn[0]
    low = axes.get_xlim()[0]
    assert low in [line.get_xdata()[0] for line in axes.lines if line.get_label() in ("EER", "minDCF(0.01)")]
    for axis in (axes.xaxis, axes.yaxis):
        assert len(axis.get_ticklocs()) >= 4
        assert min(axis.get_ticklocs()) > low + 0.02
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("False acceptance rate, %", "Miss rate, %")


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        MissingPackage, match=r"det.png needs the package matplotlib.*pip install 'pyspeech-recipes\[plot\]'"
    ):
        draw_det_curve(measured(*simulated(0, 5)), tmp_path, tmp_path / "det.png")
    assert not (tmp_path / "det.png").exists()
