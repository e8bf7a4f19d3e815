import csv
import re
import wave
from pathlib import Path

import numpy as np
import pytest
import yaml

from pyspeech.corpora.synthesis import SAMPLING_RATE, TABLE, draw_sentences, load_plan, synthesise
from pyspeech.errors import UserError
from pyspeech.lang.espeak import speak

DEMO = Path(__file__).resolve().parents[2] / "recipes/demo/conf/corpus.yaml"
VALUES = {
    "seed": 1,
    "splits": {
        "train": {
            "sentences": 4,
            "voices": [
                {"voice": "en-us", "pitch": 50, "words_per_minute": 200},
                {"voice": "en-us+f3", "pitch": 40, "words_per_minute": 180},
            ],
        },
        "test": {"sentences": 3, "voices": [{"voice": "en+m1", "pitch": 50, "words_per_minute": 200}]},
    },
    "held_out": {"test": ["ZOË"]},
    "texts": {"names": 5},
    "grammar": {"sentence": ["CALL <name>", "<name> AND <name>"], "name": ["ANNA", "BOB", "ZOË", "IT"]},
}


def plan_file(folder, **changes):
    path = folder / "corpus.yaml"
    path.write_text(yaml.safe_dump({**VALUES, **changes}, sort_keys=False))
    return path


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(corpus: Path, split: str) -> list[dict[str, str]]:
    with (corpus / TABLE).open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["split"] == split]


@pytest.fixture
def espeak():
    return pytest.importorskip("espeakng_loader", reason="needs espeakng-loader")


def test_equal_plans_give_equal_corpora_of_16_khz(tmp_path, espeak):
    plan = load_plan(plan_file(tmp_path))
    synthesise(plan, tmp_path / "one")
    speak("something else", "de")
    synthesise(plan, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    train = rows(tmp_path / "one", "train")
    assert [row["text"] for row in train] == draw_sentences(plan)["train"]
    assert [row["speaker"] for row in train] == ["en-us_50_200", "en-us+f3_40_180"] * 2
    with wave.open(str(tmp_path / "one" / train[0]["file"])) as stream:
        assert (stream.getframerate(), stream.getnchannels(), stream.getsampwidth()) == (SAMPLING_RATE, 1, 2)
        samples = np.frombuffer(stream.readframes(stream.getnframes()), "<i2")
    assert np.abs(samples.astype(int)).max() > 1000


def test_resampling_keeps_the_spectrum(tmp_path, espeak):
    synthesise(load_plan(plan_file(tmp_path)), tmp_path / "corpus")
    row = rows(tmp_path / "corpus", "test")[0]
    with wave.open(str(tmp_path / "corpus" / row["file"])) as stream:
        ours = np.frombuffer(stream.readframes(stream.getnframes()), "<i2").astype(float)
    original, rate = speak(row["text"].lower(), "en+m1", words_per_minute=200, pitch=50)
    assert abs(len(ours) - len(original) * SAMPLING_RATE / rate) <= 1
    # Over equally long windows the spectra are the same up to 7 kHz, below the filter's slope.
    windows = len(original) // 441 + 1  # of 441 samples before and 320 after
    found = np.fft.rfft(ours, 320 * windows, norm="forward")
    expected = np.fft.rfft(original.astype(float), 441 * windows, norm="forward")
    bins = int(320 * windows * 7000 / SAMPLING_RATE)
    assert np.sum(np.abs(found - expected[: len(found)])[:bins] ** 2) < 1e-4 * np.sum(np.abs(expected[:bins]) ** 2)


def test_a_second_call_changes_nothing_and_another_plan_makes_the_corpus_anew(tmp_path, espeak):
    corpus = tmp_path / "corpus"
    synthesise(load_plan(plan_file(tmp_path)), corpus)
    times = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    synthesise(load_plan(plan_file(tmp_path)), corpus)
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == times
    before = contents(corpus)
    synthesise(load_plan(plan_file(tmp_path, seed=2)), corpus)
    assert contents(corpus) != before


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not a synthesised corpus; choose another folder"):
        synthesise(load_plan(plan_file(tmp_path)), tmp_path / "corpus")
    (tmp_path / "corpus/corpus.json").write_text("[]")
    with pytest.raises(UserError, match=r"corpus\.json.*; choose another folder"):
        synthesise(load_plan(plan_file(tmp_path)), tmp_path / "corpus")
    assert (tmp_path / "corpus/thesis.txt").exists()


def test_a_voice_that_does_not_exist_leaves_no_corpus(tmp_path, espeak):
    splits = {"train": {"sentences": 1, "voices": [{"voice": "en-uk", "pitch": 50, "words_per_minute": 200}]}}
    plan = load_plan(plan_file(tmp_path, splits=splits, held_out={}))
    with pytest.raises(UserError, match="espeak-ng has no language 'en-uk'"):
        synthesise(plan, tmp_path / "corpus")
    assert not list(tmp_path.glob("*corpus"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"grammar": {"sentence": ["CALL <nmae>"], "name": ["ANNA"]}}, "no slot 'nmae'; did you mean 'name'"),
        ({"held_out": {"test": ["ZOE"]}}, "held-out word 'ZOE' is not in the grammar"),
        ({"held_out": {"tests": ["ANNA"]}}, "no split 'tests'; did you mean 'test'"),
        ({"splits": {**VALUES["splits"], "dev": VALUES["splits"]["test"]}}, "voice en\\+m1 is in splits test and dev"),
        ({"sed": 1}, "unknown key 'sed'; did you mean 'seed'"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(tmp_path, changes, problem):
    with pytest.raises(UserError, match=problem):
        load_plan(plan_file(tmp_path, **changes))


def test_a_grammar_too_small_for_the_corpus_is_an_error(tmp_path):
    plan = load_plan(plan_file(tmp_path, grammar={"sentence": ["CALL <name>"], "name": ["ANNA", "BOB", "ZOË"]}))
    with pytest.raises(UserError, match="no more than 2 sentences, not 4 for train"):
        draw_sentences(plan)


def test_the_demo_s_splits_share_no_sentence_and_no_voice_and_few_words_of_test_are_new():
    plan = load_plan(DEMO)
    sentences = draw_sentences(plan)
    every = [sentence for split in sentences.values() for sentence in split]
    assert len(set(every)) == len(every)
    assert all(re.fullmatch("[A-Z' ]+", sentence) for sentence in every)
    train, dev, test = (
        [word for sentence in sentences[s] for word in sentence.split()] for s in ("train", "dev", "test")
    )
    held_out = set(plan.held_out["test"])
    assert held_out.isdisjoint(train + dev)
    assert set(dev) <= set(train)
    assert 0.02 < sum(word not in train for word in test) / len(test) < 0.04
    assert set(test) - set(train) <= held_out
    assert len(plan.splits["train"].voices) >= 12


def test_a_text_has_the_words_of_every_split_and_its_sentences(tmp_path, espeak):
    plan = load_plan(plan_file(tmp_path))
    drawn = draw_sentences(plan)
    assert len(drawn["names"]) == 5
    assert not set(drawn["names"]) & {*drawn["train"], *drawn["test"]}
    assert any("ZOË" in text for text in drawn["names"])
    synthesise(plan, tmp_path / "corpus")
    assert (tmp_path / "corpus/names.txt").read_text(encoding="utf-8").splitlines() == drawn["names"]


def test_texts_in_another_order_are_another_corpus(tmp_path, espeak):
    for order in (("names", "more"), ("more", "names")):
        plan = load_plan(plan_file(tmp_path, texts=dict.fromkeys(order, 3)))
        synthesise(plan, tmp_path / "corpus")
        for name in order:
            found = (tmp_path / "corpus" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            assert found == draw_sentences(plan)[name]


def test_a_text_may_not_be_called_as_a_split(tmp_path):
    with pytest.raises(UserError, match="'test' is a split and a text"):
        load_plan(plan_file(tmp_path, texts={"test": 1}))


@pytest.mark.parametrize("name", ["<name>", "<name> <name>", "<name> <name> <name> <name> <name> <name> <name> <name>"])
def test_a_grammar_that_goes_on_for_ever_is_refused(tmp_path, name):
    plan = load_plan(plan_file(tmp_path, grammar={"sentence": ["<name>", "ZOË"], "name": [name]}))
    with pytest.raises(UserError, match="the grammar goes on for ever"):
        draw_sentences(plan)


def test_a_slot_may_hold_itself_where_it_ends_and_no_slot_arises_from_two(tmp_path):
    grammar = {"sentence": ["<name>", "<open>name>"], "name": ["ANNA <name>", "BOB", "ZOË", "IT"], "open": ["<"]}
    drawn = draw_sentences(load_plan(plan_file(tmp_path, grammar=grammar)))
    assert any("ANNA ANNA" in sentence for sentences in drawn.values() for sentence in sentences)
    assert {word for sentences in drawn.values() for sentence in sentences for word in sentence.split()} <= {
        "ANNA",
        "BOB",
        "ZOË",
        "IT",
        "<name>",
    }
