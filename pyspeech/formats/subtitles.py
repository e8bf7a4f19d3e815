"""Subtitles: the words of an utterance as cues of a line or two, in SubRip (SRT) and WebVTT.

How much a cue shows and for how long follows the Timed Text Style Guide of Netflix, general requirements
(https://partnerhelp.netflixstudios.com/hc/en-us/articles/215758617), and the shortest gap between cues that does not
look jerky, section 4.5 of the BBC's (https://www.bbc.co.uk/accessibility/forproducts/guides/subtitles/).
"""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.read_hypotheses import TimedTranscript

LINE_CHARACTERS = 42
LONGEST_MS, SHORTEST_MS = 7000, 833  # shortest where there is time until the next cue
PAUSE_MS = 1000  # from the end of a word to the start of the next: they get different cues


@dataclass(frozen=True)
class Cue:
    """One or two lines, and when they are shown, in milliseconds from the start of the utterance: start < end."""

    start: int
    end: int
    lines: tuple[str, ...]


def make_cues(transcript: TimedTranscript) -> list[Cue]:
    """Part the words into cues, which follow one another within the utterance and do not overlap.

    A word of more than 42 characters gets a line of its own, and words that start in the same millisecond one cue.
    """
    length = max(int(transcript.seconds * 1000), 1)
    groups = _group(transcript.words, length)
    starts = [_start(group[0], length) for group in groups]
    return [_cue(group, start, end) for group, (start, end) in zip(groups, pairwise([*starts, length]), strict=True)]


def srt_text(cues: Iterable[Cue]) -> str:
    """Return cues as SubRip, which knows no escapes.

    https://www.loc.gov/preservation/digital/formats/fdd/fdd000569.shtml
    """
    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n" + "".join(f"{line}\n" for line in cue.lines)
        for number, cue in enumerate(cues, 1)
    )


def vtt_text(cues: Iterable[Cue]) -> str:
    """Return cues as WebVTT (https://www.w3.org/TR/webvtt1/)."""
    return "WEBVTT\n" + "".join(
        f"\n{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n"
        + "".join(f"{html.escape(line, quote=False)}\n" for line in cue.lines)
        for cue in cues
    )


def _group(words: Sequence[Timed], length: int) -> list[list[Timed]]:
    groups: list[list[Timed]] = []
    for word in words:
        if not groups or (_start(word, length) > _start(groups[-1][0], length) and not _belongs(word, groups[-1])):
            groups.append([])
        groups[-1].append(word)
    return groups


def _belongs(word: Timed, group: Sequence[Timed]) -> bool:
    return (
        word.start - group[-1].end < PAUSE_MS / 1000
        and word.end - group[0].start <= LONGEST_MS / 1000
        and all(len(line) <= LINE_CHARACTERS for line in _lines([*group, word]))
    )


def _cue(group: Sequence[Timed], start: int, latest: int) -> Cue:
    end = max(round(group[-1].end * 1000), start + SHORTEST_MS)
    return Cue(start, min(end, start + LONGEST_MS, latest), _lines(group))


def _start(word: Timed, length: int) -> int:
    return min(round(word.start * 1000), length - 1)


def _lines(group: Sequence[Timed]) -> tuple[str, ...]:
    """One line if it is short enough, else the two whose longer one is shortest; of equals, the longer below."""
    words = [each.symbol for each in group]
    whole = " ".join(words)
    if len(whole) <= LINE_CHARACTERS or len(words) == 1:
        return (whole,)
    pairs = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
    return min(pairs, key=lambda pair: max(map(len, pair)))


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{point}{rest:03}"
