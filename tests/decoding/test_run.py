import contextlib
import errno
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lhotse import CutSet

from pyspeech.decoding.archive import LatticeArchive
from pyspeech.decoding.config import load_decode_config
from pyspeech.decoding.decoder import Setup
from pyspeech.decoding.frames import FrameArchive
from pyspeech.decoding.lattice import best_path
from pyspeech.decoding.run import Decode, Share, _decode_in_turn, decode
from pyspeech.errors import UserError
from pyspeech.files import digest
from pyspeech.lang.tokens import PhoneTokens, load_tokens
from pyspeech.transcripts import read_transcripts
from tests.experiments import save_tone_graph, save_untrained
from tests.lattices import assert_well_formed, same
from tests.messages import told
from tests.processes import children, is_alive, wait_until
from tests.tones import tone_manifest

CONFIG = load_decode_config()


@pytest.fixture
def needs_k2():
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decode")
    save_untrained(folder / "exp")
    tone_manifest(folder / "test.jsonl.gz", 9)
    with contextlib.suppress(ImportError):
        save_tone_graph(folder / "graph")
    return folder


def job(folder, method="one-best", **changes):
    graph = None if method == "greedy" else folder / "graph"
    options = {"config": CONFIG, "device": "cpu", "jobs": 1, **changes}
    return Decode(folder / "exp", folder / "test.jsonl.gz", graph, method, **options)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_greedy_writes_every_utterance_in_order_without_k2(folder, tmp_path):
    summary = decode(job(folder, "greedy"), tmp_path / "out")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["decode.json", "decode_warnings.jsonl", "frames", "hyps.jsonl", "lang"]
    transcripts = list(read_transcripts(folder / "test.jsonl.gz"))
    found = lines(tmp_path / "out" / "hyps.jsonl")
    assert [(each["id"], each["seconds"]) for each in found] == [(each.id, each.seconds) for each in transcripts]
    assert summary == json.loads((tmp_path / "out" / "decode.json").read_text())
    assert (summary["utterances"], summary["frame_seconds"], summary["graph_digest"]) == (9, 0.03, None)
    assert (summary["words_of_graph"], summary["lattice_bytes"]) == (None, 0)
    assert summary["seconds"] == pytest.approx(sum(each.seconds for each in transcripts), abs=1e-3)
    assert summary["real_time_factor"] == pytest.approx(summary["wall_seconds"] / summary["seconds"], abs=0.01)


@pytest.mark.parametrize("phones", [False, True])
def test_phones_among_greedy_words_are_told(folder, tmp_path, phones):
    shutil.copytree(folder / "exp", tmp_path / "exp")
    if phones:
        symbols = load_tokens(folder / "exp/lang").symbols
        shutil.rmtree(tmp_path / "exp/lang")
        PhoneTokens(symbols, {"LOW": [(symbols[1],)]}).save(tmp_path / "exp/lang")
    with told() as said:
        summary = decode(replace(job(folder, "greedy"), exp=tmp_path / "exp"), tmp_path / "out")
    assert any("those that spell no word of the lexicon" in line for line in said) == phones
    assert summary["unit"] == ("words and phones" if phones else "words")


@pytest.mark.parametrize("method", ["one-best", "nbest"])
def test_the_stored_lattices_are_those_of_the_words(folder, tmp_path, needs_k2, method):
    config = CONFIG.model_copy(update={"batch_seconds": 2.0})
    summary = decode(job(folder, method, config=config), tmp_path / "out")
    stored, found = LatticeArchive(tmp_path / "out" / "lattices"), lines(tmp_path / "out" / "hyps.jsonl")
    assert [lattice.id for lattice in stored] == [each["id"] for each in found]
    assert (stored.frame_seconds, stored.words) == (0.03, ("<eps>", "LOW", "MID", "HIGH"))
    for each in found:
        lattice = stored[each["id"]]
        assert_well_formed(lattice)
        path = best_path(lattice, 1.0)
        assert [stored.words[id_] for id_ in lattice.word[path] if id_] == each["words"]
        assert method == "one-best" or each["nbest"][0]["words"] == each["words"]
        assert each["acoustic"] == pytest.approx(lattice.acoustic[path].sum(), abs=1e-3)
        assert each["graph"] == pytest.approx(lattice.graph[path].sum(), abs=1e-3)
        assert lattice.num_frames == -(-round(each["seconds"] * 100) // 3)
    assert summary["lattice_arcs"] == sum(lattice.num_arcs for lattice in stored)
    assert summary["graph_digest"] == digest(folder / "graph" / "graph.safetensors", folder / "graph" / "words.txt")


@pytest.mark.parametrize("method", ["greedy", "one-best", "nbest"])
def test_every_method_keeps_the_scores_of_every_frame(folder, tmp_path, request, method):
    if method != "greedy":
        request.getfixturevalue("needs_k2")
    config = CONFIG.model_copy(update={"batch_seconds": 2.0})
    summary = decode(job(folder, method, config=config), tmp_path / "out")
    stored, found = FrameArchive(tmp_path / "out" / "frames"), lines(tmp_path / "out" / "hyps.jsonl")
    assert stored.frame_seconds == 0.03
    assert stored.tokens == load_tokens(folder / "exp" / "lang").symbols
    assert [(scores.id, scores.seconds) for scores in stored] == [(each["id"], each["seconds"]) for each in found]
    for scores in stored:
        dense_TV = scores.dense(len(stored.tokens))
        assert len(dense_TV) == -(-round(scores.seconds * 100) // 3)
        # An untrained network finds all tokens likely, so all are kept.
        assert np.exp(dense_TV).sum(axis=1) == pytest.approx(1, abs=1e-2)
    assert summary["frame_bytes"] == sum(path.stat().st_size for path in (tmp_path / "out" / "frames").iterdir())


def test_the_acoustic_scores_of_a_lattice_are_those_of_its_frames(folder, tmp_path, needs_k2):
    decode(job(folder), tmp_path / "out")
    frames = FrameArchive(tmp_path / "out" / "frames")
    for lattice in LatticeArchive(tmp_path / "out" / "lattices"):
        dense_TV = frames[lattice.id].dense(len(frames.tokens))
        arcs = lattice.token >= 0
        found = dense_TV[lattice.frame[arcs], lattice.token[arcs]]
        assert found == pytest.approx(lattice.acoustic[arcs], abs=1e-2)


def test_a_narrow_beam_keeps_less(folder, tmp_path):
    for beam in (0.0, 10.0):
        decode(job(folder, "greedy", config=CONFIG.model_copy(update={"frame_beam": beam})), tmp_path / str(beam))
    narrow, wide = (FrameArchive(tmp_path / name / "frames") for name in ("0.0", "10.0"))
    for left, right in zip(narrow, wide, strict=True):
        assert left.num_frames == right.num_frames
        assert left.num_frames <= len(left.tokens) <= 2 * left.num_frames < len(right.tokens)


def test_frames_are_left_out_on_demand(folder, tmp_path):
    summary = decode(job(folder, "greedy", keep_frames=False), tmp_path / "out")
    assert names(tmp_path / "out") == ["decode.json", "decode_warnings.jsonl", "hyps.jsonl", "lang"]
    assert summary["frame_bytes"] == 0


def test_what_spells_words_comes_with_a_decode(folder, tmp_path):
    (tmp_path / "exp").mkdir()
    shutil.copytree(folder / "exp", tmp_path / "exp", dirs_exist_ok=True)
    (tmp_path / "exp" / "train_words.tsv").write_text("LOW\t3\n")
    (tmp_path / "test.jsonl.gz").symlink_to(folder / "test.jsonl.gz")
    for _ in range(2):  # the second takes the place of the first
        decode(job(tmp_path, "greedy"), tmp_path / "out")
    shutil.rmtree(tmp_path / "exp")
    assert load_tokens(tmp_path / "out" / "lang").symbols == load_tokens(folder / "exp" / "lang").symbols
    assert (tmp_path / "out" / "train_words.tsv").read_text() == "LOW\t3\n"


def test_the_summary_counts_the_words_of_the_graph(folder, tmp_path, needs_k2):
    assert decode(job(folder), tmp_path / "out")["words_of_graph"] == 3


def test_cuts_are_decoded_as_their_manifest_is(folder, tmp_path):
    greedy = job(folder, "greedy")
    decode(greedy, tmp_path / "manifest")
    decode(replace(greedy, cuts=CutSet.from_file(folder / "test.jsonl.gz")), tmp_path / "cuts")
    assert lines(tmp_path / "cuts/hyps.jsonl") == lines(tmp_path / "manifest/hyps.jsonl")


def test_several_processes_write_what_one_writes(folder, tmp_path):
    method = "one-best" if (folder / "graph").exists() else "greedy"
    assert decode(job(folder, method, jobs=None), tmp_path / "one")["jobs"] == 1  # for little audio
    summary = decode(job(folder, method, jobs=2), tmp_path / "two")
    assert summary["jobs"] == 2
    assert names(tmp_path) == ["one", "two"]
    assert names(tmp_path / "one") == names(tmp_path / "two")
    one, two = (tmp_path / name / "hyps.jsonl" for name in ("one", "two"))
    for left, right in zip(lines(one), lines(two), strict=True):
        # Utterances are padded by others in other batches, which rounding can tell.
        assert {**left, **{key: pytest.approx(left[key], abs=1e-3) for key in ("score", "acoustic", "graph")}} == right
    if method == "one-best":
        pairs = zip(*(LatticeArchive(tmp_path / name / "lattices") for name in ("one", "two")), strict=True)
        assert all((left.id, left.num_arcs) == (right.id, right.num_arcs) for left, right in pairs)
    assert len(list((tmp_path / "two" / "frames").glob("*.npz"))) > 1
    for left, right in zip(*(FrameArchive(tmp_path / name / "frames") for name in ("one", "two")), strict=True):
        assert (left.id, left.seconds) == (right.id, right.seconds)
        assert np.array_equal(left.bounds, right.bounds)
        assert np.array_equal(left.tokens, right.tokens)
        assert left.log_probs == pytest.approx(right.log_probs, abs=1e-2)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_that_others_feed_writes_what_it_writes_alone(folder, tmp_path, workers):
    config = CONFIG.model_copy(update={"batch_seconds": 2.0})
    decode(job(folder, "greedy", config=config), tmp_path / "alone")
    setup = Setup(folder / "exp", None, "greedy", "cpu", config)
    shares = [Share(tmp_path, count, tmp_path / str(count)) for count in (4, 5)]
    counts = list(_decode_in_turn(setup, ("frames",), folder / "test.jsonl.gz", shares, workers))
    assert [each.utterances for each in counts] == [4, 5]
    fed = b"".join((share.folder / "hyps.jsonl").read_bytes() for share in shares)
    assert fed == (tmp_path / "alone/hyps.jsonl").read_bytes()


def test_decoding_twice_gives_the_same_and_replaces_the_first(folder, tmp_path, needs_k2):
    decode(job(folder), tmp_path / "out")
    first = list(LatticeArchive(tmp_path / "out" / "lattices"))
    (tmp_path / "out" / "score").mkdir()
    decode(job(folder), tmp_path / "out")
    assert "score" not in names(tmp_path / "out")
    assert all(same(*pair) for pair in zip(first, LatticeArchive(tmp_path / "out" / "lattices"), strict=True))


def test_lattices_are_left_out_on_demand(folder, tmp_path, needs_k2):
    summary = decode(job(folder, keep_lattices=False), tmp_path / "out")
    assert "lattices" not in names(tmp_path / "out")
    assert summary["lattice_bytes"] == 0


def test_warnings_are_listed_by_utterance(folder, tmp_path, needs_k2):
    config = CONFIG.model_copy(update={"max_lattice_arcs": 30})
    summary = decode(job(folder, config=config), tmp_path / "out")
    warnings = lines(tmp_path / "out" / "decode_warnings.jsonl")
    assert len(warnings) == summary["warnings"] > 0
    assert all(set(each) == {"id", "problem"} and "pruned harder" in each["problem"] for each in warnings)


def test_a_model_that_replaces_another_is_loaded_anew(folder, tmp_path):
    tone_manifest(tmp_path / "test.jsonl.gz", 2)
    save_untrained(tmp_path / "exp")
    decode(job(tmp_path, "greedy"), tmp_path / "out")
    (tmp_path / "exp").rename(tmp_path / "old")
    save_untrained(tmp_path / "exp", seed=1)
    decode(job(tmp_path, "greedy"), tmp_path / "new")
    assert (tmp_path / "out" / "hyps.jsonl").read_text() != (tmp_path / "new" / "hyps.jsonl").read_text()


def test_a_folder_that_holds_other_things_is_not_replaced(folder, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds other things than a decode \(notes\.txt\)"):
        decode(job(folder, "greedy"), tmp_path)


def test_a_manifest_without_utterances_is_named(folder, tmp_path):
    with gzip.open(tmp_path / "none.jsonl.gz", "wt"):
        pass
    with pytest.raises(UserError, match=r"none\.jsonl\.gz holds no utterance"):
        decode(Decode(folder / "exp", tmp_path / "none.jsonl.gz", None, "greedy", CONFIG), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_audio_cut_short_is_named_and_leaves_the_earlier_decode(folder, tmp_path, jobs):
    manifest = tone_manifest(tmp_path / "test.jsonl.gz", 4)
    (tmp_path / "exp").symlink_to(folder / "exp")
    decode(job(tmp_path, "greedy"), tmp_path / "out")
    before = (tmp_path / "out" / "hyps.jsonl").read_bytes()
    audio = manifest.parent / "test_audio" / "utt002.wav"
    audio.write_bytes(audio.read_bytes()[:3000])
    with pytest.raises(UserError, match="utt002"):
        decode(job(tmp_path, "greedy", jobs=jobs), tmp_path / "out")
    assert (tmp_path / "out" / "hyps.jsonl").read_bytes() == before
    assert not (tmp_path / "partial.out").exists()


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(folder, tmp_path, needs_k2, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(UserError, match="No space left on device"):
        decode(job(folder), tmp_path / "out")
    assert names(tmp_path) == []


def decoders(pid):
    return [each for each in children(pid) if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


@pytest.fixture
def running(folder, tmp_path):
    """A decode with two processes, as soon as these are there."""
    command = [sys.executable, "-m", "pyspeech", "decode", folder / "exp", folder / "test.jsonl.gz"]
    options = ["--out", tmp_path / "out", "--method", "greedy", "--jobs", "2", "--device", "cpu"]
    process = subprocess.Popen(
        list(map(str, command + options)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: len(decoders(process.pid)) == 2, process)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the processes")
def test_a_killed_process_fails_the_decode_and_leaves_nothing(running, tmp_path):
    os.kill(decoders(running.pid)[0], signal.SIGKILL)
    _, stderr = running.communicate()
    assert running.returncode == 1
    assert stderr.splitlines()[-1].startswith("error: one of the processes was killed or crashed")
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the processes")
def test_processes_do_not_outlive_a_killed_decode(running, tmp_path):
    workers = decoders(running.pid)
    running.kill()
    running.wait()
    wait_until(lambda: not any(is_alive(worker) for worker in workers))
    assert not (tmp_path / "out").exists()
