import pytest
import torch

from pyspeech.errors import UserError
from pyspeech.tasks.counts import Counts
from pyspeech.training import precision
from pyspeech.training.precision import FIRST_SCALE, GROWTH_STEPS, LEAST_SCALE, LossScale, Precision
from tests.training.test_loop import BATCHES, Net, Regression, changed, data_of, metrics, run

CPU = torch.device("cpu")


@pytest.mark.parametrize(("name", "dtype"), [("float32", torch.float32), ("bf16", torch.bfloat16)])
def test_products_on_the_cpu_are_of_the_named_numbers(name, dtype):
    with Precision(name, CPU).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize(("units", "first"), [(False, "float32"), (True, "bf16")])
def test_the_cpu_is_fast_in_bf16_where_it_has_units_and_torch_uses_them(monkeypatch, units, first):
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: units)
    for release, expected in (("2.11.0+cpu", first), ("1.13.1+cpu", "float32")):
        monkeypatch.setattr(torch, "__version__", release)
        assert Precision("auto", CPU).name == expected


def test_fp16_is_not_for_the_cpu():
    with pytest.raises(UserError, match="fp16 is for GPUs, the device is cpu; choose bf16 or float32"):
        Precision("fp16", CPU)


def test_in_bf16_networks_are_computed_and_weights_stay(tmp_path):
    seen = []

    class Watched(Net):
        def forward(self, features_BTF, lengths_B):
            outputs, lengths = super().forward(features_BTF, lengths_B)
            seen.append((self.training, outputs.dtype))
            return outputs.float(), lengths

    model = run(tmp_path / "bf16", config=changed(precision="bf16"), net=Watched)
    assert set(seen) == {(True, torch.bfloat16), (False, torch.float32)}
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    run(tmp_path / "float32", net=Watched)
    losses = [[line["train_loss"] for line in metrics(tmp_path / name)] for name in ("bf16", "float32")]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] != losses[1]


def test_the_scale_halves_after_an_overflow_and_doubles_after_many_good_steps():
    scale = LossScale(FIRST_SCALE)
    assert scale.update(finite=False)
    assert scale.state == (FIRST_SCALE / 2, 0)
    assert not any(scale.update(finite=True) for _ in range(GROWTH_STEPS - 1))
    assert scale.state == (FIRST_SCALE / 2, GROWTH_STEPS - 1)
    resumed = LossScale(FIRST_SCALE)
    resumed.restore(scale.state)
    resumed.update(finite=True)
    assert resumed.state == (FIRST_SCALE, 0)


def test_where_no_scale_helps_the_batch_is_bad():
    scale = LossScale(2 * LEAST_SCALE)
    assert [scale.update(finite=False) for _ in range(3)] == [True, False, False]
    assert scale.value == LEAST_SCALE


def test_without_a_scale_nothing_is_an_overflow():
    scale = LossScale(None)
    assert not scale.update(finite=False)
    assert (scale.value, scale.state) == (1.0, None)
    scale.restore((512.0, 3))
    assert scale.value == 1.0


def test_steps_that_overflow_are_no_bad_batches_and_the_rest_learns_as_without_a_scale(tmp_path, monkeypatch):
    """The CPU has no fp16 to overflow; gradients that grow with the scale beyond float32's range stand for it."""

    class Large(Regression):
        def loss(self, model, batch, progress=1.0):
            loss, counts = super().loss(model, batch, progress)
            return loss.div(1e35).mul(1e35) if model.training else loss, counts

    monkeypatch.setattr(Precision, "loss_scale", lambda _: LossScale(2.0**12))
    run(tmp_path / "scaled", task=Large(), config=changed(max_bad_batches=0))
    found = metrics(tmp_path / "scaled")
    assert found[0]["overflows"] > 0
    assert found[0]["bad_batches"] == 0
    assert found[0]["step"] == 5 - found[0]["overflows"]
    assert found[-1]["overflows"] == 0
    assert found[-1]["loss_scale"] == 2.0 ** (12 - found[0]["overflows"])


class Fp16(torch.autograd.Function):
    """Gradients as fp16 holds them: none beyond 65504, none below 6e-8."""

    @staticmethod
    def forward(_, x):
        return x.clone()

    @staticmethod
    def backward(_, gradient):
        return gradient.half().float()


@pytest.mark.parametrize("slope", [1.0, 100.0])
def test_losses_that_are_sums_over_many_frames_find_their_scale(tmp_path, monkeypatch, slope):
    class Summed(Regression):
        """Each utterance has 10,000 frames, each of which pulls with about the square of the slope."""

        def __init__(self, pulled):
            self.pulled = pulled

        def loss(self, model, batch, progress=1.0):
            if not model.training:
                return super().loss(model, batch, progress)
            found_B = model(batch.features_BTF, batch.lengths_B)[0].mean((1, 2))
            loss = self.pulled(found_B).expand(10_000, -1).mul(slope).square().sum()
            return loss, Counts(loss=float(loss.detach()), weight=10_000 * len(batch.ids))

    data = data_of(BATCHES * 4)
    run(tmp_path / "float32", data, task=Summed(torch.clone), config=changed(max_bad_batches=0, epochs=2))
    monkeypatch.setattr(Precision, "loss_scale", lambda _: LossScale(FIRST_SCALE))
    run(tmp_path / "fp16", data, task=Summed(Fp16.apply), config=changed(max_bad_batches=0, epochs=2))
    found, exact = (metrics(tmp_path / name) for name in ("fp16", "float32"))
    assert sum(line["overflows"] for line in found) <= 12  # from 1 down to what 10,000 frames and such slopes need
    assert found[-1]["step"] + sum(line["overflows"] for line in found) == exact[-1]["step"]
    if slope == 1:
        assert found[-1]["train_loss"] == pytest.approx(exact[-1]["train_loss"], rel=0.02)
