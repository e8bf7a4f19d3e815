import pytest
import torch

from pyspeech.errors import UserError
from pyspeech.training.checkpoint import Progress
from pyspeech.training.dev_evaluation import measure_on_dev, peak_memory, validations_without_progress
from pyspeech.training.step_totals import Sums
from tests.training.test_loop import BATCHES, Net, Regression


@pytest.mark.parametrize(
    ("errors", "count"), [([], 0), ([5], 0), ([5, 4, 3], 0), ([5, 3, 4], 1), ([3, 3, 3], 2), ([4, 2, 3, 2, 9], 3)]
)
def test_validations_after_the_first_of_the_best_bring_nothing(errors, count):
    assert validations_without_progress([{"dev_rate": error} for error in errors], "rate") == count


def test_a_line_holds_train_and_dev_and_leaves_the_network_training():
    model = Net().train()
    since = Sums(loss=6.0, weight=4.0, seconds=30.0, wall=10.0, data_wait=2.5)
    moved = []
    line = measure_on_dev(
        Regression(), model, BATCHES[:2], lambda batch: moved.append(batch) or batch, Progress(step=7, since=since)
    )
    assert model.training
    assert len(moved) == 2
    assert (line["step"], line["train_loss"]) == (7, 1.5)
    assert (line["audio_seconds_per_second"], line["data_wait"]) == (3.0, 0.25)
    assert line["seconds"] >= 10.0
    with torch.no_grad():
        expected = Regression().evaluate(model.eval(), BATCHES[:2])
    assert (line["dev_loss"], line["dev_miss_rate"]) == (expected.mean_loss, expected.error_rate)


def test_a_batch_of_dev_without_memory_is_told_of():
    class Large(Regression):
        def evaluate(self, model, batches):
            return torch.empty(1 << 50)

    with pytest.raises(UserError, match=r"dev does not fit into the memory \(.*allocat.*\); take its longest"):
        measure_on_dev(Large(), Net(), BATCHES[:2], lambda batch: batch, Progress())


def test_of_the_memory_of_a_cpu_nothing_is_known():
    assert peak_memory(torch.device("cpu")) == {}
