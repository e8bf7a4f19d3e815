import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import MissingPackage
from pyspeech.training.curves_picture import ERROR, LOSS, PANELS, RATE, SMOOTHED_SHARE, Course, draw, names, smoothed
from pyspeech.training.history import History

NUMBERS = st.one_of(st.floats(-100, 100), st.just(float("nan")), st.just(float("inf")))


def validations(count, error="token_error_rate"):
    epochs = np.arange(1.0, count + 1)
    return {
        "epoch": epochs,
        "step": 20 * epochs,
        "train_loss": 3 / epochs,
        "dev_loss": 4 / epochs,
        f"dev_{error}": 0.9 / epochs,
        "learning_rate": 0.001 * epochs,
        "audio_seconds_per_second": 50 + epochs,
    }


def steps(count):
    numbers = np.arange(1.0, count + 1)
    columns = dict.fromkeys(("loss", "learning_rate", "seconds", "wall", "data_wait"), 1 / numbers)
    columns["loss"][0] = np.nan  # a step that was skipped
    return {"step": numbers, "epoch": np.ceil(numbers / 20), **columns}


def without(columns, name):
    return {key: values for key, values in columns.items() if key != name}


@pytest.mark.parametrize(
    ("left", "right", "height"),
    [
        pytest.param(({}, validations(3)), None, 800, id="of before"),
        pytest.param((steps(70), validations(3)), None, 800, id="with steps"),
        pytest.param((steps(1), {}), None, 800, id="just begun"),
        pytest.param((steps(1000), validations(50)), ({}, validations(1, "equal_error_rate")), 822, id="two"),
        pytest.param((steps(5), {}), ({}, validations(2)), 822, id="one just begun"),
        pytest.param((without(steps(3), "loss"), {}), None, 800, id="no loss yet"),
    ],
)
def test_a_picture_is_drawn_of_all_that_a_training_may_have_left(tmp_path, left, right, height):
    image = pytest.importorskip("matplotlib.image", reason="needs matplotlib, which this lane does not have")
    histories = [History(tmp_path / f"$exp_{n}", *each) for n, each in enumerate((left, right)) if each]
    draw(histories, tmp_path / "a.png")
    assert image.imread(tmp_path / "a.png").shape[:2] == (height, 1300)


def test_what_is_drawn_is_what_was_measured(tmp_path):
    figure = pytest.importorskip("matplotlib.figure", reason="needs matplotlib, which this lane does not have")
    loss, error, rate = figure.Figure().subplots(3)
    course = Course(History(tmp_path, steps(60), validations(3)), "a", "red", by_epoch=True)
    PANELS[LOSS](loss, [course])
    single, smooth, dev = loss.lines
    np.testing.assert_array_equal(single.get_ydata(), steps(60)["loss"])
    np.testing.assert_array_equal(smooth.get_ydata(), smoothed(steps(60)["loss"]))
    np.testing.assert_array_equal(dev.get_xydata(), [[1, 4], [2, 2], [3, 4 / 3]])
    PANELS[ERROR](error, [course])
    np.testing.assert_allclose(error.lines[0].get_xydata(), [[1, 90], [2, 45], [3, 30]])
    assert [text.get_text() for text in error.get_legend().get_texts()] == ["best 30.00% at epoch 3"]
    assert error.get_ylabel() == "dev token error rate, %"
    PANELS[RATE](rate, [course])
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), steps(60)["learning_rate"])


@given(st.lists(NUMBERS, max_size=300))
def test_smoothing_is_the_mean_of_the_finite_neighbours(values):
    half = round(SMOOTHED_SHARE * len(values) / 2)
    found = smoothed(np.array(values, np.float64))
    for place, value in enumerate(found):
        near = np.array(values[max(place - half, 0) : place + half + 1])
        near = near[np.isfinite(near)]
        assert np.isnan(value) if not len(near) else value == pytest.approx(near.mean(), abs=1e-9)


def test_names_are_as_long_as_needed(tmp_path):
    def named(*folders):
        return names([History(tmp_path / folder, {}, {}) for folder in folders])

    assert named("a/exp", "a/other") == ["exp", "other"]
    assert named("a/exp", "b/exp") == ["a/exp", "b/exp"]
    assert named("a/exp", "a/exp") == [str(tmp_path / "a/exp")] * 2


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackage, match=r"pyspeech-recipes\[plot\]"):
        draw([History(tmp_path, {}, validations(1))], tmp_path / "a.png")
