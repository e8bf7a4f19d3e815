"""A decode by search is the greedy one, rescored: two commands give the same words, scores and weights."""

import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from pyspeech.data.manifests import write_manifest
from pyspeech.decoding.config import load_decode_config
from pyspeech.decoding.run import Decode, decode
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.inference.decode_by_search import decode_by_search
from pyspeech.rescoring.config import load_rescore_config
from pyspeech.rescoring.run import Rescoring, rescore
from pyspeech.tensor_files import read_tensors, write_tensors
from tests.decodes import save_lm
from tests.experiments import save_untrained
from tests.lattices import same
from tests.tones import PITCHES, tone_cuts, tone_manifest

OVERRIDES = ("rescore.tuning.lm=[0, 2, 1]", "rescore.tuning.word=[-1, 1, 1]", "rescore.nbest=10")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An untrained network, a language model, two manifests, and the greedy decode of the one that tunes."""
    folder = tmp_path_factory.mktemp("search")
    save_untrained(folder / "exp")
    words = list(PITCHES)
    save_lm(folder / "lm", (words[n:] + words[:n] for n in range(len(words)) for _ in range(9)))
    tone_manifest(folder / "test.jsonl.gz", 5, max_words=2, seed=1000)
    long = (cut for cut in tone_cuts(folder / "dev", 20, seed=1) if len(cut.supervisions[0].text.split()) == 3)
    write_manifest((cut.with_id(f"dev-{cut.id}") for cut in islice(long, 5)), folder / "dev.jsonl.gz")
    for split in ("dev", "test"):
        decode(job(folder, split, "greedy"), folder / f"{split}_greedy")
    return folder


def job(folder: Path, split: str, method: str, *overrides: str, **changes: bool) -> Decode:
    cuts, config = folder / f"{split}.jsonl.gz", load_decode_config(overrides=overrides)
    return Decode(folder / "exp", cuts, None, method, config, device="cpu", jobs=1, **changes)


def search(folder: Path, **changes: Path) -> Rescoring:
    return Rescoring(folder / "lm", "search", load_rescore_config(overrides=OVERRIDES), **changes)


@pytest.mark.parametrize("tuned", [False, True])
def test_it_finds_what_rescoring_finds_in_the_stored_frames(folder, tmp_path, tuned):
    how = search(folder, tune=folder / "dev_greedy") if tuned else search(folder)
    summary = decode_by_search(job(folder, "test", "search"), how, tmp_path / "one")
    rescored = rescore(folder / "test_greedy", how, tmp_path / "two", keep_lattices=True)
    for name in ("hyps.jsonl", "words.txt", "decode_warnings.jsonl", *(["weights.json"] if tuned else [])):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    one, two = StoredDecode(tmp_path / "one"), StoredDecode(tmp_path / "two")
    assert all(same(a, b) for a, b in zip(one.lattices, two.lattices, strict=True))
    for ours, theirs in zip(one.frames, StoredDecode(folder / "test_greedy").frames, strict=True):
        assert ours.id == theirs.id
        assert (ours.dense(len(one.tokens.symbols)) == theirs.dense(len(one.tokens.symbols))).all()
    for name in ("lm", "lm_digest", "weights", "weights_chosen_on", "utterances", "seconds", "warnings"):
        assert summary[name] == rescored[name]
    assert summary == one.summary
    assert (summary["method"], summary["graph"], summary["unit"]) == ("search", None, "words")
    assert summary["settings"]["frame_beam"] == 10
    assert summary["lattice_bytes"] > 0
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_the_penalty_of_a_decode_is_that_of_its_search_and_any_can_be_asked_for_again(folder, tmp_path):
    penalised = job(folder, "test", "search", "decode.blank_penalty=-1.5")
    decode_by_search(penalised, search(folder), tmp_path / "one")
    asked = replace(search(folder), config=load_rescore_config(overrides=["rescore.weights.blank=-1.5"]))
    rescore(folder / "test_greedy", asked, tmp_path / "two", keep_lattices=True)
    one, two = StoredDecode(tmp_path / "one"), StoredDecode(tmp_path / "two")
    assert (tmp_path / "one/hyps.jsonl").read_bytes() == (tmp_path / "two/hyps.jsonl").read_bytes()
    assert all(same(a, b) for a, b in zip(one.lattices, two.lattices, strict=True))
    assert one.blank_penalty == two.blank_penalty == -1.5
    # A penalty belongs to frames and lattices that have one by now; that of the frames is asked for from nothing.
    for overrides, expected in (((), -1.5), (("rescore.weights.blank=-0.5",), -0.5)):
        how = Rescoring(folder / "lm", "lattice", load_rescore_config(overrides=overrides))
        again = rescore(tmp_path / "two", how, tmp_path / "again")
        assert again["settings"]["blank_penalty"] == again["weights"]["blank"] == expected


def test_it_replaces_an_earlier_one_and_its_lattices_are_rescored(folder, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        decode_by_search(job(folder, "test", "search"), search(folder, tune=folder / "dev_greedy"), out)
    how = Rescoring(folder / "lm", "lattice", load_rescore_config())
    assert rescore(out, how, tmp_path / "again")["utterances"] == 5
    decode_by_search(job(folder, "test", "search", keep_lattices=False), search(folder), out)
    assert not {"lattices", "weights.json"} & {path.name for path in out.iterdir()}


def test_where_the_network_gives_nothing_finite_nothing_is_found_and_a_warning_says_so(folder, tmp_path):
    shutil.copytree(folder / "exp", tmp_path / "exp")
    path = tmp_path / "exp/model.safetensors"
    tensors = read_tensors(path, "model", "make it again")
    write_tensors(path, {name: each * 1e30 if each.is_floating_point() else each for name, each in tensors.items()}, {})
    broken = replace(job(folder, "test", "search"), exp=tmp_path / "exp")
    summary = decode_by_search(broken, search(folder), tmp_path / "out")
    lines = (tmp_path / "out/decode_warnings.jsonl").read_text().splitlines()
    assert ["not finite" in line for line in lines].count(True) == 5
    assert summary["warnings"] == len(lines)
    assert set(map(tuple, StoredDecode(tmp_path / "out").hypotheses.values())) == {()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lm": "nothing"}, "no language model at"),
        ({"tune": "nothing"}, "no decode at"),
        ({"weights": "nothing"}, "no weights at"),
        ({"tune": "test_greedy"}, "share"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(folder, tmp_path, change, message):
    given = {"lm": folder / "lm", **{name: folder / place for name, place in change.items()}}
    how = Rescoring(method="search", config=load_rescore_config(overrides=OVERRIDES), **given)
    with pytest.raises(UserError, match=message):
        decode_by_search(job(folder, "test", "search"), how, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_decode_that_tunes_is_not_overwritten(folder, tmp_path):
    shutil.copytree(folder / "dev_greedy", tmp_path / "dev")
    with pytest.raises(UserError, match="a decode that is read"):
        decode_by_search(job(folder, "test", "search"), search(folder, tune=tmp_path / "dev"), tmp_path / "dev")
