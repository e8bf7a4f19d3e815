"""Recipe librispeech: parts of the corpus as splits."""

import importlib.util
import os
import tarfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from recipe_runs import PROJECT
from web import file, serving

from pyspeech.config import load_config

RECIPE = PROJECT / "recipes" / "librispeech"
RATE = 16000
CORPORA = Path(os.environ.get("PYSPEECH_CORPORA", "nowhere"))


def load_prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("librispeech_prepare", RECIPE / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_part(folder: Path, speakers: range) -> None:
    """One utterance of each speaker, as FLAC."""
    for speaker in speakers:
        name = f"{speaker}-7-0000"
        chapter = folder / str(speaker) / "7"
        chapter.mkdir(parents=True)
        soundfile.write(chapter / f"{name}.flac", 0.3 * np.sin(np.arange(RATE // 4) / 5), RATE)
        (chapter / f"{speaker}-7.trans.txt").write_text(f"{name} THE CAT SAT {chr(ord('A') + speaker)}\n")


@pytest.fixture
def corpus(tmp_path):
    """Every part, each with one speaker."""
    parts = ("train-clean-5", "dev-clean-2", "train-clean-100", "train-clean-360", "train-other-500")
    for number, part in enumerate((*parts, "dev-clean", "dev-other", "test-clean", "test-other")):
        write_part(tmp_path / "LibriSpeech" / part, range(number, number + 1))
    return tmp_path / "LibriSpeech"


def speakers(corpus: Path, subset: str) -> dict[str, set[str]]:
    parts = load_prepare().PARTS[subset]
    return {split: {cut.supervisions[0].speaker for cut in parts.cuts(corpus, split)} for split in parts.splits(corpus)}


@pytest.mark.parametrize(
    ("subset", "train", "dev"),
    [("mini", {"0"}, {"1"}), ("100", {"2"}, {"5", "6"}), ("960", {"2", "3", "4"}, {"5", "6"})],
)
def test_a_subset_trains_on_its_parts_and_measures_on_its_dev_parts(subset, train, dev, corpus):
    found = speakers(corpus, subset)
    assert found == {"train": train, "dev": dev, "test-clean": {"7"}, "test-other": {"8"}}


def test_text_and_ids_are_those_of_the_transcripts(corpus):
    (cut,) = load_prepare().PARTS["mini"].cuts(corpus, "test-other")
    assert (cut.id, cut.supervisions[0].text, cut.duration) == ("8-7-0000", "THE CAT SAT I", 0.25)


def test_without_dev_parts_some_speakers_of_train_are_dev(tmp_path):
    write_part(tmp_path / "train-clean-100", range(20))
    write_part(tmp_path / "test-other", range(20, 22))
    found = speakers(tmp_path, "100")
    assert set(found) == {"train", "dev", "test-other"}
    assert len(found["dev"]) == 2
    assert len(found["train"]) == 18
    assert not found["dev"] & found["train"]


def test_the_corpus_of_this_machine_gives_train_dev_and_test_other():
    if not (CORPORA / "LibriSpeech").is_dir():
        pytest.skip("needs LibriSpeech under $PYSPEECH_CORPORA")
    found = speakers(CORPORA / "LibriSpeech", "100")
    assert set(found) >= {"train", "dev", "test-other"}
    assert not found["dev"] & found["train"]


class TestDownload:
    def test_a_corpus_that_can_train_is_taken_as_it_is(self, corpus):
        (corpus / "test-clean").rename(corpus / "elsewhere")
        load_prepare().download(corpus, "mini")
        assert not (corpus / "test-clean").exists()

    @pytest.mark.allow_hosts(["127.0.0.1"])
    def test_parts_are_fetched_each_from_its_place_and_lie_side_by_side(self, corpus, tmp_path, monkeypatch):
        module, whole = load_prepare(), tmp_path / "download" / "LibriSpeech"
        places = {"test-clean": 12, "test-other": 12, "dev-clean-2": 31, "train-clean-5": 31}
        archives = {}
        for part, number in places.items():
            path = tmp_path / f"{part}.tar.gz"
            with tarfile.open(path, "w:gz") as tar:
                tar.add(corpus / part, f"LibriSpeech/{part}")
                tar.add(RECIPE / "prepare.py", "LibriSpeech/README.TXT")
            archives[f"/{number}/{part}.tar.gz"] = path.read_bytes()
            module.SUMS[module.SUMS.index(path.name) - 1] = sha256(path.read_bytes()).hexdigest()
        monkeypatch.setenv("no_proxy", "*")
        with serving(lambda asked: file(archives[asked.path])(asked)) as site:
            monkeypatch.setattr(module, "URL", site.address + "/{}/{}.tar.gz")
            module.download(whole, "mini")
        assert {path.name for path in whole.iterdir() if path.is_dir()} == set(places)
        assert speakers(whole, "mini") == speakers(corpus, "mini")

    @pytest.mark.parametrize("subset", ["mini", "100", "960"])
    def test_every_part_has_its_digest(self, subset):
        module = load_prepare()
        corpus = module.PARTS[subset]
        parts = {*corpus.test, *corpus.dev, *corpus.train}
        digests = dict(zip(module.SUMS[1::2], module.SUMS[::2], strict=True))
        assert {len(bytes.fromhex(digests[f"{part}.tar.gz"])) for part in parts} == {32}


@pytest.mark.parametrize("path", sorted((RECIPE / "conf").glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}")
def test_every_size_of_every_model_is_a_configuration_of_that_model(path):
    assert load_config(path).model["name"] == path.stem
