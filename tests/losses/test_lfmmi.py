"""LF-MMI beside sums over all paths, finite differences and k2."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.losses.contract import Pronounced
from pyspeech.losses.lfmmi import LfMmi
from pyspeech.losses.numerator import frames_needed, make_numerator, sum_numerators

V = 4
CORPUS = [
    Pronounced(words) for words in ([[[1, 2], [1, 1]], [[3]]], [[[2, 2, 3]], [[1], [3, 1]]], [[[1]], [[1, 2]]])
] * 3
spellings = st.lists(st.integers(1, V - 1), min_size=1, max_size=2)
targets = st.lists(st.lists(spellings, min_size=1, max_size=3), max_size=2).map(Pronounced)


def loss_of(corpus=CORPUS, **changed):
    loss = LfMmi(
        **{"num_outputs": V, "order": 3, "discount": 0.7, "min_count": 2, "ctc": 0.0, "flat_start": 0.0, "begins": 0.0}
        | changed
    )
    loss.learn(corpus)
    return loss


def random_log_probs(*shape, seed=0, sharp=2.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).mul(sharp).log_softmax(-1)


def paths(log_probs_TV, model):
    """Every path of frames: the tokens it spells, and its score."""
    for path in itertools.product(range(log_probs_TV.shape[1]), repeat=len(log_probs_TV)):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token)
        yield tokens, float(sum(log_probs_TV[t, v] for t, v in enumerate(path))) + model.score(tokens)


def said(target):
    return {sum(map(tuple, chosen), ()) for chosen in itertools.product(*target.words)}


@settings(max_examples=15)
@given(targets, st.integers(1, 5), st.integers(1, 4), st.integers(0, 1000))
def test_the_sums_are_those_of_all_paths(target, frames, order, seed):
    loss = loss_of(order=order)
    log_probs = random_log_probs(1, frames, V, seed=seed)
    every = list(paths(log_probs[0], loss.model))
    lengths = torch.tensor([frames])
    [everything], _ = loss.denominator.sums(log_probs, lengths)
    assert float(everything) == pytest.approx(np.logaddexp.reduce([score for _, score in every]), abs=1e-6)
    # Of spellings that are equal, each is a way of its own.
    ways = [sum(map(tuple, chosen), ()) for chosen in itertools.product(*target.words)]
    ours = [score for way in ways for tokens, score in every if tokens == way]
    [spoken], _ = sum_numerators([make_numerator(target, loss.model)], log_probs, lengths)
    assert float(spoken) == pytest.approx(np.logaddexp.reduce(ours) if ours else -np.inf, abs=1e-6)
    assert (frames_needed(target) <= frames) == bool(ours)
    best, score = max(every, key=lambda each: each[1])
    [found] = loss.best_tokens(log_probs, lengths)
    assert tuple(found) == best or dict(every)[tuple(found)] == pytest.approx(score)


@pytest.mark.parametrize("progress", [0.2, 0.8])
def test_gradients_are_those_of_finite_differences(progress):
    loss = loss_of(ctc=0.3, begins=0.5)
    logits = torch.randn(3, 6, V, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()

    def losses(x):
        return loss(x.log_softmax(2), torch.tensor([6, 5, 4]), CORPUS[:3], progress)

    assert torch.autograd.gradcheck(losses, (logits,), eps=1e-6, atol=1e-6)


def test_posteriors_of_float32_are_those_of_float64_however_sure_the_network_is():
    loss = loss_of()
    for sharp in (0.1, 5.0, 50.0):
        log_probs = random_log_probs(2, 300, V, sharp=sharp)
        lengths = torch.tensor([300, 180])
        for sums in (
            loss.denominator.sums,
            lambda x, n: sum_numerators([make_numerator(each, loss.model) for each in CORPUS[:2]], x, n),
        ):
            exact, near = sums(log_probs, lengths), sums(log_probs.float(), lengths)
            torch.testing.assert_close(near[0].double(), exact[0], rtol=1e-5, atol=1e-3)
            # Logarithms that large have no more digits.
            resolution = float(exact[0].abs().max()) * torch.finfo(torch.float32).eps
            torch.testing.assert_close(near[1].double(), exact[1], rtol=0, atol=4 * resolution + 1e-4)
            torch.testing.assert_close(exact[1].sum(2)[0], torch.ones(300, dtype=torch.float64))


def test_what_was_said_is_among_what_could_be():
    loss = loss_of()
    log_probs = random_log_probs(3, 9, V, sharp=4.0)
    losses = loss(log_probs, torch.tensor([9, 7, 5]), CORPUS[:3], 1.0)
    assert bool((losses >= -1e-9).all())
    # A model that knows one sentence alone leaves little else to be told apart from.
    sure = loss_of([Pronounced.of([1, 2, 3])] * 10_000, discount=1e-3)
    [one] = sure(log_probs[:1], torch.tensor([9]), [[1, 2, 3]], 1.0)
    assert float(one) < float(loss(log_probs[:1], torch.tensor([9]), [[1, 2, 3]], 1.0)[0])


def test_before_it_begins_it_is_ctc():
    loss = loss_of(begins=0.5)
    log_probs = random_log_probs(2, 8, V).requires_grad_()
    tokens = [[1, 2, 2], [3, 1]]
    ours = loss(log_probs, torch.tensor([8, 6]), tokens, 0.4)
    expected = torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1),
        torch.tensor(list(itertools.chain(*tokens))),
        torch.tensor([8, 6]),
        torch.tensor([3, 2]),
        reduction="none",
    )
    weights = torch.tensor([loss.model.score(each) for each in tokens])
    torch.testing.assert_close(ours, expected - weights)
    mine, theirs = (torch.autograd.grad(x.sum(), log_probs)[0] for x in (ours, expected))
    # torch's is by what the logarithm of the softmax was taken of.
    for b, length in enumerate([8, 6]):
        torch.testing.assert_close(mine[b, :length] + log_probs[b, :length].exp(), theirs[b, :length])


def test_the_loss_of_an_utterance_and_its_gradient_do_not_depend_on_the_rest_of_the_batch():
    loss = loss_of(ctc=0.1)
    log_probs = random_log_probs(3, 7, V).requires_grad_()
    lengths = torch.tensor([5, 7, 6])
    [together] = torch.autograd.grad(loss(log_probs, lengths, CORPUS[:3], 1.0).sum(), log_probs)
    for b, length in enumerate(lengths.tolist()):
        alone = log_probs[b : b + 1, :length].detach().requires_grad_()
        [gradient] = torch.autograd.grad(loss(alone, lengths[b : b + 1], CORPUS[b : b + 1], 1.0).sum(), alone)
        torch.testing.assert_close(together[b : b + 1, :length], gradient)
        assert not together[b, length:].any()


def test_nothing_of_it_is_stored_with_the_network():
    assert not loss_of().state_dict()


def test_too_many_tokens_are_refused():
    with pytest.raises(UserError, match="5000 histories of 5000 tokens make a denominator of more than"):
        loss_of(num_outputs=5000)


def test_k2_finds_the_same():
    k2 = pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    loss = loss_of(order=2)
    model = loss.model
    log_probs = random_log_probs(2, 12, V).float()
    states = len(model.histories)
    # State h has seen its last token just now, state h + states a blank since; both begin nowhere but in the first.
    arcs = []
    final = 2 * states
    for h in range(states):
        arcs += [(h, h + states, 0, 0.0), (h + states, h + states, 0, 0.0)]
        if model.last[h]:
            arcs.append((h, h, int(model.last[h]), 0.0))
        for token in range(1, V):
            onto, score = int(model.following[h, token]), float(model.log_probs[h, token])
            arcs.append((h + states, onto, token, score))
            if token != model.last[h]:
                arcs.append((h, onto, token, score))
        arcs += [(source, final, -1, float(model.log_probs[h, 0])) for source in (h, h + states)]
    text = "".join(f"{s} {t} {label} {score}\n" for s, t, label, score in sorted(arcs)) + f"{final}\n"
    graph = k2.arc_sort(k2.Fsa.from_str(text, acceptor=True))
    theirs = log_probs.clone().requires_grad_()
    segments = torch.tensor([[0, 0, 12], [1, 0, 12]], dtype=torch.int32)
    lattice = k2.intersect_dense(k2.create_fsa_vec([graph, graph]), k2.DenseFsaVec(theirs, segments), 100.0)
    totals = lattice.get_tot_scores(use_double_scores=True, log_semiring=True)
    [gradient] = torch.autograd.grad(totals.sum(), theirs)
    sums, posteriors = loss.denominator.sums(log_probs, torch.tensor([12, 12]))
    torch.testing.assert_close(sums.double(), totals, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(posteriors, gradient, rtol=0, atol=1e-5)


def test_a_flat_start_is_annealed_to_what_the_network_says():
    loss = loss_of(flat_start=0.5)
    lengths, target = torch.tensor([9]), CORPUS[0]
    log_probs = random_log_probs(1, 9, V, sharp=4.0).requires_grad_()
    values, gradients = [], []
    for progress in (0.0, 0.2, 0.4, 0.5, 1.0):
        value = loss(log_probs, lengths, [target], progress)
        [gradient] = torch.autograd.grad(value.sum(), log_probs)
        values.append(float(value.detach()))
        gradients.append(gradient)
    assert values == sorted(values, reverse=True)
    assert values[3] == values[4] >= 0
    # The gradient is that of the numerator's sum with scaled scores: of one path by its share, by brute force.
    _, everything = loss.denominator.sums(log_probs.detach(), lengths)
    ways = said(target)
    expected = torch.zeros(9, V, dtype=torch.float64)
    total = 0.0
    for path in itertools.product(range(V), repeat=9):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token)
        if tokens in ways:
            score = sum(float(log_probs.detach()[0, t, v]) for t, v in enumerate(path))
            share = np.exp((0.1 + 0.9 * 0.4) * score + loss.model.score(tokens))
            total += share
            expected[range(9), path] += share
    torch.testing.assert_close(everything[0] - gradients[1][0], expected / total, rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same():
    loss = loss_of(ctc=0.1)
    log_probs, lengths = random_log_probs(3, 40, V).float(), torch.tensor([40, 33, 21])
    results = []
    for device in ("cpu", "cuda"):
        there = log_probs.to(device).requires_grad_()
        losses = loss.to(device)(there, lengths, CORPUS[:3], 1.0)
        results.append((losses.cpu(), torch.autograd.grad(losses.sum(), there)[0].cpu()))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
