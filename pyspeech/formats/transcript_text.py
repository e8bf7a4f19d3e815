"""Words of utterances as plain text, one utterance a line: for Kaldi, and for NIST's sclite and what reads like it.

https://kaldi-asr.org/doc/data_prep.html, https://github.com/usnistgov/SCTK/blob/master/doc/infmts.htm
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pyspeech.decoding.nbest import n_best
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.transcripts import Transcript

CHANNEL = "1"
ALTERNATIVES = frozenset("{/}@")  # words by which sclite's formats say that one of several was said


def recognised(decode_folder: Path) -> list[Transcript]:
    """Return what was found in each utterance of a decode.

    Raises:
        UserError: no hypotheses, or damaged ones.
    """
    decode = StoredDecode(decode_folder)
    seconds = decode.seconds
    return [Transcript(id_, " ".join(words), "", seconds[id_]) for id_, words in decode.hypotheses.items()]


def best_of_lattices(decode_folder: Path, count: int) -> list[Transcript]:
    """Return the ``count`` best word sequences of each lattice, or all there are, as ``ID-1``, ``ID-2``, ...

    Raises:
        UserError: no lattices, or damaged ones.
    """
    decode = StoredDecode(decode_folder)
    archive, scale = decode.lattices, decode.acoustic_scale
    return [
        Transcript(
            id=f"{lattice.id}-{n}",
            text=" ".join(archive.words[id_] for id_ in found.words),
            speaker="",
            seconds=lattice.num_frames * archive.frame_seconds,
        )
        for lattice in archive
        for n, found in enumerate(n_best(lattice, count, lattice.scores(scale)), 1)
    ]


def text(transcripts: Iterable[Transcript]) -> str:
    """``ID WORD WORD ...``: Kaldi's ``text``, sorted as Kaldi wants it.

    Raises:
        UserError: an id that the format cannot hold.
    """
    return _lines("text", transcripts, lambda each: (one_field(each.id, "text"), *each.text.split()))


def trn(transcripts: Iterable[Transcript]) -> str:
    """``WORD WORD ... (ID)``: sclite's transcripts.

    Raises:
        UserError: an id or a word that the format cannot hold.
    """

    def fields(each: Transcript) -> tuple[str, ...]:
        if "(" in each.id or ")" in each.id:
            raise UserError(f"the id '{each.id}' has a parenthesis, which trn cannot hold; choose another format")
        return (*_plain_words(each, "trn"), f"({one_field(each.id, 'trn')})")

    return _lines("trn", transcripts, fields)


def stm(transcripts: Iterable[Transcript]) -> str:
    """``ID 1 SPEAKER 0.000 SECONDS WORD WORD ...``: segments as NIST times them, each a recording as in our CTM.

    A speaker's name is written without spaces; who has none is called as the utterance.

    Raises:
        UserError: an id or a word that the format cannot hold.
    """

    def fields(each: Transcript) -> tuple[str, ...]:
        words, id_ = _plain_words(each, "stm"), one_field(each.id, "stm")
        if words and words[0].startswith("<"):
            raise UserError(f"'{each.id}' begins with '{words[0]}', which stm takes for a label; choose another format")
        return (id_, CHANNEL, "_".join(each.speaker.split()) or id_, "0.000", f"{each.seconds:.3f}", *words)

    return _lines("stm", transcripts, fields)


FORMATS: Mapping[str, Callable[[Iterable[Transcript]], str]] = {"text": text, "trn": trn, "stm": stm}


def _lines(kind: str, transcripts: Iterable[Transcript], fields: Callable[[Transcript], tuple[str, ...]]) -> str:
    lines: dict[str, str] = {}
    for each in transcripts:
        if each.id in lines:
            raise UserError(f"two utterances are called {each.id}, of which {kind} can hold one; give each its own id")
        lines[each.id] = " ".join(fields(each)) + "\n"
    return "".join(lines[id_] for id_ in sorted(lines, key=lambda id_: id_.encode()))


def one_field(id_: str, kind: str) -> str:
    """Return an id that is to be one field of a line of the format ``kind``.

    Raises:
        UserError: it cannot be.
    """
    if id_.split() != [id_] or id_.startswith(";;"):
        raise UserError(
            f"the id '{id_}' has a space or begins as a comment, which {kind} cannot hold; choose another format"
        )
    return id_


def _plain_words(transcript: Transcript, kind: str) -> list[str]:
    words = transcript.text.split()
    if special := sorted(ALTERNATIVES.intersection(words)):
        raise UserError(
            f"'{transcript.id}' has the word '{special[0]}', which {kind} gives another meaning; choose another format"
        )
    return words
