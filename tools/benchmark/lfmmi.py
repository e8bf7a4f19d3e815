r"""What a training step of LF-MMI costs beside one of CTC: CPU time and memory, by the length of utterances.

    python -m tools.benchmark.lfmmi recipes/ljspeech/conf/small/tdnn_lstm.yaml --train data/manifests/train.jsonl.gz \
        --lang data/lang

Steps of --batch seconds of audio, forward and backward and the optimizer's, with texts of the manifest one behind the
other at its rate of words, and noise for features: neither loss does more or less for what the network says. Medians of
rounds in turn, one thread; memory is what a process of its own grows by over its largest step.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path

import click
import torch

from pyspeech.config import load_config
from pyspeech.lang.tokens import TokenSet, load_tokens
from pyspeech.losses import build_loss
from pyspeech.losses.contract import Pronounced, SequenceLoss
from pyspeech.models import build_model
from pyspeech.settings import SHARED_CONF, read_yaml
from pyspeech.tasks.recognition import pronounced
from pyspeech.transcripts import read_transcripts

LOSSES = ("ctc", "lfmmi")
MEBIBYTE = 1 << 10  # of the kilobytes that the system tells


@click.command(help=__doc__, context_settings={"show_default": True})
@click.argument("conf", type=click.Path(path_type=Path, exists=True))
@click.option("--train", required=True, type=click.Path(path_type=Path, exists=True), help="Manifest.")
@click.option("--lang", required=True, type=click.Path(path_type=Path, exists=True), help="Token set.")
@click.option("--seconds", multiple=True, default=(5.0, 10.0, 20.0, 40.0), help="Length of utterances.")
@click.option("--batch", default=20.0, help="Seconds of a batch; one utterance at least.")
@click.option("--rounds", default=7)
def main(conf: Path, train: Path, lang: Path, seconds: Sequence[float], batch: float, rounds: int) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("utterances        CTC ms  LF-MMI ms  ratio     CTC MiB  LF-MMI MiB")
    for length in seconds:
        count = max(1, round(batch / length))
        steps = {name: _step(conf, train, lang, name, length, count) for name in LOSSES}
        spent: dict[str, list[float]] = {name: [] for name in LOSSES}
        for _ in range(rounds):
            for name, step in steps.items():
                before = time.process_time()
                step()
                spent[name].append(time.process_time() - before)
        ratio = statistics.median(b / a for a, b in zip(spent["ctc"], spent["lfmmi"], strict=True))
        ctc, lfmmi = (1000 * statistics.median(spent[name]) for name in LOSSES)
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            grown = [pool.apply(_growth, (conf, train, lang, name, length, count)) for name in LOSSES]
        print(
            f"{count:3} of {length:4.0f} s  {ctc:10.0f} {lfmmi:10.0f} {ratio:6.2f}  {grown[0]:10.0f} {grown[1]:11.0f}",
            flush=True,
        )


def _step(conf: Path, train: Path, lang: Path, name: str, seconds: float, count: int) -> Callable[[], None]:
    """Make one training step of ``count`` utterances of so many seconds."""
    torch.manual_seed(1)
    config, tokens = load_config(conf), load_tokens(lang)
    outputs = len(tokens.symbols)
    network = build_model(config.model, config.features.num_features, outputs)
    loss = build_loss(read_yaml(SHARED_CONF / f"{name}.yaml")["loss"], outputs, outputs)
    if isinstance(loss, SequenceLoss):
        loss.learn(pronounced(tokens, each.text) for each in read_transcripts(train))
    optimizer = torch.optim.AdamW(network.parameters())
    features_BTF = torch.randn(
        count, round(seconds / config.features.frame_shift_seconds), config.features.num_features
    )
    lengths_B = torch.full((count,), features_BTF.shape[1])
    said = list(_texts(train, tokens, seconds, count))

    def step() -> None:
        optimizer.zero_grad()
        log_probs_BTV, out_lengths_B = network(features_BTF, lengths_B)
        loss(log_probs_BTV, out_lengths_B, said, 1.0).sum().backward()
        optimizer.step()

    step()
    return step


def _texts(train: Path, tokens: TokenSet, seconds: float, count: int) -> Iterator[Pronounced]:
    words: list[str] = []
    spoken = 0.0
    for each in read_transcripts(train):
        words += each.text.split()
        spoken += each.seconds
        if spoken >= seconds:
            yield pronounced(tokens, " ".join(words))
            words, spoken, count = [], 0.0, count - 1
        if not count:
            return


def _growth(conf: Path, train: Path, lang: Path, name: str, seconds: float, count: int) -> float:
    """Mebibytes that the largest step adds to a process that has the network."""
    torch.set_num_threads(1)
    _step(conf, train, lang, name, 1.0, 1)
    before = _most_memory()
    _step(conf, train, lang, name, seconds, count)
    return (_most_memory() - before) / MEBIBYTE


def _most_memory() -> int:
    """Kilobytes that this process held at most; what getrusage tells is its parent's, too."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


if __name__ == "__main__":
    main()
