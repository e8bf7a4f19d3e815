"""Without k2 there is no graph, and that is told; what is there already stays."""

import sys

import pytest

from pyspeech.errors import MissingPackage
from pyspeech.graph.make import new_graph, update_graph
from pyspeech.lang.tokens import CharacterTokens
from tests.experiments import ARPA


def test_without_k2_the_way_on_is_named_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "k2", None)
    monkeypatch.delitem(sys.modules, "pyspeech.graph.compose", raising=False)
    tokens = CharacterTokens.from_words(["LOW", "MID", "HIGH"])
    (tmp_path / "lm.arpa").write_text(ARPA)
    for make in (
        lambda: new_graph(tokens, tmp_path / "lm.arpa"),
        lambda: update_graph(tokens, tmp_path / "lm.arpa", tmp_path / "graph"),
    ):
        with pytest.raises(
            MissingPackage, match=r"a decoding graph needs the package k2.* decode without a graph, by --met"
        ):
            make()
    assert [path.name for path in tmp_path.iterdir()] == ["lm.arpa"]
