import json
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyspeech.decoding import archive, frames
from pyspeech.decoding.archive import ShardWriter, adopt_shards, finish_archive
from pyspeech.decoding.frames import FRAME_CODEC, FrameArchive, likely_tokens, penalised_frames
from pyspeech.errors import UserError
from tests.damage import flipped_bytes

NUM_TOKENS = 5
TOKENS = ("<blk>", "a", "b", "c", "d")
utterances = st.lists(st.integers(0, 6), min_size=1, max_size=4).flatmap(
    lambda lengths: st.tuples(
        st.just(lengths),
        hnp.arrays(np.float32, (len(lengths), 6, NUM_TOKENS), elements=st.floats(-60, 0, width=32)),
        st.floats(0, 30),
    )
)


def kept(lengths, log_probs_BTV, beam, blank_penalty=0.0):
    ids, seconds = [f"utt-{n}" for n in range(len(lengths))], [0.03 * length + 0.001 for length in lengths]
    return list(likely_tokens(ids, seconds, log_probs_BTV, lengths, beam, blank_penalty))


def random_scores(count=7, beam=2.0, seed=0):
    rng = np.random.default_rng(seed)
    lengths = [5 + n for n in range(count - 1)] + [0]
    return kept(lengths, -5 * rng.random((count, 5 + count, NUM_TOKENS)).astype(np.float32), beam)


def write(folder, every):
    with ShardWriter(folder, FRAME_CODEC) as writer:
        for scores in every:
            writer.write(scores)
    finish_archive(folder, {"tokens": TOKENS}, 0.03)
    return FrameArchive(folder)


def same(left, right):
    return (left.id, left.seconds) == (right.id, right.seconds) and all(
        np.array_equal(getattr(left, name), getattr(right, name)) for name in ("bounds", "tokens", "log_probs")
    )


def stored_form(scores):
    """What storage makes of them: log-probabilities of 16 bits."""
    rounded = scores.log_probs.astype(np.float16).astype(np.float32)
    return frames.FrameScores(scores.id, scores.seconds, scores.bounds, scores.tokens, rounded)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(archive, "SHARD_VALUES", 40)


@given(utterances)
def test_the_blank_and_every_token_within_the_beam_are_kept_and_no_others(batch):
    lengths, log_probs_BTV, beam = batch
    for n, scores in enumerate(kept(*batch)):
        assert (scores.id, scores.num_frames) == (f"utt-{n}", lengths[n])
        assert (scores.bounds.dtype, scores.tokens.dtype, scores.log_probs.dtype) == (np.int32, np.int32, np.float32)
        for frame, row in enumerate(log_probs_BTV[n, : lengths[n]]):
            part = slice(scores.bounds[frame], scores.bounds[frame + 1])
            expected = [v for v in range(NUM_TOKENS) if v == 0 or row[v] >= row.max() - np.float32(beam)]
            assert scores.tokens[part].tolist() == expected
            assert scores.log_probs[part].tolist() == row[expected].tolist()


@given(utterances, st.floats(-5, 0, width=16))
def test_what_is_kept_hangs_on_the_penalty_of_the_blank_and_its_scores_do_not(batch, penalty):
    lengths, log_probs_BTV, beam = batch
    shifted_BTV = log_probs_BTV.copy()
    shifted_BTV[:, :, 0] += np.float32(penalty)
    for ours, theirs in zip(kept(*batch, penalty), kept(lengths, shifted_BTV, beam), strict=True):
        assert same(penalised_frames(ours, penalty), theirs)
        expected = log_probs_BTV[int(ours.id[-1]), np.repeat(np.arange(ours.num_frames), np.diff(ours.bounds))]
        assert np.array_equal(ours.log_probs, expected[np.arange(len(ours.tokens)), ours.tokens])


@given(utterances, st.floats(-5, 0, width=16))
def test_what_was_not_kept_had_no_more_than_is_put_in_its_place(batch, penalty):
    lengths, log_probs_BTV, beam = batch
    for n, scores in enumerate(kept(*batch, penalty)):
        complete_TV, dense_TV = scores.complete(NUM_TOKENS, beam, penalty), scores.dense(NUM_TOKENS)
        assert complete_TV.dtype == np.float32
        assert np.array_equal(complete_TV[np.isfinite(dense_TV)], dense_TV[np.isfinite(dense_TV)])
        assert (complete_TV >= log_probs_BTV[n, : lengths[n]] - 1e-4).all()
        assert np.isfinite(complete_TV).all()


@given(utterances)
def test_dense_scores_are_the_log_probabilities_where_kept(batch):
    lengths, log_probs_BTV, _ = batch
    for n, scores in enumerate(kept(*batch)):
        dense_TV = scores.dense(NUM_TOKENS)
        assert dense_TV.shape == (lengths[n], NUM_TOKENS)
        assert dense_TV.dtype == np.float32
        assert np.isfinite(dense_TV[:, 0]).all()
        assert np.isfinite(dense_TV).sum() == len(scores.tokens)
        is_kept = np.isfinite(dense_TV)
        assert np.array_equal(dense_TV[is_kept], log_probs_BTV[n, : lengths[n]][is_kept])


@given(utterances)
def test_any_scores_survive_storage(batch):
    written = kept(*batch)
    decoded = frames._decode(frames._encode(written), {"tokens": NUM_TOKENS})
    for n, scores in enumerate(written):
        read = frames._frame_scores(decoded, n)
        assert same(read, stored_form(scores))
        assert (read.bounds.dtype, read.tokens.dtype, read.log_probs.dtype) == (np.int32, np.int32, np.float32)


def test_what_was_written_is_read_in_order_and_by_id(tmp_path, small_shards):
    written = random_scores()
    stored = write(tmp_path / "frames", written)
    assert len(list((tmp_path / "frames").glob("*.npz"))) > 2
    assert (stored.tokens, stored.frame_seconds, len(stored)) == (TOKENS, 0.03, len(written))
    assert all(same(left, stored_form(right)) for left, right in zip(stored, written, strict=True))
    for scores in reversed(written):
        assert same(stored[scores.id], stored_form(scores))
    with pytest.raises(UserError, match="no frame scores of 'other'; it has 7 others"):
        stored["other"]


def test_shards_of_several_writers_follow_one_another(tmp_path, small_shards):
    written = random_scores()
    for number, part in enumerate((written[:3], [], written[3:])):
        with ShardWriter(tmp_path / str(number), FRAME_CODEC) as writer:
            for scores in part:
                writer.write(scores)
        adopt_shards(tmp_path / str(number), tmp_path / "all")
    finish_archive(tmp_path / "all", {"tokens": TOKENS}, 0.03)
    assert all(
        same(left, stored_form(right)) for left, right in zip(FrameArchive(tmp_path / "all"), written, strict=True)
    )


def test_many_tokens_are_stored_in_two_bytes_each():
    log_probs_BTV = np.zeros((1, 2, 300), np.float32)
    arrays = frames._encode(list(likely_tokens(["a"], [0.1], log_probs_BTV, [2], 1.0)))
    assert (arrays["token"].dtype, arrays["num_tokens"].dtype) == (np.uint16, np.uint16)
    assert arrays["log_prob"].dtype == np.float16


@pytest.mark.parametrize("read", [list, lambda stored: stored["utt-3"]])
def test_a_shard_cut_short_is_named(tmp_path, read):
    stored = write(tmp_path / "frames", random_scores())
    shard = tmp_path / "frames" / "0.npz"
    shard.write_bytes(shard.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"frames/0\.npz is damaged .*decode again"):
        read(stored)


@pytest.mark.parametrize(
    "change", [{"token": np.zeros(3, np.uint8)}, {"num_tokens": np.ones(4, np.uint8)}, {"num_frames": np.ones(1)}]
)
def test_arrays_of_different_lengths_are_refused(tmp_path, change):
    written = random_scores()
    stored = write(tmp_path / "frames", written)
    np.savez_compressed(tmp_path / "frames" / "0.npz", **{**frames._encode(written), **change})
    with pytest.raises(UserError, match=r"0\.npz is damaged \(array '\w+': .* expected .*; decode again"):
        list(stored)


@pytest.mark.parametrize(
    ("name", "place", "value", "found"),
    [
        ("num_frames", 0, -1, "holds -1"),
        ("num_frames", 0, 2**62, f"holds {2**62}"),
        ("num_tokens", 0, 0, "holds 0"),
        ("num_tokens", 0, 6, "holds 6"),
        ("token", 1, -1, "holds -1"),
        ("token", 1, NUM_TOKENS, "holds 5, expected 0 to 4"),
        ("token", 0, 1, "at place 0, expected the blank first in every frame"),
        ("token", 1, 0, "the blank twice in a frame"),
        ("log_prob", 1, 0.5, "holds 0.5"),
        ("log_prob", 1, np.inf, "holds inf"),
        ("log_prob", 1, np.nan, "holds nan"),
        ("seconds", 0, np.nan, "holds nan"),
        ("seconds", 0, -1.0, "holds -1.0"),
        ("seconds", 0, np.inf, "holds inf"),
        ("id", 0, "utt-1", "'utt-1' comes twice"),
    ],
)
def test_a_number_that_cannot_be_is_named_with_its_array(tmp_path, name, place, value, found):
    written = random_scores(beam=50.0)
    stored = write(tmp_path / "frames", written)
    arrays = {
        each: values.astype(np.int64) if values.dtype.kind in "iu" else values.copy()
        for each, values in frames._encode(written).items()
    }
    arrays[name][place] = value
    if name == "num_tokens" and value:  # of the same sum, so that nothing but this number is wrong
        arrays[name][1] -= 1
    np.savez_compressed(tmp_path / "frames" / "0.npz", **arrays)
    expected = name if value != 0 or name != "num_tokens" else "token"  # whose number is no longer the sum
    with pytest.raises(UserError, match=rf"0\.npz is damaged \(array '{expected}': .*\); decode again") as caught:
        list(stored)
    assert found in str(caught.value) or expected != name


def test_tokens_in_another_order_are_refused(tmp_path):
    written = random_scores(beam=50.0)
    stored = write(tmp_path / "frames", written)
    arrays = frames._encode(written)
    arrays["token"][[1, 2]] = arrays["token"][[2, 1]]
    np.savez_compressed(tmp_path / "frames" / "0.npz", **arrays)
    with pytest.raises(UserError, match=r"array 'token': at place 1, expected ascending tokens within a frame"):
        list(stored)


def test_flipped_bits_are_an_error_or_change_nothing(tmp_path):
    written = random_scores()
    stored = write(tmp_path / "frames", written)
    shard = tmp_path / "frames" / "0.npz"
    for _, content in flipped_bytes(shard.read_bytes(), 300):
        shard.write_bytes(content)
        with suppress(UserError):
            assert all(same(left, stored_form(right)) for left, right in zip(stored, written, strict=True))


def test_a_folder_without_symbols_is_no_archive(tmp_path):
    with pytest.raises(UserError, match="no frame scores archive"):
        FrameArchive(tmp_path)


def test_an_archive_is_read_without_torch_k2_and_lhotse(tmp_path):
    written = random_scores()
    write(tmp_path / "frames", written)
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom pyspeech.decoding.frames import FrameArchive\n"
        "stored = FrameArchive(Path(sys.argv[1]))\n"
        "print(json.dumps([[each.id for each in stored], stored['utt-2'].num_frames, "
        "sorted({'torch', 'k2', 'lhotse'} & set(sys.modules))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "frames")], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [[each.id for each in written], 7, []]
