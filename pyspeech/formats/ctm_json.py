"""What was recognised, with times, as other programs read it: CTM and JSON for a whole decode."""

import json
from collections.abc import Iterable

from pyspeech.decoding.hypothesis import Timed
from pyspeech.decoding.read_hypotheses import TimedTranscript
from pyspeech.formats.transcript_text import CHANNEL, one_field


def ctm_text(transcripts: Iterable[TimedTranscript]) -> str:
    """Return the transcripts as NIST's CTM, one line a word: recording, channel, start, duration, word, confidence.

    Times in seconds; recordings are the ids, sorted as the format asks. A word without a confidence has no last field.
    https://github.com/usnistgov/SCTK/blob/master/doc/infmts.htm

    Raises:
        UserError: an id that CTM cannot hold.
    """
    return "".join(
        _ctm_line(transcript.id, word)
        for transcript in sorted(transcripts, key=lambda transcript: transcript.id.encode())
        for word in sorted(transcript.words, key=lambda word: word.start)
    )


def json_text(transcripts: Iterable[TimedTranscript]) -> str:
    """Return the transcripts as one JSON document; times in seconds, ``confidence`` where there is one."""
    utterances = [
        {"id": each.id, "seconds": each.seconds, "words": [word.as_json("word") for word in each.words]}
        for each in transcripts
    ]
    return json.dumps({"utterances": utterances}, indent=1, ensure_ascii=False) + "\n"


def _ctm_line(id_: str, word: Timed) -> str:
    duration = round(word.end - word.start, 3)
    confidence = "" if word.confidence is None else f" {word.confidence:.4f}"
    return f"{one_field(id_, 'CTM')} {CHANNEL} {word.start:.3f} {duration:.3f} {word.symbol}{confidence}\n"
