import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.training.average import average_weights, chosen_steps
from pyspeech.training.checkpoint import Progress, save_checkpoint


def lines(errors):
    return [{"step": n, "dev_error": error, "dev_loss": 1.0} for n, error in enumerate(errors, 1)]


def test_the_last_and_the_best_are_chosen():
    metrics = lines([0.5, 0.1, 0.3, 0.2])
    assert chosen_steps(metrics, "last", 2, "dev_error") == [3, 4]
    assert chosen_steps(metrics, "best", 2, "dev_error") == [2, 4]
    assert chosen_steps(metrics, "best", 9, "dev_error") == [1, 2, 3, 4]


def test_among_equal_errors_the_lower_loss_wins():
    metrics = lines([0.1, 0.1])
    metrics[1]["dev_loss"] = 0.5
    assert chosen_steps(metrics, "best", 1, "dev_error") == [2]


@given(errors=st.lists(st.integers(0, 4), min_size=1, max_size=8), count=st.integers(1, 3))
def test_the_best_of_all_were_always_among_the_best_so_far(errors, count):
    metrics = lines(errors)
    best = set(chosen_steps(metrics, "best", count, "dev_error"))
    for done in range(1, len(errors) + 1):
        so_far = set(chosen_steps(metrics[:done], "best", count, "dev_error"))
        assert {step for step in best if step <= done} <= so_far


def test_batch_statistics_are_averaged_and_counters_are_taken_from_the_last(tmp_path):
    paths = []
    for number in (1, 2, 6):
        norm = torch.nn.BatchNorm1d(2)
        for tensor in norm.state_dict().values():
            tensor.fill_(number)
        paths.append(tmp_path / f"{number}.safetensors")
        save_checkpoint(paths[-1], norm, torch.optim.AdamW(norm.parameters()), Progress())
    average = average_weights(paths)
    assert average["weight"].tolist() == average["running_mean"].tolist() == pytest.approx([3.0, 3.0])
    assert average["weight"].dtype == torch.float32
    assert average["num_batches_tracked"].item() == 6


def test_the_average_of_equal_weights_is_exact(tmp_path):
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 5)
    save_checkpoint(tmp_path / "c.safetensors", layer, torch.optim.AdamW(layer.parameters()), Progress())
    assert torch.equal(average_weights([tmp_path / "c.safetensors"] * 3)["weight"], layer.weight)
