"""HLG: topology, lexicon and grammar composed into the one graph that decoding searches.

Reference: M. Mohri, F. Pereira, M. Riley, "Speech recognition with weighted finite-state transducers",
https://cs.nyu.edu/~mohri/pub/hbka.pdf.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import k2
import numpy as np
import torch

from pyspeech.arrays import check_form, check_places, check_range
from pyspeech.errors import UserError
from pyspeech.files import complete, digest, existing_file, write_json
from pyspeech.graph.grammar import read_grammar
from pyspeech.graph.inputs import AGAIN, EPSILON, read_words
from pyspeech.graph.lexicon_fst import lexicon_arcs
from pyspeech.json_files import read_json
from pyspeech.lang.writing import OTHER, case_to_bring, in_case
from pyspeech.lm.arpa import arpa_words
from pyspeech.tensor_files import read_header, read_tensors, write_tensors

if TYPE_CHECKING:
    from pyspeech.lang.tokens import TokenSet

UNKNOWN = "<unk>"
NUM_EXAMPLES = 5
FINAL = -1  # label of the arcs into the final state
LARGEST_SCORE = 1e6  # logarithm, of either sign: sums of no more stay finite in 32 bits

# The plain topology has an arc between every two tokens: measured with 500, search is 70 times slower than with the
# modified one, while with phones it makes no difference.
MAX_PLAIN_TOKENS = 200

Topology = Literal["plain", "modified"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Graph:
    """A decoding graph.

    Args:
        fsa: Labels are tokens by frame (0: blank), ``tokens`` the same with repetitions as 0, ``aux_labels`` (ragged)
            words, scores the language model's natural logarithms.
        words: Words by id; 0 is no word.
        symbols_digest: Digest of the symbols of the token set it was made for.
    """

    fsa: k2.Fsa
    words: tuple[str, ...]
    symbols_digest: str


@dataclass(frozen=True)
class CompilationStep:
    """What one step of the compilation took and gave."""

    name: str
    states: int
    arcs: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.name:<24} {self.states:>10,} states {self.arcs:>11,} arcs {self.seconds:7.2f} s"


@dataclass(frozen=True)
class Spelled:
    """The words of a language model that tokens can spell, and those they cannot."""

    spellings: Mapping[str, list[list[int]]]
    missing: tuple[str, ...]


@dataclass
class Compilation:
    """Runs the steps and keeps their sizes."""

    steps: list[CompilationStep] = field(default_factory=list)

    def step(self, name: str, make: Callable[[], k2.Fsa]) -> k2.Fsa:
        """Run one step and tell what it took."""
        started = time.monotonic()
        fsa = make()
        self.steps.append(
            CompilationStep(name, int(fsa.shape[0]), int(fsa.num_arcs), round(time.monotonic() - started, 3))
        )
        log.info(str(self.steps[-1]))
        return fsa


def make_graph(out: Path, key: str, tokens: "TokenSet", arpa: Path) -> None:
    """Compile the graph of ``tokens`` and ``arpa`` and write the folder ``out``.

    ``key`` is the digest of the inputs, kept beside the graph.

    Raises:
        UserError: as :func:`compile_tokens`.
    """
    graph, description = compile_tokens(tokens, arpa)
    save_graph(graph, {"digest": key, **description}, out)


def compile_tokens(tokens: "TokenSet", arpa: Path) -> tuple[Graph, dict[str, object]]:
    """Compile the graph of all words of ``arpa`` that ``tokens`` spell, and describe it as ``graph.json`` does.

    Raises:
        UserError: a damaged ARPA file, or one that shares no word with the tokens.
    """
    written = arpa_words(arpa)
    case = case_to_bring(_words_of(tokens), dict.fromkeys(written, 1), f"the language model {arpa}", any_case=False)
    if case is None:
        theirs = {word: word for word in written}
    else:
        log.info(f"the words of {arpa} are read in {case}, as the transcripts are written")
        theirs = {in_case(word, case): word for word in written if in_case(word, OTHER[case]) == word}
    spelled = spell(tokens, list(theirs))
    if spelled.missing:
        shown = ", ".join(spelled.missing[:NUM_EXAMPLES])
        log.warning(f"{len(spelled.missing)} words of {arpa} cannot be spelled and are left out, first: {shown}")
    compilation = Compilation()
    topology = choose_topology(len(tokens.symbols))
    graph = compile_graph(tokens.symbols, spelled.spellings, arpa, topology, compilation, theirs)
    return graph, {
        "symbols_digest": graph.symbols_digest,
        "tokens": tokens.kind,
        "topology": topology,
        "words": len(graph.words) - 1,
        "states": compilation.steps[-1].states,
        "arcs": compilation.steps[-1].arcs,
        "seconds": round(sum(step.seconds for step in compilation.steps), 2),
        "steps": [asdict(step) for step in compilation.steps],
        "missing_words": spelled.missing,
    }


def _words_of(tokens: "TokenSet") -> Collection[str]:
    """What tells how the transcripts are written: the words of the lexicon, else the tokens."""
    from pyspeech.lang.tokens import PhoneTokens

    return set(tokens.lexicon) if isinstance(tokens, PhoneTokens) else tokens.symbols[1:]


def spell(tokens: "TokenSet", vocabulary: Sequence[str]) -> Spelled:
    """Spell every word in every way there is. ``<unk>`` is a word only where a lexicon pronounces it.

    Raises:
        UserError: no word can be spelled.
        MissingPackage: espeak-ng is to pronounce words and not installed.
    """
    words = [word for word in vocabulary if word != UNKNOWN or tokens.kind == "phones"]
    if tokens.espeak is not None:
        tokens = _with_espeak(tokens, [word for word in words if word != UNKNOWN], tokens.espeak)
    pronunciations = {word: tokens.pronunciations(word) for word in words}
    if UNKNOWN in pronunciations:  # which a lexicon may write in capitals
        pronunciations[UNKNOWN] = pronunciations[UNKNOWN] or tokens.pronunciations("<UNK>")
    missing = tuple(word for word, ways in pronunciations.items() if not ways and word != UNKNOWN)
    spellings = {word: ways for word, ways in pronunciations.items() if ways}
    if not spellings:
        shown = ", ".join(missing[:NUM_EXAMPLES]) or "none"
        raise UserError(
            f"no word of the language model ({shown}, …) can be spelled in these {tokens.kind}; "
            "do both write words alike, in upper or lower case?"
        )
    return Spelled(spellings, missing)


def compile_graph(
    symbols: Sequence[str],
    spellings: Mapping[str, list[list[int]]],
    arpa: Path,
    topology: Topology,
    compilation: Compilation,
    theirs: Mapping[str, str] | None = None,
) -> Graph:
    """Compose H, L and G.

    ``symbols`` are the tokens, the blank first; ``spellings`` the ways, one or more, of every word in token ids.
    N-grams of ``arpa`` with a word that has no spelling are left out, the rest keep their scores. ``theirs`` says how
    ``arpa`` writes a word, where that is not alike.

    Raises:
        UserError: the model cannot be read, or allows no sentence of the words.
    """
    words = (EPSILON, *spellings)
    ids = {word: id_ for id_, word in enumerate(words) if id_}
    model_ids = ids if theirs is None else {theirs[word]: id_ for word, id_ in ids.items()}
    back_off, num_tokens, step = len(words), len(symbols), compilation.step
    pairs = [(ids[word], tuple(way)) for word, ways in spellings.items() for way in ways]
    lexicon = step("L", lambda: k2.arc_sort(lexicon_arcs(pairs, num_tokens, back_off).to_fsa()))
    grammar = step("G", lambda: k2.arc_sort(read_grammar(arpa, model_ids, back_off).to_fsa()))
    graph = step("L o G", lambda: k2.connect(k2.compose(lexicon, grammar)))
    # From here on a back-off is no word. Its symbol among the tokens must stay until all is deterministic.
    graph.aux_labels = graph.aux_labels.masked_fill(graph.aux_labels == back_off, 0)
    graph = step("determinised", lambda: k2.connect(k2.determinize(graph)))
    graph.labels = graph.labels.masked_fill(graph.labels >= num_tokens, 0)
    graph = step("LG, without symbols", lambda: k2.arc_sort(k2.connect(k2.remove_epsilon(graph))))
    if graph.num_arcs == 0:
        raise UserError(f"{arpa} allows no sentence of the words that can be spelled; make the model again")
    frames = step("H", lambda: ctc_topology(num_tokens, topology))
    graph = step("HLG", lambda: k2.arc_sort(k2.connect(k2.compose(frames, graph, inner_labels="tokens"))))
    return Graph(graph, words, digest(list(symbols)))


def save_graph(graph: Graph, description: Mapping[str, object], out: Path) -> None:
    """Write the folder ``out``: plain tensors, the words one a line, and ``description`` as ``graph.json``.

    Raises:
        UserError: it cannot be written.
    """
    fsa = graph.fsa.to("cpu")
    tensors = {
        "arcs": fsa.arcs.values(),
        "tokens": fsa.tokens,
        "aux_labels.values": fsa.aux_labels.values,
        "aux_labels.row_splits": fsa.aux_labels.shape.row_splits(1),
    }
    with complete(out) as partial:
        partial.mkdir()
        # Tensors of k2 may share memory, which the format does not allow.
        whole = {name: tensor.clone() for name, tensor in tensors.items()}
        write_tensors(partial / "graph.safetensors", whole, {"words": digest(list(graph.words))})
        (partial / "words.txt").write_text("".join(f"{word}\n" for word in graph.words), encoding="utf-8")
        write_json(partial / "graph.json", description)


def load_graph(folder: Path) -> Graph:
    """Read a graph that :func:`save_graph` wrote.

    Raises:
        UserError: a file is missing or damaged.
    """
    path = existing_file(folder / "graph.safetensors", "decoding graph")
    tensors = read_tensors(path, "decoding graph", AGAIN)
    words = read_words(folder)
    symbols_digest = read_json(folder / "graph.json", "description of a graph", AGAIN).get("symbols_digest")
    try:
        if digest(list(words)) != read_header(path, "decoding graph", AGAIN).get("words"):
            raise ValueError("words.txt holds other words")
        if not isinstance(symbols_digest, str):
            raise ValueError("graph.json has no symbols_digest")
        _check(tensors, len(words))
        shape = k2.ragged.create_ragged_shape2(
            row_splits=tensors["aux_labels.row_splits"], cached_tot_size=len(tensors["aux_labels.values"])
        )
        fsa = k2.Fsa(tensors["arcs"], aux_labels=k2.RaggedTensor(shape, tensors["aux_labels.values"]))
        fsa.tokens = tensors["tokens"]
        return Graph(fsa, words, symbols_digest)
    except (ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"{folder} holds no complete decoding graph ({error}); {AGAIN}") from error


def _check(tensors: Mapping[str, torch.Tensor], num_words: int) -> None:
    """Make sure of all that k2 believes, or ends the process at: what :func:`save_graph` writes is so.

    Raises:
        ValueError: naming the array, the place and what was expected there.
    """
    arcs, tokens = tensors["arcs"].numpy(), tensors["tokens"].numpy()
    splits, values = tensors["aux_labels.row_splits"].numpy(), tensors["aux_labels.values"].numpy()
    check_form("arcs", arcs, "int32", None, 4)
    count = len(arcs)
    check_form("tokens", tokens, "int32", count)
    check_form("aux_labels.row_splits", splits, "int32", count + 1)
    check_form("aux_labels.values", values, "int32", None)
    if not count:
        raise ValueError("it has no arcs")
    source, target, labels = arcs[:, 0], arcs[:, 1], arcs[:, 2]
    steps = np.diff(source, prepend=np.int32(-1))
    check_places("arcs", (steps == 1) | ((steps == 0) & (source >= 0)), "the state of the arc before, or the next")
    final = int(source[-1]) + 1
    check_range("arcs, targets", target, 0, final)
    check_range("arcs, labels", labels, FINAL, np.iinfo(np.int32).max)
    check_places("arcs", (labels == FINAL) == (target == final), "the label -1 into the final state, and no other")
    check_range("arcs, scores", arcs[:, 3].copy().view(np.float32), -LARGEST_SCORE, LARGEST_SCORE)
    check_places("tokens", (tokens == labels) | (tokens == 0), "the label of the arc, or 0 where it is repeated")
    check_range("aux_labels.values", values, FINAL, num_words - 1)
    check_places("aux_labels.row_splits", splits[:-1] <= splits[1:], "no end before the start")
    if (splits[0], splits[-1]) != (0, len(values)):
        raise ValueError(f"array 'aux_labels.row_splits': {splits[0]} to {splits[-1]}, expected 0 to {len(values)}")


def _with_espeak(tokens: "TokenSet", words: Sequence[str], language: str) -> "TokenSet":
    from pyspeech.lang.pronunciations import espeak_phones
    from pyspeech.lang.tokens import PhoneTokens

    assert isinstance(tokens, PhoneTokens)
    missing = [word for word in words if not tokens.pronunciations(word)]
    spoken = zip(missing, espeak_phones(missing, language, tokens.symbols[1:]), strict=True)
    return tokens.with_words({word: (phones,) for word, phones in spoken if phones})


def choose_topology(num_tokens: int) -> Topology:
    """Return ``plain`` (a blank must part a token from its repetition) for few tokens, else ``modified`` (it may)."""
    return "plain" if num_tokens <= MAX_PLAIN_TOKENS else "modified"


def ctc_topology(num_tokens: int, topology: Topology) -> k2.Fsa:
    """Return H, from network outputs to tokens (CTC), on CPU; ``num_tokens`` counts the blank, which is input 0."""
    return k2.ctc_topo(num_tokens - 1, modified=topology == "modified")
