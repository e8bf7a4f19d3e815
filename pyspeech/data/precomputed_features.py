"""Features that others computed, where there is no audio: Kaldi archives, NumPy arrays and Sphinx files, read in place.

Nothing in such a file is run: archives are opened here, so that a Kaldi "command |" is no more than an odd file name,
and their pickled and their NumPy objects are not read.
"""

import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from lhotse import MonoCut, SupervisionSegment
from lhotse.cut import Cut

from pyspeech.arrays import parse_npy
from pyspeech.config import FeatureConfig
from pyspeech.data.audio_files import CannotRead, file_size, refuse_want_of_memory
from pyspeech.errors import MissingPackage, UserError, first_line

Matrix = npt.NDArray[np.float32]
MATRIX_KEY = "matrix"  # custom field of a cut without audio: its MatrixFile
FEATURE_FILES = {".npy": "npy", ".mfc": "mfc"}  # by a file's ending; all else is Kaldi's
FRAME_SHIFT_SECONDS = 0.01  # Kaldi's and Sphinx's, where nothing else is said
SPHINX_COLUMNS = 13
WITH_OFFSET = re.compile(r"(.*):(\d+)", re.DOTALL)


@dataclass(frozen=True)
class MatrixFile:
    """Where a feature matrix is.

    Args:
        kind: ``npy``, ``kaldi`` or ``mfc``.
        path: File that holds it.
        offset: Byte at which it begins; 0 but in Kaldi archives.
        columns: Values per frame, which Sphinx files do not say.
    """

    kind: str
    path: str
    offset: int
    columns: int


def given_utterance(
    source: str | Path,
    text: str,
    speaker: str,
    id: str = "",  # noqa: A002 -- as a cut calls it
    frame_shift_seconds: float = FRAME_SHIFT_SECONDS,
    sphinx_columns: int = SPHINX_COLUMNS,
) -> MonoCut:
    """One cut for one feature matrix of one utterance, which is read once to learn its length.

    Args:
        source: A ``.npy`` or ``.mfc`` file, or a place in a Kaldi archive as in ``feats.scp``: ``file.ark:123``.
        text: Words as spoken.
        speaker: Empty where it is not known.
        id: Empty for the file's stem.
        frame_shift_seconds: From one frame to the next.
        sphinx_columns: Values per frame of a ``.mfc`` file.

    Raises:
        UserError: a command or a row range in place of a file, a file that cannot be read, or values that are no
            finite matrix.
    """
    matrix_file = _matrix_file(str(source), sphinx_columns)
    matrix = read_matrix(matrix_file)
    values = asdict(matrix_file) | {"columns": matrix.shape[1]}
    duration = round(len(matrix) * frame_shift_seconds, 8)
    id = id or Path(matrix_file.path).stem  # noqa: A001
    return MonoCut(
        id,
        start=0.0,
        duration=duration,
        channel=0,
        supervisions=[SupervisionSegment(id, id, 0.0, duration, text=text, speaker=speaker)],
        custom={MATRIX_KEY: values},
    )


def has_matrix(cut: Cut) -> bool:
    """Whether the features of ``cut`` were given in place of audio."""
    return MATRIX_KEY in (cut.custom or {})


def given_features(cut: Cut, config: FeatureConfig) -> Matrix:
    """Features of ``cut`` as they were given, before normalisation, [T, F].

    Raises:
        UserError: naming cut and file: none is given, it cannot be read, or it is not as wide or long as expected.
    """
    if not has_matrix(cut):
        raise UserError(
            f"cut '{cut.id}' has no features given in place of audio, which features.type=given needs; "
            "choose features.type=fbank to compute them from audio"
        )
    try:
        matrix_file = MatrixFile(**cut.custom[MATRIX_KEY])
        matrix = read_matrix(matrix_file)
    except MissingPackage:
        raise
    except (TypeError, UserError) as error:
        raise CannotRead(f"cut '{cut.id}': {error}") from error
    if matrix.shape[1] != config.num_features:
        raise UserError(
            f"cut '{cut.id}' has {matrix.shape[1]} features per frame in {matrix_file.path}, "
            f"the configuration {config.num_features}; set features.num_given"
        )
    seconds = len(matrix) * config.frame_shift_seconds
    if abs(seconds - cut.duration) > config.frame_shift_seconds / 2:
        raise UserError(
            f"cut '{cut.id}' lasts {cut.duration} seconds, the {len(matrix)} frames in {matrix_file.path} "
            f"{seconds:.2f}; set features.frame_shift_seconds, or make its manifest again"
        )
    return matrix


def read_matrix(matrix_file: MatrixFile) -> Matrix:
    """Read a feature matrix, [T, F], at least one of each, all finite.

    Raises:
        UserError: naming the file: it cannot be read, or holds something else.
    """
    path = Path(matrix_file.path)
    if matrix_file.kind not in READERS:
        raise UserError(f"{path} is of kind '{matrix_file.kind}'; allowed: {', '.join(sorted(READERS))}")
    try:
        file_size(path)  # which refuses a pipe, that would be waited for
        stored = READERS[matrix_file.kind](matrix_file)
    except MissingPackage:
        raise
    except Exception as error:  # what damaged bytes raise is of many kinds
        refuse_want_of_memory(error)
        raise UserError(f"cannot read features from {path}: {first_line(error)}; make the file again") from error
    if stored.ndim != 2 or stored.dtype.kind not in "fi" or not stored.size:
        raise UserError(f"{path} holds {stored.dtype} values of shape {stored.shape}; expected [frames, features]")
    with np.errstate(over="ignore"):
        matrix = np.array(stored, dtype=np.float32)  # a copy: what is read from bytes cannot be written to
    if not np.isfinite(matrix).all():
        frame = int(np.argmin(np.isfinite(matrix).all(axis=1)))
        raise UserError(f"{path} holds a value that is not finite, in frame {frame}; compute the features again")
    return matrix


def _matrix_file(source: str, sphinx_columns: int) -> MatrixFile:
    if source.strip().startswith("|") or source.strip().endswith("|"):
        raise UserError(f"'{source}' is a command, which is not run to read features; store its output in a file")
    if source.endswith("]"):
        raise UserError(f"'{source}' is a range of frames, which is not read; store the ranges (Kaldi: copy-feats)")
    if match := WITH_OFFSET.fullmatch(source):
        return MatrixFile("kaldi", str(Path(match[1]).resolve()), int(match[2]), 0)
    path = Path(source).resolve()
    kind = FEATURE_FILES.get(path.suffix.lower(), "kaldi")
    return MatrixFile(kind, str(path), 0, sphinx_columns)


def _read_npy(matrix_file: MatrixFile) -> npt.NDArray[np.generic]:
    return parse_npy(Path(matrix_file.path).read_bytes(), "features")


def _read_kaldi(matrix_file: MatrixFile) -> npt.NDArray[np.generic]:
    try:
        from kaldiio.matio import read_ascii_mat, read_matrix_or_vector
    except ImportError:
        raise MissingPackage("kaldiio", "reading Kaldi archives", "pip install kaldiio") from None
    # The library's own entry also takes commands and unpickles; these two read numbers alone.
    with Path(matrix_file.path).open("rb") as stream:
        stream.seek(matrix_file.offset)
        binary = stream.read(2) == b"\0B"
        stream.seek(matrix_file.offset)
        return np.asarray(read_matrix_or_vector(_Bounded(stream)) if binary else read_ascii_mat(stream))


class _Bounded:
    """A file of which no more is read than there is: for what a header promises, Python would make room first."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = os.fstat(stream.fileno()).st_size - stream.tell()

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self._left:
            raise ValueError(f"it promises {size} bytes, and {self._left} follow")
        self._left -= size
        return self._stream.read(size)


def _read_mfc(matrix_file: MatrixFile) -> npt.NDArray[np.generic]:
    """Read a Sphinx file: the number of values (int32), then the values (float32), both in one byte order.

    https://github.com/cmusphinx/cmusphinx.github.io/blob/master/wiki/mfcformat.md
    """
    data = Path(matrix_file.path).read_bytes()
    orders = [order for order in "<>" if data[:4] == np.array(len(data) // 4 - 1, f"{order}i4").tobytes()]
    if not orders or len(data) % 4:
        raise ValueError("its first four bytes are not the number of values that follow")
    values = np.frombuffer(data, f"{orders[0]}f4", offset=4)
    if len(values) % matrix_file.columns:
        raise ValueError(f"{len(values)} values are no frames of {matrix_file.columns}")
    return values.reshape(-1, matrix_file.columns)


READERS: dict[str, Callable[[MatrixFile], npt.NDArray[np.generic]]] = {
    "npy": _read_npy,
    "kaldi": _read_kaldi,
    "mfc": _read_mfc,
}
