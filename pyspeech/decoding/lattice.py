"""The lattice of an utterance as plain arrays, and what is computed on it: best path, pruning.

Readable anywhere: this module, like ``archive`` and ``nbest`` beside it, imports neither torch nor k2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pyspeech.arrays import Array, check_finite, check_places, check_range

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
Choice = npt.NDArray[np.bool_]
ARC_FIELDS = ("source", "target", "token", "word", "acoustic", "graph", "frame")
BLANK = 0  # the token of an arc, and of a frame, in which the network says none
NO_FRAME = -1  # the token of an arc that consumes no frame
MAX_FRAMES = 1 << 26  # of an utterance: a week of it
EXACT = 2.0**20  # sums up to 2 ** 32 of multiples of its inverse are exact in float64


@dataclass(frozen=True, eq=False)
class Lattice:
    """The likely paths through an utterance. State 0 is the start and the highest state the only final one.

    Arcs are sorted by source and lead from a lower to a higher state; every arc lies on a path from start to end.
    What is read from a file is so only where :func:`check_lattices` says so.

    Args:
        id: Identity of the cut.
        source, target: States, int32 [A].
        token: What the network saw in the frame: int32 [A], ``BLANK`` where it saw none, -1 where an arc consumes no
            frame (final arcs, and the further words of an arc that had several).
        word: int32 [A], 0 for none.
        acoustic, graph: Natural logarithms, unscaled, float32 [A]; those of blanks with the penalty of the decode.
        frame: Output frame of the network at which the arc starts, int32 [A].
        num_frames: Output frames of the utterance; every path consumes so many.
    """

    id: str
    source: Ints
    target: Ints
    token: Ints
    word: Ints
    acoustic: Floats
    graph: Floats
    frame: Ints
    num_frames: int

    @property
    def num_arcs(self) -> int:
        """Number of arcs."""
        return len(self.source)

    @property
    def num_states(self) -> int:
        """Number of states, the final one included."""
        return int(self.target.max()) + 1

    def scores(self, acoustic_scale: float) -> Scores:
        """Score of each arc, float64 [A]: what search adds up."""
        return acoustic_scale * self.acoustic.astype(np.float64) + self.graph


def penalised_lattice(lattice: Lattice, added: float) -> Lattice:
    """Add so much, a natural logarithm, to the acoustic score of every blank: a penalty, or the rest of another."""
    if not added:
        return lattice
    acoustic = np.where(lattice.token == BLANK, lattice.acoustic + np.float32(added), lattice.acoustic)
    return replace(lattice, acoustic=acoustic)


def check_lattices(
    arcs: Mapping[str, Array], bounds: npt.NDArray[np.int64], num_frames: Array, num_tokens: int, num_words: int
) -> None:
    """Make sure that lattices, one behind the other, are what :class:`Lattice` promises, all at once.

    A token takes one frame. An arc without one takes none, or in a lattice without any token as many as it likes.

    Args:
        arcs: The ``ARC_FIELDS``, [A], whole numbers and real ones.
        bounds: Where the arcs of each lattice start, and the last of them end, [N + 1], ascending.
        num_frames: [N].
        num_tokens: How many there are.
        num_words: As many, no word being one.

    Raises:
        ValueError: naming the field, the place and what was expected there.
    """
    first, last = bounds[:-1], bounds[1:] - 1
    check_places("num_arcs", first <= last, "an arc, or more")
    check_range("num_frames", num_frames, 0, MAX_FRAMES)
    check_range("token", arcs["token"], NO_FRAME, num_tokens - 1)
    check_range("word", arcs["word"], 0, num_words - 1)
    check_range("frame", arcs["frame"], 0, MAX_FRAMES)
    for name in ("acoustic", "graph"):
        check_finite(name, arcs[name])
    if not len(first):
        return
    source, target, frame, in_frame = arcs["source"], arcs["target"], arcs["frame"], arcs["token"] != NO_FRAME
    # States that arcs leave are 0, 1, 2, ... of each lattice; is_new at the first arc of each.
    step = np.diff(source, prepend=source.dtype.type(-1))
    check_places("source", source[first] == 0, "the start, state 0")
    step[first] = 1
    is_new = step == 1
    check_places("source", is_new | (step == 0), "the state of the arc before, or the next")
    end = source[last] + 1
    check_places("target", target > source, "a state above the source")
    check_places("target", np.maximum.reduceat(target, first) == end, "no state above the last")
    # From here on, states count through all lattices.
    ends = np.cumsum(end + 1) - 1
    counts = np.diff(bounds)
    onto = target + np.repeat(ends - end, counts)
    is_left = np.ones(int(ends[-1]) + 1, np.bool_)
    is_left[ends] = False
    is_entered = np.zeros(len(is_left), np.bool_)
    is_entered[onto] = is_entered[ends - end] = True
    check_places("target", is_entered, "an arc into each state")
    check_places("frame", frame[first] == 0, "0 at the start")
    check_places("frame", is_new[1:] | (frame[1:] == frame[:-1]), "that of the arc before, which leaves the same state")
    times = np.empty(len(is_left), frame.dtype)
    times[ends], times[is_left] = num_frames, frame[is_new]
    elapsed = times[onto] - frame
    if not np.array_equal(elapsed, in_frame):
        has_tokens = np.repeat(np.logical_or.reduceat(in_frame, first), counts)
        allowed = np.where(has_tokens, elapsed == in_frame, elapsed >= 0)
        check_places("frame", allowed, "to last a frame with a token, else none")


def linear_lattice(id_: str, tokens: Ints, words: Ints, acoustic: Floats) -> Lattice:
    """Return the lattice of one path: a token in every frame, [T], and where a word starts its id, else 0, [T]."""
    num_frames = len(tokens)
    states = np.arange(num_frames + 1, dtype=np.int32)
    return Lattice(
        id=id_,
        source=states,
        target=states + 1,
        token=np.append(tokens, NO_FRAME).astype(np.int32),
        word=np.append(words, 0).astype(np.int32),
        acoustic=np.append(acoustic, 0).astype(np.float32),
        graph=np.zeros(num_frames + 1, np.float32),
        frame=states,
        num_frames=num_frames,
    )


def best_path(lattice: Lattice, acoustic_scale: float) -> Ints:
    """Return the arcs of the path with the highest score, from start to end."""
    score = lattice.scores(acoustic_scale)
    onward = score + scores_to_end(lattice, score)[lattice.target]
    first = first_arcs(lattice)
    arcs, state, final = [], 0, lattice.num_states - 1
    while state != final:
        arc = first[state] + int(onward[first[state] : first[state + 1]].argmax())
        arcs.append(arc)
        state = int(lattice.target[arc])
    return np.array(arcs, np.int32)


def scores_to_end(lattice: Lattice, score: Scores) -> Scores:
    """Score of the best path from each state to the end, float64 [S]."""
    best = np.full(lattice.num_states, -np.inf)
    best[-1] = 0
    for step in reversed(steps(lattice)):
        np.maximum.at(best, lattice.source[step], score[step] + best[lattice.target[step]])
    return best


def first_arcs(lattice: Lattice) -> list[int]:
    """Where the arcs of each state start among all, [S + 1]."""
    first: list[int] = np.searchsorted(lattice.source, np.arange(lattice.num_states + 1)).tolist()
    return first


def reordered(lattice: Lattice, arcs: npt.NDArray[np.intp]) -> Lattice:
    """Return the lattice with these of its arcs alone, in their order."""
    return replace(lattice, **{name: getattr(lattice, name)[arcs] for name in ARC_FIELDS})


def prune(lattice: Lattice, beam: float, max_arcs: int, acoustic_scale: float) -> Lattice:
    """Return the lattice of the arcs that ``arcs_within`` keeps."""
    keep = arcs_within(lattice, beam, max_arcs, acoustic_scale)
    return lattice if keep.all() else select(lattice, keep)


def arcs_within(lattice: Lattice, beam: float, max_arcs: int, acoustic_scale: float) -> Choice:
    """Choose the arcs that lie on a path whose score is within ``beam`` of the best, bool [A].

    Where these are more than ``max_arcs``, choose fewer: the best, and in any case one best path. Arcs that lie on no
    path from start to end may be given, and are not chosen.
    """
    # Multiples of a power of two add up exactly in any order, so the arcs of one path get one and the same value
    # and are kept or left together: a path without one of its arcs would lead nowhere.
    score = np.round(lattice.scores(acoustic_scale) * EXACT) / EXACT
    to_end = scores_to_end(lattice, score)
    through = _scores_from_start(lattice, score)[lattice.source] + score + to_end[lattice.target]
    keep: Choice = np.isfinite(through) & (through >= to_end[0] - beam)
    if keep.sum() > max_arcs:
        keep = through > np.partition(through, -max_arcs - 1)[-max_arcs - 1]
        keep[best_path(lattice, acoustic_scale)] = True
    return keep


def _scores_from_start(lattice: Lattice, score: Scores) -> Scores:
    best = np.full(lattice.num_states, -np.inf)
    best[0] = 0
    for step in steps(lattice):
        np.maximum.at(best, lattice.target[step], best[lattice.source[step]] + score[step])
    return best


def steps(lattice: Lattice) -> list[slice]:
    """Part the arcs into runs such that no path has two arcs of one run: what numpy may compute at once."""
    lowest = np.minimum.accumulate(lattice.target[::-1])[::-1]  # that any arc from this one on leads to
    following: list[int] = np.searchsorted(lattice.source, lowest).tolist()
    bounds = [0]
    while bounds[-1] < lattice.num_arcs:
        bounds.append(following[bounds[-1]])
    return [slice(*ends) for ends in pairwise(bounds)]


def select(lattice: Lattice, chosen: Choice) -> Lattice:
    """Return the lattice of the chosen arcs, its states numbered anew."""
    arcs = np.flatnonzero(chosen)
    states = np.union1d(lattice.source[arcs], lattice.target[arcs])
    source, target = (np.searchsorted(states, ends).astype(np.int32) for ends in (lattice.source, lattice.target))
    return reordered(replace(lattice, source=source, target=target), arcs)
