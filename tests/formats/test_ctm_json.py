import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.read_hypotheses import TimedTranscript
from pyspeech.errors import UserError
from pyspeech.formats.ctm_json import ctm_text, json_text
from tests.decoding.test_read_hypotheses import LINE, TRANSCRIPT


def test_ctm_has_a_line_for_each_word_sorted_by_recording():
    other = TimedTranscript("u0", (Timed("TWO", 1.0, 1.2345, 1.0),), 2.0)
    assert ctm_text([TRANSCRIPT, other]) == (
        "u0 1 1.000 0.234 TWO 1.0000\n"  # 1.2345 - 1.0 is a little less than 0.2345
        "u1 1 0.030 0.480 ONE 0.9137\n"
        "u1 1 0.600 0.000 ÉTÉ\n"
    )


TIMES = st.lists(st.integers(0, 10_000), max_size=8).map(sorted)


@given(st.dictionaries(st.text("abÉ", min_size=1), TIMES, max_size=4))
def test_ctm_says_what_was_given(recordings):
    given_ = [
        TimedTranscript(id_, tuple(Timed("W", ms / 1000, ms / 1000 + 0.03, 0.5) for ms in times), 11.0)
        for id_, times in recordings.items()
    ]
    fields = [line.split(" ") for line in ctm_text(given_).splitlines()]
    assert all(len(each) == 6 for each in fields)
    # The order that sort gives with LC_ALL=C by recording and channel, then by time as a number.
    assert fields == sorted(fields, key=lambda each: (each[0].encode(), each[1], float(each[2])))
    found = sorted((each[0], float(each[2]), float(each[3])) for each in fields)
    assert found == sorted((id_, ms / 1000, 0.03) for id_, times in recordings.items() for ms in times)


def test_lhotse_reads_the_ctm_that_is_written(tmp_path):
    lhotse = pytest.importorskip("lhotse")
    (tmp_path / "a.ctm").write_text(ctm_text([TRANSCRIPT]), encoding="utf-8")
    segment = lhotse.SupervisionSegment("s1", "u1", 0.0, 1.0, 0)
    (found,) = lhotse.SupervisionSet.from_segments([segment]).with_alignment_from_ctm(tmp_path / "a.ctm")
    assert [(each.symbol, each.start, each.duration, each.score) for each in found.alignment["word"]] == [
        ("ONE", 0.03, 0.48, 0.9137),
        ("ÉTÉ", 0.6, 0.0, None),
    ]


@pytest.mark.parametrize("id_", ["two words", ";;comment", "", "tab\there"])
def test_ctm_refuses_ids_that_would_break_it(id_):
    with pytest.raises(UserError, match="which CTM cannot hold"):
        ctm_text([TimedTranscript(id_, TRANSCRIPT.words, 1.0)])


def test_json_keeps_everything():
    assert json.loads(json_text([TRANSCRIPT])) == {
        "utterances": [{"id": "u1", "seconds": 1.0, "words": LINE["word_times"]}]
    }
