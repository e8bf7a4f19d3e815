"""A decode by a graph whose settings were chosen is the one that is asked for them by hand."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pyspeech.data.manifests import write_manifest
from pyspeech.decoding.archive import ShardWriter, finish_archive
from pyspeech.decoding.config import load_decode_config
from pyspeech.decoding.frames import FRAME_CODEC, likely_tokens
from pyspeech.decoding.run import Decode, decode
from pyspeech.decoding.stored import StoredDecode
from pyspeech.errors import UserError
from pyspeech.inference.decode_by_graph import decode_by_graph
from pyspeech.inference.decode_by_search import decode_by_search
from pyspeech.json_files import read_json_lines
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.rescoring.config import load_rescore_config
from pyspeech.rescoring.run import Rescoring, rescore
from pyspeech.rescoring.weights_file import load_weights
from tests.decodes import save_lm
from tests.experiments import save_tone_graph, save_untrained
from tests.lattices import same
from tests.messages import told
from tests.tones import PITCHES, tone_cuts, tone_manifest

pytest.importorskip("k2", reason="needs k2, which this lane does not have")

TOKENS = CharacterTokens.from_words(PITCHES)
TOO_SILENT = 1.5  # nats that the blank is above what was said
FEW = {"graph": (0.5, 1.5, 0.5), "blank": (-4.0, 0.0, 1.0)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An untrained network, a graph, test, and decodes of dev: by every method, and of a network that is too silent."""
    folder = tmp_path_factory.mktemp("graph")
    save_untrained(folder / "exp")
    save_tone_graph(folder / "graph")
    save_lm(folder / "lm", ([word] for word in PITCHES))
    tone_manifest(folder / "test.jsonl.gz", 4, seed=1000)
    renamed = (cut.with_id(f"dev-{cut.id}") for cut in tone_cuts(folder / "dev", 6, seed=1))
    write_manifest(renamed, folder / "dev.jsonl.gz")
    decode(job(folder, "dev", "greedy"), folder / "dev_greedy")
    decode(job(folder, "dev", "one-best"), folder / "dev_graph")
    searched = Rescoring(folder / "lm", "search", load_rescore_config())
    decode_by_search(job(folder, "dev", "search"), searched, folder / "dev_search")
    shutil.copytree(folder / "dev_greedy", folder / "dev_silent")
    save_silent(folder / "dev_silent")
    return folder


def save_silent(folder):
    """In place of the frames of a decode, those of a network that is right but for its blank."""
    shutil.rmtree(folder / "frames")
    decoded = StoredDecode(folder)
    with ShardWriter(folder / "frames", FRAME_CODEC) as archive:
        for id_, transcript in decoded.references(None).items():
            path = [frame for token in TOKENS.encode(transcript.text.split()) for frame in (token, 0)]
            logits = np.zeros((1, len(path), len(TOKENS.symbols)), np.float32)
            logits[0, :, 0] = 6
            logits[0, np.flatnonzero(path), [token for token in path if token]] = 6 - TOO_SILENT
            log_probs_BTV = logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)
            beam, penalty = decoded.frame_beam, decoded.blank_penalty
            archive.write(next(likely_tokens([id_], [transcript.seconds], log_probs_BTV, [len(path)], beam, penalty)))
    finish_archive(folder / "frames", {"tokens": TOKENS.symbols}, decoded.frame_seconds)


def job(folder, split, method="one-best", **settings):
    config = load_decode_config().model_copy(update=settings)
    config = config.model_copy(update={"tuning": config.tuning.model_copy(update=FEW)})
    graph = folder / "graph" if method == "one-best" else None
    return Decode(folder / "exp", folder / f"{split}.jsonl.gz", graph, method, config, device="cpu", jobs=1)


@pytest.mark.parametrize("how", ["greedy", "graph", "search", "silent"])
def test_it_is_the_decode_with_what_was_chosen(folder, tmp_path, how):
    with told() as lines:
        summary = decode_by_graph(job(folder, "test"), folder / f"dev_{how}", None, tmp_path / "one")
    chosen = load_weights(tmp_path / "one/weights.json")
    settings = {"acoustic_scale": chosen.weights.acoustic, "blank_penalty": chosen.weights.blank}
    assert chosen.errors.errors <= chosen.start_errors.errors
    decode(job(folder, "test", **settings), tmp_path / "two")
    assert (tmp_path / "one/hyps.jsonl").read_bytes() == (tmp_path / "two/hyps.jsonl").read_bytes()
    one, two = StoredDecode(tmp_path / "one"), StoredDecode(tmp_path / "two")
    assert all(same(a, b) for a, b in zip(one.lattices, two.lattices, strict=True))
    assert (one.acoustic_scale, one.blank_penalty) == tuple(settings.values())
    assert summary == json.loads((tmp_path / "one/decode.json").read_text())
    assert summary["weights_chosen_on"] == str(folder / f"dev_{how}")
    assert any(line.startswith("chosen: acoustic_scale ") and "no result" in line for line in lines)
    again = decode_by_graph(job(folder, "test"), None, tmp_path / "one/weights.json", tmp_path / "three")
    assert again["settings"] == summary["settings"]
    assert (tmp_path / "three/hyps.jsonl").read_bytes() == (tmp_path / "one/hyps.jsonl").read_bytes()


@pytest.mark.parametrize("method", ["lattice", "nbest"])
def test_a_penalty_that_rescoring_puts_into_lattices_finds_what_a_decode_with_it_finds(folder, tmp_path, method):
    wide = {"output_beam": 20.0, "nbest": 1000}
    decode(job(folder, "test", blank_penalty=-0.5, **wide), tmp_path / "had")
    decode(job(folder, "test", blank_penalty=-1.5, **wide), tmp_path / "asked")
    weights = "{acoustic: 1, lm: 0, graph: 1, word: 0, boost: 0, blank: -1.5}"
    config = load_rescore_config(overrides=[f"rescore.weights={weights}", "rescore.nbest=1000"])
    rescore(tmp_path / "had", Rescoring(folder / "lm", method, config), tmp_path / "put_in")
    found, expected = (
        [line for _, line in read_json_lines(tmp_path / f"{name}/hyps.jsonl")] for name in ("put_in", "asked")
    )
    assert [line["words"] for line in found] == [line["words"] for line in expected]
    assert [line["score"] for line in found] == pytest.approx([line["score"] for line in expected], abs=0.01)


def test_the_penalty_of_a_network_that_is_too_silent_is_found(folder, tmp_path):
    decode_by_graph(job(folder, "test"), folder / "dev_silent", None, tmp_path / "out")
    chosen = load_weights(tmp_path / "out/weights.json")
    assert chosen.errors.errors == 0 < chosen.start_errors.errors
    assert -4 < chosen.weights.blank < -TOO_SILENT / 2


def test_what_is_wrong_is_named_and_nothing_is_written(folder, tmp_path):
    decode(replace(job(folder, "dev", "greedy"), keep_frames=False), tmp_path / "bare")
    decode_by_graph(job(folder, "test"), folder / "dev_greedy", None, tmp_path / "good")
    stored = json.loads((tmp_path / "good/weights.json").read_text())
    (tmp_path / "of_words.json").write_text(json.dumps({**stored, "weights": {**stored["weights"], "lm": 0.5}}))
    save_tone_graph(tmp_path / "graph", CharacterTokens.from_words([*PITCHES, "XYZ"]))
    test, other = job(folder, "test"), replace(job(folder, "test"), graph=tmp_path / "graph")
    out, weights = tmp_path / "out", tmp_path / "good/weights.json"
    for given, message in (
        ((job(folder, "dev"), folder / "dev_greedy", None), r"dev.jsonl.gz shares \d+ utterances"),
        ((job(folder, "dev"), None, weights), r"dev.jsonl.gz shares \d+ utterances"),
        ((test, tmp_path / "bare", None), "bare holds no frame scores; decode again, without --no-frames"),
        ((test, folder / "dev_greedy", weights), "either chosen .* or given"),
        ((test, None, tmp_path / "of_words.json"), "of_words.json was chosen for decoding graph .* cannot weigh"),
        ((test, tmp_path / "nothing", None), "no decode at"),
        ((other, folder / "dev_greedy", None), "graph was made for other tokens than those of .*dev_greedy"),
    ):
        with pytest.raises(UserError, match=message):
            decode_by_graph(*given, out)
        assert not out.exists()
    with pytest.raises(UserError, match="is or lies in"):
        decode_by_graph(test, folder / "dev_greedy", None, folder / "dev_greedy/out")
