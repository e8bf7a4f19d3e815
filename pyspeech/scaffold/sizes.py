"""How large a network and how long a training suit a corpus: one table by hours of training speech."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspeech.corpora.sources.dividing import Task

NARROWBAND = {"sampling_rate": 8000, "num_mel_bins": 40}
WIDEBAND_HZ = 16000  # what has less is taken as telephone speech, what has more is resampled
FEW_UTTERANCES = 200  # fewer fill no twenty buckets
SHORT_SECONDS = 1.5  # a mean utterance below holds a word or two, which the usual masks would hide
SHORT_MASK_FRAMES = 10
BINS, MASKED_SHARE = 80, 0.15  # the shared defaults mask at most 15 of 80 bins; of fewer, each says more
PIECES_HOURS = 100.0  # from here on there is enough speech to learn pieces of words
CROP_SECONDS, MOST_SPEAKERS = 2.5, 64  # in a batch of verification, of each speaker one crop
FEW_HOURS = 10.0  # of verification

Settings = dict[str, Mapping[str, float | str]]  # section -> key -> value, as in a YAML of conf/


@dataclass(frozen=True)
class Speech:
    """What was found of the utterances that train."""

    utterances: int
    hours: float
    mean_seconds: float
    sampling_rate: int  # Hz; 0 for features that others computed, of which the next two tell
    num_given: int = 0
    frame_shift_seconds: float = 0.0


@dataclass(frozen=True)
class Size:
    """What training takes up to so many hours of speech (before it is perturbed)."""

    hours: float
    batch_seconds: int
    epochs: int
    learning_rate: float
    average_epochs: int
    width: int
    tdnn_lstm_layers: int
    bilstm_ctc_layers: int
    conformer_width: int
    conformer_layers: int
    channels: int
    dropout: float

    def model(self, name: str) -> dict[str, float]:
        """The network's section of the configuration; empty for one that this table does not size."""
        width = self.width
        embedding = {"embedding_width": min(width, 256)}
        attention = {"attention_width": min(width, 128)}
        narrower = max(64, width * 2 // 3 // 32 * 32)
        sizes: dict[str, dict[str, float]] = {
            "tdnn_lstm": {"tdnn_width": width, "lstm_width": width, "lstm_layers": self.tdnn_lstm_layers},
            "bilstm_ctc": {
                "channels": self.channels,
                "lstm_width": width,
                "lstm_layers": self.bilstm_ctc_layers,
            },
            "conformer": {
                "width": self.conformer_width,
                "layers": self.conformer_layers,
                "feed_forward": 3 * self.conformer_width,
                "subsampling": 3,
                "dropout": min(self.dropout, 0.15),
            },
            "speaker_lstm": {"lstm_width": width, **attention, **embedding, "lstm_layers": self.tdnn_lstm_layers},
            "xvector": {"channels": width, "pooled_channels": 3 * width, **embedding},
            "ecapa_tdnn": {"channels": narrower, "pooled_channels": 3 * narrower, **attention, **embedding},
        }
        return {"dropout": self.dropout, **sizes[name]} if name in sizes else {}


# Little speech wants many small steps and narrow layers; much speech wide layers and large batches. An epoch has every
# utterance at three speeds. The first rows follow what yesno (tdnn_lstm) and digits (both) were measured with, the
# third what 0.74 hours of one reader (tdnn_lstm, conformer) and 0.8 hours of many speakers (xvector, ecapa_tdnn) were.
# All else is a beginning that was not measured.
#    hours  batch  epochs  rate  average  width  layers  conformer  channels  dropout
SIZES = (
    Size(0.15, 20, 16, 0.002, 5, 64, 1, 1, 64, 2, 16, 0.5),
    Size(0.5, 30, 15, 0.002, 5, 192, 2, 2, 96, 4, 16, 0.2),
    Size(2.0, 40, 12, 0.002, 5, 192, 2, 3, 144, 6, 16, 0.2),
    Size(10.0, 60, 12, 0.002, 5, 256, 3, 3, 192, 8, 32, 0.2),
    Size(100.0, 100, 12, 0.0015, 3, 320, 3, 3, 256, 12, 32, 0.2),
    Size(500.0, 200, 12, 0.001, 3, 320, 3, 3, 256, 12, 32, 0.2),
    Size(float("inf"), 400, 10, 0.001, 3, 512, 3, 3, 512, 12, 32, 0.1),
)
SLOW = {"conformer": 2}  # to learn: so many times the epochs, as in recipes/ljspeech


def size_for(hours: float) -> Size:
    """The first row that reaches ``hours``."""
    return next(size for size in SIZES if hours <= size.hours)


def settings(speech: Speech, task: Task, model: str, utterances_each: int = 1) -> Settings:
    """The sections of a configuration that suit ``speech``; the shared defaults are not taken out of it.

    Batches of a verification have ``utterances_each`` of every speaker.
    """
    size = size_for(speech.hours)
    few = {"buckets": 2} if speech.utterances < FEW_UTTERANCES else {}
    sections: Settings = {
        "features": _features(speech),
        "augment": _augment(speech),
        "batches": {"max_seconds": size.batch_seconds, **few},
        "training": {
            "epochs": size.epochs * SLOW.get(model, 1),
            "learning_rate": size.learning_rate,
            "average_epochs": size.average_epochs,
        },
        "model": size.model(model),
    }
    return sections | _of_verification(sections, size, utterances_each) if task == "verification" else sections


def _of_verification(sections: Settings, size: Size, utterances_each: int) -> Settings:
    """What is different for verification: in few hours of speech there are few steps, which noise and masks slow down.

    So it was measured on 0.8 hours: see recipes/voxceleb/RESULTS.md.
    """
    crops = int(size.batch_seconds / CROP_SECONDS)
    speakers = {"per_batch": min(crops // utterances_each, MOST_SPEAKERS), "utterances_each": utterances_each}
    changed: Settings = {"features": {**sections["features"], "normalise": "mean"}, "speakers": speakers}
    if size.hours <= FEW_HOURS:
        changed["augment"] = {**sections["augment"], "time_masks": 1, "frequency_masks": 1}
        changed["noise"] = {"noise_probability": 0.2, "rir_probability": 0.2}
        changed["speakers"] = {**speakers, "crops_each": 16 // utterances_each * utterances_each}
    return changed


def _features(speech: Speech) -> dict[str, float]:
    if not speech.sampling_rate:
        return {"num_given": speech.num_given, "frame_shift_seconds": speech.frame_shift_seconds}
    return dict(NARROWBAND) if speech.sampling_rate < WIDEBAND_HZ else {}


def _augment(speech: Speech) -> dict[str, float]:
    mask_limits: dict[str, float] = {}
    bins = int(_features(speech).get("num_mel_bins", speech.num_given) or BINS)
    if bins < BINS:
        mask_limits["max_frequency_mask_bins"] = max(1, int(MASKED_SHARE * bins))
    if speech.mean_seconds < SHORT_SECONDS:
        mask_limits["max_time_mask_frames"] = SHORT_MASK_FRAMES
    return mask_limits
