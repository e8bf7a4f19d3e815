import numpy as np
import pytest
import torch

from pyspeech.data.manifests import read_manifest, write_manifest
from pyspeech.data.precomputed_features import given_utterance
from pyspeech.decoding.times import token_runs
from pyspeech.errors import UserError
from pyspeech.inference.inspection import inspect
from pyspeech.lang.tokens import CharacterTokens
from tests.decodes import TOKENS, save_decode
from tests.experiments import save_untrained
from tests.tones import PITCHES, RATE, tone_manifest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    torch.set_num_threads(1)
    tone_manifest(folder / "cuts.jsonl.gz", 5)
    save_untrained(folder / "exp")
    return folder


def look(folder, *ids, exp=None, decode=None):
    return list(inspect(folder / "cuts.jsonl.gz", ids, exp, decode))


def test_a_training_shows_its_features_its_tokens_and_the_reference_aligned(folder):
    [seen] = look(folder, "utt003", exp=folder / "exp")
    cut = next(cut for cut in read_manifest(folder / "cuts.jsonl.gz") if cut.id == "utt003")
    assert seen.reference == cut.supervisions[0].text
    assert (seen.waveform.sampling_rate, len(seen.waveform.samples_S)) == (RATE, cut.num_samples)
    assert seen.features.matrix_TF.shape == (pytest.approx(seen.seconds / 0.01, abs=1), 24)
    assert np.abs(seen.features.matrix_TF.mean(axis=0)).max() < 1e-4  # normalised
    posteriors = seen.posteriors
    assert np.exp(posteriors.log_probs_TV).sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert len(posteriors.log_probs_TV) * posteriors.frame_seconds == pytest.approx(seen.seconds, abs=0.05)
    assert [word.symbol for word in seen.words.words] == seen.reference.split()
    assert all(0 <= word.start < word.end <= seen.seconds for word in seen.words.words)
    best = token_runs(posteriors.log_probs_TV.argmax(axis=1).astype(np.int32))
    tokens = CharacterTokens.from_words(PITCHES)
    assert seen.hypothesis.split() == tokens.decode([run.token for run in best])


def test_without_a_training_there_are_features_in_the_order_of_the_ids(folder):
    seen = look(folder, "utt004", "utt001")
    assert [each.id for each in seen] == ["utt004", "utt001"]
    for each in seen:
        assert (each.hypothesis, each.posteriors, each.words) == (None, None, None)
        assert each.features.matrix_TF.shape[1] == 80
        assert np.isfinite(each.features.matrix_TF).all()


def test_a_decode_gives_its_words_and_what_the_network_said_then(folder):
    decode = save_decode(folder / "decode", {"utt001": ["CAT", "SAT"]}, noise=0)
    [seen] = look(folder, "utt001", decode=decode)
    assert (seen.hypothesis, seen.words.source) == ("CAT SAT", "decode")
    assert seen.posteriors.symbols == TOKENS.symbols
    with pytest.raises(UserError, match="has no utterance 'utt002'; give the decode of these cuts"):
        look(folder, "utt001", "utt002", decode=decode)
    (decode / "frames").rename(folder / "frames")
    assert look(folder, "utt001", decode=decode)[0].posteriors is None
    (folder / "frames").rename(decode / "frames")
    [seen] = look(folder, "utt001", exp=folder / "exp", decode=decode)
    assert (seen.hypothesis, seen.words.source) == ("CAT SAT", "decode")
    assert seen.posteriors.symbols == CharacterTokens.from_words(PITCHES).symbols


def test_a_reference_that_cannot_be_aligned_says_why(folder, tmp_path):
    cuts = list(read_manifest(folder / "cuts.jsonl.gz"))[:2]
    cuts[0].supervisions[0].text = "LOW XYZ"
    cuts[1].supervisions[0].text = "LOW " * 200
    write_manifest(cuts, tmp_path / "cuts.jsonl.gz")
    strange, long = look(tmp_path, "utt000", "utt001", exp=folder / "exp")
    assert strange.words.problem == "'XYZ' cannot be aligned: no token covers 'X'"
    assert "cannot spell the 800 tokens" in long.words.problem
    assert long.words.words == ()


def test_a_training_without_tokens_shows_its_features(folder, tmp_path):
    save_untrained(tmp_path / "exp")
    (tmp_path / "exp/lang").rename(tmp_path / "exp/labels")
    [seen] = look(folder, "utt001", exp=tmp_path / "exp")
    assert seen.features.matrix_TF.shape[1] == 24
    assert (seen.posteriors, seen.words) == (None, None)


def test_features_in_place_of_audio_need_the_training_that_uses_them(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((30, 4), np.float32))
    write_manifest([given_utterance(tmp_path / "a.npy", "LOW", "")], tmp_path / "cuts.jsonl.gz")
    with pytest.raises(UserError, match=r"features in place of audio; .* --exp EXP"):
        look(tmp_path, "a")


def test_the_nearest_utterance_is_named(folder):
    with pytest.raises(UserError, match=r"no utterance 'ut003' among its 5, the nearest is 'utt003'"):
        look(folder, "utt001", "ut003")
    with pytest.raises(UserError, match=r"no utterance '!' among its 5$"):
        look(folder, "!")
    with pytest.raises(UserError, match="no manifest at"):
        list(inspect(folder / "none.jsonl", ["a"], None, None))
