"""Sums over all CTC paths of all token sequences, weighed by a model of these: what could have been said instead.

Each state of the model has two that emit: its last token, or a blank. Going from one state of the model to another is a
product with a sparse matrix, for all utterances of a batch; sums are of probabilities, scaled in every frame.
"""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyspeech.losses.token_ngrams import TokenNgrams

# What the scores of a frame add up to: small ones then keep all their digits, without which processors are slow.
LARGE = 1e30


class Denominator(nn.Module):
    """A model with H states, as buffers that go where the network goes and are not stored with it.

    2H states emit: first those of tokens, then those of blanks. A token follows what is in either state before it; the
    token that was said last follows only a blank.
    """

    labels: Tensor  # what each state emits, [2H]
    first: Tensor  # probability of each state in the first frame, [2H]
    final: Tensor  # of the end after each, [2H]

    def __init__(self, model: TokenNgrams) -> None:
        super().__init__()
        last, probs = torch.tensor(model.last), torch.tensor(model.log_probs).exp()
        states, tokens = torch.arange(len(last))[:, None], torch.arange(1, probs.shape[1])
        # From a state, whatever it emits, or only where it emits a blank.
        source = (states + len(last) * (tokens == last[:, None])).flatten()
        target, values = torch.tensor(model.following[:, 1:]).flatten(), probs[:, 1:].flatten().float()
        self._register("onto", target, source, values, (len(last), 2 * len(last)))
        self._register("back", source, target, values, (2 * len(last), len(last)))
        first = torch.zeros(2 * len(last))
        first[model.following[0, 1:]] = probs[0, 1:].float()
        first[len(last)] = 1
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("final", probs[:, 0].float().repeat(2), persistent=False)
        self.register_buffer("labels", torch.cat([last, torch.zeros_like(last)]), persistent=False)

    def _register(self, name: str, rows: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> None:
        """Keep a sparse matrix, adding up values of one place."""
        places, which = torch.unique(rows * size[1] + columns, return_inverse=True)
        starts = torch.searchsorted(places, torch.arange(size[0] + 1) * size[1])
        added = torch.zeros(len(places)).index_add_(0, which, values)
        for part, kept in (("starts", starts), ("columns", places % size[1]), ("values", added)):
            self.register_buffer(f"{name}_{part}", kept, persistent=False)

    def _matrix(self, name: str, like: Tensor) -> Tensor:
        starts, columns, values = (self.get_buffer(f"{name}_{part}") for part in ("starts", "columns", "values"))
        rows = len(starts) - 1
        size = (rows, 3 * len(self.labels) // 2 - rows)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse (CSR tensor support is in beta|invariant checks are implicitly)")
            return torch.sparse_csr_tensor(starts, columns, values.to(like.dtype), size)

    def sums(self, log_probs_BTV: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Add up all paths of each utterance; S is 2H.

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
        emitted_TSB = probs_TVB.gather(1, labels_TSB)
        scores_TSB, scales_TB = self._forward(emitted_TSB)
        ends_SB = scores_TSB[torch.tensor(lengths, device=device) - 1, :, torch.arange(len(lengths), device=device)].t()
        totals_B = (scales_TB.log() * within_TB).sum(0) + (self.final.to(ends_SB.dtype) @ ends_SB / LARGE).log()
        self._multiply_by_backward(scores_TSB, emitted_TSB, lengths)
        posteriors_TVB = torch.zeros_like(probs_TVB).scatter_add_(1, labels_TSB, scores_TSB)
        posteriors_TVB *= within_TB[:, None] / posteriors_TVB.sum(1, keepdim=True)
        gradient_BTV = torch.zeros_like(log_probs_BTV)
        gradient_BTV[:, : max(lengths)] = posteriors_TVB.permute(2, 0, 1)
        return totals_B, gradient_BTV

    def _forward(self, emitted_TSB: Tensor) -> tuple[Tensor, Tensor]:
        """The paths that end in each state in each frame, scaled, and the scales [T, B]."""
        half, onto = len(self.labels) // 2, self._matrix("onto", emitted_TSB)
        scores_TSB, scales_TB = torch.empty_like(emitted_TSB), torch.empty_like(emitted_TSB[:, 0])
        reached_SB, before_SB = (torch.empty_like(emitted_TSB[0]) for _ in range(2))
        reached_SB[:] = LARGE * self.first[:, None]
        tokens_HB, either_HB = torch.split(reached_SB, half)  # which reach their blank, both
        before_either_HB, before_blanks_HB = torch.split(before_SB, half)
        rows = zip(emitted_TSB.unbind(), scores_TSB.unbind(), scales_TB.unbind(), strict=True)
        for emitted_SB, scores_SB, scale_B in rows:
            torch.mul(reached_SB, emitted_SB, out=scores_SB)
            torch.sum(scores_SB, 0, out=scale_B)
            scale_B.div_(LARGE)
            scores_SB.div_(scale_B)
            said_HB, silent_HB = torch.split(scores_SB, half)
            torch.add(said_HB, silent_HB, out=either_HB)
            before_either_HB.copy_(either_HB)
            before_blanks_HB.copy_(silent_HB)
            torch.add(onto @ before_SB, said_HB, out=tokens_HB)
        return scores_TSB, scales_TB

    def _multiply_by_backward(self, scores_TSB: Tensor, emitted_TSB: Tensor, lengths: Sequence[int]) -> None:
        """Multiply the paths up to each frame by those after it, which makes them posteriors but for their scale."""
        half, back = len(self.labels) // 2, self._matrix("back", emitted_TSB)
        ends = {length - 1: [b for b, each in enumerate(lengths) if each == length] for length in set(lengths)}
        final_S1 = self.final[:, None].to(emitted_TSB.dtype)
        after_SB = final_S1.repeat(1, len(lengths))
        tokens_HB, blanks_HB = torch.split(after_SB, half)
        rows = zip(emitted_TSB.unbind(), scores_TSB.unbind(), strict=True)
        for t, (emitted_SB, scores_SB) in reversed(list(enumerate(rows))):
            if t in ends:
                after_SB[:, ends[t]] = final_S1
            scores_SB.mul_(after_SB)
            after_SB *= emitted_SB
            after_SB /= after_SB.sum(0)
            either_HB, again_HB = torch.split(back @ tokens_HB, half)
            either_HB += blanks_HB
            torch.add(either_HB, again_HB, out=blanks_HB)
            tokens_HB += either_HB
