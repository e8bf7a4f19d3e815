import dataclasses
import json

import pytest
import torch

from pyspeech.config import load_config
from pyspeech.data.batch import Batch
from pyspeech.errors import UserError
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.losses.ctc import Ctc, torch_ctc_loss
from pyspeech.settings import save_config
from pyspeech.tasks.network import NetworkWithLoss, new_model
from pyspeech.tasks.recognition import RecognitionTask, count_words, greedy_tokens, load_recogniser
from pyspeech.tensor_files import write_tensors

TOKENS = CharacterTokens.from_words(["AB"])  # <blk> ▁ A B
MODEL = {"name": "tdnn_lstm", "tdnn_width": 4, "lstm_width": 4, "lstm_layers": 1, "label_delay": 2, "dropout": 0.0}


class Fixed(torch.nn.Module):
    """Answers with given log-probabilities, one output frame per input frame."""

    def __init__(self, log_probs_BTV):
        super().__init__()
        self.log_probs = torch.nn.Parameter(log_probs_BTV)

    def forward(self, features_BTF, lengths_B):
        return self.log_probs, lengths_B


def batch_of(texts, lengths):
    return Batch(
        ids=tuple(f"utt{n}" for n in range(len(texts))),
        features_BTF=torch.zeros(len(texts), max(lengths), 1),
        lengths_B=torch.tensor(lengths),
        texts=tuple(texts),
        seconds=1.0,
    )


def fixed(log_probs, implementation="torch"):
    return NetworkWithLoss(Fixed(log_probs), Ctc(implementation=implementation))


def one_hot(paths):
    return torch.nn.functional.one_hot(torch.tensor(paths), 4).float().add(1e-4).log().log_softmax(2)


def test_greedy_tokens_drop_repeats_blanks_and_padding():
    log_probs = one_hot([[1, 1, 0, 1, 2, 3], [0, 0, 2, 2, 3, 3]])
    assert greedy_tokens(log_probs, torch.tensor([5, 4])) == [[1, 1, 2], [2]]


def test_the_loss_is_summed_over_utterances_and_weighted_by_frames():
    torch.manual_seed(0)
    log_probs = torch.randn(2, 6, 4).log_softmax(2)
    loss, counts = RecognitionTask(TOKENS).loss(fixed(log_probs), batch_of(["A", "AB"], [4, 6]), 0.0)
    expected = torch_ctc_loss(log_probs, torch.tensor([4, 6]), [[1, 2], [1, 2, 3]]).sum()
    torch.testing.assert_close(loss, expected)
    assert counts.loss == pytest.approx(float(expected))
    assert (counts.weight, counts.utterances, counts.left_out) == (10, 2, ())


def test_what_cannot_fit_is_left_out_and_named():
    log_probs = torch.randn(3, 6, 4).log_softmax(2)
    task = RecognitionTask(TOKENS)
    loss, counts = task.loss(fixed(log_probs), batch_of(["ABAB", "AB", "AA"], [4, 6, 3]), 0.0)  # needs 5, 3, 4
    assert counts.left_out == ("utt0", "utt2")
    assert (counts.weight, counts.utterances) == (6, 1)
    torch.testing.assert_close(loss, torch_ctc_loss(log_probs[1:2], torch.tensor([6]), [[1, 2, 3]])[0])


def test_a_batch_in_which_nothing_fits_has_no_gradient_and_no_weight():
    model = fixed(torch.randn(1, 2, 4).log_softmax(2))
    loss, counts = RecognitionTask(TOKENS).loss(model, batch_of(["ABAB"], [2]), 0.0)
    loss.backward()
    assert not model.network.log_probs.grad.any()
    assert (counts.weight, counts.left_out) == (0, ("utt0",))


def test_token_errors_count_utterances_that_have_no_loss_too():
    model = fixed(one_hot([[1, 2, 0, 1], [1, 2, 3, 0]]))
    counts = RecognitionTask(TOKENS).evaluate(model, [batch_of(["ABAB", "AB"], [4, 4])])
    # "▁A▁" against "▁ABAB": best alignment keeps two tokens and changes or drops three.
    assert (counts.errors, counts.labels, counts.left_out) == (3, 8, ("utt0",))


def test_k2_gives_the_same_loss():
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    torch.manual_seed(0)
    log_probs, batch = torch.randn(3, 7, 4).log_softmax(2), batch_of(["A", "ABB", "AB"], [4, 7, 6])
    models = [fixed(log_probs, library) for library in ("torch", "k2")]
    losses = [RecognitionTask(TOKENS).loss(model, batch, 0.0)[1].loss for model in models]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.fixture
def exp(tmp_path):
    config = small_config(tmp_path)
    save_config(config, tmp_path / "config.yaml")
    TOKENS.save(tmp_path / "lang")
    model = new_model(config, len(TOKENS.symbols), "frame")
    write_tensors(tmp_path / "model.safetensors", model.state_dict(), {})
    return tmp_path


def small_config(folder):
    path = folder / "small.yaml"
    path.write_text("include: [fbank, augment, train, ctc]\ntask: recognition\n")
    return load_config(path, [f"model.{key}={value}" for key, value in MODEL.items()])


def test_a_recogniser_is_loaded_as_it_was_saved(exp):
    recogniser = load_recogniser(exp, "cpu")
    assert not recogniser.model.training
    assert recogniser.tokens.symbols == TOKENS.symbols
    assert dataclasses.is_dataclass(recogniser)
    assert recogniser.config.model == MODEL
    log_probs, lengths = recogniser.model(torch.zeros(1, 30, 80), torch.tensor([30]))
    assert (log_probs.shape, lengths.tolist()) == ((1, 10, 4), [10])


def test_an_unfinished_training_is_named(exp):
    (exp / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no trained model at .*model.safetensors"):
        load_recogniser(exp, "cpu")


def test_weights_of_other_tokens_are_refused(exp):
    CharacterTokens.from_words(["ABC"]).save(exp / "lang")
    with pytest.raises(UserError, match=r"model.safetensors does not fit .*config.yaml and the tables beside it"):
        load_recogniser(exp, "cpu")


def test_damaged_weights_are_named(exp):
    content = (exp / "model.safetensors").read_bytes()
    (exp / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"model.safetensors is not a whole safetensors file"):
        load_recogniser(exp, "cpu")


def test_an_utterance_at_several_speeds_counts_once(tmp_path):
    lines = [
        {
            "id": f"{name}_sp{speed}" if speed != 1 else name,  # as lhotse marks them; one is called so from the start
            "duration": 1.0,
            "supervisions": [{"text": "A B A", "speaker": "s"}],
            "recording": {"transforms": [{"name": "Speed", "kwargs": {"factor": speed}}] if speed != 1 else None},
        }
        for speed in (0.9, 1, 1.1)
        for name in ("one", "two_sp1")
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert count_words(tmp_path / "train.jsonl") == "A\t4\nB\t2\n"
