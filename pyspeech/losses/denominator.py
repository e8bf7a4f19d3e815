"""Sums over all CTC paths of all token sequences, weighed by a model of these: what could have been said instead.

Each state of the model has two that emit: its last token, or a blank. A step from frame to frame is a product with a
sparse matrix, for all utterances of a batch, forward and backward in time at once; sums are of probabilities, scaled in
every frame.
"""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyspeech.losses.token_ngrams import TokenNgrams

# What the scores of a frame add up to: small ones then keep all their digits, without which processors are slow.
LARGE = 1e15


class Denominator(nn.Module):
    """A model with H states, as buffers that go where the network goes and are not stored with it.

    S = 2H states emit: first those of tokens, then those of blanks. A token follows what is in either state before it;
    the token that was said last follows only a blank.
    """

    labels: Tensor  # what each state emits, [S]
    first: Tensor  # probability of each state in the first frame, [S]
    final: Tensor  # of the end after each, [S]
    # A sparse matrix, [2S, 2S]: of steps forward from state to state, and beside them of the same backward.
    starts: Tensor
    columns: Tensor
    values: Tensor

    def __init__(self, model: TokenNgrams) -> None:
        super().__init__()
        last, ends = torch.from_numpy(model.last), torch.from_numpy(model.log_probs[:, 0]).exp().float()
        half = len(last)
        states: Tensor = torch.arange(half)
        blanks: Tensor = torch.arange(half, 2 * half)
        source, target, log_probs, is_again = map(torch.from_numpy, model.arcs())
        prob, other = log_probs.exp().float(), ~is_again
        said = states[last > 0]  # the state that begins emits blanks alone
        steps: Sequence[Sequence[Tensor]] = (
            (source.add(half), target, prob),
            (source[other], target[other], prob[other]),
            (said, said, torch.ones(len(said))),
            (states, blanks, torch.ones(half)),
            (blanks, blanks, torch.ones(half)),
        )
        before, after, values = (torch.cat([part[place] for part in steps]) for place in range(3))
        size = 4 * half
        rows = torch.cat([after, before.add(2 * half)])
        columns = torch.cat([before, after.add(2 * half)])
        places, which = torch.unique(rows * size + columns, return_inverse=True)
        first = torch.zeros(2 * half)
        first[target[source == 0]] = prob[source == 0]
        first[half] = 1
        for name, buffer in (
            ("labels", torch.cat([last, torch.zeros_like(last)])),
            ("first", first),
            ("final", ends.repeat(2)),
            ("starts", torch.searchsorted(places, torch.arange(size + 1) * size).int()),  # as MKL has it: no copy
            ("columns", (places % size).int()),
            ("values", torch.zeros(len(places)).index_add_(0, which, values.repeat(2))),
        ):
            self.register_buffer(name, buffer, persistent=False)

    def sums(self, log_probs_BTV: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Add up all paths of each utterance.

        Returns:
            The logarithm of the sum, [B], and its derivative by ``log_probs_BTV``, [B, T, V].
        """
        lengths, device = lengths_B.tolist(), log_probs_BTV.device
        # The frames behind an end are computed with the others, and left out in the end.
        within_TB = torch.arange(max(lengths))[:, None] < torch.tensor(lengths)
        within_TB = within_TB.to(device)
        probs_TVB = log_probs_BTV[:, : max(lengths)].permute(1, 2, 0).exp()
        probs_TVB = probs_TVB.where(within_TB[:, None], probs_TVB.new_ones(()))
        labels_TSB = self.labels[None, :, None].expand(len(probs_TVB), -1, len(lengths))
        forward_TSB, backward_TSB, scales_TB = self._scores(probs_TVB.gather(1, labels_TSB), lengths)
        ends_SB = forward_TSB[
            torch.tensor(lengths, device=device) - 1, :, torch.arange(len(lengths), device=device)
        ].t()
        totals_B = (scales_TB.log() * within_TB).sum(0) + (self.final.to(ends_SB.dtype) @ ends_SB / LARGE).log()
        posteriors_TVB = torch.zeros_like(probs_TVB).scatter_add_(1, labels_TSB, forward_TSB * backward_TSB)
        posteriors_TVB *= within_TB[:, None] / posteriors_TVB.sum(1, keepdim=True)
        gradient_BTV = torch.zeros_like(log_probs_BTV)
        gradient_BTV[:, : max(lengths)] = posteriors_TVB.permute(2, 0, 1)
        return totals_B, gradient_BTV

    def _scores(self, emitted_TSB: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """What paths come to that end in each state in each frame, and those that go on from there; both scaled.

        Also the scales of the first, [T, B].
        """
        frames, states, size = emitted_TSB.shape
        step = self._step(emitted_TSB.dtype)
        first_SB, final_SB = (x[:, None].to(emitted_TSB.dtype).expand(-1, size) for x in (self.first, self.final))
        ends = {length - 1: [b for b, each in enumerate(lengths) if each == length] for length in set(lengths)}
        # Forward the frame t, and backward the frame T - 1 - t.
        emitted_TZB = torch.cat([emitted_TSB, emitted_TSB.flip(0)], dim=1)
        scores_TZB = torch.empty_like(emitted_TZB)
        scales_T2B = emitted_TSB.new_empty(frames, 2, 1, size)
        reached_ZB = torch.cat([first_SB * LARGE, final_SB * LARGE])
        every = []
        rows = zip(emitted_TZB.unbind(), scores_TZB.unbind(), scales_T2B.unbind(), strict=True)
        for t, (emitted_ZB, scores_ZB, scale_2B) in enumerate(rows):
            if len(ends) > 1 and frames - 1 - t in ends:
                reached_ZB[states:, ends[frames - 1 - t]] = self.final[:, None].to(reached_ZB.dtype) * LARGE
            every.append(reached_ZB)
            torch.mul(reached_ZB, emitted_ZB, out=scores_ZB)
            scores_2SB = scores_ZB.view(2, states, size)
            torch.sum(scores_2SB, 1, keepdim=True, out=scale_2B)
            scale_2B.div_(LARGE)
            scores_2SB.div_(scale_2B)
            reached_ZB = step @ scores_ZB
        backward_TSB = torch.stack(every)[:, states:].flip(0)
        return scores_TZB[:, :states], backward_TSB, scales_T2B[:, 0, 0]

    def _step(self, dtype: torch.dtype) -> Tensor:
        size = len(self.starts) - 1
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse (CSR tensor support is in beta|invariant checks are implicitly)")
            return torch.sparse_csr_tensor(self.starts, self.columns, self.values.to(dtype), (size, size))
