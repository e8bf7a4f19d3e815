import json
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner

from pyspeech.config import load_config
from pyspeech.data.manifests import read_manifest
from pyspeech.errors import UserError
from pyspeech.losses.ctc import torch_ctc_loss
from pyspeech.models import build_model
from tests.tones import RATE, tone_manifest
from tools.benchmark import icefall_style
from tools.benchmark import meter as meter_module
from tools.benchmark.icefall_networks import build_network
from tools.benchmark.meter import WARM_UP, Enough, Meter
from tools.benchmark.training import MODELS, Setup, main
from tools.benchmark.training_inputs import GIVEN, STORED, prepare

TONES = (f"features.sampling_rate={RATE}", "features.high_hz=0", "batches.max_seconds=1", "batches.workers=0")


@pytest.fixture
def inputs(tmp_path):
    config = Setup(tmp_path, TONES, "cpu", 1.0).config("tdnn_lstm")
    prepare(config, tmp_path, tone_manifest(tmp_path / "tones.jsonl.gz", 6), 2)
    return tmp_path, config


@pytest.mark.parametrize("name", MODELS)
def test_their_networks_compute_what_ours_do_where_nothing_is_padding(name, tmp_path):
    (tmp_path / "model.yaml").write_text(f"include: [fbank, augment, train, ctc, {name}]\ntask: recognition")
    settings = load_config(tmp_path / "model.yaml").model | {"dropout": 0.0}
    torch.manual_seed(0)
    ours, theirs = build_model(settings, 80, 11), build_network(settings, 80, 11)
    with torch.no_grad():
        for parameter, other in zip(theirs.parameters(), ours.parameters(), strict=True):
            parameter.copy_(other.view_as(parameter))
    features_BTF, lengths_B = torch.randn(3, 61, 80), torch.tensor([61, 61, 61])
    expected_BTV, _ = ours(features_BTF, lengths_B)
    torch.testing.assert_close(theirs(features_BTF, lengths_B), expected_BTV, rtol=1e-3, atol=1e-4)


def test_both_read_the_same_utterances_at_the_same_speeds(inputs):
    folder, config = inputs
    given, stored = (list(read_manifest(folder / name)) for name in (GIVEN, STORED))
    assert len({cut.id for cut in given}) == 12
    seconds = sum(cut.duration / speed for cut in given for speed in config.augment.speeds)
    assert sum(cut.duration for cut in stored) == pytest.approx(seconds, rel=1e-3)
    assert all(cut.has_features for cut in stored)


def their_batch(inputs):
    folder, config = inputs
    batch = next(iter(icefall_style.batches(folder / STORED, config)))
    frames_B = batch["supervisions"]["num_frames"] // 3
    log_probs_BTV = torch.randn(len(frames_B), int(frames_B.max()) + 1, 9).log_softmax(2)
    return batch, log_probs_BTV, frames_B, [[1, 2, 3]] * len(frames_B)


def test_their_batches_hold_features_as_they_are_stored(inputs):
    batch, _, frames_B, _ = their_batch(inputs)
    assert batch["inputs"].shape == (len(frames_B), batch["supervisions"]["num_frames"].max(), 80)
    assert sum(cut.duration for cut in batch["supervisions"]["cut"]) <= 1


def test_their_losses_are_ctc(inputs):
    batch, log_probs_BTV, frames_B, targets = their_batch(inputs)
    expected = torch_ctc_loss(log_probs_BTV, frames_B, targets).sum()
    torch.testing.assert_close(icefall_style.torch_ctc_loss(log_probs_BTV, batch, targets, 3), expected)
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    found = icefall_style.k2_ctc_loss(log_probs_BTV, batch, targets, 3)
    torch.testing.assert_close(found.to(expected.dtype), expected, rtol=0.01, atol=0.01)  # k2's beam is narrow


def test_the_meter_counts_what_comes_after_the_warm_up(monkeypatch):
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(meter_module, "time", SimpleNamespace(perf_counter=lambda: clock.seconds))
    meter = Meter(torch.device("cpu"), seconds=0.1)
    for _ in range(WARM_UP):
        meter.batch(100.0, 100.0)
    meter.batch(2.0, 100.0)  # what it is waited for comes before
    meter.batch(3.0, 0.5)
    clock.seconds = 0.1
    with pytest.raises(Enough):
        meter.batch(100.0, 100.0)
    assert meter.turn is not None
    assert (meter.turn.steps, meter.turn.audio, meter.turn.data_wait) == (2, 5.0, 0.5)
    assert meter.turn.memory > 10_000_000


def test_an_epoch_must_be_longer_than_the_warm_up():
    meter = Meter(torch.device("cpu"), seconds=0.0)
    meter.batch(1.0)
    with pytest.raises(UserError, match="--copies"):
        meter.stop()


@pytest.mark.slow
def test_it_trains_both_in_turn_and_compares_them(tmp_path):
    manifest = tone_manifest(tmp_path / "tones.jsonl.gz", 12)
    arguments = [str(tmp_path / "out"), "--manifest", str(manifest), "--models", "tdnn_lstm", "--device", "cpu"]
    arguments += ["--seconds", "0.01", "--rounds", "1", *TONES, "model.tdnn_width=16", "model.lstm_width=16"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert [line.split()[:2] for line in result.output.splitlines()[-2:]] == [
        ["tdnn_lstm", "ours"],
        ["tdnn_lstm", "theirs"],
    ]
    [ours], [theirs] = json.loads((tmp_path / "out" / "training.json").read_text())["turns"]["tdnn_lstm"].values()
    assert ours["steps"] > 0
    assert theirs["steps"] > 0
    ratio = ours["audio"] / ours["wall"] / (theirs["audio"] / theirs["wall"])
    assert f"{ratio:.2f}" in result.output.splitlines()[-1]
