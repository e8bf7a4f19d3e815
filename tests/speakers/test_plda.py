import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh, subspace_angles

from pyspeech.errors import UserError
from pyspeech.speakers.embeddings import Embeddings, unit_rows
from pyspeech.speakers.error_rates import equal_error_rate
from pyspeech.speakers.plda import load_plda, save_plda, shrunk_covariance, train_plda


def embeddings_of(speakers, rows):
    ids = tuple(f"utt{number}" for number in range(len(rows)))
    return Embeddings(ids, tuple(f"spk{speaker}" for speaker in speakers), np.asarray(rows, np.float32), "net")


def speech_like(num_speakers, width, seed, world=0):
    """Speakers with 1 to 4 utterances, in a world in which speakers and utterances vary in few directions most."""
    generator = np.random.default_rng(world)
    speaker_axes, noise_axes = generator.normal(size=(2, width, width)) * np.exp(-np.arange(width) / 10)[:, None]
    centre = generator.normal(size=width) * 3
    generator = np.random.default_rng(seed)
    counts = generator.integers(1, 5, num_speakers)
    speakers = np.repeat(np.arange(num_speakers), counts)
    points = centre + generator.normal(size=(num_speakers, width)) @ speaker_axes
    return embeddings_of(speakers, points[speakers] + generator.normal(size=(len(speakers), width)) @ noise_axes)


def scores_of_all_pairs(plda, embeddings):
    left, right = np.triu_indices(len(embeddings.ids), 1)
    speakers = np.array(embeddings.speakers)
    return plda.vectors(embeddings.rows_ND).scores(left, right), speakers[left] == speakers[right]


def bits(scores, targets):
    """The cost of log-likelihood ratios (Cllr); 1 for those that always say 0."""
    return (np.logaddexp(0, -scores[targets]).mean() + np.logaddexp(0, scores[~targets]).mean()) / 2 / np.log(2)


def test_few_speakers_are_enough_for_likelihood_ratios_of_others():
    train, test = speech_like(100, 60, seed=1), speech_like(60, 60, seed=2)
    scores, targets = scores_of_all_pairs(train_plda(train), test)
    unit = unit_rows(test.rows_ND)
    cosines = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
    assert bits(scores, targets) < 0.5
    assert equal_error_rate(scores, targets) < 0.5 * equal_error_rate(cosines, targets)


@pytest.mark.parametrize("lda", [None, 5])
def test_only_the_directions_of_embeddings_count(lda):
    train, test = speech_like(20, 8, seed=1), speech_like(10, 8, seed=2)
    lengths = np.random.default_rng(0).uniform(0.1, 9, size=(len(train.ids), 1)).astype(np.float32)
    stretched = dataclasses.replace(train, rows_ND=train.rows_ND * lengths)
    before, _ = scores_of_all_pairs(train_plda(train, lda), test)
    after, _ = scores_of_all_pairs(train_plda(stretched, lda), test)
    np.testing.assert_allclose(after, before, rtol=1e-2, atol=1e-2)


@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 9))
def test_the_covariance_is_shrunk_as_defined(seed, count, width):
    rows = np.random.default_rng(seed).normal(size=(count, width)) * np.arange(1, width + 1)
    mean = rows.mean(axis=0)
    outer = [np.outer(row - mean, row - mean) for row in rows]
    plain = sum(outer) / count
    target = np.eye(width) * sum(plain[i, i] for i in range(width)) / width
    error = sum(((one - plain) ** 2).sum() for one in outer) / count**2
    distance = ((plain - target) ** 2).sum()
    part = min(1, error / distance) if distance > 1e-12 else 1
    np.testing.assert_allclose(shrunk_covariance(rows, mean), part * target + (1 - part) * plain, atol=1e-8)


def test_shrinking_fades_with_more_data():
    rows = np.random.default_rng(0).normal(size=(40_000, 3)) * [1, 2, 3]
    found = shrunk_covariance(rows, rows.mean(axis=0))
    np.testing.assert_allclose(found, np.cov(rows.T), atol=0.01)


def test_lda_keeps_the_directions_that_tell_speakers_apart_best():
    train = speech_like(3000, 6, seed=1)  # so many that nothing is shrunk
    plda = train_plda(train, 2)
    assert plda.projection_DE.shape == (6, 2)
    rows = unit_rows(train.rows_ND).astype(np.float64)
    means, between, within = {}, np.zeros((6, 6)), np.zeros((6, 6))
    for speaker, places in train.by_speaker().items():
        means[speaker] = rows[places].mean(axis=0)
        within += sum(np.outer(row - means[speaker], row - means[speaker]) for row in rows[places])
        between += len(places) * np.outer(means[speaker] - rows.mean(axis=0), means[speaker] - rows.mean(axis=0))
    expected = eigh(between, within)[1][:, -2:]
    assert subspace_angles(plda.projection_DE, expected).max() < 0.05


def test_a_file_holds_all_of_it(tmp_path):
    train = speech_like(20, 8, seed=1)
    plda = train_plda(train, 5)
    save_plda(plda, tmp_path / "plda.npz")
    found = load_plda(tmp_path / "plda.npz")
    assert found.speakers == tuple(sorted(set(train.speakers)))
    assert found.space == train.space == ("net", 8)
    np.testing.assert_array_equal(scores_of_all_pairs(found, train)[0], scores_of_all_pairs(plda, train)[0])
    assert [path.name for path in tmp_path.iterdir()] == ["plda.npz"]


@pytest.mark.parametrize(
    ("speakers", "lda", "message"),
    [
        ("aabcd", None, "5 embeddings of 4 speakers, 1 of them with two utterances or more; a PLDA needs 2"),
        ("aaaaa", None, "5 embeddings of 1 speakers, 1 of them"),
        ("aabbc", 3, "--lda 3: 3 speakers with 4 numbers differ in 1 to 2 directions"),
        ("aabbc", 0, "--lda 0: "),
    ],
)
def test_too_few_speakers_are_counted(speakers, lda, message):
    rows = np.random.default_rng(0).normal(size=(5, 4))
    with pytest.raises(UserError, match=message):
        train_plda(embeddings_of(speakers, rows), lda)


@pytest.mark.parametrize("lda", [None, 1])
def test_two_utterances_of_two_speakers_are_enough(lda):
    train = embeddings_of("aabb", np.random.default_rng(0).normal(size=(4, 30)) + np.repeat([[2], [-2]], 2, axis=0))
    scores, targets = scores_of_all_pairs(train_plda(train, lda), train)
    assert np.isfinite(scores).all()
    assert scores[targets].min() > scores[~targets].max()


def test_embeddings_that_are_all_alike_are_refused():
    with pytest.raises(UserError, match="the embeddings are all alike"):
        train_plda(embeddings_of("aabb", np.outer([1, 2, 3, 4], [0.1, 0.3, 0.7])))


def test_an_unknown_speaker_is_named():
    train = Embeddings(("u", "v"), ("a", ""), np.eye(2, dtype=np.float32), "net")
    with pytest.raises(UserError, match="the embedding of v names no speaker"):
        train_plda(train)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("plda") / "plda.npz"
    save_plda(train_plda(speech_like(5, 3, seed=1)), path)
    return path


@settings(max_examples=100)
@given(st.data())
def test_a_changed_byte_is_an_error_or_changes_nothing(stored, data):
    content = bytearray(stored.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = stored.with_name("damaged.npz")
    damaged.write_bytes(content)
    try:
        found = load_plda(damaged)
    except UserError as error:
        assert "damaged.npz is no PLDA or damaged" in str(error)  # noqa: PT017 -- both outcomes are right
    else:
        np.testing.assert_array_equal(found.model.within_DD, load_plda(stored).model.within_DD)


@given(cut=st.floats(0, 0.999))
def test_a_file_that_ends_early_is_an_error(stored, cut):
    content = stored.read_bytes()
    short = stored.with_name("short.npz")
    short.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(UserError, match=r"short\.npz is no PLDA or damaged"):
        load_plda(short)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.zeros(4)},
        {"centre": np.full(3, np.nan)},
        {"projection": np.eye(3, dtype=np.float32)},
        {"within": -np.eye(3)},
        {"between": np.eye(2)},
        {"speakers": np.zeros(3)},
        {"speakers": np.array("a")},
        {"speakers": np.array([["a"], ["b"]])},
        {"origin": np.array(1)},
        {"origin": np.array(["net"])},
        {"speakers": np.array([{"a": 1}])},
        {"speakers": np.array(["a", "a"])},
        {"within": np.eye(3) + np.triu(np.ones((3, 3)), 1)},
        {"within": np.full((3, 3), np.nan)},
        {"between": np.eye(3) * 1e200},
        {"mean": np.full(3, np.inf)},
        {"projection": np.zeros((3, 0))},
        {"projection": np.zeros((0, 3))},
        {"projection": np.zeros((2, 3))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_parts_that_do_not_fit_are_an_error(stored, tmp_path, change):
    with np.load(stored) as arrays:
        np.savez(tmp_path / "changed.npz", **{**arrays, **change})
    with pytest.raises(UserError, match=r"changed\.npz is no PLDA or damaged"):
        load_plda(tmp_path / "changed.npz")
