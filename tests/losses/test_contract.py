"""Laws of losses, of all that are registered."""

import pytest
import torch

from pyspeech.errors import UserError
from pyspeech.losses import LOSSES, OF_FRAMES, OF_UTTERANCES, build_loss
from pyspeech.losses.contract import EmbeddingLoss, FrameLoss, frame_loss
from pyspeech.settings import SHARED_CONF, read_yaml

TARGETS = [[1, 2], [2], [1, 1, 2]]
FRAMES = [6, 3, 5]


def built(name):
    torch.manual_seed(0)
    return build_loss(read_yaml(SHARED_CONF / f"{name}.yaml")["loss"], 5, 3)


@pytest.mark.parametrize("name", list(LOSSES))
def test_each_says_what_it_is_of(name):
    loss = built(name)
    assert (frame_loss(loss) is None) == (name in OF_UTTERANCES)
    assert isinstance(loss, FrameLoss if name in OF_FRAMES else EmbeddingLoss)
    assert loss.output_per == ("frame" if name in OF_FRAMES else "utterance")


@pytest.mark.parametrize("name", list(OF_FRAMES))
def test_a_loss_of_frames_is_the_same_in_a_padded_batch_and_in_any_order(name):
    loss = built(name)
    log_probs = torch.randn(3, 6, 3).log_softmax(2)
    losses = loss(log_probs, torch.tensor(FRAMES), TARGETS, 0.5)
    alone = [
        loss(log_probs[b : b + 1, :length], torch.tensor([length]), [TARGETS[b]], 0.5)[0]
        for b, length in enumerate(FRAMES)
    ]
    torch.testing.assert_close(losses, torch.stack(alone))
    order = [2, 0, 1]
    other = loss(log_probs[order], torch.tensor(FRAMES)[order], [TARGETS[b] for b in order], 0.5)
    torch.testing.assert_close(other, losses[order])


@pytest.mark.parametrize("name", list(OF_FRAMES))
def test_a_loss_of_frames_is_finite_exactly_where_there_are_as_many_as_it_needs(name):
    loss = built(name)
    for tokens in ([], [1], [1, 1], [1, 2, 2, 1]):
        needed = loss.frames_needed(tokens)
        for frames in range(1, needed + 3):
            [value] = loss(torch.zeros(1, frames, 3).log_softmax(2), torch.tensor([frames]), [tokens], 0.5)
            assert bool(value.isfinite()) == (frames >= needed), (tokens, frames)


@pytest.mark.parametrize("name", list(OF_UTTERANCES))
def test_a_loss_of_embeddings_is_the_same_in_any_order(name):
    loss = built(name)
    embeddings, targets = torch.randn(6, 5), torch.tensor([0, 2, 0, 2, 1, 1])
    order = torch.tensor([5, 2, 0, 4, 1, 3])
    torch.testing.assert_close(loss(embeddings[order], targets[order], 0.5), loss(embeddings, targets, 0.5)[order])


def test_what_says_nothing_of_itself_is_no_loss():
    with pytest.raises(UserError, match="the loss Linear is of no kind that is known: give it output_per"):
        frame_loss(torch.nn.Linear(2, 2))
