import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.inspection import Features, Inspection, Posteriors, TimedWords, Waveform
from pyspeech.decoding.utterance_picture import (
    AXES_INCHES,
    INCHES_PER_CHARACTER,
    ROW_SECONDS,
    Label,
    Row,
    _draw_posteriors,
    _draw_words,
    draw,
)

LABELS = st.lists(st.builds(Label, st.floats(3, 5), st.text("ab", max_size=12)), max_size=30)


def inspection(seconds, **changed):
    rng = np.random.default_rng(0)
    frames = int(seconds / 0.03)
    logits = rng.normal(0, 3, (frames, 6))
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    log_probs[:, 5] = -np.inf  # a token that a decode did not keep
    words = [Timed(f"WORD_{n}$", 0.4 * n, min(0.4 * n + 0.3, seconds)) for n in range(int(seconds / 0.4))]
    known = {
        "hypothesis": "WORD " * len(words),
        "waveform": Waveform(rng.normal(0, 0.1, int(8000 * seconds)).astype(np.float32), 8000),
        "posteriors": Posteriors(log_probs.astype(np.float32), ("<blk>", "▁", "$", "ɔː", "b", "c"), 0.03),
        "words": TimedWords("decode", tuple(words)),
    }
    features = Features(rng.normal(0, 1, (3 * frames, 24)).astype(np.float32), 0.01, "mel bin")
    return Inspection(id="a/$b", seconds=seconds, reference="WORD " * len(words), features=features, **known | changed)


@pytest.mark.parametrize(
    ("seen", "rows"),
    [
        pytest.param(inspection(1.0), 1, id="short"),
        pytest.param(inspection(2.5 * ROW_SECONDS), 3, id="long"),
        pytest.param(inspection(0.02), 1, id="no frames"),
        pytest.param(inspection(2.0, words=TimedWords("reference", (), "'X' cannot be aligned")), 1, id="no times"),
        pytest.param(inspection(2.0, hypothesis=None, waveform=None, posteriors=None, words=None), 1, id="features"),
    ],
)
def test_a_picture_is_drawn_of_whatever_is_known(tmp_path, seen, rows):
    image = pytest.importorskip("matplotlib.image", reason="needs matplotlib, which this lane does not have")
    draw(seen, tmp_path / "a.png")
    height, width, _ = image.imread(tmp_path / "a.png").shape
    assert width == 1300
    assert 150 * rows < height < 600 * rows


def test_a_row_shows_its_words_and_its_likely_tokens_where_they_were_said():
    figure = pytest.importorskip("matplotlib.figure", reason="needs matplotlib, which this lane does not have")
    words = TimedWords("decode", (Timed("ONE", 0.0, 0.5), Timed("TWO", 1.2, 1.4), Timed("LATE", 2.5, 2.9)))
    log_probs = np.log(np.full((100, 3), 0.02, np.float32))
    log_probs[43, 1] = np.log(0.9)  # at 1.29 s
    said, tokens = figure.Figure().subplots(2)
    _draw_words(words, said, Row(1.0, 2.0))
    assert [(text.get_text(), text.get_position()[0]) for text in said.texts] == [("TWO", pytest.approx(1.3))]
    assert [(patch.get_x(), patch.get_width()) for patch in said.patches] == [(1.2, pytest.approx(0.2))]
    _draw_posteriors(Posteriors(log_probs, ("<blk>", "T", "W"), 0.03), words, tokens, Row(1.0, 2.0))
    assert [(text.get_text(), text.get_position()[0]) for text in tokens.texts] == [("T", pytest.approx(1.305))]


@given(LABELS, st.integers(1, 3))
def test_labels_of_a_lane_do_not_overlap_and_lie_within_the_row(labels, lanes):
    row = Row(3.0, 5.0)
    per_character = 2.0 * INCHES_PER_CHARACTER / AXES_INCHES
    found = list(row.placed(labels, lanes))
    for lane in range(lanes):
        spans = [(middle, len(label.text) * per_character / 2) for middle, of, label in found if of == lane]
        assert all(a + half_a <= b - half_b for (a, half_a), (b, half_b) in itertools.pairwise(spans))
        assert all(row.start <= middle - half and middle + half <= row.end for middle, half in spans)
    assert {label for _, _, label in found} <= set(labels)
    if len(labels) <= lanes:
        assert len(found) == len(labels)
