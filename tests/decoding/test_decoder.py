import dataclasses
import sys

import numpy as np
import pytest
import torch

from pyspeech.config import load_config
from pyspeech.data.batch import Batch
from pyspeech.decoding import decoder as decoder_module
from pyspeech.decoding.config import load_decode_config
from pyspeech.decoding.decoder import Decoder, Setup
from pyspeech.decoding.frames import penalised_frames
from pyspeech.errors import MissingPackage, UserError
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.tasks.recognition import Recogniser
from pyspeech.tensor_files import read_header, read_tensors, write_tensors
from tests.experiments import save_tone_graph, save_untrained
from tests.lattices import assert_well_formed, same
from tests.tones import PITCHES

TOKENS = CharacterTokens.from_words(PITCHES)
SPACE, O, L, W = (TOKENS.symbols.index(symbol) for symbol in "▁OLW")  # noqa: E741
LOW = [SPACE, 0, L, O, O, W, 0]


@pytest.fixture
def needs_k2():
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")


class Fixed(torch.nn.Module):
    """Answers with given log-probabilities, whatever the features."""

    subsampling = 3

    def __init__(self, log_probs_BTV, lengths):
        super().__init__()
        self.outputs = log_probs_BTV, torch.tensor(lengths)

    def forward(self, features_BTF, lengths_B):
        return self.outputs


def sharp(*paths, confidence=10.0):
    """Log-probabilities [B, T, V] that prefer these tokens."""
    length = max(map(len, paths))
    labels = torch.tensor([[*path, *[0] * (length - len(path))] for path in paths])
    return (torch.nn.functional.one_hot(labels, len(TOKENS.symbols)) * confidence).log_softmax(2)


@pytest.fixture
def decode(tmp_path, monkeypatch):
    save_untrained(tmp_path / "exp")

    def decode_outputs(log_probs_BTV, lengths, method, **settings):
        recogniser = Recogniser(load_config(tmp_path / "exp" / "config.yaml"), TOKENS, Fixed(log_probs_BTV, lengths))
        monkeypatch.setattr(decoder_module, "load_recogniser", lambda *_: recogniser)
        graph = None if method == "greedy" else tmp_path / "graph"
        if graph and not graph.exists():
            save_tone_graph(graph)
        config = load_decode_config().model_copy(update=settings)
        ids = tuple(f"utt-{n}" for n in range(len(lengths)))
        batch = Batch(ids, torch.zeros(len(ids), 30, 24), torch.full((len(ids),), 30), ("",) * len(ids), 0.0)
        return list(Decoder(Setup(tmp_path / "exp", graph, method, "cpu", config))(batch, dict.fromkeys(ids, 0.3)))

    return decode_outputs


@pytest.mark.parametrize("method", ["greedy", "one-best", "nbest"])
def test_every_method_reads_clear_outputs(decode, method, request):
    if method != "greedy":
        request.getfixturevalue("needs_k2")
    (found,) = decode(sharp(LOW, confidence=20.0), [7], method)
    assert found.line["words"] == ("LOW",)
    assert [each["token"] for each in found.line["tokens"]] == ["▁", "L", "O", "W"]
    confidence = {} if method == "greedy" else {"confidence": pytest.approx(1, abs=1e-3)}
    assert found.line["word_times"] == [{"word": "LOW", "start": 0.0, "end": 0.18} | confidence]
    assert not found.problems
    assert (found.lattice is None) == (method == "greedy")
    said = found.frames.tokens > 0
    assert found.frames.tokens[said].tolist() == [token for token in LOW if token]
    assert found.frames.log_probs[said] == pytest.approx(0, abs=0.01)
    assert (found.frames.id, found.frames.seconds, found.frames.num_frames) == ("utt-0", 0.3, 7)
    assert ("nbest" in found.line) == (method == "nbest")
    if method == "nbest":
        best = found.line["nbest"][0]
        assert best["words"] == ["LOW"]
        assert (best["acoustic"], best["graph"]) == (found.line["acoustic"], found.line["graph"])


@pytest.mark.parametrize("method", ["greedy", "nbest"])
def test_a_penalty_is_what_lower_outputs_for_the_blank_are_but_for_the_frames_that_are_kept(decode, method, request):
    if method != "greedy":
        request.getfixturevalue("needs_k2")
    torch.manual_seed(0)
    log_probs_BTV = (sharp(LOW, LOW, confidence=3.0) + torch.randn(2, 7, len(TOKENS.symbols))).log_softmax(2)
    raw_BTV, shifted_BTV = log_probs_BTV.clone(), log_probs_BTV.clone()
    shifted_BTV[:, :, 0] += -2.5
    penalised = decode(log_probs_BTV, [7, 5], method, blank_penalty=-2.5, acoustic_scale=0.7)
    assert torch.equal(log_probs_BTV, raw_BTV)
    for ours, theirs in zip(penalised, decode(shifted_BTV, [7, 5], method, acoustic_scale=0.7), strict=True):
        assert ours.line == theirs.line
        assert method == "greedy" or same(ours.lattice, theirs.lattice)
        frames = penalised_frames(ours.frames, -2.5)
        for name in ("bounds", "tokens", "log_probs"):
            assert np.array_equal(getattr(frames, name), getattr(theirs.frames, name))


@pytest.mark.parametrize("method", ["greedy", "one-best"])
def test_a_penalty_moves_no_word_of_a_network_that_is_sure(decode, method, request):
    if method != "greedy":
        request.getfixturevalue("needs_k2")
    outputs = sharp(LOW, confidence=20.0), [7], method
    (plain,), (penalised,) = decode(*outputs), decode(*outputs, blank_penalty=-3.0)
    assert plain.line["words"] == penalised.line["words"] == ("LOW",)
    for ours, theirs in zip(plain.line["word_times"], penalised.line["word_times"], strict=True):
        assert (ours["start"], ours["end"]) == pytest.approx((theirs["start"], theirs["end"]), abs=0.03)


def test_outputs_without_frames_or_finite_numbers_give_no_words_and_a_warning(decode, needs_k2):
    log_probs_BTV = sharp(LOW, LOW, LOW)
    log_probs_BTV[1, 2, 3] = float("nan")
    for method in ("greedy", "one-best", "nbest"):
        none, broken, whole = decode(log_probs_BTV, [0, 7, 7], method)
        assert none.problems == ("too short: the network gives no output frame",)
        assert broken.problems == ("the network's output is not finite",)
        assert not whole.problems
        assert [each.line["words"] for each in (none, broken, whole)] == [(), (), ("LOW",)]
        assert [each.frames.num_frames for each in (none, broken, whole)] == [0, 0, 7]
        if method != "greedy":
            for each in (none, broken, whole):
                assert_well_formed(each.lattice)


def test_greedy_words_stand_in_where_search_finds_nothing(decode, needs_k2, monkeypatch):
    from pyspeech.decoding import search

    def fail(*_, **__):
        raise RuntimeError("too much")

    monkeypatch.setattr(search.k2, "intersect_dense_pruned", fail)
    path = [SPACE, L, O, W, SPACE, O, 0]
    (found,) = decode(sharp(path), [7], "nbest")
    assert found.line["words"] == ("LOW", "O")
    assert found.line["nbest"][0]["words"] == ("LOW", "O")
    assert found.problems[-1] == "the greedy words stand in"
    assert "search failed (too much)" in found.problems[0]
    assert_well_formed(found.lattice)
    assert found.lattice.token.tolist() == [*path, -1]
    # The graph does not know the word O.
    assert np.count_nonzero(found.lattice.word) == 1
    assert found.lattice.id == "utt-0"


def test_one_frame_is_enough(decode, needs_k2):
    for method in ("greedy", "one-best"):
        (found,) = decode(sharp([0]), [1], method)
        assert found.line["words"] == ()


def test_a_graph_for_other_tokens_is_refused(tmp_path, needs_k2):
    save_untrained(tmp_path / "exp")
    save_tone_graph(tmp_path / "graph", CharacterTokens.from_words([*PITCHES, "XYZ"]))
    with pytest.raises(UserError, match=r"graph was made for other tokens than .*lang, which the model was trained"):
        Decoder(Setup(tmp_path / "exp", tmp_path / "graph", "one-best", "cpu", load_decode_config()))


def test_a_graph_with_a_label_that_no_token_has_is_refused(tmp_path, needs_k2):
    save_untrained(tmp_path / "exp")
    save_tone_graph(tmp_path / "graph")
    path = tmp_path / "graph/graph.safetensors"
    tensors, header = read_tensors(path, "graph", "again"), read_header(path, "graph", "again")
    tensors["arcs"][0, 2] = tensors["tokens"][0] = len(TOKENS.symbols)
    write_tensors(path, tensors, header)
    with pytest.raises(UserError, match=r"graph was made for other tokens than .*lang, which the model was trained"):
        Decoder(Setup(tmp_path / "exp", tmp_path / "graph", "one-best", "cpu", load_decode_config()))


def test_without_k2_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "k2", None)
    monkeypatch.delitem(sys.modules, "pyspeech.decoding.search", raising=False)
    with pytest.raises(MissingPackage, match=r"--method nbest needs the package k2.*lane pypi"):
        decoder_module.k2_has_cuda("nbest")


def test_a_setup_can_be_compared_and_kept():
    setup = Setup(None, None, "greedy", "cpu", load_decode_config())
    assert hash(setup) == hash(dataclasses.replace(setup))
