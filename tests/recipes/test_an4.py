"""Recipe an4: what prepare.py makes of the corpus as CMU packs it."""

import importlib.util
import tarfile
from pathlib import Path
from types import ModuleType

import layouts
import numpy as np
import pytest
import soundfile
from lhotse import MonoCut
from lhotse.audio.backend import audio_backend
from recipe_runs import PROJECT, copy_recipe, run_recipe
from web import file, serving

from pyspeech.corpora.corpus import cut_of_row
from pyspeech.errors import UserError
from pyspeech.lang.espeak import phones_of_words
from pyspeech.scaffold.find import Wanted
from pyspeech.scaffold.recipe import new_recipe
from pyspeech.transcripts import read_transcripts

RECIPE = PROJECT / "recipes" / "an4"
RATE = 16000
SPEAKERS = [f"f{letter}ab" for letter in "abcdefghijklmnop"]


@pytest.fixture
def corpus(tmp_path):
    """Sixteen speakers of train with one utterance each, one of test."""
    folder = tmp_path / "an4"
    lines = []
    for number, speaker in enumerate(SPEAKERS):
        name = f"an{number}-{speaker}-b"
        write_sphere(folder / "wav" / "an4_clstk" / speaker / f"{name}.sph")
        lines.append(f"<s> ENTER {'AEIOU'[number % 5]} SEVENTY </s> ({name})\n")
    write_sphere(folder / "wav" / "an4test_clstk" / "fcaw" / "an409-fcaw-b.sph")
    (folder / "etc").mkdir()
    (folder / "etc" / "an4_train.transcription").write_text("".join([*lines, "\n"]))
    (folder / "etc" / "an4_test.transcription").write_text("C I N D Y (an409-fcaw-b)\n")
    return folder


def write_sphere(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE)
    soundfile.write(path, samples, RATE, format="NIST", subtype="PCM_16", endian="BIG")


def prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("an4_prepare", RECIPE / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cuts(corpus: Path, split: str) -> list[MonoCut]:
    with audio_backend("LibsndfileBackend"):
        return [cut_of_row(row) for row in prepare().rows(corpus, split)]


def test_sentence_marks_and_names_are_no_words_and_speakers_come_from_the_names(corpus):
    (cut,) = cuts(corpus, "test")
    assert (cut.id, cut.supervisions[0].text, cut.supervisions[0].speaker) == ("an409-fcaw-b", "C I N D Y", "fcaw")
    texts = {cut.id: cut.supervisions[0].text for split in ("train", "dev") for cut in cuts(corpus, split)}
    assert len(texts) == 16
    assert texts["an1-fbab-b"] == "ENTER E SEVENTY"


def test_every_ninth_speaker_of_train_is_dev(corpus):
    speakers = {split: [cut.supervisions[0].speaker for cut in cuts(corpus, split)] for split in ("train", "dev")}
    assert speakers["dev"] == [SPEAKERS[4], SPEAKERS[13]]
    assert sorted(speakers["train"] + speakers["dev"]) == SPEAKERS


def test_sphere_files_are_read_as_they_were_written(corpus):
    (cut,) = cuts(corpus, "test")
    assert (cut.sampling_rate, cut.duration) == (RATE, 0.5)
    with audio_backend("LibsndfileBackend"):
        samples = cut.load_audio()[0]
    assert abs(np.fft.rfft(samples)).argmax() == 440 * len(samples) // RATE


def test_a_folder_that_is_not_the_corpus_is_refused(tmp_path):
    with pytest.raises(UserError, match="no list of transcripts at "):
        cuts(tmp_path, "train")


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_an_archive_that_was_fetched_becomes_the_corpus(corpus, tmp_path, monkeypatch):
    with tarfile.open(tmp_path / "an4_sphere.tar.gz", "w:gz") as tar:
        tar.add(corpus, "an4")
    module = prepare()
    monkeypatch.setenv("no_proxy", "*")
    with serving(file((tmp_path / "an4_sphere.tar.gz").read_bytes())) as site:
        monkeypatch.setattr(module, "URL", f"{site.address}/an4_sphere.tar.gz")
        module.download(tmp_path / "download" / "an4")
    assert len(cuts(tmp_path / "download" / "an4", "train")) == 14


def test_espeak_names_single_letters_as_the_speakers_do():
    assert [*phones_of_words(["A", "E", "W"], "en-us")] == [["eɪ"], ["iː"], [*"dʌb", "ə", "l", "j", "uː"]]


@pytest.mark.slow
def test_a_generated_recipe_has_the_vocabulary_of_this_one_all_words_of_train(tmp_path):
    pytest.importorskip("k2", reason="needs k2, which this lane does not have")
    # Most of what train says holds a sentence of test, as it does there: YES, STOP, NINETEEN.
    corpus = tmp_path / "corpus"
    layouts.an4(corpus, train=60, test=8)
    ours = copy_recipe(RECIPE, tmp_path)
    theirs = new_recipe("an4_like", Wanted(corpus, "sphinx", "recognition", "en-us"), tmp_path).folder
    said = {}
    for recipe in (ours, theirs):
        for stage in ("1", "3"):  # no features are needed
            run_recipe(recipe, "--corpus-dir", str(corpus), "--stage", stage, "--stop-stage", stage)
        train = {
            word for each in read_transcripts(recipe / "data/manifests/train.jsonl.gz") for word in each.text.split()
        }
        said[recipe.name] = set((recipe / "data/graph/words.txt").read_text().split()) - {"<eps>"}
        assert said[recipe.name] == train
    assert said["an4"] == said["an4_like"]
