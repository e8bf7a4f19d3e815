import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.config import load_config
from pyspeech.decoding.config import load_decode_config
from pyspeech.errors import UserError
from pyspeech.inference.speech_model import load_model
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.tensor_files import read_header, read_tensors
from pyspeech.training.average import average, average_weights, chosen_steps
from pyspeech.training.checkpoint import Progress, checkpoint_path, load_weights, save_checkpoint, stored_steps
from pyspeech.training.experiment import Sources, run
from tests.experiments import YAML
from tests.messages import told
from tests.tones import PITCHES, tone_manifest


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


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A training of five epochs that keeps the best three and the last."""
    folder = tmp_path_factory.mktemp("average")
    sources = Sources(folder / "train.jsonl.gz", folder / "dev.jsonl.gz", folder / "lang")
    tone_manifest(sources.train, 12)
    tone_manifest(sources.dev, 3, seed=1000)
    CharacterTokens.from_words(PITCHES).save(sources.table)
    (folder / "conf.yaml").write_text(YAML)
    config = load_config(folder / "conf.yaml", ["training.epochs=5", "training.average_epochs=3"])
    assert run(config, folder / "exp", sources, "cpu")
    return folder / "exp"


@pytest.fixture
def exp(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "exp")
    return tmp_path / "exp"


def header(model):
    return read_header(model, "model", "train again")


def test_the_average_afterwards_is_that_of_the_training(exp):
    trained = (exp / "model.safetensors").read_bytes()
    epochs = header(exp / "model.safetensors")["epochs"]
    for wanted, count in (("best", 3), (epochs, 0), ([*epochs[::-1], epochs[0]], 0)):
        (exp / "model.safetensors").write_bytes(b"")
        with told() as lines:
            assert average(exp, wanted, count) == exp / "model.safetensors"
        assert (exp / "model.safetensors").read_bytes() == trained
        assert lines == [f"the model is the average of epochs {', '.join(map(str, epochs))}"]


def test_one_epoch_is_its_checkpoint_in_a_folder_that_is_used_like_the_training(exp, tmp_path):
    before = (exp / "model.safetensors").read_bytes()
    (exp / "decode").mkdir()
    assert average(exp, "last", 1, tmp_path / "out") == tmp_path / "out" / "model.safetensors"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"config.yaml", "lang", "train_words.tsv", "model.safetensors"}
    last = load_weights(checkpoint_path(exp, stored_steps(exp)[-1]))
    tensors = read_tensors(tmp_path / "out" / "model.safetensors", "model", "train again")
    assert tensors.keys() == last.keys()
    assert all(torch.equal(tensors[name], last[name]) for name in last)
    assert load_model(tmp_path / "out", None, "cpu", load_decode_config()).symbols[0] == "<blk>"
    assert (exp / "model.safetensors").read_bytes() == before
    average(exp, "best", 1, tmp_path / "out")
    (tmp_path / "out" / "decode").mkdir()
    with pytest.raises(
        UserError, match=r"out would be replaced but holds other things than an averaged model \(decode"
    ):
        average(exp, "best", 1, tmp_path / "out")


def test_a_checkpoint_that_is_not_kept_is_named_with_those_that_are_and_why(exp):
    there = [step // (stored_steps(exp)[-1] // 5) for step in stored_steps(exp)]
    missing = sorted({1, 2, 3, 4, 5} - set(there))
    assert missing
    kept = (
        r"training\.average = best with training\.average_epochs = 3 keeps the best 3 and the last, which are those of "
    )
    for wanted, count in (([missing[0]], 0), ("last", 5), ("best", 5)):
        with pytest.raises(UserError, match=rf"epoch {missing[0]}.* any more: .*{kept}{', '.join(map(str, there))};"):
            average(exp, wanted, count)
    with pytest.raises(UserError, match=r"exp has no epoch 5\.5 that was validated, but 1, 2, 3, 4, 5; choose"):
        average(exp, [5, 5.5])
    with pytest.raises(UserError, match=r"exp was validated 5 times, not 6; average that many"):
        average(exp, "last", 6)


def test_while_it_is_trained_it_is_averaged_elsewhere_only(exp, tmp_path):
    (exp / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no model of a training that has ended \(which it averages itself; --out"):
        average(exp, "last", 1)
    assert average(exp, "last", 1, tmp_path / "out").exists()
    shutil.rmtree(exp / "checkpoints")
    with pytest.raises(UserError, match=r"has no checkpoints .* to average"):
        average(exp, "last", 1)
    with pytest.raises(UserError, match="no folder of a training at"):
        average(tmp_path / "nowhere", "last", 1)


@pytest.mark.parametrize("lines", [[], [{"step": 5}], [{"step": "5", "epoch": 1, "dev_loss": 1.0, "dev_x": 0.5}]])
def test_validations_that_are_none_are_named(tmp_path, lines):
    layer = torch.nn.Linear(2, 2)
    save_checkpoint(
        checkpoint_path(tmp_path, 5), layer, torch.optim.AdamW(layer.parameters()), Progress(metrics=lines, step=5)
    )
    with pytest.raises(UserError, match=r"step-5\.safetensors( was written before the|: a validation lacks step)"):
        average(tmp_path, "best", 1)
