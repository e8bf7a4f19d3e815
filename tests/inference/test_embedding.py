import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from pyspeech import api
from pyspeech.data.features import FeatureExtractor, load_audio, normalise
from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.errors import UserError
from pyspeech.inference.embedding import embed, load_embedder, origin_of
from pyspeech.speakers.embeddings import load_embeddings, unit_rows
from tests.experiments import save_untrained
from tests.processes import first_child_killed
from tests.tones import PITCHES, RATE, tone_cuts


@pytest.fixture(scope="module")
def folder(tmp_path_factory, train_on_tones):
    folder = tmp_path_factory.mktemp("tones")
    train_on_tones(folder, "speaker")
    return folder


def test_each_utterance_has_its_speaker_and_the_direction_that_the_network_gives_it_alone(folder):
    count = embed(folder / "exp", folder / "test.jsonl.gz", folder / "embeddings", "cpu")
    stored = load_embeddings(folder / "embeddings")
    cuts = list(read_manifest(folder / "test.jsonl.gz"))
    assert count == len(cuts)
    assert stored.ids == tuple(cut.id for cut in cuts)
    assert stored.speakers == tuple(cut.supervisions[0].speaker for cut in cuts)
    assert set(stored.speakers) == set(PITCHES)
    assert stored.space == (origin_of(folder / "exp"), 8)
    embedder = load_embedder(folder / "exp", "cpu")
    extractor = FeatureExtractor(embedder.config.features)
    for cut, row in zip(cuts, stored.rows_ND, strict=True):
        features = torch.from_numpy(extractor(cut))
        alone = embedder.model(features[None], torch.tensor([len(features)]))[0].detach().numpy()
        np.testing.assert_allclose(row, alone / np.linalg.norm(alone), atol=1e-5)
        again = api.load_embedder(folder / "exp", "cpu").of_samples(load_audio(cut, RATE)[0], RATE)
        np.testing.assert_allclose(row, again, atol=1e-5)


def test_what_is_long_is_the_mean_of_equal_windows(folder):
    embedder = dataclasses.replace(load_embedder(folder / "exp", "cpu"), window_seconds=0.1)
    matrix = np.random.default_rng(0).normal(size=(25, 12)).astype(np.float32)  # 10 ms a frame: three windows
    windows = [normalise(window, "mean-variance") for window in (matrix[:9], matrix[9:17], matrix[17:])]
    with torch.no_grad():
        alone = [embedder.model(torch.from_numpy(w)[None], torch.tensor([len(w)]))[0].numpy() for w in windows]
    np.testing.assert_allclose(embedder.embed([matrix])[0], unit_rows(np.stack(alone)).mean(0), atol=1e-5)
    # Neither the others of a batch nor the level before normalisation matter.
    np.testing.assert_allclose(embedder.embed([matrix[:5], 3 * matrix + 1])[1], embedder.embed([matrix])[0], atol=1e-5)


def test_memory_does_not_grow_with_the_length_of_a_file(folder):
    embedder = dataclasses.replace(load_embedder(folder / "exp", "cpu"), window_seconds=0.1)
    batches = embedder.config.batches
    small = batches.model_copy(update={"max_seconds": 0.25})  # two windows of ten frames, and of nine
    narrow = dataclasses.replace(embedder, config=embedder.config.model_copy(update={"batches": small}))
    frames = []
    generator = np.random.default_rng(0)
    matrices = [generator.normal(size=(length, 12)).astype(np.float32) for length in (10, 365, 5, 12)]
    expected = embedder.embed(matrices)
    hook = narrow.model.register_forward_hook(lambda _, given, __: frames.append(given[0].shape[:2].numel()))
    found = narrow.embed(matrices)
    hook.remove()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert max(frames) <= 25
    assert len(frames) < 41 / 1.5  # windows


def test_what_is_too_short_is_named_before_anything_is_embedded(folder, tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 3)
    write_manifest([cuts[0], cuts[1].truncate(duration=0.05), cuts[2].truncate(duration=0.06)], tmp_path / "s.jsonl.gz")
    with pytest.raises(UserError, match=r"s.jsonl.gz, cut '.*' \(and 1 others\) lasts 0.05 seconds.* on 0.1 and more"):
        embed(folder / "exp", tmp_path / "s.jsonl.gz", tmp_path / "out", "cpu")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match=r"who.wav lasts 0.05 seconds"):
        load_embedder(folder / "exp", "cpu").of_samples(np.zeros(400, dtype=np.float32), RATE, "who.wav")


@pytest.mark.parametrize("jobs", [2, 3])
def test_embeddings_are_the_same_whatever_the_number_of_processes(folder, tmp_path, jobs):
    for number in (1, jobs):
        embed(folder / "exp", folder / "test.jsonl.gz", tmp_path / str(number), "cpu", jobs=number)
    alone, together = (load_embeddings(tmp_path / str(number)) for number in (1, jobs))
    assert (alone.ids, alone.speakers, alone.space) == (together.ids, together.speakers, together.space)
    assert np.array_equal(alone.rows_ND, together.rows_ND)


@pytest.mark.parametrize("jobs", [1, 2])
def test_audio_that_cannot_be_read_is_named_and_nothing_is_written(folder, tmp_path, jobs):
    cuts = tone_cuts(tmp_path / "audio", 9)
    write_manifest(cuts, tmp_path / "some.jsonl.gz")
    (tmp_path / "audio/utt006.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"^cannot read the audio of cut 'utt006' from .*utt006.wav: .*leave the cut"):
        embed(folder / "exp", tmp_path / "some.jsonl.gz", tmp_path / "out", "cpu", jobs=jobs)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the processes")
def test_a_process_that_is_killed_is_an_error(folder, tmp_path):
    def embed_until_killed():
        while True:  # it may be too late, when all is done
            with first_child_killed():
                embed(folder / "exp", folder / "test.jsonl.gz", tmp_path / "out", "cpu", jobs=2)

    with pytest.raises(UserError, match=r"^a worker process that makes batches ended .*use fewer --jobs, or give"):
        embed_until_killed()


def test_a_training_of_words_gives_no_embeddings(tmp_path):
    save_untrained(tmp_path / "exp")
    with pytest.raises(UserError, match="exp holds a tdnn_lstm, which gives no embeddings; train for verification"):
        embed(tmp_path / "exp", tmp_path / "test.jsonl.gz", tmp_path / "out", "cpu")
