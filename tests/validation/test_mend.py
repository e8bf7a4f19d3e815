import copy
import json

from hypothesis import given
from hypothesis import strategies as st
from lhotse import MonoCut, Recording, SupervisionSegment

from pyspeech.validation.headers import Header
from pyspeech.validation.mend import LOST_SECONDS, LOST_SHARE, mended

RATE = 8000
TIMES = st.integers(0, 40).map(lambda n: n / 10)


def cut_of(seconds, spans):
    recording = Recording("r", [], RATE, int(seconds * RATE), seconds)
    supervisions = [
        SupervisionSegment(f"s{number}", "r", start, length, text=f"WORD {number}")
        for number, (start, length) in enumerate(spans)
    ]
    return MonoCut("c", 0.0, seconds, 0, supervisions=supervisions, recording=recording)


def as_json(cut, path="a.wav"):
    values = json.loads(json.dumps(cut.to_dict()))
    values["recording"]["sources"] = [{"type": "file", "channels": [0], "source": path}]
    return values


@given(st.lists(st.tuples(TIMES, st.integers(1, 20).map(lambda n: n / 10)), min_size=2, max_size=5))
def test_several_supervisions_are_cut_out_where_lhotse_cuts_them_out(spans):
    cut = cut_of(6.0, spans)
    expected = {
        part.supervisions[0].id: (round(part.start, 6), round(part.duration, 6), part.supervisions[0].text)
        for part in cut.trim_to_supervisions(keep_overlapping=False)
    }
    parts = mended(as_json(cut), {"a.wav": Header(RATE, 6 * RATE, 1)})
    found = {
        part["id"]: (round(part["start"], 6), round(part["duration"], 6), part["supervisions"][0]["text"])
        for part in parts
    }
    assert found == expected
    assert [mended(part, {}) for part in parts] == [[part] for part in parts]


@given(TIMES, TIMES, st.integers(1, 50).map(lambda n: n / 10))
def test_times_are_those_of_the_file_and_mending_twice_changes_nothing(start, seconds, held):
    cut = as_json(cut_of(seconds + 0.1, [(0.0, seconds + 0.1)]))
    cut["start"] = start
    headers = {"a.wav": Header(RATE, round(held * RATE), 1)}
    before = copy.deepcopy(cut)
    (once,) = mended(cut, headers)
    assert cut == before
    assert mended(once, headers) == [once]
    assert abs(once["recording"]["duration"] - held) <= 0.025
    lost = start + cut["duration"] - held
    little = max(LOST_SECONDS, LOST_SHARE * cut["duration"])
    if abs(lost - little) > 1e-6:
        assert (once["start"] + once["duration"] <= max(held + 0.025, start)) == (lost <= little)


def test_what_an_utterance_lost_is_taken_off_only_where_it_is_little():
    for seconds, held, left in ((2.0, 1.6, 1.6), (2.0, 1.4, 2.0), (20.0, 18.5, 18.5), (20.0, 17.5, 20.0)):
        (cut,) = mended(as_json(cut_of(seconds, [(0.0, seconds)])), {"a.wav": Header(RATE, round(held * RATE), 1)})
        assert (cut["duration"], cut["supervisions"][0]["duration"]) == (left, left)


def test_features_keep_the_times_that_they_were_made_with():
    cut = as_json(cut_of(2.0, [(0.0, 2.0)]))
    cut["features"] = {"storage_path": "a.lca"}
    assert mended(cut, {"a.wav": Header(RATE, RATE, 1)}) == [cut]


def test_of_a_speed_that_the_manifest_gives_the_file_says_nothing():
    cut = as_json(cut_of(2.0, [(0.0, 2.0)]))
    cut["recording"]["transforms"] = [{"name": "Speed", "kwargs": {"factor": 1.1}}]
    assert mended(cut, {"a.wav": Header(RATE, RATE, 1)}) == [cut]
