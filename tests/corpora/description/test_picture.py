import json
import sys

import pytest

from pyspeech.corpora.description.picture import draw
from pyspeech.corpora.description.tally import describe_manifest
from pyspeech.errors import MissingPackage


def described(path, cuts):
    entries = ({"id": str(n), "duration": s, "supervisions": [{"text": text}]} for n, (s, text) in enumerate(cuts))
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return describe_manifest(path)


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([f"WORD{n} $ AND" for n in range(40)], id="sentences"),
        pytest.param(["$x^", "はい", "_no"] * 10, id="labels"),
        pytest.param([str(n) for n in range(50)] * 5, id="many labels"),
        pytest.param([""] * 5, id="no words"),
        pytest.param(["ONE"], id="one utterance"),
    ],
)
def test_a_picture_is_drawn_whatever_the_texts(tmp_path, texts):
    pytest.importorskip("matplotlib", reason="needs matplotlib, which this lane does not have")
    from matplotlib.image import imread

    cuts = [(1 + n % 7, text) for n, text in enumerate(texts)]
    draw([described(tmp_path / f"{name}.jsonl", cuts) for name in ("train", "_dev", "$test")], tmp_path / "a.png")
    height, width, _ = imread(tmp_path / "a.png").shape
    assert width == 1200
    assert height == 440
    assert sorted(path.name for path in tmp_path.iterdir()) == ["$test.jsonl", "_dev.jsonl", "a.png", "train.jsonl"]


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = described(tmp_path / "train.jsonl", [(1.0, "ONE")])
    with pytest.raises(
        MissingPackage, match=r"a.png needs the package matplotlib.*pip install 'pyspeech-recipes\[plot\]'"
    ):
        draw([found], tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
