import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.models.lstm import BidirectionalLstm, Lstm, LstmFunction


@given(frames=st.integers(1, 6), batch=st.integers(1, 4), inputs=st.integers(1, 5), width=st.integers(1, 5))
def test_values_and_gradients_equal_those_of_torch(frames, batch, inputs, width):
    torch.manual_seed(0)
    reference = torch.nn.LSTM(inputs, width)
    x = torch.randn(frames, batch, inputs, requires_grad=True)
    weights = torch.randn(frames, batch, width)
    leaves = [x, *reference.parameters()]
    ours, theirs = LstmFunction.apply(*leaves), reference(x)[0]
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    for left, right in zip(
        torch.autograd.grad((ours * weights).sum(), leaves),
        torch.autograd.grad((theirs * weights).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-4)


def test_both_routes_of_the_layer_agree(monkeypatch):
    torch.manual_seed(0)
    layer, x = Lstm(num_inputs=3, width=4), torch.randn(2, 5, 3)
    outputs = []
    for slow in (True, False):
        monkeypatch.setattr("pyspeech.models.lstm.MKL_IS_SLOW", slow)
        outputs.append(layer(x))
    assert outputs[0].shape == (2, 5, 4)
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-6, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit.trace:DeprecationWarning")
@pytest.mark.parametrize("slow", [True, False])
def test_a_trace_without_gradients_holds_the_lstm_of_torch_on_every_processor(monkeypatch, slow):
    monkeypatch.setattr("pyspeech.models.lstm.MKL_IS_SLOW", slow)
    torch.manual_seed(0)
    layer = BidirectionalLstm(num_inputs=3, width=4).eval()
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    with torch.no_grad():
        traced = torch.jit.trace(layer, (x, lengths))
        torch.testing.assert_close(traced(x, lengths), layer(x, lengths), atol=0, rtol=0)
    kinds = [node.kind() for node in traced.inlined_graph.nodes()]
    assert kinds.count("aten::lstm") == 2
    assert "prim::PythonOp" not in kinds


@pytest.mark.parametrize("lengths", [[6, 6], [6, 2, 4], [1, 6]])
def test_the_bidirectional_layer_equals_torch_with_packed_sequences(lengths):
    torch.manual_seed(0)
    layer = BidirectionalLstm(num_inputs=3, width=4)
    reference = torch.nn.LSTM(3, 4, bidirectional=True, batch_first=True)
    ours = [*layer.ahead.parameters(), *layer.back.parameters()]
    for target, source in zip(reference.parameters(), ours, strict=True):
        target.data.copy_(source)
    x = torch.randn(len(lengths), 6, 3)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    found = layer(x, torch.tensor(lengths))
    for b, length in enumerate(lengths):
        torch.testing.assert_close(found[b, :length], expected[b, :length], atol=1e-6, rtol=1e-5)
