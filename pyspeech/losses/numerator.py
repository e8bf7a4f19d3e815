"""Sums over all CTC paths of what was said: every pronunciation of its words, weighed by a model of token sequences."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pyspeech.losses import ctc
from pyspeech.losses.contract import Pronounced
from pyspeech.losses.token_ngrams import TokenNgrams

NOTHING = -80.0  # e^-80 beside 1 is nothing in float32; below e^-87 its numbers lose digits, and processors their speed
IMPOSSIBLE = -1e30  # a logarithm that sums need no special case for
Arcs: TypeAlias = Sequence[tuple[int, int, int, float]]  # from node to node, token, log-probability
Steps: TypeAlias = Sequence[tuple[int, int, float]]  # from state to state, log-probability


@dataclass(frozen=True, eq=False)
class Direction:
    """How paths go from state to state, in one of the two directions.

    Attributes:
        before: The states that a path may come from, itself among them, int64 [..., S, K], padded.
        weights: Log-probabilities of coming from there, float32 [..., S, K]; ``IMPOSSIBLE`` where padded.
        first: Log-probabilities to begin in each state, float32 [..., S].
    """

    before: Tensor
    weights: Tensor
    first: Tensor


@dataclass(frozen=True, eq=False)
class Numerator:
    """The paths of one utterance over S states that each emit one token: in the topology of CTC, before it is timed.

    Attributes:
        tokens: What each state emits, int64 [S]; 0 is the blank.
        onward: Along time.
        backward: Against it; its ``first`` are the log-probabilities to end in a state.
    """

    tokens: Tensor
    onward: Direction
    backward: Direction


def make_numerator(target: Pronounced, model: TokenNgrams) -> Numerator:
    """Spell ``target`` in all ways, with the probabilities that ``model`` gives them.

    Spellings are joined where a word ends and the model knows no difference.
    """
    # Nodes lie between tokens; a token's state stands for its arc from one node to the next.
    at_node: dict[int, int] = {0: 0}  # the model's states where a word ends, and their nodes
    num_nodes = 1
    arcs: list[tuple[int, int, int, float]] = []  # node, node, token, log-probability
    for word in target.words:
        ends: dict[int, int] = {}
        for spelling, (before, begin) in itertools.product(word, at_node.items()):
            state, node = before, begin
            for place, token in enumerate(spelling):
                log_prob = float(model.log_probs[state, token])
                state = int(model.following[state, token])
                onto = ends.setdefault(state, num_nodes) if place + 1 == len(spelling) else num_nodes
                num_nodes += onto == num_nodes
                arcs.append((node, onto, token, log_prob))
                node = onto
        at_node = ends
    final = {node: float(model.log_probs[state, 0]) for state, node in at_node.items()}
    return _with_blanks(num_nodes, arcs, final)


def _with_blanks(num_nodes: int, arcs: Arcs, ends: dict[int, float]) -> Numerator:
    """The states are the nodes' blanks, then the arcs' tokens."""
    num_states = num_nodes + len(arcs)
    steps = [(state, state, 0.0) for state in range(num_states)]
    reaching: list[list[int]] = [[] for _ in range(num_nodes)]
    for arc, (_, node, _, _) in enumerate(arcs):
        reaching[node].append(arc)
        steps.append((num_nodes + arc, node, 0.0))
    first, final = ([IMPOSSIBLE] * num_states for _ in range(2))
    first[0] = 0.0
    for node, log_prob in ends.items():
        final[node] = log_prob
    for arc, (node, onto, token, log_prob) in enumerate(arcs):
        state = num_nodes + arc
        steps.append((node, state, log_prob))
        steps += [(num_nodes + other, state, log_prob) for other in reaching[node] if arcs[other][2] != token]
        final[state] = ends.get(onto, IMPOSSIBLE)
        if node == 0:
            first[state] = log_prob
    return Numerator(
        torch.tensor([0] * num_nodes + [token for _, _, token, _ in arcs]),
        _direction(steps, first),
        _direction([(target, source, log_prob) for source, target, log_prob in steps], final),
    )


def _direction(steps: Steps, first: Sequence[float]) -> Direction:
    before: list[list[int]] = [[] for _ in first]
    weights: list[list[float]] = [[] for _ in first]
    for source, target, log_prob in steps:
        before[target].append(source)
        weights[target].append(log_prob)
    most = max(map(len, before))
    return Direction(
        torch.tensor([states + [0] * (most - len(states)) for states in before]),
        torch.tensor([values + [IMPOSSIBLE] * (most - len(values)) for values in weights]),
        torch.tensor(first),
    )


def frames_needed(target: Pronounced) -> int:
    """Fewest frames of any spelling: one for each token, and one for a blank between two equal ones."""
    fewest = {0: 0}  # by the last token
    for word in target.words:
        ends: dict[int, int] = {}
        for spelling, (last, frames) in itertools.product(word, fewest.items()):
            needed = frames - 1 + ctc.frames_needed((last, *spelling))
            end = spelling[-1] if spelling else last
            ends[end] = min(needed, ends.get(end, needed))
        fewest = ends
    return min(fewest.values())


def sum_numerators(numerators: Sequence[Numerator], log_probs_BTV: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
    """Add up all paths of each utterance, forward and backward at once.

    Returns:
        The logarithm of the sum, [B], and its derivative by ``log_probs_BTV``, [B, T, V]: the probability of each token
        in each frame.
    """
    device, (size, frames, _) = log_probs_BTV.device, log_probs_BTV.shape
    tokens_BS, onward, backward = _batched(numerators, log_probs_BTV)
    lengths_B = lengths_B.to(device)
    emitted_BTS = log_probs_BTV.gather(2, tokens_BS[:, None].expand(-1, frames, -1))
    # Backward, frame t of an utterance is what is length - 1 - t onward.
    turned_BT = (lengths_B[:, None] - 1 - torch.arange(frames, device=device)).clamp(min=0)
    turned_BTS = turned_BT[..., None].expand_as(emitted_BTS)
    emitted_CTS = torch.cat([emitted_BTS, emitted_BTS.gather(1, turned_BTS)])
    alphas_BTS, betas_BTS = torch.split(_sums(onward, backward, emitted_CTS), size)
    ends_BS = alphas_BTS[torch.arange(size, device=device), lengths_B - 1]
    totals_B = (ends_BS + backward.first).logsumexp(1)
    totals_B = totals_B.where(totals_B > IMPOSSIBLE / 2, totals_B.new_tensor(-math.inf))
    posteriors_BTS = (alphas_BTS + betas_BTS.gather(1, turned_BTS) - emitted_BTS - totals_B[:, None, None]).exp()
    within_BT = torch.arange(frames, device=device) < lengths_B[:, None]
    posteriors_BTS = posteriors_BTS.where(within_BT[..., None], posteriors_BTS.new_zeros(()))
    gradient_BTV = torch.zeros_like(log_probs_BTV)
    gradient_BTV.scatter_add_(2, tokens_BS[:, None].expand_as(posteriors_BTS), posteriors_BTS)
    return totals_B, gradient_BTV


def _sums(onward: Direction, backward: Direction, emitted_CTS: Tensor) -> Tensor:
    """Logarithms of the sums of the paths that end in each state in each frame, [C, T, S]: onward, then backward."""
    _, _, states = emitted_CTS.shape
    before_CSK, weights_CSK, first_CS = (
        torch.cat([getattr(each, name) for each in (onward, backward)]) for name in ("before", "weights", "first")
    )
    rows = torch.arange(len(before_CSK), device=before_CSK.device) * states
    before_X = (before_CSK + rows[:, None, None]).permute(2, 0, 1).flatten()
    weights_KX = weights_CSK.permute(2, 0, 1).flatten(1).contiguous()
    emitted_TX = emitted_CTS.transpose(0, 1).flatten(1).contiguous()
    scores_TX = torch.empty_like(emitted_TX)
    reached_X = first_CS.flatten()
    for emitted_X, scores_X in zip(emitted_TX.unbind(), scores_TX.unbind(), strict=True):
        torch.add(reached_X, emitted_X, out=scores_X)
        reached_KX = scores_X.index_select(0, before_X).view_as(weights_KX).add_(weights_KX)
        highest_X = reached_KX.amax(0)
        reached_X = reached_KX.sub_(highest_X).clamp_(min=NOTHING).exp_().sum(0).log_().add_(highest_X)
    scores_CTS: Tensor = scores_TX.view(len(scores_TX), -1, states).transpose(0, 1)
    return scores_CTS


def _batched(numerators: Sequence[Numerator], like: Tensor) -> tuple[Tensor, Direction, Direction]:
    """Pad all to one number of states, and of states before each."""
    tokens_BS = pad_sequence([each.tokens for each in numerators], batch_first=True)
    most = max(direction.before.shape[1] for each in numerators for direction in (each.onward, each.backward))
    size, states = tokens_BS.shape

    def batched(directions: Sequence[Direction]) -> Direction:
        before = torch.zeros(size, states, most, dtype=torch.int64)
        weights = torch.full((size, states, most), IMPOSSIBLE)
        first = torch.full((size, states), IMPOSSIBLE)
        for n, each in enumerate(directions):
            held, wide = each.before.shape
            before[n, :held, :wide] = each.before
            weights[n, :held, :wide] = each.weights
            first[n, :held] = each.first
        return Direction(before.to(like.device), weights.to(like), first.to(like))

    onward, backward = batched([each.onward for each in numerators]), batched([each.backward for each in numerators])
    return tokens_BS.to(like.device), onward, backward
