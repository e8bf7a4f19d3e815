"""How much speech trains, and what is said: read from the first utterances of a corpus."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pyspeech.errors import UserError
from pyspeech.scaffold.plan import FoundCorpus
from pyspeech.scaffold.sizes import Speech

if TYPE_CHECKING:
    from lhotse import MonoCut

MOST_READ = 2000  # utterances whose headers are read; more take minutes and tell the same


def measure(corpus: FoundCorpus, split: str) -> tuple[Speech, list[str]]:
    """How much the utterances of ``split`` are, and their texts.

    At most MOST_READ are read where a count is known that tells how many more there are.

    Raises:
        UserError: there is none, or one that cannot be read.
    """
    count, seconds, rates, texts, first = 0, 0.0, set(), list[str](), None
    for cut in islice(_cuts(corpus, split), MOST_READ if corpus.utterances else None):
        first = first or cut
        count += 1
        seconds += cut.duration
        rates.add(cut.sampling_rate if cut.has_recording else 0)
        texts.append(cut.supervisions[0].text or "")
    if first is None:
        raise UserError(f"{corpus.folder} holds no utterance that trains; is it the unpacked corpus?")
    total = count if count < MOST_READ else max(corpus.utterances, count)
    # The lowest rate: what a telephone recorded has nothing above, and training should not see which that is.
    rate = min(rates)
    columns, shift = (0, 0.0) if rate else _given(first)
    return Speech(total, total * seconds / count / 3600, seconds / count, rate, columns, shift), texts


def _given(cut: "MonoCut") -> tuple[int, float]:
    """Values per frame, and seconds from one frame to the next, of features that others computed."""
    from pyspeech.data.precomputed_features import MATRIX_KEY, MatrixFile, read_matrix

    matrix = read_matrix(MatrixFile(**cut.custom[MATRIX_KEY]))
    return matrix.shape[1], round(cut.duration / len(matrix), 6)


def _cuts(corpus: FoundCorpus, split: str) -> Iterator["MonoCut"]:
    return corpus.source.cuts(corpus.folder, split)
