"""What the commands do, from Python. Stored decodes need neither torch nor k2: read lattices, rescore, score.

from pyspeech.api import load_lattices, rescore, score

lattices = load_lattices("exp/decode/test")
summary = rescore("exp/decode/test", lm="my.arpa", out="exp/decode/test_my", tune="exp/decode/dev")
result = score("data/manifests/test.jsonl.gz", "exp/decode/test_my")
print(f"{100 * result.words.rate:.2f}% WER with {summary['weights']}, {len(lattices)} utterances")
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspeech.decoding.archive import LatticeArchive
from pyspeech.decoding.config import load_decode_config
from pyspeech.decoding.stored import StoredDecode
from pyspeech.rescoring.config import load_rescore_config
from pyspeech.rescoring.run import MethodName, Rescoring
from pyspeech.rescoring.run import rescore as _rescore
from pyspeech.scoring.wer import Score, score_decode
from pyspeech.scoring.wer import score as _score
from pyspeech.transcripts import Transcript

if TYPE_CHECKING:
    from pyspeech.inference.embedding import Embedder
    from pyspeech.inference.prediction import LabelModel
    from pyspeech.inference.speech_model import SpeechModel

AnyPath = str | PathLike[str]


def load_model(
    exp: AnyPath, *, graph: AnyPath | None = None, device: str | None = None, overrides: Sequence[str] = ()
) -> "SpeechModel":
    """Load a trained recogniser, for the features, log-probabilities and words of samples. Needs torch.

    Args:
        exp: Folder of a training.
        graph: Folder of ``pyspeech graph``, which needs k2; without it words are the greedy ones.
        device: A name that torch knows; else a GPU that works, else the CPU.
        overrides: Settings, such as ``decode.search_beam=15``.

    Raises:
        UserError: the training is not finished, or a file is missing, damaged or does not fit the others.
        MissingPackage: torch or k2 is needed and not installed.
    """
    from pyspeech.inference.speech_model import load_model as load

    return load(Path(exp), _path(graph), device, load_decode_config(overrides=overrides))


def load_embedder(exp: AnyPath, device: str | None = None) -> "Embedder":
    """Load a trained network of speakers; ``of_samples(samples, rate)`` gives an embedding. Needs torch.

    Raises:
        UserError: the training is not finished or gives no embeddings, or a file is damaged or does not fit.
    """
    from pyspeech.inference.embedding import load_embedder as load

    return load(Path(exp), device)


def load_classifier(exp: AnyPath, device: str | None = None) -> "LabelModel":
    """Load a trained classifier; ``probabilities(samples, rate)`` gives those of its labels. Needs torch.

    Raises:
        UserError: the training is not finished or was no classification, or a file is damaged or does not fit.
    """
    from pyspeech.device import choose_device
    from pyspeech.inference.prediction import LabelModel
    from pyspeech.tasks.classification import load_classifier as load

    return LabelModel(load(Path(exp), choose_device(device)))


def load_lattices(decode: AnyPath) -> LatticeArchive:
    """Open the lattices of a decode folder: iterate over them, or take one by the id of its utterance.

    Raises:
        UserError: the folder holds none, or they are damaged.
    """
    return StoredDecode(Path(decode)).lattices


def rescore(  # noqa: PLR0913 -- what the command has options for
    decode: AnyPath,
    lm: AnyPath,
    out: AnyPath,
    *,
    tune: AnyPath | None = None,
    references: AnyPath | None = None,
    weights: AnyPath | None = None,
    method: MethodName = "lattice",
    words: AnyPath | None = None,
    boost: AnyPath | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Rescore a decode folder into ``out``, as ``pyspeech rescore`` does, and return its summary.

    Args:
        decode: What to rescore.
        lm: ARPA, KenLM binary, folder of ``pyspeech lm train``, or text.
        out: The decode folder to write.
        tune: Decode of another set, on which the weights are chosen.
        references: Manifest of ``tune``; else the one that was decoded.
        weights: ``weights.json`` of an earlier rescoring, in place of ``tune``.
        method: ``lattice``, ``nbest``, or ``search`` over the stored frame scores.
        words: List of words to add, for ``search``.
        boost: List of phrases to reward.
        overrides: Settings, such as ``rescore.lattice.beam=10``.

    Raises:
        UserError: as ``pyspeech.rescoring.run.rescore``.
    """
    job = Rescoring(
        decode=Path(decode),
        lm=Path(lm),
        method=method,
        config=load_rescore_config(overrides=overrides),
        tune=_path(tune),
        weights=_path(weights),
        references=_path(references),
        words=_path(words),
        boost=_path(boost),
    )
    return _rescore(job, Path(out))


def score(manifest: AnyPath, decode: AnyPath) -> Score:
    """Score a decode folder against the utterances of a manifest.

    Raises:
        UserError: as ``pyspeech.scoring.wer.score_decode``.
    """
    return score_decode(Path(manifest), Path(decode))


def score_texts(references: Mapping[str, str], hypotheses: Mapping[str, str]) -> Score:
    """Score texts by the id of their utterance; a reference without a hypothesis counts as deletions.

    Raises:
        UserError: as ``pyspeech.scoring.wer.score``.
    """
    said = (Transcript(id_, text, "", 0.0) for id_, text in references.items())
    return _score(said, {id_: text.split() for id_, text in hypotheses.items()}, "the references")


def _path(given: AnyPath | None) -> Path | None:
    return None if given is None else Path(given)
