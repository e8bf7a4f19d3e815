"""Recordings of several channels: which one an utterance is, or all of them mixed, or each by itself."""

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from lhotse import MonoCut
from lhotse.cut import Cut, MixedCut, MixTrack
from lhotse.utils import fastcopy

from pyspeech.data.audio_files import CannotRead
from pyspeech.errors import UserError

MIX, EACH = "mix", "each"
KNOWN = re.compile(r"|[0-9]{1,3}|mix|each")
SILENT_RMS = 1e-4  # -80 dB below full scale, around the mean: dither of 16 bits is below, any microphone above
EQUAL = 0.01  # of a channel, -40 dB: what another may differ by and say the same

Samples = npt.NDArray[np.float32]


def check_channel(channel: str) -> None:
    """Make sure that ``channel`` is a number, "mix" or "each", or empty.

    Raises:
        UserError: it is not.
    """
    if not KNOWN.fullmatch(channel):
        raise UserError(f"channel '{channel}' is none; choose 0, 1 (or another number), {MIX} or {EACH}")


def on_channel(cut: MonoCut, channel: str) -> Cut:
    """The cut on the channel of that number, or for "mix" on the average of all; otherwise as it is.

    Raises:
        CannotRead: its recording has no such channel.
    """
    if not channel or channel == EACH or not cut.has_recording:
        return cut
    channels = cut.recording.channel_ids
    if channel == MIX:
        return cut if len(channels) == 1 else _mixed(cut)
    if int(channel) not in channels:
        raise CannotRead(
            f"utterance '{cut.id}': recording '{cut.recording_id}' has no channel {channel}, but "
            f"{', '.join(map(str, channels))}; choose another, or leave it out"
        )
    return _moved(cut, int(channel), cut.id)


def each_channel(cut: MonoCut) -> Iterator[MonoCut]:
    """A cut on each channel of its recording, called ``<id>-ch0`` and so on; one of a single channel as it is."""
    channels = cut.recording.channel_ids if cut.has_recording else [0]
    if len(channels) == 1:
        yield cut
        return
    for channel in channels:
        yield _moved(cut, channel, f"{cut.id}-ch{channel}")


def is_silent(samples_S: Samples) -> bool:
    """Whether there is nothing to hear, but a constant and dither."""
    return float(samples_S.std(dtype=np.float64)) < SILENT_RMS


def is_equal(one_S: Samples, other_S: Samples) -> bool:
    """Whether two channels say the same."""
    difference, loudest = (float(np.square(each, dtype=np.float64).sum()) for each in (one_S - other_S, one_S))
    return difference <= EQUAL**2 * loudest


def _moved(cut: MonoCut, channel: int, name: str) -> MonoCut:
    supervisions = [fastcopy(each, id=name, channel=channel) for each in cut.supervisions]
    return fastcopy(cut, id=name, channel=channel, supervisions=supervisions)


def _mixed(cut: MonoCut) -> MixedCut:
    """Tracks are added up when they are read: each is made so much quieter before."""
    channels = cut.recording.channel_ids
    quieter = cut.recording.perturb_volume(1 / len(channels), affix_id=False)
    first, *others = (
        fastcopy(cut, id=f"{cut.id}-ch{channel}", channel=channel, recording=quieter) for channel in channels
    )
    silent = [fastcopy(other, supervisions=[]) for other in others]
    return MixedCut(cut.id, [MixTrack(each) for each in (first, *silent)])
