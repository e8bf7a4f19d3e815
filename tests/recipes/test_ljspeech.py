"""Recipe ljspeech: which clips are of which split, and a clip that is damaged."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from layouts import ljspeech
from recipe_runs import PROJECT, copy_recipe, run_recipe

from pyspeech.data.manifests import read_manifest
from pyspeech.errors import UserError

RECIPE = PROJECT / "recipes" / "ljspeech"
CORPORA = Path(os.environ.get("PYSPEECH_CORPORA", "nowhere"))


def load_prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ljspeech_prepare", RECIPE / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ids_of(split: str) -> list[str]:
    return (RECIPE / "splits" / f"{split}.txt").read_text().split()


@pytest.fixture
def splits(tmp_path):
    """The ids of every split of a corpus with these ids; its audio is not looked at."""

    def of(ids: Sequence[str]) -> dict[str, list[str]]:
        (tmp_path / "metadata.csv").write_text("".join(f"{id_}|One.|One.\n" for id_ in ids))
        prepare = load_prepare()
        return {split: [row.path.stem for row in prepare.rows(tmp_path, split)] for split in ("train", "dev", "test")}

    return of


def test_the_published_lists_are_the_last_500_clips():
    assert [len(ids_of(split)) for split in ("dev", "test")] == [250, 250]
    assert ids_of("test")[-1] == "LJ050-0278"
    ids = ids_of("dev") + ids_of("test")
    assert ids == sorted(set(ids))


def test_a_corpus_with_all_of_these_clips_is_split_by_them(splits):
    others = [f"LJ001-{number:04d}" for number in range(10)]
    assert splits([*ids_of("test"), *others, *ids_of("dev")]) == {
        "train": others,
        "dev": ids_of("dev"),
        "test": ids_of("test"),
    }


def test_clips_that_were_taken_out_do_not_move_the_others(splits):
    others = [f"LJ001-{number:04d}" for number in range(10)]
    found = splits([*ids_of("test")[1:], *others, *ids_of("dev")[:-2]])
    assert found == {"train": others, "dev": ids_of("dev")[:-2], "test": ids_of("test")[1:]}


def test_of_any_other_clips_a_tenth_is_test_and_a_tenth_dev(splits):
    ids = [*(f"LJ001-{number:04d}" for number in range(32)), *ids_of("test")[:8]]
    assert splits(ids) == {"train": ids[:-8], "dev": ids[-8:-4], "test": ids[-4:]}


def test_lists_of_the_corpus_itself_come_first(splits, tmp_path):
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits/dev.txt").write_text("b\n")
    (tmp_path / "splits/test.txt").write_text("d\na\n")
    assert splits("abcd") == {"train": ["c"], "dev": ["b"], "test": ["a", "d"]}
    (tmp_path / "splits/test.txt").write_text("d\nx\n")
    with pytest.raises(UserError, match="name 1 utterances that the corpus does not have, such as 'x'"):
        splits("abcd")


def test_the_published_lists_are_those_of_the_genuine_corpus(splits):
    table = CORPORA / "text" / "ljspeech_metadata.csv"
    if not table.exists():
        pytest.skip("needs LJSpeech's table under $PYSPEECH_CORPORA")
    ids = [line.partition("|")[0] for line in table.read_text(encoding="utf-8").splitlines()]
    found = splits(ids)
    assert found == {"train": ids[:-500], "dev": ids[-500:-250], "test": ids[-250:]}


@pytest.mark.slow
def test_a_damaged_clip_of_train_is_left_out_by_the_stages_that_meet_it(tmp_path):
    ljspeech(tmp_path / "corpus")
    folder = copy_recipe(RECIPE, tmp_path)
    first, second, third = sorted((tmp_path / "corpus/wavs").iterdir())[:3]
    first.write_bytes(first.read_bytes()[:1000])
    arguments = ("--corpus-dir", str(tmp_path / "corpus"))
    _, err = run_recipe(folder, *arguments, "--stop-stage", "1")
    assert f"left out: {first} is cut short" in err
    second.write_bytes(second.read_bytes()[:1000])
    _, err = run_recipe(folder, *arguments, "--stage", "2", "--stop-stage", "2")
    assert f"left out: {second} is cut short" in err
    ids = [cut.id for cut in read_manifest(folder / "data/audio/train.jsonl.gz")]
    assert ids[0] == third.stem
    assert len(ids) == 64 - 2
    assert sorted(path.name for path in (folder / "data/fbank").glob("*.jsonl.gz")) == ["dev.jsonl.gz", "test.jsonl.gz"]
