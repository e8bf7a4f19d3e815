"""From a cut to its feature matrix: stored or computed on the fly, by one configuration, normalised at use."""

import math
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from lhotse import Fbank, FbankConfig, Features, LilcomChunkyWriter, Mfcc, MfccConfig
from lhotse.audio.backend import set_current_audio_backend
from lhotse.cut import Cut, MixedCut, MonoCut
from lhotse.utils import fastcopy
from torch import nn

from pyspeech.config import FeatureConfig
from pyspeech.data.audio_files import CannotRead, check_promise, file_size, refuse_want_of_memory
from pyspeech.data.audio_reading import AudioFile
from pyspeech.data.lhotse_audio import TrueLengthBackend
from pyspeech.data.manifests import recordings_of
from pyspeech.data.precomputed_features import MATRIX_KEY, given_features, has_matrix
from pyspeech.entries import FILE, READ_FROM, as_one, end_of_stored
from pyspeech.errors import UserError, first_line
from pyspeech.files import digest
from pyspeech.speeds import SPEED_KEY, speed_of

Matrix = npt.NDArray[np.float32]
Samples = npt.NDArray[np.float32]
SETTINGS_KEY = "feature_settings"  # custom field of a cut: digest of the settings its stored features were made with
PIECE_SECONDS = 16  # of audio whose frames are in memory at once
EXACT = ("WAV", "WAVEX", "RF64", "FLAC")  # formats of libsndfile's in which a part reads as it does in the whole
MOST_STEPS = 1 << 25  # weights of a resampler, one for each pair of places in which samples of two rates can lie
MIN_DEVIATION = 1e-3  # of a feature over an utterance; keeps digital silence finite

set_current_audio_backend(TrueLengthBackend)  # in this process lhotse reads audio as all else does


class FeatureExtractor:
    """Computes features as one configuration says, and refuses stored ones that another made."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        # Normalisation is applied at use, so stored features serve any choice of it.
        self.settings = digest(config.model_dump(mode="json", exclude={"normalise", "num_given"}))
        self._window = math.floor(config.frame_length_seconds * config.sampling_rate)  # samples
        self._shift = math.floor(config.frame_shift_seconds * config.sampling_rate)
        common = {
            "sampling_rate": config.sampling_rate,
            "frame_length": config.frame_length_seconds,
            "frame_shift": config.frame_shift_seconds,
            "num_filters": config.num_mel_bins,
            "low_freq": config.low_hz,
            "high_freq": config.high_hz,
        }
        if config.type == "mfcc":
            self._extractor = Mfcc(MfccConfig(**common, num_ceps=config.num_ceps))
        else:
            self._extractor = Fbank(FbankConfig(**common))

    @property
    def name(self) -> str:
        """What lhotse calls such features."""
        return str(self._extractor.name)

    def __call__(self, cut: Cut) -> Matrix:
        """Features of ``cut``, normalised, [T, F].

        Raises:
            UserError: unreadable audio, stored features that were made with other settings, or features that others
                computed where the configuration says otherwise.
        """
        if self.config.type == "given":
            return normalise(given_features(cut, self.config), self.config.normalise)
        return normalise(self._stored(cut) if cut.has_features else self.compute(cut), self.config.normalise)

    def compute(self, cut: Cut) -> Matrix:
        """Features of the audio of ``cut`` before normalisation, [T, F]; equal for equal cuts, dither too."""
        rate = self.config.sampling_rate
        if cut.duration >= 2 * PIECE_SECONDS and _is_read_in_pieces(cut, rate):
            pieces = (load_audio(_piece(cut, piece), rate)[0] for piece in self._pieces(cut.num_samples))
            return self._from_pieces(pieces, cut.num_samples, cut.id)
        return self.from_samples(load_audio(cut, rate)[0], cut.id)

    def from_samples(self, samples_S: Samples, name: str = "") -> Matrix:
        """Features before normalisation, [T, F]; equal for equal samples and names: ``name`` decides the dither.

        Raises:
            CannotRead: there are fewer samples than one window has.
        """
        self._refuse_short(samples_S, name)
        return self._from_pieces((samples_S[piece] for piece in self._pieces(len(samples_S))), len(samples_S), name)

    def _pieces(self, num_samples: int) -> list[slice]:
        """Cut samples into pieces of one length; the last is up to twice as long."""
        # A multiple of 16, as dither needs, and longer than any frame.
        length = PIECE_SECONDS * max(self.config.sampling_rate, self._window)
        begins = range(0, max(num_samples - length, 0) + 1, length)
        return [slice(begin, end) for begin, end in zip(begins, [*begins[1:], num_samples], strict=True)]

    def _from_pieces(self, pieces: Iterable[Samples], num_samples: int, name: str) -> Matrix:
        """Features of ``num_samples`` samples, which come in pieces as :meth:`_pieces` has them.

        Frames take fifteen times the memory of their features while these are computed: that of one piece, so.
        """
        matrix_TF = np.empty((self.num_frames(num_samples), self.config.num_features), np.float32)
        dither = self._dither(name)
        begin, samples, frames = None, 0, 0
        for piece_S in pieces:
            dithered_S = dither(piece_S)
            samples += len(piece_S)
            if samples == num_samples:
                dithered_S = self._to_the_last_frame(dithered_S, num_samples)
            # begin: samples that frames of the piece before share with frames of this one; the first mirrors its own.
            piece_1TF, begin = self._extractor.extractor.online_inference(torch.from_numpy(dithered_S)[None], begin)
            matrix_TF[frames : frames + piece_1TF.shape[1]] = piece_1TF[0].numpy()
            frames += piece_1TF.shape[1]
        assert (samples, frames) == (num_samples, len(matrix_TF))
        return matrix_TF

    def normalised(self, samples_S: Samples, name: str = "") -> Matrix:
        """As :meth:`from_samples`, normalised."""
        return normalise(self.from_samples(samples_S, name), self.config.normalise)

    def num_frames(self, num_samples: int) -> int:
        """Frames of so many samples."""
        return (num_samples + self._shift // 2) // self._shift

    def for_layer(self, samples_S: Samples, name: str = "") -> Samples:
        """Return samples that :meth:`layer` makes the same features of, whatever follows them in a padded batch.

        They have the dither of :meth:`from_samples`, and go on as far as the last frame reaches: mirrored, as lhotse
        does (and Kaldi with snip_edges=false), which in a batch would mirror the padding.

        Raises:
            CannotRead: there are fewer than one window has.
        """
        self._refuse_short(samples_S, name)
        return self._to_the_last_frame(self._dither(name)(samples_S), len(samples_S))

    def _dither(self, name: str) -> Callable[[Samples], Samples]:
        """Return what adds noise to pieces of samples as it would to all at once, if :meth:`_pieces` has cut them.

        torch draws normal numbers by sixteens, and the last sixteen anew where they are fewer.
        """
        if not self.config.dither:
            return np.asarray
        generator = torch.Generator().manual_seed(int(digest(name), 16) % 2**63)

        def dithered(samples_S: Samples) -> Samples:
            noise_S: Samples = torch.randn(len(samples_S), generator=generator).numpy()
            return samples_S + self.config.dither * noise_S

        return dithered

    def _to_the_last_frame(self, samples_S: Samples, num_samples: int) -> Samples:
        """Append to the last of ``num_samples`` samples what the last frame needs of them, mirrored."""
        left = (self._window - self._shift) // 2
        reached = (self.num_frames(num_samples) - 1) * self._shift + self._window - left
        return np.concatenate([samples_S, samples_S[::-1][: max(reached - num_samples, 0)]])

    def _refuse_short(self, samples_S: Samples, name: str) -> None:
        if len(samples_S) < self._window:
            milliseconds = 1000 / self.config.sampling_rate
            raise CannotRead(
                f"cut '{name}' lasts {len(samples_S) * milliseconds:g} ms, less than one window of "
                f"{self._window * milliseconds:g} ms; leave it out"
            )

    def layer(self) -> nn.Module:
        """Return what computes features [B, T, F], before normalisation, of samples [B, S] on any device."""
        layer: nn.Module = FeatureExtractor(self.config)._extractor.extractor
        return layer

    def _stored(self, cut: Cut) -> Matrix:
        made_with = (cut.custom or {}).get(SETTINGS_KEY)
        if made_with != self.settings:
            raise UserError(
                f"cut '{cut.id}' has features made with other settings ({made_with}) than the model's "
                f"({self.settings}); give the manifest without features, or run the feature stage again with the "
                "model's configuration"
            )
        if cut.features.storage_type != LilcomChunkyWriter.name:  # what store() writes
            raise UserError(f"cut '{cut.id}' has features stored as {cut.features.storage_type}; run the feature stage")
        try:
            size, end = file_size(Path(cut.features.storage_path)), end_of_stored(cut.features.storage_key)
            if end > size:
                raise ValueError(f"they are said to end at byte {end} of {size}")
            return np.asarray(cut.load_features(), dtype=np.float32)
        except Exception as error:  # what lilcom raises on damaged bytes is of many kinds
            refuse_want_of_memory(error)
            raise CannotRead(
                f"cannot read the features of cut '{cut.id}' from {cut.features.storage_path}: {_reason(error)}; "
                "run the feature stage again"
            ) from error


def load_audio(cut: Cut, sampling_rate: int) -> Samples:
    """Samples of ``cut`` at this rate, [1, S] in -1..1.

    Raises:
        UserError: naming the cut and its file, when the audio cannot be read in full.
    """
    if has_matrix(cut):
        raise UserError(
            f"cut '{cut.id}' has features that others computed, in {cut.custom[MATRIX_KEY]['path']}, and no audio; "
            "set features.type=given, or include conf/given.yaml"
        )
    if not cut.has_recording:
        raise UserError(f"cut '{cut.id}' has neither stored features nor a recording; make its manifest again")
    _refuse_other_sources(cut)
    if cut.sampling_rate != sampling_rate:
        if math.lcm(cut.sampling_rate, sampling_rate) > MOST_STEPS * math.gcd(cut.sampling_rate, sampling_rate):
            raise CannotRead(
                f"cut '{cut.id}' has {cut.sampling_rate} samples a second, which take too much memory to become "
                f"{sampling_rate} as they are read; resample its file once (pyspeech audio)"
            )
        cut = cut.resample(sampling_rate)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backend that gives up warns before the next one is tried
            for path, num_samples in _promises(cut):
                check_promise(path, num_samples)
            samples = np.asarray(cut.load_audio(), dtype=np.float32)
    except Exception as error:  # each audio backend raises its own kinds
        refuse_want_of_memory(error)
        raise CannotRead(
            f"cannot read the audio of cut '{cut.id}' from {_files(cut)}: {_reason(error)}; "
            "fetch the file again or leave the cut out"
        ) from error
    if not np.isfinite(samples).all():
        raise CannotRead(f"cut '{cut.id}', in {_files(cut)}, holds samples that are not finite; write the file again")
    return samples


def _promises(cut: Cut) -> list[tuple[Path, int]]:
    """Every file of a cut, and how many samples the manifest says it has."""
    return [
        (Path(source.source), recording.num_samples)
        for recording in recordings_of(cut)
        for source in recording.sources
        if source.type == FILE
    ]


def _is_read_in_pieces(cut: Cut, sampling_rate: int) -> bool:
    """Whether a part of the audio reads as it does in the whole: it is a file's, unaltered, and all is there."""
    if not isinstance(cut, MonoCut) or not cut.has_recording:
        return False
    recording = cut.recording
    if recording.transforms or recording.sampling_rate != sampling_rate or len(recording.sources) != 1:
        return False
    [source] = recording.sources
    if source.type != "file" or not Path(source.source).is_file():
        return False
    try:
        with AudioFile(Path(source.source)) as file:
            is_known = (file.sampling_rate, file.num_samples) == (sampling_rate, recording.num_samples)
            return file.format in EXACT and is_known
    except (OSError, ValueError, soundfile.SoundFileError):
        return False  # reading the whole tells why


def _piece(cut: MonoCut, samples: slice) -> MonoCut:
    begin, end = samples.start / cut.sampling_rate, samples.stop / cut.sampling_rate
    return MonoCut(cut.id, cut.start + begin, end - begin, cut.channel, recording=cut.recording)


def _files(cut: Cut) -> str:
    sources = [source for recording in recordings_of(cut) for source in recording.sources]
    return ", ".join(str(source.source) if source.type == FILE else source.type for source in sources)


def _refuse_other_sources(cut: Cut) -> None:
    """Refuse what would run or fetch something."""
    for recording in recordings_of(cut):
        for source in recording.sources:
            if source.type not in READ_FROM:
                raise UserError(f"cut '{cut.id}' is read from a {source.type} ('{source.source}'), not from a file")


def with_features(cut: Cut, features: Features, custom: dict[str, Any]) -> MonoCut:
    """Return ``cut`` with its features. One that is mixed, which has no place for them, becomes a cut of them alone."""
    if not isinstance(cut, MixedCut):
        return fastcopy(cut, features=features, custom=custom)
    custom[SPEED_KEY] = speed_of(as_one(cut.to_dict()))
    return MonoCut(cut.id, 0.0, cut.duration, 0, cut.supervisions, features, custom=custom)


def _reason(error: Exception) -> str:
    return first_line(error).removesuffix(". Details:")  # which are the lines below


def normalise(matrix_TF: Matrix, kind: Literal["none", "mean", "mean-variance"]) -> Matrix:
    """Subtract each feature's mean over the utterance, and divide by its deviation if ``kind`` says so."""
    if kind == "none" or not len(matrix_TF):
        return matrix_TF
    centred: Matrix = matrix_TF - matrix_TF.mean(axis=0)
    if kind == "mean":
        return centred
    deviation = np.maximum(centred.std(axis=0), MIN_DEVIATION)
    return np.asarray(centred / deviation, dtype=np.float32)


def at_speed(cut: Cut, speed: float) -> Cut:
    """The cut played ``speed`` times as fast, computed when its audio is read; the id tells the speed."""
    return cut if speed == 1.0 else cut.perturb_speed(speed)
