import json

import pytest

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.read_hypotheses import TimedTranscript, read_timed_transcripts
from pyspeech.errors import UserError

WORD = {"word": "ONE", "start": 0.03, "end": 0.51, "confidence": 0.9137}
LINE = {
    "id": "u1",
    "words": ["ONE", "ÉTÉ"],
    "word_times": [WORD, {"word": "ÉTÉ", "start": 0.6, "end": 0.6}],
    "seconds": 1,
}
TRANSCRIPT = TimedTranscript("u1", (Timed("ONE", 0.03, 0.51, 0.9137), Timed("ÉTÉ", 0.6, 0.6)), 1.0)


def write(folder, *lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "hyps.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_a_decode_is_read(tmp_path):
    assert read_timed_transcripts(write(tmp_path, LINE, {**LINE, "id": "u0"})) == [
        TRANSCRIPT,
        TimedTranscript("u0", TRANSCRIPT.words, 1.0),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 3}, "expected an 'id' and 'word_times'"),
        ({"word_times": None}, "expected an 'id' and 'word_times'"),
        ({"id": "u0"}, "a second hypothesis for u0"),
        ({"seconds": None}, "seconds: expected a number from 0 up, found None"),
        ({"word_times": ["ONE"]}, "expected a 'word' in 'word_times', found 'ONE'"),
        ({"word_times": [{**WORD, "word": "ONE TWO"}]}, "expected a 'word' in 'word_times', found"),
        ({"word_times": [{**WORD, "word": ""}]}, "expected a 'word' in 'word_times', found"),
        ({"word_times": [{"word": "ONE", "start": 0}]}, "'ONE', end: expected a number from 0 up, found None"),
        ({"word_times": [{**WORD, "start": float("nan")}]}, "'ONE', start: expected a number from 0 up, found nan"),
        ({"word_times": [{**WORD, "end": 0.02}]}, "'ONE' ends before it starts"),
        ({"word_times": [{**WORD, "confidence": "high"}]}, "'ONE': expected a number from 0 up, found 'high'"),
        ({"word_times": [{**WORD, "end": True}]}, "'ONE', end: expected a number from 0 up, found True"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path, change, message):
    with pytest.raises(UserError, match=rf"hyps\.jsonl, line 2.*{message}.*decode again"):
        read_timed_transcripts(write(tmp_path, {**LINE, "id": "u0"}, {**LINE, **change}))


def test_a_folder_without_hypotheses_is_no_decode(tmp_path):
    with pytest.raises(UserError, match="no hypotheses at"):
        read_timed_transcripts(tmp_path)
