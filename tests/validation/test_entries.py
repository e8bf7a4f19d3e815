import copy
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lhotse import MonoCut

from pyspeech.validation.entries import NotACutError, read_entry
from pyspeech.validation.fix import fix
from pyspeech.validation.report import table_text
from pyspeech.validation.run import Sources, validate
from tests.tones import tone_cuts

ODD = st.sampled_from([None, True, "", "x", "a\0b", "\ud800", -1, 0, 1, 10**400, 1e300, 1e-320, [], [1], {}, {"a": 1}])


def places(value, above=()):
    """Every place within nested JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*above, key)
        yield from places(below, (*above, key))


def put(cut, place, value):
    cut = copy.deepcopy(cut)
    target = cut
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return cut


def without(cut, place):
    cut = copy.deepcopy(cut)
    target = cut
    for key in place[:-1]:
        target = target[key]
    del target[place[-1]]
    return cut


@pytest.fixture(scope="module")
def cuts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuts")
    cuts = tone_cuts(folder / "audio", 2)
    return [json.loads(json.dumps(cut.to_dict())) for cut in (*cuts, cuts[0].resample(4000).perturb_speed(1.1))]


def test_cuts_of_lhotse_are_read_with_their_speed(cuts):
    entries = [read_entry(cut, 0, 1) for cut in cuts]
    assert [entry.id for entry in entries] == [cut["id"] for cut in cuts]
    assert [(entry.audio.speed, entry.audio.resampled) for entry in entries] == [(1.0, False)] * 2 + [(1.1, True)]
    assert [entry.original for entry in entries] == [True, True, False]


def test_what_lacks_a_field_that_lhotse_needs_is_no_cut(cuts):
    accepted = 0
    for cut in cuts:
        for place in places(cut):
            lacking = without(cut, place)
            try:
                read_entry(lacking, 0, 1)
            except NotACutError:
                continue
            MonoCut.from_dict(copy.deepcopy(lacking))
            accepted += 1
    assert accepted


@settings(max_examples=15)
@given(st.data())
def test_odd_values_anywhere_stop_neither_the_checks_nor_the_fix(cuts, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("odd")
    lines = [json.dumps({**cuts[0], "id": "sound"})]
    for number in range(20):
        cut = data.draw(st.sampled_from(cuts))
        odd = put(cut, data.draw(st.sampled_from(list(places(cut)))), data.draw(ODD))
        lines.append(json.dumps({**odd, "id": odd["id"] if odd.get("id") != cut["id"] else f"odd-{number}"}))
    manifest = folder / "train.jsonl.gz"
    manifest.write_bytes(gzip.compress("\n".join(lines).encode()))
    validation = validate(Sources((manifest,), deep=True))
    assert all(len(line) <= 120 for line in table_text(validation).splitlines())
    fix(validation, folder / "out")
    fixed = Sources((folder / "out" / "train.jsonl.gz",), deep=True)
    assert validate(fixed).faults == 0
