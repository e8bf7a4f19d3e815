import json
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.decoding import archive
from pyspeech.decoding.archive import LATTICE_CODEC, LatticeArchive, ShardWriter, adopt_shards, finish_archive
from pyspeech.decoding.lattice import linear_lattice
from pyspeech.errors import UserError
from tests.damage import flipped_bytes
from tests.lattices import random_lattice, same

TOKENS, WORDS = ("<blk>", "a", "b"), ("<eps>", "ONE", "TWO", "ÉTÉ")


def write(folder, lattices):
    with ShardWriter(folder, LATTICE_CODEC) as writer:
        for lattice in lattices:
            writer.write(lattice)
    finish_archive(folder, {"tokens": TOKENS, "words": WORDS}, 0.03)
    return LatticeArchive(folder)


@pytest.fixture
def lattices():
    empty = linear_lattice("empty", *(np.zeros(0, np.int32),) * 2, np.zeros(0, np.float32))
    return [random_lattice(seed, num_frames=5 + seed, id_=f"utt-{seed}") for seed in range(7)] + [empty]


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(archive, "SHARD_VALUES", 40)


def test_what_was_written_is_read_in_order(tmp_path, lattices, small_shards):
    stored = write(tmp_path / "lattices", lattices)
    assert len(list((tmp_path / "lattices").glob("*.npz"))) > 2
    assert all(same(*pair) for pair in zip(stored, lattices, strict=True))
    assert (stored.tokens, stored.words, stored.frame_seconds) == (TOKENS, WORDS, 0.03)


def test_a_lattice_is_found_by_its_id(tmp_path, lattices, small_shards):
    stored = write(tmp_path / "lattices", lattices)
    for lattice in reversed(lattices):
        assert same(stored[lattice.id], lattice)
    with pytest.raises(UserError, match="no lattice of 'other'"):
        stored["other"]


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 2**31 - 1))
def test_any_lattice_survives_storage(seed, count, word):
    written = [random_lattice(seed + n, id_=str(n)) for n in range(count)]
    written[0].word[0] = word
    decoded = archive._decode_lattices(archive._encode_lattices(written), {"tokens": 3, "words": 2**31})
    assert all(same(archive._lattice(decoded, n), lattice) for n, lattice in enumerate(written))


def test_shards_of_several_writers_follow_one_another(tmp_path, lattices, small_shards):
    for number, part in enumerate((lattices[:3], [], lattices[3:])):
        with ShardWriter(tmp_path / str(number), LATTICE_CODEC) as writer:
            for lattice in part:
                writer.write(lattice)
        adopt_shards(tmp_path / str(number), tmp_path / "all")
    finish_archive(tmp_path / "all", {"tokens": TOKENS, "words": WORDS}, 0.03)
    assert all(same(*pair) for pair in zip(LatticeArchive(tmp_path / "all"), lattices, strict=True))


def test_an_archive_is_smaller_than_the_plain_arrays(tmp_path):
    written = [random_lattice(seed, num_frames=200, width=8, id_=str(seed)) for seed in range(5)]
    write(tmp_path / "lattices", written)
    plain = {name: np.concatenate([getattr(each, name) for each in written]) for name in archive.ARC_FIELDS}
    np.savez_compressed(tmp_path / "plain.npz", **plain)
    assert (tmp_path / "lattices" / "0.npz").stat().st_size < 0.9 * (tmp_path / "plain.npz").stat().st_size


@pytest.mark.parametrize("by_id", [True, False])
def test_a_shard_cut_short_is_named(tmp_path, lattices, by_id):
    stored = write(tmp_path / "lattices", lattices)
    shard = tmp_path / "lattices" / "0.npz"
    shard.write_bytes(shard.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"0\.npz is damaged .*decode again"):
        _ = stored["empty"] if by_id else list(stored)


def test_every_damaged_byte_of_a_score_is_noticed(tmp_path, lattices):
    stored = write(tmp_path / "lattices", lattices)
    shard = tmp_path / "lattices" / "0.npz"
    whole = shard.read_bytes()
    start = whole.index(b"acoustic.npy") + 40
    for place in range(start, start + 200, 20):
        shard.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with pytest.raises(UserError, match="is damaged"):
            list(stored)


def test_a_missing_shard_is_named(tmp_path, lattices, small_shards):
    stored = write(tmp_path / "lattices", lattices)
    (tmp_path / "lattices" / "1.npz").unlink()
    with pytest.raises(UserError, match=r"no lattice shard at .*1\.npz"):
        list(stored)


def test_arrays_of_different_lengths_are_refused(tmp_path, lattices):
    stored = write(tmp_path / "lattices", lattices)
    np.savez_compressed(
        tmp_path / "lattices" / "0.npz", **{**archive._encode_lattices(lattices), "word": np.zeros(3, np.int32)}
    )
    with pytest.raises(
        UserError, match=r"0\.npz is damaged \(array 'word': .* of shape \(3,\), expected .*decode again"
    ):
        list(stored)


def damaged_in_one_place(lattices):
    """Name of an array -> itself with one number changed, of which nothing else tells."""
    arrays = {
        name: values.astype(np.int64) if values.dtype.kind in "iu" else values
        for name, values in archive._encode_lattices(lattices).items()
    }
    last = len(arrays["source"]) - 1
    for name, place, value in (
        ("source", 0, 1),
        ("source", 2, -1),
        ("source", 2, 2**31),
        ("source", last, 2**32),
        ("target", 0, 0),
        ("target", 0, -1),
        ("target", 0, 2**31),
        ("target", last, 2),
        ("token", 1, -2),
        ("token", 1, len(TOKENS)),
        ("token", last, 0),
        ("word", 1, -1),
        ("word", 1, len(WORDS)),
        ("frame", 0, 1),
        ("frame", 2, 7),
        ("frame", last, 2**31),
        ("acoustic", 1, np.nan),
        ("acoustic", 1, -np.inf),
        ("graph", 1, np.inf),
        ("num_frames", 0, -1),
        ("num_frames", 0, 2**31),
        ("num_frames", 0, 6),
        ("num_arcs", 0, -1),
        ("num_arcs", 0, 2**62),
        ("num_arcs", 0, 0),
    ):
        changed = arrays[name].copy()
        changed[place] = value
        yield name, {**arrays, name: changed}
    for name, values in arrays.items():
        yield name, {**arrays, name: values.astype(np.complex64 if name != "id" else "S9")}
        yield name, {**arrays, name: values[None]}
    yield "id", {**arrays, "id": np.array(["utt"] * len(lattices))}
    yield "id", {**arrays, "id": np.array(["\ud800", *map(str, range(len(lattices) - 1))])}


def test_one_number_that_cannot_be_is_named_with_its_array(tmp_path, lattices):
    stored = write(tmp_path / "lattices", lattices)
    for name, arrays in damaged_in_one_place(lattices):
        np.savez_compressed(tmp_path / "lattices" / "0.npz", **arrays)
        with pytest.raises(UserError, match=r"0\.npz is damaged \(array '\w+': .*\); decode again$") as caught:
            list(stored)
        # A length that is wrong shows in the arrays that it is of.
        assert f"'{name}'" in str(caught.value) or name.startswith("num_") or "frame" in str(caught.value)


def test_flipped_bits_are_an_error_or_change_nothing(tmp_path, lattices):
    stored = write(tmp_path / "lattices", lattices)
    shard = tmp_path / "lattices" / "0.npz"
    for _, content in flipped_bytes(shard.read_bytes(), 300):
        shard.write_bytes(content)
        with suppress(UserError):
            assert all(same(*pair) for pair in zip(stored, lattices, strict=True))


def test_two_lattices_of_one_utterance_in_different_shards_are_refused(tmp_path, lattices, small_shards):
    stored = write(tmp_path / "lattices", [lattices[-2], *lattices[1:]])
    with pytest.raises(UserError, match="holds two lattice of 'utt-6'; decode again"):
        stored["utt-1"]


def test_what_could_not_be_read_again_is_not_written(tmp_path, lattices, monkeypatch):
    monkeypatch.setattr(archive, "MAX_VALUES", lattices[0].num_arcs - 1)
    with pytest.raises(UserError, match=r"the lattice of an utterance are \d+ values.*lower decode\.frame_beam"):
        write(tmp_path / "lattices", lattices)


def test_pickled_arrays_are_not_loaded(tmp_path, lattices):
    stored = write(tmp_path / "lattices", lattices)
    np.savez_compressed(tmp_path / "lattices" / "0.npz", id=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="is damaged"):
        list(stored)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"tokens": [], "words": []}', "frame_seconds is None, no duration"),
        ('{"tokens": [], "words": [], "frame_seconds": NaN, "shards": 1}', "frame_seconds is nan"),
        ('{"tokens": [], "words": [], "frame_seconds": "0.03", "shards": 1}', "frame_seconds is '0.03'"),
        ('{"tokens": [], "words": [], "frame_seconds": 0.03, "shards": -1}', "shards is -1, no number of files"),
        ('{"tokens": [], "words": [], "frame_seconds": 0.03, "shards": true}', "shards is True"),
        ('{"tokens": "ab", "words": [], "frame_seconds": 0.03, "shards": 1}', "'tokens': expected a list of names"),
        ('{"tokens": ["a", 1], "words": [], "frame_seconds": 0.03, "shards": 1}', "'tokens': expected a list of names"),
        ('{"tokens": [], "words": ["a", "a"], "frame_seconds": 0.03, "shards": 1}', "'words': 'a' comes twice"),
    ],
)
def test_damaged_symbols_are_named(tmp_path, lattices, text, message):
    write(tmp_path / "lattices", lattices)
    (tmp_path / "lattices" / "symbols.json").write_text(text)
    with pytest.raises(UserError, match=rf"symbols\.json.*{message}.*decode again"):
        LatticeArchive(tmp_path / "lattices")


def test_a_folder_without_symbols_is_no_archive(tmp_path):
    with pytest.raises(UserError, match="no lattice archive"):
        LatticeArchive(tmp_path)


def test_an_archive_is_read_without_torch_k2_and_lhotse(tmp_path, lattices):
    write(tmp_path / "lattices", lattices)
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom pyspeech.decoding.archive import LatticeArchive\n"
        "stored = LatticeArchive(Path(sys.argv[1]))\n"
        "print(json.dumps([[each.id for each in stored], stored['utt-2'].num_arcs, "
        "sorted({'torch', 'k2', 'lhotse'} & set(sys.modules))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "lattices")], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [[each.id for each in lattices], lattices[2].num_arcs, []]
