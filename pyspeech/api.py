"""What the commands do, from Python. Stored decodes need neither torch nor k2: read lattices, rescore, score.

from pyspeech.api import load_lattices, rescore, score

lattices = load_lattices("exp/decode/test")
summary = rescore("exp/decode/test", lm="my.arpa", out="exp/decode/test_my", tune="exp/decode/dev")
result = score("data/manifests/test.jsonl.gz", "exp/decode/test_my")
print(f"{100 * result.words.rate:.2f}% WER with {summary['weights']}, {len(lattices)} utterances")
"""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyspeech.decoding.archive import LatticeArchive
from pyspeech.decoding.config import load_decode_config
from pyspeech.decoding.hypothesis import Hypothesis
from pyspeech.decoding.results import DecodeResults
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.rescoring.config import load_rescore_config
from pyspeech.rescoring.run import MethodName, Rescoring, rescorer
from pyspeech.rescoring.run import rescore as _rescore
from pyspeech.scoring.wer import Score, score_decode
from pyspeech.scoring.wer import score as _score
from pyspeech.speakers.identification import People, Rows, mean_embedding, people_of
from pyspeech.transcripts import Manifest, Transcript, as_manifest, read_transcripts, shown

if TYPE_CHECKING:
    import kenlm

    from pyspeech.graph.compose import Graph
    from pyspeech.inference.embedding import Embedder
    from pyspeech.inference.prediction import LabelModel
    from pyspeech.inference.speech_model import SpeechModel
    from pyspeech.lang.tokens import TokenSet

AnyPath = str | PathLike[str]


def graph(lang: "AnyPath | TokenSet", lm: AnyPath, out: AnyPath | None = None) -> "Graph":
    """Compile the decoding graph of a token set and a language model, as ``pyspeech graph`` does. Needs k2.

    Args:
        lang: Token set, or the folder of one: that of ``pyspeech lang``, or ``lang`` in the folder of a training.
        lm: ARPA file, or folder of ``pyspeech lm train``.
        out: Folder to write, too; one that holds the graph of these contents is read instead.

    Raises:
        UserError: something given is missing or damaged, or they share no word.
        MissingPackage: k2 is not installed.
    """
    from pyspeech.graph.make import new_graph, update_graph

    given = Path(lang) if isinstance(lang, str | PathLike) else lang
    if out is None:
        return new_graph(given, Path(lm))
    update_graph(given, Path(lm), Path(out))
    from pyspeech.graph.compose import load_graph

    return load_graph(Path(out))


def load_model(
    exp: AnyPath, *, graph: "AnyPath | Graph | None" = None, device: str | None = None, overrides: Sequence[str] = ()
) -> "SpeechModel":
    """Load a trained recogniser, for the features, log-probabilities and words of samples. Needs torch.

    Args:
        exp: Folder of a training.
        graph: What :func:`graph` returns, or a folder that it wrote; needs k2. Without it words are the greedy
            ones; of a model of phones, phones that spell no word stand among them.
        device: A name that torch knows; else a GPU where there is one, else the CPU.
        overrides: Settings, such as ``decode.search_beam=15``.

    Raises:
        UserError: the training is not finished, or a file is missing, damaged or does not fit the others.
        MissingPackage: torch or k2 is needed and not installed.
    """
    from pyspeech.inference.speech_model import load_model as load

    given = Path(graph) if isinstance(graph, str | PathLike) else graph
    return load(Path(exp), given, device, load_decode_config(overrides=overrides))


def load_embedder(exp: AnyPath, device: str | None = None) -> "Embedder":
    """Load a trained network of speakers; ``of_samples(samples, rate)`` gives an embedding. Needs torch.

    Raises:
        UserError: the training is not finished or gives no embeddings, or a file is damaged or does not fit.
    """
    from pyspeech.inference.embedding import load_embedder as load

    return load(Path(exp), device)


def enrol(embeddings: Mapping[str, Sequence[Rows]]) -> People:
    """Enrol people by the embeddings of utterances of each; ``likest(embedding, 1)`` names the one who said another.

    Raises:
        UserError: nobody is given, or somebody without embeddings, or with such as have nothing in common.
    """
    if not embeddings or not all(map(len, embeddings.values())):
        raise UserError(
            "nobody, or somebody without an utterance, is to be enrolled; give one embedding or more of each"
        )
    return people_of({name: mean_embedding(np.stack(rows), name) for name, rows in embeddings.items()})


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
    lm: "AnyPath | kenlm.Model",
    out: AnyPath,
    *,
    tune: AnyPath | None = None,
    references: AnyPath | Manifest | None = None,
    weights: AnyPath | Mapping[str, float] | None = None,
    method: MethodName = "lattice",
    words: AnyPath | None = None,
    boost: AnyPath | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Rescore a decode folder into ``out``, as ``pyspeech rescore`` does, and return its summary.

    Args:
        decode: What to rescore.
        lm: ARPA, KenLM binary, folder of ``pyspeech lm train``, or text; or an open ``kenlm.Model``.
        out: The decode folder to write.
        tune: Decode of another set, on which the weights are chosen.
        references: Manifest or ``CutSet`` of ``tune``; else the one that was decoded.
        weights: ``weights.json`` of an earlier rescoring, or some of those of ``rescore.weights``; in place
            of ``tune``.
        method: ``lattice``, ``nbest``, or ``search`` over the stored frame scores.
        words: List of words to add, for ``search``.
        boost: List of phrases to reward.
        overrides: Settings, such as ``rescore.lattice.beam=10``.

    Raises:
        UserError: as ``pyspeech.rescoring.run.rescore``.
    """
    job = _rescoring(lm, tune, references, weights, method, words, boost, overrides)
    return _rescore(Path(decode), job, Path(out))


def rescore_in_memory(  # noqa: PLR0913 -- as rescore
    decode: AnyPath | DecodeResults,
    lm: "AnyPath | kenlm.Model",
    *,
    tune: AnyPath | None = None,
    references: AnyPath | Manifest | None = None,
    weights: AnyPath | Mapping[str, float] | None = None,
    method: MethodName = "lattice",
    words: AnyPath | None = None,
    boost: AnyPath | None = None,
    overrides: Sequence[str] = (),
) -> Iterator[Hypothesis]:
    """Rescore as :func:`rescore` does, from folders or from memory, and write nothing: the words are yielded, in order.

    ``decode`` is a folder, what ``SpeechModel.held`` makes of utterances that were decoded in memory, or what
    :func:`pyspeech.decoding.results.held_log_probs` makes of any network's outputs. All else is as there.

    Raises:
        UserError: as ``pyspeech.rescoring.run.rescorer``.
    """
    results = StoredDecode(Path(decode)) if isinstance(decode, str | PathLike) else decode
    job = _rescoring(lm, tune, references, weights, method, words, boost, overrides)
    return (hypothesis for hypothesis, _ in rescorer(results, job))


def score(manifest: AnyPath | Manifest, decode: AnyPath | DecodeResults) -> Score:
    """Score a decode, in a folder or in memory, against the utterances of a manifest or of a ``CutSet``.

    Raises:
        UserError: as ``pyspeech.scoring.wer.score_decode``.
    """
    references = as_manifest(manifest)
    if isinstance(decode, str | PathLike):
        return score_decode(references, Path(decode))
    return _score(read_transcripts(references), decode.hypotheses, shown(references))


def score_texts(references: Mapping[str, str | Sequence[str]], hypotheses: Mapping[str, str | Sequence[str]]) -> Score:
    """Score texts, or their words, by the id of the utterance; a reference without a hypothesis counts as deletions.

    Raises:
        UserError: as ``pyspeech.scoring.wer.score``.
    """
    said = (Transcript(id_, " ".join(_words(text)), "", 0.0) for id_, text in references.items())
    return _score(said, {id_: _words(text) for id_, text in hypotheses.items()}, "the references")


def _words(text: str | Sequence[str]) -> Sequence[str]:
    return text.split() if isinstance(text, str) else text


def _rescoring(
    lm: "AnyPath | kenlm.Model",
    tune: AnyPath | None,
    references: AnyPath | Manifest | None,
    weights: AnyPath | Mapping[str, float] | None,
    method: MethodName,
    words: AnyPath | None,
    boost: AnyPath | None,
    overrides: Sequence[str],
) -> Rescoring:
    given = weights if isinstance(weights, Mapping) else {}
    set_here = [f"rescore.weights.{name}={value}" for name, value in given.items()]
    return Rescoring(
        lm=Path(lm) if isinstance(lm, str | PathLike) else lm,
        method=method,
        config=load_rescore_config(overrides=[*overrides, *set_here]),
        tune=_path(tune),
        weights=None if isinstance(weights, Mapping) else _path(weights),
        references=_manifest_path(references),
        words=_path(words),
        boost=_path(boost),
    )


def _manifest_path(given: AnyPath | Manifest | None) -> Path | None:
    if given is None or isinstance(given, str | PathLike):
        return _path(given)
    from pyspeech.data.manifests import manifest_file  # with lhotse, as whoever has cuts

    return manifest_file(given)


def _path(given: AnyPath | None) -> Path | None:
    return None if given is None else Path(given)
