import gzip
import json
import multiprocessing
import os
import pickle
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tones import tone_cuts, tone_manifest

from pyspeech.data import cut_index
from pyspeech.data.concurrent_write import own_partial
from pyspeech.data.cut_index import NO_SPEAKER, PLACES_BYTES, read_cut_index
from pyspeech.data.features import at_speed
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.errors import UserError
from pyspeech.files import PARTIAL
from tests.damage import flipped_bytes


@pytest.fixture
def manifest(tmp_path) -> Path:
    return tone_manifest(tmp_path / "m.jsonl.gz", 7)


def index_of(manifest: Path) -> Path:
    return manifest.with_name(f".{manifest.name}.index")


def test_every_cut_is_found_by_its_number(manifest):
    index = read_cut_index(manifest)
    cuts = list(read_manifest(manifest))
    assert len(index) == 7
    assert [index.cut(number) for number in (6, 0, 1, 2, 3, 4, 5)] == [cuts[6], *cuts[:6]]
    assert index.seconds.tolist() == [cut.duration for cut in cuts]
    assert [index.speakers[number] for number in index.rows["speaker"]] == [cut.supervisions[0].speaker for cut in cuts]
    assert index.rows["has_recording"].all()
    assert not index.rows["has_features"].any()


def test_a_second_reading_takes_the_index_that_is_there(manifest):
    read_cut_index(manifest)
    state = index_of(manifest).stat()
    again = read_cut_index(manifest)
    assert index_of(manifest).stat() == state
    assert again.cut(3).id == "utt003"
    assert [path.name for path in manifest.parent.iterdir() if "index" in path.name] == [index_of(manifest).name]


def test_the_index_of_a_manifest_made_again_is_made_again(manifest):
    before = read_cut_index(manifest)
    cuts = list(read_manifest(manifest))
    write_manifest(cuts[::-1][:5], manifest)
    assert [read_cut_index(manifest).cut(number) for number in range(5)] == cuts[::-1][:5]
    assert [before.cut(number) for number in range(7)] == cuts


@pytest.mark.parametrize("damage", [b"", b"no index", bytes(100)])
def test_a_damaged_index_is_made_again(manifest, damage):
    read_cut_index(manifest)
    index_of(manifest).write_bytes(damage)
    assert read_cut_index(manifest).cut(6).id == "utt006"
    cut_off = index_of(manifest).read_bytes()[:-20]
    index_of(manifest).write_bytes(cut_off)
    assert read_cut_index(manifest).cut(6).id == "utt006"


def test_an_index_in_which_any_byte_was_changed_is_made_again_or_named(manifest):
    cuts = list(read_manifest(manifest))
    read_cut_index(manifest)
    whole = index_of(manifest).read_bytes()
    remade = named = 0
    for _, content in flipped_bytes(whole, 300):
        index_of(manifest).write_bytes(content)
        index = read_cut_index(manifest)
        remade += index_of(manifest).read_bytes() == whole
        try:
            assert [index.cut(number) for number in range(7)] == cuts
        except UserError as error:
            assert "index is damaged in line " in str(error)  # noqa: PT017 -- both outcomes are right
            named += 1
    assert remade > 30
    assert named > 100
    assert remade + named == 300


@pytest.mark.parametrize(
    ("name", "number", "value"),
    [
        ("end", 0, 0),
        ("end", 3, 10**12),
        ("end", 6, 1),
        ("seconds", 2, np.nan),
        ("seconds", 2, -1),
        ("speaker", 1, 3),
        ("speaker", 1, -2),
    ],
)
def test_a_row_that_cannot_be_is_made_again_though_its_digest_is_right(manifest, name, number, value):
    index = read_cut_index(manifest)
    whole = index_of(manifest).read_bytes()
    rows = index.rows.copy()
    rows[name][number] = value
    begin, end = np.frombuffer(whole[-PLACES_BYTES:], "<i8")
    tail = json.loads(whole[end:-PLACES_BYTES])
    del tail["digest"]
    forged = json.dumps({**tail, "digest": cut_index._digest(rows.tobytes(), tail)}).encode()
    index_of(manifest).write_bytes(whole[:begin] + rows.tobytes() + forged + whole[-PLACES_BYTES:])
    assert read_cut_index(manifest).rows.tobytes() == index.rows.tobytes()
    assert index_of(manifest).read_bytes() == whole


def test_another_process_reads_the_same(manifest):
    index = pickle.loads(pickle.dumps(read_cut_index(manifest)))  # noqa: S301 -- our own
    assert index.cut(2).id == "utt002"


def test_another_process_does_not_read_another_index(manifest):
    pickled = pickle.dumps(read_cut_index(manifest))
    write_manifest(list(read_manifest(manifest))[::-1], manifest)
    read_cut_index(manifest)
    with pytest.raises(UserError, match=r"m\.jsonl\.gz\.index was made again while it is in use"):
        pickle.loads(pickled)  # noqa: S301 -- our own


def test_a_forked_process_reads_beside_its_parent(manifest):
    index = read_cut_index(manifest)
    index_of(manifest).unlink()
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork"), initializer=_give, initargs=(index,)) as pool:
        ids = list(pool.map(_id, [*range(7)] * 50, chunksize=10))
    assert ids == [f"utt{number:03d}" for number in range(7)] * 50


def _give(index):
    global _given  # noqa: PLW0603 -- of a process of its own
    _given = index


def _id(number):
    return _given.cut(number).id


def test_a_manifest_of_the_same_size_and_time_is_another(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 2)
    for order in (cuts, cuts[::-1]):
        write_manifest(order, tmp_path / "m.jsonl")
        os.utime(tmp_path / "m.jsonl", ns=(10**18, 10**18))
        assert read_cut_index(tmp_path / "m.jsonl").cut(0) == order[0]


def test_what_a_killed_process_left_is_removed_and_what_one_writes_is_not(manifest):
    left = index_of(manifest).with_name(f"{PARTIAL}{index_of(manifest).name}.0")
    left.write_bytes(b"lines")
    with own_partial(index_of(manifest)) as partial:
        read_cut_index(manifest)
        assert partial.exists()
        assert not left.exists()
    assert not partial.exists()


@pytest.mark.parametrize("why", ["name", "taken"])
def test_where_it_cannot_be_written_one_is_made_elsewhere_once(manifest, why):
    if why == "name":  # that of the index, while it is written, would be too long
        manifest = manifest.rename(manifest.with_name("m" * 238 + ".jsonl.gz"))
    else:
        index_of(manifest).mkdir()
    first, second = read_cut_index(manifest), read_cut_index(manifest)
    assert first.cut(2).id == second.cut(2).id == "utt002"
    assert first.lines.path == second.lines.path
    assert first.lines.identity == second.lines.identity
    assert first.lines.path.is_relative_to(tempfile.gettempdir())
    assert [path.name for path in manifest.parent.iterdir() if PARTIAL in path.name] == []
    write_manifest(list(read_manifest(manifest))[:3], manifest)
    assert len(read_cut_index(manifest)) == 3


def test_what_is_known_of_a_cut_without_reading_it(tmp_path):
    first, second, third = tone_cuts(tmp_path / "audio", 3)
    second.supervisions[0].speaker = None
    silent = third.with_id("silent")
    silent.recording = None
    write_manifest([at_speed(first, 1.1), second, silent], tmp_path / "m.jsonl")
    index = read_cut_index(tmp_path / "m.jsonl")
    assert index.rows["speed"] == pytest.approx([1.1, 1.0, 1.0])
    assert index.rows["speaker"].tolist() == [0, NO_SPEAKER, 0]
    assert index.rows["has_recording"].tolist() == [True, True, False]


def test_a_damaged_manifest_is_named_and_leaves_no_index(manifest):
    lines = gzip.decompress(manifest.read_bytes()).splitlines()
    for wrong, message in (
        (b"{", r"line 8 is not valid JSON"),
        (json.dumps({"id": "x"}).encode(), r"line 8, cut 'x' cannot be read: "),
        (b'{"id": "x", "duration": NaN}', r"line 8, cut 'x' cannot be read: "),
        (b'{"id": "x", "duration": -1}', r"line 8, cut 'x' cannot be read: "),
        (b'{"id": "x", "duration": 1e999}', r"line 8, cut 'x' cannot be read: "),
    ):
        manifest.write_bytes(gzip.compress(b"\n".join([*lines, wrong])))
        with pytest.raises(UserError, match=message):
            read_cut_index(manifest)
    manifest.write_bytes(gzip.compress(b"\n".join(lines))[:-30])
    with pytest.raises(UserError, match="cannot be read after line"):
        read_cut_index(manifest)
    assert not [path for path in manifest.parent.iterdir() if "index" in path.name]
    with pytest.raises(UserError, match="no manifest at"):
        read_cut_index(manifest.with_name("none.jsonl.gz"))


def test_many_processes_may_begin_with_it_at_once(tmp_path):
    manifest = tone_manifest(tmp_path / "m.jsonl", 2)
    line = manifest.read_text().splitlines()[0]
    manifest.write_text("".join(f"{line.replace('utt000', f'utt{number:03d}')}\n" for number in range(5000)))
    barrier = threading.Barrier(8)

    def first_cuts(_):
        barrier.wait()
        index = read_cut_index(manifest)
        barrier.wait()
        return [index.cut(number).id for number in (0, 4999)], index.lines.identity

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(first_cuts, range(8)))
    assert len({identity for _, identity in found}) > 1  # they did work at the same time
    assert [ids for ids, _ in found] == [["utt000", "utt4999"]] * 8
    assert [path.name for path in tmp_path.iterdir() if "index" in path.name] == [index_of(manifest).name]
