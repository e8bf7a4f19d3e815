import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pyspeech.errors import UserError
from pyspeech.inference.embedding import load_embedder, origin_of
from pyspeech.inference.enrolment import embed_file, enrol, enrolled, identify
from pyspeech.speakers.embeddings import load_embeddings, save_embeddings
from pyspeech.speakers.enrolments import load_enrolments
from pyspeech.speakers.identification import choose_threshold
from pyspeech.tensor_files import read_tensors, write_tensors
from tests.tones import RATE, write_tones

NAMES = {"Ann Low": "LOW", "Bob Mid": "MID", "هيا": "HIGH"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, train_on_tones):
    """A trained network, and a folder of three people with three files each and one left over."""
    folder = tmp_path_factory.mktemp("people")
    train_on_tones(folder, "speaker")
    for place, (name, word) in enumerate(NAMES.items()):
        for number in range(3):
            write_tones(folder / "people" / name / f"session{number}" / "1.wav", [word], seed=100 + 10 * place + number)
        write_tones(folder / f"{word}.wav", [word], seed=200 + place)
    (folder / "people/.hidden").mkdir()
    (folder / "people/read me.txt").write_text("three people")
    (folder / "people/Ann Low/notes.txt").write_text("a cold")
    (folder / "people/Ann Low/._1.wav").write_text("what another system writes beside a file")
    return folder


@pytest.fixture
def people(folder, tmp_path):
    return Path(shutil.copytree(folder / "people", tmp_path / "people"))


def files(folder):
    return [folder / f"{word}.wav" for word in NAMES.values()]


@pytest.mark.parametrize("stored", [False, True])
def test_people_are_found_by_a_store_as_by_their_folders(folder, tmp_path, stored):
    people = folder / "people"
    if stored:
        people = tmp_path / "store"
        assert list(enrol(folder / "exp", people, folder / "people", [], "cpu")) == sorted(NAMES)
        assert {name: one.utterances for name, one in enrolled(folder / "exp", people).items()} == dict.fromkeys(
            NAMES, 3
        )
    found = list(identify(folder / "exp", files(folder), people, 2, device="cpu"))
    assert [one.path for one in found] == files(folder)
    assert [one.likest[0][0] for one in found] == list(NAMES)
    assert [len(one.likest) for one in found] == [2, 2, 2]
    assert all(-1 <= low <= high <= 1 for (_, high), (_, low) in (one.likest for one in found))
    assert [one.known for one in found] == [None, None, None]


def test_people_come_and_go_without_training_again(folder, people, tmp_path):
    whole, store = tmp_path / "whole", tmp_path / "store"
    enrol(folder / "exp", whole, people, [], "cpu")
    for name in NAMES:
        shutil.copytree(people / name, tmp_path / name / name)
        enrol(folder / "exp", store, tmp_path / name, [], "cpu")
    assert (store / "people.json").read_bytes() == (whole / "people.json").read_bytes()
    enrol(folder / "exp", store, None, ["Ann Low"], "cpu")
    found = next(identify(folder / "exp", files(folder), store, 5, device="cpu"))
    assert sorted(name for name, _ in found.likest) == ["Bob Mid", "هيا"]
    enrol(folder / "exp", store, tmp_path / "Ann Low", ["Bob Mid", "هيا"], "cpu")
    assert list(enrolled(folder / "exp", store)) == ["Ann Low"]


def test_who_is_not_enrolled_is_nobody_known(folder, people, tmp_path):
    shutil.rmtree(people / "Ann Low")
    found = list(identify(folder / "exp", files(folder), people, 1, threshold=1, device="cpu"))
    assert [one.known for one in found] == [False, False, False]
    ids, speakers, rows = [], [], []
    embedder = load_embedder(folder / "exp", "cpu")
    for number, (name, word) in enumerate(9 * list(NAMES.items())):
        path = write_tones(tmp_path / "dev" / f"{number}.wav", [word], seed=300 + number)
        ids.append(path.name)
        speakers.append(f"dev {name}")
        rows.append(embed_file(path, embedder))
    save_embeddings(tmp_path / "embeddings", ids, speakers, np.stack(rows), origin_of(folder / "exp"))
    found = list(identify(folder / "exp", files(folder), people, 1, tune=tmp_path / "embeddings", device="cpu"))
    assert [one.known for one in found] == [False, True, True]
    assert found[0].threshold == choose_threshold(load_embeddings(tmp_path / "embeddings")).value
    for origin, width in (("another net", 8), (origin_of(folder / "exp"), 3)):
        save_embeddings(tmp_path / "embeddings", ids, speakers, np.stack(rows)[:, :width], origin)
        with pytest.raises(UserError, match=r"embeddings and .*exp come from different networks or feature settings"):
            list(identify(folder / "exp", files(folder), people, 1, tune=tmp_path / "embeddings", device="cpu"))
    speakers[0] = "Bob Mid"
    save_embeddings(tmp_path / "embeddings", ids, speakers, np.stack(rows), origin_of(folder / "exp"))
    with pytest.raises(UserError, match=r"embeddings and .*people share speakers \(1\), such as Bob Mid;"):
        list(identify(folder / "exp", files(folder), people, 1, tune=tmp_path / "embeddings", device="cpu"))


def test_a_file_is_embedded_as_its_samples_are_whatever_its_rate_and_channels(folder, tmp_path):
    embedder = load_embedder(folder / "exp", "cpu")
    samples, _ = soundfile.read(folder / "LOW.wav", dtype="float32")
    alone = embedder.of_samples(samples, RATE)
    np.testing.assert_array_equal(embed_file(folder / "LOW.wav", embedder), alone)
    soundfile.write(tmp_path / "two.flac", np.stack([samples, 0.1 * np.ones_like(samples)], 1), RATE)
    np.testing.assert_allclose(embed_file(tmp_path / "two.flac", embedder), alone, atol=1e-4)
    soundfile.write(tmp_path / "fast.wav", np.repeat(samples, 2), 2 * RATE)
    fast = embed_file(tmp_path / "fast.wav", embedder)
    assert fast @ alone / np.linalg.norm(fast) / np.linalg.norm(alone) > 0.9


def test_files_that_cannot_be_used_do_not_stop_the_others(folder, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(8), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan, dtype=np.float32), RATE, subtype="FLOAT")
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "cut.wav").write_bytes((folder / "LOW.wav").read_bytes()[:1000])
    named = ["short", "text", "nan", "no", "cut"]
    audio = [folder / "LOW.wav", *(tmp_path / f"{name}.wav" for name in named), tmp_path, folder / "MID.wav"]
    first, *bad, last = identify(folder / "exp", audio, folder / "people", 1, device="cpu")
    assert (first.likest[0][0], last.likest[0][0]) == ("Ann Low", "Bob Mid")
    for error, path in zip(bad, audio[1:-1], strict=True):
        assert isinstance(error, UserError)
        assert str(path) in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda people: (people / "Zoe").mkdir(), r"people/Zoe holds no audio file \(.wav"),
        (lambda people: write_tones(people / "a\tb/1.wav", ["LOW"]), r"no person can be called 'a\\tb'"),
        (lambda people: (people / "Bob Mid/2.wav").write_text("no"), "Bob Mid/2.wav"),
        (lambda people: soundfile.write(people / "Bob Mid/2.wav", np.zeros(8), RATE), "Bob Mid/2.wav lasts 0.00 sec"),
        (lambda people: [shutil.rmtree(people / name) for name in NAMES], "people holds no folder of a person"),
        (shutil.rmtree, "no folder of people at"),
    ],
)
def test_people_who_cannot_be_enrolled_are_named_and_no_store_is_written(folder, people, tmp_path, change, message):
    change(people)
    with pytest.raises(UserError, match=message):
        enrol(folder / "exp", tmp_path / "store", people, [], "cpu")
    assert not (tmp_path / "store").exists()
    with pytest.raises(UserError, match=message):
        list(identify(folder / "exp", files(folder), people, 1, device="cpu"))


def test_a_store_of_another_network_or_without_people_is_refused(folder, people, tmp_path):
    store, other = tmp_path / "store", Path(shutil.copytree(folder / "exp", tmp_path / "other"))
    enrol(folder / "exp", store, people, [], "cpu")
    load_enrolments(store, origin_of(other))  # the same network elsewhere
    weights = read_tensors(other / "model.safetensors", "model", "train again")
    next(iter(weights.values()))[0] += 1
    write_tensors(other / "model.safetensors", weights, {})
    for call in (
        lambda: enrol(other, store, people, [], "cpu"),
        lambda: enrol(other, store, None, ["Ann Low"], "cpu"),
        lambda: enrolled(other, store),
        lambda: list(identify(other, files(folder), store, 1, device="cpu")),
    ):
        with pytest.raises(UserError, match="store was made with another network or feature settings; name the"):
            call()
    assert enrol(folder / "exp", store, None, list(NAMES), "cpu") == {}
    with pytest.raises(UserError, match="store holds nobody; add people with pyspeech enroll"):
        list(identify(folder / "exp", files(folder), store, 1, device="cpu"))


def test_other_feature_settings_are_another_origin(folder, tmp_path):
    other = Path(shutil.copytree(folder / "exp", tmp_path / "other"))
    text = (other / "config.yaml").read_text()
    assert "num_mel_bins: 12" in text
    (other / "config.yaml").write_text(text.replace("low_hz: 20", "low_hz: 30"))
    assert origin_of(folder / "exp") != origin_of(other)
