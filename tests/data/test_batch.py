import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lhotse.cut import MonoCut

from pyspeech.data.augment import Masks
from pyspeech.data.batch import Batch, Unreadable, Utterance, batch_of

SPANS = Masks(np.array([[0, 1]]), np.array([[1, 2], [0, 0]]))
LENGTHS = st.lists(st.integers(1, 20), min_size=2, max_size=6)


def a_batch(lengths: list[int], audio: bool) -> Batch:
    utterances = [
        Utterance(
            MonoCut(f"u{number}", 0.0, 0.01 * frames, 0, custom={"snr": number}),
            f"text {number}",
            f"speaker {number}",
            frames,
            features_TF=None if audio else np.full((frames, 3), number + 1, dtype=np.float32),
            samples_S=np.full(80 * frames, number + 1, dtype=np.float32) if audio else None,
            masks=SPANS if audio else None,
        )
        for number, frames in enumerate(lengths)
    ]
    return batch_of(utterances, 3, [Unreadable("x", "why")])


@given(LENGTHS, st.booleans())
def test_halves_are_what_their_utterances_alone_would_be(lengths, audio):
    whole = a_batch(lengths, audio)
    first, second = whole.halves()
    assert first.ids + second.ids == whole.ids
    assert first.texts + second.texts == whole.texts
    assert first.speakers + second.speakers == whole.speakers
    assert first.cuts + second.cuts == whole.cuts
    assert [cut.id for cut in first.cuts] == list(first.ids)
    assert torch.equal(torch.cat([first.lengths_B, second.lengths_B]), whole.lengths_B)
    assert first.seconds + second.seconds == pytest.approx(whole.seconds)
    assert (first.unreadable, second.unreadable) == ((), ())
    for half in (first, second):
        tensor = half.samples_BS if audio else half.features_BTF
        assert tensor is not None
        assert tensor.shape[:2] == (len(half.ids), int(half.lengths_B.max()) * (80 if audio else 1))
        for row, id_, length in zip(tensor, half.ids, half.lengths_B.tolist(), strict=True):
            assert row.flatten().unique().tolist() in ([int(id_[1:]) + 1], [0, int(id_[1:]) + 1])
            assert int((row != 0).sum()) == length * (80 if audio else 3)
        if audio:
            assert half.time_masks_BM2 is not None
            assert half.bin_masks_BM2 is not None
            assert half.time_masks_BM2.shape == (len(half.ids), 1, 2)
            assert half.bin_masks_BM2.shape == (len(half.ids), 2, 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_memory_is_the_gpus():
    pinned = a_batch([3, 4], audio=True).pin_memory()
    assert pinned.samples_BS is not None
    assert pinned.samples_BS.is_pinned()
    assert pinned.lengths_B.is_pinned()
    assert pinned.ids == ("u0", "u1")
    assert [cut.snr for cut in pinned.cuts] == [0, 1]
