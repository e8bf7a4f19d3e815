"""The decoders that ``decoding.py`` compares; here is what a process of its own does for each.

All weights are those of natural logarithms, with a weight of 1 for the acoustic scores.
"""

import importlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pyspeech.decoding.archive import LatticeArchive
from pyspeech.decoding.frames import FrameArchive
from pyspeech.decoding.lattice import BLANK, Lattice, best_path, prune
from pyspeech.rescoring.compose import compose
from pyspeech.rescoring.config import LatticeSettings, Weights, load_rescore_config
from pyspeech.rescoring.language_model import LN10, open_lm
from pyspeech.rescoring.lexicon_search import BATCH_UTTERANCES, LexiconSearch, search_in_batches
from pyspeech.rescoring.lexicon_tree import LexiconTree
from pyspeech.rescoring.scorer import WordScorer

FLOOR = np.float32(-30.0)  # log-probability of tokens that were not kept
WEIGHTS = Weights(acoustic=1.0, lm=1.0, graph=0.0, word=0.0, boost=0.0, blank=0.0)
Setting = Sequence[int]
Decode = Callable[[list[Any]], list[list[str]]]


@dataclass(frozen=True)
class Input:
    """What there is to decode.

    Args:
        name: For tables.
        parts: Folders of ``dev`` and ``test``, each with ``frames`` and perhaps ``lattices``.
        arpa: The language model.
        symbols: Tokens by id, 0 the blank.
        separator: The token that begins a word; None where words begin anywhere.
        spellings: Token ids of each word, in every way.
    """

    name: str
    parts: Mapping[str, Path]
    arpa: Path
    symbols: Sequence[str]
    separator: int | None
    spellings: Mapping[str, list[list[int]]]

    def offers(self, what: str) -> bool:
        """Whether there are ``frames``, ``lattices`` or ``characters``."""
        if what == "characters":
            return self.separator is not None
        return all((part / what).exists() for part in self.parts.values())

    def dense(self, part: Path) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        """Yield id and log-probabilities, float32 [T, V], of every utterance."""
        for frames in FrameArchive(part / "frames"):
            yield frames.id, np.maximum(frames.dense(len(self.symbols)), FLOOR)


class System:
    """A decoder. Making one loads it."""

    package: ClassVar = "pyspeech"
    needs: ClassVar = "frames"
    colour: ClassVar = "#D55E00"  # of Okabe and Ito
    at_once: ClassVar = 1  # utterances given together
    settings: ClassVar[Sequence[Setting]]  # from fast to exact
    tuned_at: ClassVar[int]  # number of the setting for which weights are chosen

    def __init__(self, given: Input) -> None:
        self.given = given

    def utterances(self, part: Path, setting: Setting) -> Iterator[tuple[str, Any]]:
        """Yield id and input of every utterance, in the decoder's own form."""
        raise NotImplementedError

    def decoder(self, lm: float, word: float, setting: Setting) -> Decode:
        """Return what turns the input of some utterances into the words of each."""
        raise NotImplementedError


class TreeSearch(System):
    """Ours. Settings: beam, hypotheses."""

    settings = ((6, 100), (8, 200), (10, 400), (12, 1000), (14, 1500), (17, 3000), (20, 5000))
    tuned_at = 4
    at_once = BATCH_UTTERANCES

    def __init__(self, given: Input) -> None:
        self._lm, self._words = open_lm(given.arpa), ["<eps>", "<unk>", *given.spellings]
        spellings = [(n, way) for n, word in enumerate(self._words[2:], 2) for way in given.spellings[word]]
        self._tree = LexiconTree.from_spellings(spellings, len(given.symbols))
        self._look_ahead = self._lm.unigrams(self._words)

    def utterances(self, part: Path, setting: Setting) -> Iterator[tuple[str, Any]]:
        return ((frames.id, frames) for frames in FrameArchive(part / "frames"))

    def decoder(self, lm: float, word: float, setting: Setting) -> Decode:
        weights = WEIGHTS.but(lm=lm, word=word)
        scorer = WordScorer(self._lm, self._words, weights)
        limits = load_rescore_config().search.model_copy(
            update=dict(zip(("beam", "max_hypotheses"), setting, strict=True))
        )
        search = LexiconSearch(self._tree, scorer, weights, limits, None, self._look_ahead)
        return lambda batch: [_best_words(found.lattice, self._words) for found in search_in_batches(search, batch)]


class Flashlight(System):
    """flashlight-text's lexicon decoder, set up as in its own test. Settings: hypotheses, tokens by frame, beam."""

    package, colour = "flashlight-text", "#0072B2"
    settings = (
        *((10, 5, 8), (20, 5, 10), (50, 10, 10), (100, 10, 12), (250, 15, 15), (500, 15, 15)),
        *((500, 15, 20), (1000, 25, 20), (2500, 25, 25)),
    )
    tuned_at = 5

    def __init__(self, given: Input) -> None:
        self._peer: Any = importlib.import_module("flashlight.lib.text.decoder")
        self._dictionary: Any = importlib.import_module("flashlight.lib.text.dictionary").Dictionary()
        for word in ("<unk>", *given.spellings):
            self._dictionary.add_entry(word)
        self._dictionary.set_default_index(0)
        kenlm: Any = importlib.import_module("flashlight.lib.text.decoder.kenlm")
        self._lm = kenlm.KenLM(str(open_lm(given.arpa).path), self._dictionary)
        self.given, self._separator = given, given.separator or len(given.symbols)
        self._trie = self._peer.Trie(len(given.symbols) + 1, self._separator)
        for word, ways in given.spellings.items():
            index = self._dictionary.get_index(word)
            _, score = self._lm.score(self._lm.start(False), index)
            for spelling in (each for way in ways for each in self._spelled(way)):
                self._trie.insert(spelling, index, score)
        self._trie.smear(self._peer.SmearingMode.MAX)

    def _spelled(self, way: list[int]) -> list[list[int]]:
        # A word's last token may take one frame only, as separators are to end words. Phones get one that is as likely
        # as the blank; because it takes a frame that there may not be, words go without too.
        if self.given.separator is None:
            return [way, [*way, self._separator]]
        return [[*way[1:], self._separator]]

    def utterances(self, part: Path, setting: Setting) -> Iterator[tuple[str, Any]]:
        for id_, dense_TV in self.given.dense(part):
            if self.given.separator is None:
                yield id_, np.ascontiguousarray(np.hstack([dense_TV, dense_TV[:, :1]]))
            else:  # one frame more, that ends the last word
                last = np.where(np.arange(dense_TV.shape[1]) == self._separator, np.float32(0), FLOOR)
                yield id_, np.concatenate([dense_TV, last[None]])

    def decoder(self, lm: float, word: float, setting: Setting) -> Decode:
        # KenLM's scores are decimal logarithms, and it leaves them so.
        ctc = self._peer.CriterionType.CTC
        options = self._peer.LexiconDecoderOptions(*setting, lm * LN10, word, -math.inf, 0.0, False, ctc)
        search = self._peer.LexiconDecoder(options, self._trie, self._lm, self._separator, BLANK, 0, [], False)

        def decode(dense_TV: npt.NDArray[np.float32]) -> list[str]:
            best = search.decode(dense_TV.ctypes.data, *dense_TV.shape)[0]
            return [self._dictionary.get_entry(index) for index in best.words if index > 0]

        return _one_by_one(decode)


class Pyctcdecode(System):
    """pyctcdecode, which spells words itself and makes natural logarithms of KenLM's. Settings: its beam_width,
    beam_prune_logp and token_min_logp; by default 100, -10, -5.
    """

    package, needs, colour = "pyctcdecode", "characters", "#009E73"
    settings = (
        (5, -8, -4),
        (10, -10, -5),
        (25, -10, -5),
        (50, -10, -5),
        (100, -10, -5),
        (100, -15, -7),
        (250, -15, -7),
    )
    tuned_at = 4

    def __init__(self, given: Input) -> None:
        self.given = given
        labels = ["", *given.symbols[1:]]
        labels[given.separator or 0] = " "
        peer: Any = importlib.import_module("pyctcdecode")
        self._decoder = peer.build_ctcdecoder(labels, str(open_lm(given.arpa).path), list(given.spellings))

    def utterances(self, part: Path, setting: Setting) -> Iterator[tuple[str, Any]]:
        return self.given.dense(part)

    def decoder(self, lm: float, word: float, setting: Setting) -> Decode:
        width, prune_logp, token_logp = setting[0], float(setting[1]), float(setting[2])
        self._decoder.reset_params(alpha=lm, beta=word)
        decode = self._decoder.decode
        beams = {"beam_width": width, "beam_prune_logp": prune_logp, "token_min_logp": token_logp}
        return _one_by_one(lambda dense_TV: decode(dense_TV, **beams).split())


class LatticeSystem(System):
    """Rescores what the first pass left."""

    needs = "lattices"

    def __init__(self, given: Input) -> None:
        self.words = LatticeArchive(given.parts["dev"] / "lattices").words

    def utterances(self, part: Path, setting: Setting) -> Iterator[tuple[str, Any]]:
        return ((lattice.id, lattice) for lattice in LatticeArchive(part / "lattices"))


class Composition(LatticeSystem):
    """Ours. Settings: beam, states."""

    colour = "#E69F00"
    settings = ((2, 50), (4, 100), (6, 200), (8, 500), (12, 2000))
    tuned_at = 3

    def __init__(self, given: Input) -> None:
        super().__init__(given)
        self._lm = open_lm(given.arpa)

    def decoder(self, lm: float, word: float, setting: Setting) -> Decode:
        weights = WEIGHTS.but(lm=lm, word=word)
        scorer = WordScorer(self._lm, self.words, weights)
        limits = LatticeSettings(beam=setting[0], max_states=int(setting[1]))
        return _one_by_one(lambda each: _best_words(compose(each, scorer, weights, limits).lattice, self.words))


class WholeLattice(LatticeSystem):
    """k2, as icefall rescores a whole lattice. Setting: the beam to which the lattice was pruned before."""

    package, colour = "k2", "#56B4E9"
    settings = ((2,), (4,), (6,), (8,), (12,))
    tuned_at = 3

    def __init__(self, given: Input) -> None:
        import k2

        from pyspeech.graph.grammar import read_grammar

        super().__init__(given)
        # Label 0 for back-offs: they are taken while the lattice takes an arc without a word.
        grammar = read_grammar(given.arpa, {word: n for n, word in enumerate(self.words) if n}, 0).to_fsa()
        self._grammar = k2.arc_sort(k2.add_epsilon_self_loops(k2.arc_sort(k2.create_fsa_vec([grammar]))))
        self._grammar.lm_scores = self._grammar.scores.clone()

    def utterances(self, part: Path, setting: Setting) -> Iterator[tuple[str, Any]]:
        import k2
        import torch

        for id_, lattice in super().utterances(part, setting):
            pruned = prune(lattice, setting[0], lattice.num_arcs, 1.0)
            label = np.where(pruned.target == pruned.num_states - 1, -1, pruned.word).astype(np.int32)
            arcs = np.stack([pruned.source, pruned.target, label, pruned.acoustic.view(np.int32)], axis=1)
            yield id_, k2.create_fsa_vec([k2.Fsa(torch.from_numpy(arcs))])

    def decoder(self, lm: float, word: float, setting: Setting) -> Decode:
        import k2
        import torch

        first = torch.zeros(1, dtype=torch.int32)

        def decode(lattice: k2.Fsa) -> list[str]:
            found = k2.top_sort(k2.connect(k2.intersect_device(self._grammar, lattice, first, sorted_match_a=True)))
            found.scores = found.scores + (lm - 1) * found.lm_scores + word * (found.labels > 0)
            labels = k2.shortest_path(found, use_double_scores=True).labels.tolist()
            return [self.words[label] for label in labels if label > 0]

        return _one_by_one(decode)


SYSTEMS: dict[str, type[System]] = {
    "pyspeech search": TreeSearch,
    "flashlight-text": Flashlight,
    "pyctcdecode": Pyctcdecode,
    "pyspeech lattices": Composition,
    "k2 whole lattice": WholeLattice,
}


def _one_by_one(decode: Callable[[Any], list[str]]) -> Decode:
    return lambda batch: [decode(each) for each in batch]


def _best_words(lattice: Lattice, words: Sequence[str]) -> list[str]:
    labels = lattice.word[best_path(lattice, 1.0)]
    return [words[word] for word in labels[labels > 0]]


@dataclass(frozen=True)
class Job:
    """One pass over a part, with weights and the number of a setting."""

    lm: float
    word: float
    setting: int


@dataclass(frozen=True)
class Pass:
    """What a pass gave: words by utterance, CPU seconds of loading and decoding, and the peak of memory in MiB."""

    words: dict[str, list[str]]
    load_seconds: float
    seconds: float
    peak_mib: float


def run(system: str, given: Input, part: str, jobs: Sequence[Job]) -> list[Pass]:
    """Load a system and do jobs over a part of its input, on one core from here on."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    began = time.process_time()
    loaded = SYSTEMS[system](given)
    load_seconds = time.process_time() - began
    return [_pass(loaded, load_seconds, given.parts[part], job) for job in jobs]


def _pass(system: System, load_seconds: float, part: Path, job: Job) -> Pass:
    setting = system.settings[job.setting]
    decode = system.decoder(job.lm, job.word, setting)
    words: dict[str, list[str]] = {}
    utterances, seconds = system.utterances(part, setting), 0.0
    while batch := dict(islice(utterances, system.at_once)):
        began = time.process_time()
        found = decode(list(batch.values()))
        seconds += time.process_time() - began
        words |= zip(batch, found, strict=True)
    # Unlike getrusage's, this peak begins anew when a process starts a program.
    _, _, peak = Path("/proc/self/status").read_text(encoding="utf-8").partition("VmHWM:")
    return Pass(words, load_seconds, seconds, int(peak.split()[0]) / 1024)
