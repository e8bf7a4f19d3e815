"""A training of a network of ``pyspeech.models`` the way icefall's tdnn_lstm_ctc does it.

What it does is told from https://github.com/k2-fsa/icefall, egs/librispeech/ASR/tdnn_lstm_ctc/train.py and
asr_datamodule.py, with their defaults: stored features (lilcom chunky), lhotse's bucketing sampler, dataset and
SpecAugment (with time warp), float32, k2's CTC where k2 is installed and else torch's, AdamW with weight decay on all
parameters, gradients clipped, the loss read back after every step. MUSAN is left out, here as with us.
"""

import importlib.util
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lhotse import load_manifest_lazy
from lhotse.dataset import DynamicBucketingSampler, K2SpeechRecognitionDataset, SpecAugment
from lhotse.utils import fix_random_seed
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.clip_grad import clip_grad_norm_
from torch.utils.data import DataLoader

from pyspeech.config import Config
from pyspeech.device import choose_device
from pyspeech.lang.tokens import load_tokens
from tools.benchmark.icefall_networks import build_network
from tools.benchmark.meter import Enough, Meter, Turn
from tools.benchmark.training_inputs import LANG, STORED

BUCKETS, BUFFER = 30, 210_000  # cuts: 2000 of each bucket, and 5000 more that lhotse once had a buffer of its own for
LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM = 1e-4, 5e-4, 5.0
OUTPUT_BEAM = 10.0  # of k2's CTC
WORKERS = 2
K2 = importlib.util.find_spec("k2") is not None

Batch = Mapping[str, Any]
Loss = Callable[[Tensor, Batch, Sequence[Sequence[int]], int], Tensor]


def train(folder: Path, config: Config, device_name: str | None, seconds: float) -> Turn:
    """Train for so many seconds after the warm-up; an epoch that ends earlier ends it."""
    device = choose_device(device_name)
    tokens = load_tokens(folder / LANG)
    fix_random_seed(config.training.seed)
    model = build_network(config.model, config.features.num_features, len(tokens.symbols)).to(device).train()
    subsampling: Any = model.subsampling
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    ctc_loss: Loss = k2_ctc_loss if K2 else torch_ctc_loss
    meter = Meter(device, seconds)
    with suppress(Enough):
        for batch, waited in _waiting(batches(folder / STORED, config)):
            supervisions = batch["supervisions"]
            meter.batch(sum(cut.duration for cut in supervisions["cut"]), waited)
            log_probs_BTV = model(batch["inputs"].to(device), supervisions["num_frames"])
            targets = [tokens.encode(text.split()) for text in supervisions["text"]]
            loss = ctc_loss(log_probs_BTV, batch, targets, subsampling)
            loss.detach().cpu().item()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
        meter.stop()
    assert meter.turn is not None
    return meter.turn


def batches(manifest: Path, config: Config) -> DataLoader[Batch]:
    """One epoch; batches as long as ``config`` says."""
    cuts = load_manifest_lazy(manifest)
    dataset = K2SpeechRecognitionDataset(
        input_transforms=[
            SpecAugment(
                time_warp_factor=80,
                num_frame_masks=10,
                features_mask_size=27,
                num_feature_masks=2,
                frames_mask_size=100,
            )
        ],
        return_cuts=True,
    )
    sampler = DynamicBucketingSampler(
        cuts,
        max_duration=config.batches.max_seconds,
        shuffle=True,
        num_buckets=_buckets(cuts, config.batches.max_seconds),
        buffer_size=BUFFER,
        drop_last=True,
        world_size=1,
        rank=0,
    )
    return DataLoader(dataset, sampler=sampler, batch_size=None, num_workers=WORKERS)


def torch_ctc_loss(log_probs_BTV: Tensor, batch: Batch, targets: Sequence[Sequence[int]], subsampling: int) -> Tensor:
    """Summed over the batch; an utterance that does not fit into its frames counts nothing."""
    return functional.ctc_loss(
        log_probs_BTV.transpose(0, 1),
        torch.tensor(list(itertools.chain.from_iterable(targets)), device=log_probs_BTV.device),
        _frames(batch, subsampling),
        torch.tensor([len(target) for target in targets]),
        reduction="sum",
        zero_infinity=True,
    )


def k2_ctc_loss(log_probs_BTV: Tensor, batch: Batch, targets: Sequence[Sequence[int]], subsampling: int) -> Tensor:
    """Summed over the batch. Theirs composes its graphs with a lexicon, which takes longer than ``k2.ctc_graph``."""
    import k2

    frames = _frames(batch, subsampling)
    segments = torch.stack([batch["supervisions"]["sequence_idx"], torch.zeros_like(frames), frames], 1)
    order = frames.argsort(descending=True)
    graph = k2.ctc_graph([list(targets[index]) for index in order.tolist()], device=log_probs_BTV.device)
    dense = k2.DenseFsaVec(log_probs_BTV, segments[order].to(torch.int32), allow_truncate=subsampling - 1)
    loss: Tensor = k2.ctc_loss(graph, dense, output_beam=OUTPUT_BEAM, reduction="sum", use_double_scores=True)
    return loss


def _frames(batch: Batch, subsampling: int) -> Tensor:
    return torch.div(batch["supervisions"]["num_frames"], subsampling, rounding_mode="floor")


def _buckets(cuts: Any, max_seconds: float) -> int:  # noqa: ANN401 -- lhotse has no types
    """Theirs; fewer where a bucket would not fill a batch: one that is not full is dropped."""
    total = sum(cut.duration for cut in cuts)
    return int(min(BUCKETS, max(2, total // (1.3 * max_seconds))))


def _waiting(loader: DataLoader[Batch]) -> Iterator[tuple[Batch, float]]:
    """Batches, and the seconds each was waited for."""
    iterator = iter(loader)
    while True:
        began = time.perf_counter()
        batch = next(iterator, None)
        if batch is None:
            return
        yield batch, time.perf_counter() - began
