import json
import re

import pytest
from click.testing import CliRunner

pytest.importorskip("k2", reason="needs k2, which this lane does not have")

from pyspeech.cli.graph import graph
from pyspeech.errors import UserError
from pyspeech.lang.tokens import PhoneTokens
from pyspeech.lm.ngram import LmSettings, train_lm


def invoke(*arguments):
    result = CliRunner().invoke(graph, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def train(folder, lines):
    (folder / "text").write_text("\n".join(lines))
    train_lm(folder / "lm", [folder / "text"], LmSettings(2), memory="100M")
    return folder / "lm"


@pytest.fixture
def folders(tmp_path):
    PhoneTokens(("<blk>", "A", "B"), {"a": (("A",),), "b": (("B",), ("A", "B"))}).save(tmp_path / "lang")
    return tmp_path / "lang", train(tmp_path, ["a b", "c a"]), tmp_path / "graph"


def test_a_graph_is_made_with_its_sizes_and_left_alone_while_its_inputs_are_the_same(folders):
    lang, lm, out = folders
    output = invoke(lang, lm, out)
    assert "1 words of" in output
    assert "HLG" in output
    made = json.loads((out / "graph.json").read_text())
    assert made["missing_words"] == ["c"]
    assert (made["tokens"], made["topology"], made["words"]) == ("phones", "plain", 2)
    assert made["steps"][-1] == {**made["steps"][-1], "name": "HLG", "states": made["states"], "arcs": made["arcs"]}
    assert (out / "words.txt").read_text() == "<eps>\na\nb\n"
    before = (out / "graph.safetensors").stat().st_mtime_ns
    assert "is up to date" in invoke(lang, lm, out)
    assert "is up to date" in invoke(lang, lm / "lm.arpa", out)
    assert (out / "graph.safetensors").stat().st_mtime_ns == before


def test_a_changed_model_or_lexicon_under_the_same_name_gives_a_new_graph(folders):
    lang, lm, out = folders
    invoke(lang, lm, out)
    first = (out / "graph.json").read_text()
    train(lm.parent, ["a b", "b a", "a a"])
    invoke(lang, lm, out)
    second = (out / "graph.json").read_text()
    (lang / "lexicon.txt").write_text((lang / "lexicon.txt").read_text() + "a\tB A\n")
    invoke(lang, lm, out)
    third = (out / "graph.json").read_text()
    assert len({first, second, third}) == 3


def test_a_failed_run_leaves_the_earlier_graph(folders):
    lang, lm, out = folders
    invoke(lang, lm, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (lm / "lm.arpa").write_text((lm / "lm.arpa").read_text().replace("\\end\\", ""))
    with pytest.raises(UserError, match=r"lm\.arpa is not a complete ARPA file"):
        invoke(lang, lm, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not list(out.parent.glob("partial*"))


def test_missing_inputs_and_a_folder_of_other_things_are_named(folders, tmp_path):
    lang, lm, out = folders
    with pytest.raises(UserError, match=r"no token set at .*nowhere"):
        invoke(tmp_path / "nowhere", lm, out)
    with pytest.raises(UserError, match=r"no language model at .*nowhere"):
        invoke(lang, tmp_path / "nowhere", out)
    with pytest.raises(UserError, match="lang would be replaced but holds other things than a decoding graph"):
        invoke(lang, lm, lang)


def test_a_model_in_the_other_case_is_read_in_that_of_the_lexicon_and_gives_the_same_graph(folders, tmp_path):
    lang, lm, out = folders
    invoke(lang, lm, out)
    other = tmp_path / "capitals.arpa"
    text = (lm / "lm.arpa").read_text()
    other.write_text(re.sub(r"(?<=[\t ])[abc](?=[\t \n])", lambda word: word[0].upper(), text))
    assert "are read in small letters" in invoke(lang, other, tmp_path / "other")
    for name in ("words.txt", "graph.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_model_of_prose_is_refused(folders, tmp_path):
    lang, _, out = folders
    prose = train(tmp_path, ["A b", "a b.", "b, a"])
    with pytest.raises(UserError, match=r"does not write words as the transcripts do .*pyspeech lm text"):
        invoke(lang, prose, out)


def test_words_of_dev_that_the_graph_lacks_are_told_each_time(folders, tmp_path):
    lang, lm, out = folders
    cuts = [{"id": f"{n}", "duration": 1.0, "supervisions": [{"text": t}]} for n, t in enumerate(["a b", "c d d"])]
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(cut) + "\n" for cut in cuts))
    for _ in range(2):
        told = invoke(lang, lm, out, "--dev", tmp_path / "dev.jsonl")
        assert "not in the graph: 60.00% [ 3 / 5 ]: d 2, c 1; to find them: " in told
