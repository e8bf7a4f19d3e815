from pyspeech.training.step import make_optimizer
from tests.training.test_loop import CONFIG, Net


def test_weight_decay_is_for_matrices_only():
    groups = make_optimizer(Net(), CONFIG).param_groups
    assert [[p.dim() for p in group["params"]] for group in groups] == [[2], [1, 1, 1]]
    assert [group["weight_decay"] for group in groups] == [CONFIG.weight_decay, 0.0]
