import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.models import MODELS, OF_FRAMES, OF_UTTERANCES, build_model
from pyspeech.models.contract import frame_network
from pyspeech.settings import SHARED_CONF, read_yaml
from tests.networks import padded, used

SETTINGS = {
    "tdnn_lstm": {
        "name": "tdnn_lstm",
        "tdnn_width": 6,
        "lstm_width": 6,
        "lstm_layers": 2,
        "label_delay": 2,
        "dropout": 0.0,
    },
    "bilstm_ctc": {"name": "bilstm_ctc", "channels": 3, "lstm_width": 5, "lstm_layers": 2, "dropout": 0.0},
    "conformer": {
        "name": "conformer",
        "width": 8,
        "heads": 2,
        "layers": 2,
        "feed_forward": 10,
        "kernel": 5,
        "subsampling": 3,
        "dropout": 0.0,
    },
}
NUM_FEATURES, NUM_OUTPUTS = 9, 4
LENGTHS = st.lists(st.integers(1, 25), min_size=1, max_size=4)
all_models = pytest.mark.parametrize("name", list(SETTINGS))


@pytest.fixture(scope="module")
def trained():
    """Small networks whose batch statistics are not those they began with."""
    models = {}
    for name, chosen in SETTINGS.items():
        torch.manual_seed(0)
        models[name] = used(build_model(chosen, NUM_FEATURES, NUM_OUTPUTS), NUM_FEATURES)
    return models


@all_models
@settings(max_examples=20)
@given(lengths=LENGTHS, extra=st.integers(0, 7))
def test_alone_equals_padded_in_a_batch(trained, name, lengths, extra):
    model = trained[name].eval()
    utterances, features = padded(lengths, NUM_FEATURES, extra, padding_value=7.0)
    with torch.no_grad():
        outputs, out_lengths = model(features, torch.tensor(lengths))
        for b, utterance in enumerate(utterances):
            alone, alone_length = model(utterance[None], torch.tensor([lengths[b]]))
            assert alone_length.tolist() == [alone.shape[1]] == [out_lengths[b]]
            torch.testing.assert_close(outputs[b, : alone.shape[1]], alone[0], atol=1e-5, rtol=1e-5)


@all_models
@settings(max_examples=20)
@given(lengths=LENGTHS, extra=st.integers(1, 7))
def test_more_padding_changes_nothing_in_training_either(trained, name, lengths, extra):
    results = []
    for padding in (0, extra):
        model = copy.deepcopy(trained[name]).double().train()
        outputs, out_lengths = model(padded(lengths, NUM_FEATURES, padding)[1].double(), torch.tensor(lengths))
        real = torch.cat([outputs[b, :length] for b, length in enumerate(out_lengths.tolist())])
        (real * torch.arange(real.numel()).view_as(real) / real.numel()).sum().backward()
        results.append([real, *model.buffers(), *(p.grad for p in model.parameters())])
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-5)


@all_models
def test_outputs_are_log_probabilities_at_a_third_of_the_frames(trained, name):
    model = trained[name].eval()
    outputs, lengths = model(torch.randn(2, 20, NUM_FEATURES), torch.tensor([20, 18]))
    assert model.subsampling == 3
    assert (outputs.shape, lengths.tolist()) == ((2, 7, NUM_OUTPUTS), [7, 6])
    torch.testing.assert_close(outputs.exp().sum(2), torch.ones(2, 7))


@all_models
def test_an_output_depends_on_no_frame_beyond_the_look_ahead_and_on_the_last_within_it(trained, name):
    model = trained[name].eval()
    _, features = padded([60], NUM_FEATURES)
    for output in (0, 4, 9):
        features.grad = None
        features.requires_grad_()
        outputs, _ = model(features, torch.tensor([60]))
        (outputs[0, output] * torch.arange(1.0, NUM_OUTPUTS + 1)).sum().backward()
        used_T = features.grad[0].abs().sum(1) > 0
        last = 59 if model.look_ahead is None else output * model.subsampling + model.look_ahead
        assert int(used_T.nonzero().max()) == last
    assert SETTINGS.keys() == OF_FRAMES.keys()


def test_networks_say_of_what_kind_they_are(trained):
    assert all(frame_network(model) is model for model in trained.values())
    for name in OF_UTTERANCES:
        settings = {"dropout": 0.1, **read_yaml(SHARED_CONF / f"{name}.yaml")["model"]}
        assert frame_network(build_model(settings, NUM_FEATURES, NUM_OUTPUTS)) is None
    with pytest.raises(UserError, match="network Linear is of no kind that is known: give it output_per"):
        frame_network(torch.nn.Linear(2, 2))


@all_models
def test_a_few_steps_learn_a_pattern(name):
    torch.manual_seed(0)
    model = build_model(SETTINGS[name], NUM_FEATURES, NUM_OUTPUTS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    classes = torch.randint(0, NUM_OUTPUTS, (4, 5))
    features = torch.nn.functional.one_hot(classes, NUM_FEATURES).float().repeat_interleave(3, dim=1)
    losses = []
    for _ in range(60):
        outputs, _ = model(features, torch.full((4,), 15))
        loss = torch.nn.functional.nll_loss(outputs.flatten(0, 1), classes.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("name", list(MODELS))
def test_the_shared_configuration_builds(name):
    settings_of_conf = read_yaml(SHARED_CONF / f"{name}.yaml")["model"]
    assert sum(p.numel() for p in build_model(settings_of_conf, 80, 40).parameters()) > 100_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "tdnn_lstn"}, "'tdnn_lstn' is not a model; did you mean 'tdnn_lstm'"),
        ({"lstm_witdh": 3}, "unknown key 'model.lstm_witdh' of tdnn_lstm; did you mean 'lstm_width'"),
        ({"num_outputs": 3}, "unknown key 'model.num_outputs'"),
        ({"lstm_width": 0}, r"model.lstm_width = 0: Input should be greater than 0"),
        ({"lstm_width": "wide"}, "model.lstm_width = 'wide': Input should be a valid integer"),
        ({"lstm_layers": 2.0}, "model.lstm_layers = 2.0"),
        ({"lstm_layers": True}, "model.lstm_layers = True"),
        ({"dropout": 1}, "model.dropout = 1: Input should be less than 1"),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(UserError, match=message):
        build_model({**SETTINGS["tdnn_lstm"], **change}, NUM_FEATURES, NUM_OUTPUTS)


def test_a_missing_setting_is_named():
    with pytest.raises(UserError, match=r"key 'model.dropout' is missing; tdnn_lstm needs it"):
        build_model({k: v for k, v in SETTINGS["tdnn_lstm"].items() if k != "dropout"}, NUM_FEATURES, NUM_OUTPUTS)
    with pytest.raises(
        UserError, match=r"model.name = None is not a model; allowed: bilstm_ctc, conformer, ecapa_tdnn"
    ):
        build_model({}, NUM_FEATURES, NUM_OUTPUTS)
