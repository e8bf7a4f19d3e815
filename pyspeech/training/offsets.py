"""What a training of recognition ends with: how far the frames of its tokens lie from their sounds, learnt on dev."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from pyspeech.data.batch import Batch
from pyspeech.decoding.learn_offsets import Heard, learn_offsets
from pyspeech.decoding.token_offsets import OFFSETS
from pyspeech.lang.tokens import TokenSet
from pyspeech.models.contract import frame_network
from pyspeech.tasks.network import NetworkWithLoss, device_of

log = logging.getLogger(__name__)


def write_offsets(
    exp: Path, model: NetworkWithLoss, tokens: TokenSet, batches: Iterable[Batch], frame_shift_seconds: float
) -> None:
    """Write ``token_offsets.json`` into ``exp``, or nothing where ``batches`` hold too little speech to tell."""
    network = frame_network(model.network)
    assert network is not None
    found = learn_offsets(
        _heard(model, tokens, batches), tokens, frame_shift_seconds, frame_shift_seconds * network.subsampling
    )
    if found is None:
        log.info("too little speech in dev to learn where in time the network says tokens: word times may be off")
        (exp / OFFSETS).unlink(missing_ok=True)
    else:
        found.save(exp)


@torch.no_grad()
def _heard(model: NetworkWithLoss, tokens: TokenSet, batches: Iterable[Batch]) -> Iterator[Heard]:
    model.eval()
    for batch in batches:
        log_probs_BTV, lengths_B = model(batch.features_BTF.to(device_of(model)), batch.lengths_B)
        outputs = zip(batch.features_BTF, batch.lengths_B, log_probs_BTV.float().cpu(), lengths_B, strict=True)
        for text, (features_TF, frames, log_probs_TV, length) in zip(batch.texts, outputs, strict=True):
            words = [tokens.encode([word]) for word in text.split()]
            yield Heard(features_TF[: int(frames)].numpy(), log_probs_TV[: int(length)].numpy(), words)
