"""Time an LSTM layer's forward and backward pass on one CPU thread: ours beside torch's, in turn, in one run.

    OMP_NUM_THREADS=1 python tools/benchmark/lstm.py [--width 320] [--runs 7]

Under torch 2 both are torch's, and the ratio is 1.
"""

import statistics
import time
from collections.abc import Callable

import click
import torch
from torch import Tensor, nn

from pyspeech.models.lstm import Lstm

UTTERANCES, FRAMES = 66, 100  # about 200 s of audio at a subsampling of 3


@click.command(help=__doc__)
@click.option("--width", default=320, show_default=True)
@click.option("--runs", default=7, show_default=True)
def main(width: int, runs: int) -> None:
    """Print both medians and the median ratio."""
    torch.set_num_threads(1)
    ours, theirs = Lstm(num_inputs=width, width=width), nn.LSTM(width, width, batch_first=True)  # type: ignore[no-untyped-call,unused-ignore]
    seconds: list[tuple[float, float]] = []
    for _ in range(runs + 1):
        seconds.append((_seconds(ours, width), _seconds(lambda x: theirs(x)[0], width)))
    mine, torchs = (statistics.median(column) for column in zip(*seconds[1:], strict=True))
    ratio = statistics.median(b / a for a, b in seconds[1:])
    click.echo(
        f"torch {torch.__version__}, width {width}, {UTTERANCES} utterances of {FRAMES} frames, medians of {runs}"
    )
    click.echo(f"pyspeech {mine:.3f} s, torch.nn.LSTM {torchs:.3f} s, torch / pyspeech {ratio:.2f}")


def _seconds(layer: Callable[[Tensor], Tensor], width: int) -> float:
    x_BTD = torch.randn(UTTERANCES, FRAMES, width, requires_grad=True)
    began = time.perf_counter()
    torch.autograd.backward(layer(x_BTD).sum())
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
