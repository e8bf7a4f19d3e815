import html
import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.read_hypotheses import TimedTranscript
from pyspeech.formats.subtitles import LINE_CHARACTERS, LONGEST_MS, PAUSE_MS, Cue, make_cues, srt_text, vtt_text

SPELLINGS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=50)


@st.composite
def transcripts(draw):
    """Words in order, at times of whole frames of 30 ms as a decode has them, in any density, some without duration."""
    words, now = [], 0
    for spelling in draw(st.lists(SPELLINGS | st.sampled_from(["A", "<B>", "&"]), max_size=25)):
        start = now + draw(st.sampled_from([0, 0, 1, 5, 20, 50, 500]))
        now = start + draw(st.sampled_from([0, 1, 10, 30, 300]))
        words.append(Timed(spelling, round(start * 0.03, 3), round(now * 0.03, 3)))
    seconds = max(now * 0.03 - draw(st.sampled_from([0, 0.0123])), 0.025)
    words = [Timed(each.symbol, min(each.start, round(seconds, 3)), min(each.end, round(seconds, 3))) for each in words]
    return TimedTranscript("utt", tuple(words), seconds)


@given(transcripts())
def test_cues_follow_one_another_within_the_utterance(transcript):
    cues = make_cues(transcript)
    assert all(0 <= cue.start < cue.end <= transcript.seconds * 1000 for cue in cues)
    assert all(cue.end - cue.start <= LONGEST_MS for cue in cues)
    assert all(left.end <= right.start for left, right in itertools.pairwise(cues))


@given(transcripts())
def test_all_words_are_shown_in_order_on_at_most_two_short_lines(transcript):
    cues = make_cues(transcript)
    assert " ".join(line for cue in cues for line in cue.lines).split() == [each.symbol for each in transcript.words]
    starts = [round(each.start * 1000) for each in transcript.words]
    together = max((starts.count(start) for start in starts), default=0) > 1
    for cue in cues:
        assert len(cue.lines) <= 2
        if not together:
            assert all(len(line) <= LINE_CHARACTERS or " " not in line for line in cue.lines)


@given(transcripts())
def test_a_cue_starts_with_its_first_word(transcript):
    starts = iter(transcript.words)
    for cue in make_cues(transcript):
        first = next(starts)
        assert abs(cue.start - first.start * 1000) <= 2.001  # sooner at the very end of an utterance
        for _ in " ".join(cue.lines).split()[1:]:
            next(starts)


def spoken(text, start=0.0, word_seconds=0.3):
    words = text.split()
    return [Timed(word, start + n * word_seconds, start + (n + 1) * word_seconds) for n, word in enumerate(words)]


def cues_of(words, seconds=100.0):
    return make_cues(TimedTranscript("utt", tuple(words), seconds))


def test_a_pause_parts_cues_and_a_breath_does_not():
    for gap, count in ((PAUSE_MS / 1000 - 0.1, 1), (PAUSE_MS / 1000, 2)):
        assert len(cues_of([*spoken("ONE TWO"), *spoken("THREE FOUR", 0.6 + gap)])) == count


def test_no_cue_lasts_longer_than_seven_seconds():
    cues = cues_of(spoken("ONE TWO THREE FOUR FIVE", word_seconds=2.0))
    assert [cue.lines for cue in cues] == [("ONE TWO THREE",), ("FOUR FIVE",)]
    assert cues_of([Timed("LONG", 1.0, 20.0)]) == [Cue(1000, 8000, ("LONG",))]


def test_short_cues_stay_as_long_as_there_is_time():
    assert cues_of([Timed("A", 1.0, 1.03)]) == [Cue(1000, 1833, ("A",))]
    assert cues_of([Timed("A", 1.0, 1.03)], 1.5) == [Cue(1000, 1500, ("A",))]
    assert [cue.end for cue in cues_of([Timed("A" * 60, 1.0, 1.1), Timed("B" * 60, 1.2, 1.3)])] == [1200, 2033]


def test_two_lines_are_about_as_long_as_each_other():
    (cue,) = cues_of(spoken("THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG AND SLEEPS", word_seconds=0.1))
    assert cue.lines == ("THE QUICK BROWN FOX JUMPS", "OVER THE LAZY DOG AND SLEEPS")


def test_an_utterance_without_words_has_no_cue():
    assert cues_of([]) == []
    assert srt_text([]) == ""
    assert vtt_text([]) == "WEBVTT\n"


CUES = [Cue(0, 1001, ("ONE <2> & --> 3",)), Cue(59_999, 3_600_000 * 27 + 61_007, ("TWO", "ÉTÉ"))]


def test_srt_is_written_by_its_rules():
    assert srt_text(CUES) == (
        "1\n00:00:00,000 --> 00:00:01,001\nONE <2> & --> 3\n\n2\n00:00:59,999 --> 27:01:01,007\nTWO\nÉTÉ\n"
    )


def test_vtt_is_written_by_its_rules():
    assert vtt_text(CUES) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.001\nONE &lt;2&gt; &amp; --&gt; 3\n\n"
        "00:00:59.999 --> 27:01:01.007\nTWO\nÉTÉ\n"
    )


TIMING = r"(\d{2,}):([0-5]\d):([0-5]\d)[,.](\d{3})"


def parsed(text, escaped):
    """Cues of SRT or WebVTT by their grammars: blocks between blank lines, a timing, and lines of text."""
    cues = []
    for block in filter(None, text.split("\n\n")):
        lines = block.removesuffix("\n").split("\n")
        if not escaped:
            assert lines.pop(0) == str(len(cues) + 1)
        times = re.fullmatch(f"{TIMING} --> {TIMING}", lines.pop(0)).groups()
        start, end = (((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms) for h, m, s, ms in (times[:4], times[4:]))
        if escaped:
            assert not any("<" in line or "-->" in line or re.search("&(?!amp;|lt;|gt;)", line) for line in lines)
        cues.append(Cue(start, end, tuple(html.unescape(line) if escaped else line for line in lines)))
    return cues


@given(transcripts())
def test_what_is_written_is_what_a_reader_finds(transcript):
    cues = make_cues(transcript)
    assert parsed(srt_text(cues), escaped=False) == cues
    assert parsed(vtt_text(cues).removeprefix("WEBVTT\n").removeprefix("\n"), escaped=True) == cues
