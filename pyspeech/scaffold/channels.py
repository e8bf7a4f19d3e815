"""Which channel a new recipe reads, where recordings have several: told if that changes nothing, asked otherwise."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from io import BytesIO
from itertools import combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pyspeech.errors import UserError
from pyspeech.scaffold.plan import FoundCorpus

if TYPE_CHECKING:
    from lhotse import MonoCut

LOOKED_AT = 200  # utterances whose headers tell the number of channels
HEARD = 20  # of those with several, whose audio is read
MOST_SECONDS = 30.0  # of each


def choose_channel(corpus: FoundCorpus, split: str, asked: str) -> FoundCorpus:
    """``corpus`` with what was ``asked`` for, or the first channel where all say the same.

    Raises:
        UserError: channels differ, and none was asked for; or the corpus itself says the channel.
    """
    from pyspeech.corpora.channels import check_channel

    check_channel(asked)
    takes = any(field.name == "channel" for field in fields(corpus.source))  # type: ignore[arg-type]
    if asked and not takes:
        raise UserError(
            f"--channel {asked} is for tables, folders and Kaldi data; {corpus.what} says the channel itself"
        )
    cuts = list(islice(_with_audio(corpus, split), LOOKED_AT)) if takes else []
    several = [cut for cut in cuts if len(cut.recording.channel_ids) > 1]
    if several and asked:
        line = f"channel: {asked}, of up to {max(len(cut.recording.channel_ids) for cut in several)}"
        return replace(corpus, source=replace(corpus.source, channel=asked), decided=(*corpus.decided, line))  # type: ignore[type-var]
    if not several or corpus.says_channel:
        return corpus
    line = _heard(several[:: max(1, len(several) // HEARD)], f"{len(several)} of {len(cuts)} utterances")
    return replace(corpus, decided=(*corpus.decided, line))


def _with_audio(corpus: FoundCorpus, split: str) -> "Iterator[MonoCut]":
    return (cut for cut in corpus.source.cuts(corpus.folder, split) if cut.has_recording)


def _heard(cuts: "list[MonoCut]", which: str) -> str:
    """That all channels of ``cuts`` say the same.

    Raises:
        UserError: they do not.
    """
    from pyspeech.corpora.channels import is_equal, is_silent
    from pyspeech.data.audio_reading import AudioFile, reading

    silent: Counter[int] = Counter()
    differing = ""
    for cut in cuts:
        [source] = cut.recording.sources
        path = Path(source.source) if source.type == "file" else Path(cut.recording_id)
        with reading(path), AudioFile(path if source.type == "file" else BytesIO(source.source)) as audio:
            rate = audio.sampling_rate
            samples_SC = audio.read(round(cut.start * rate), round(min(cut.duration, MOST_SECONDS) * rate))
        channels = range(samples_SC.shape[1])
        silent.update(channel for channel in channels if is_silent(samples_SC[:, channel]))
        if not differing and not all(
            is_equal(samples_SC[:, a], samples_SC[:, b]) for a, b in combinations(channels, 2)
        ):
            differing = str(path)
    if not differing:
        return f"channel: the first, in {which} of several that say the same"
    quiet = "".join(
        f"; channel {channel} is silent in {count} of {len(cuts)}" for channel, count in sorted(silent.items())
    )
    raise UserError(
        f"{which} have several channels, which differ in {differing}{quiet}; choose: --channel 0 or 1, --channel mix "
        "(their average) or --channel each (one utterance a channel)"
    )
