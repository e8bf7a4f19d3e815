from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.corpora.sources.dividing import divided
from pyspeech.corpora.sources.reading import Entry
from pyspeech.errors import UserError


def entries(speakers, texts, splits=("",)):
    """One utterance of every text by every speaker."""
    return [
        Entry(Path(f"/c/{speaker}-{text}.wav"), text, speaker, f"{speaker}-{text}", splits[number % len(splits)])
        for number, (speaker, text) in enumerate((speaker, text) for speaker in speakers for text in texts)
    ]


def names(prefix, count):
    return [f"{prefix}{number}" for number in range(count)]


def values(found, field):
    """Per split, the different values of a field."""
    sets = defaultdict(set)
    for entry in found:
        sets[entry.split].add(getattr(entry, field))
    return sets


def assert_apart(sets):
    assert sets.keys() == {"train", "dev", "test"}
    assert sum(map(len, sets.values())) == len(set().union(*sets.values()))


@pytest.mark.parametrize("task", ["recognition", "classification"])
def test_ten_speakers_are_divided_by_speaker(task):
    assert_apart(values(divided(entries(names("s", 10), names("t", 4)), task), "speaker"))


def test_fewer_speakers_are_divided_by_text():
    assert_apart(values(divided(entries(names("s", 3), names("t", 20)), "recognition"), "text"))


@given(st.integers(0, 9), st.integers(2, 12))
def test_fewer_speakers_say_every_label_in_every_split(speakers, labels):
    corpus = entries(names("s", speakers), names("l", labels))
    corpus += [Entry(Path(f"/c/{label}{take}"), label, "", f"{label}{take}") for label in "lm" for take in range(3)]
    sets = values(divided(corpus, "classification"), "text")
    assert {"l", "m"} <= sets["train"] & sets["dev"] & sets["test"]
    if speakers > 2:
        assert sets["train"] == sets["dev"] == sets["test"]


def test_texts_that_are_said_again_and_again_are_divided_as_labels_are():
    corpus = [Entry(Path(f"/c/{n}"), f"digit{n % 10}", "", str(n)) for n in range(100)]
    assert len(values(divided(corpus, "recognition"), "text")["test"]) == 10


def test_rare_labels_are_divided_all_the_same():
    corpus = [Entry(Path(f"/c/{n}"), f"label{n}", "", str(n)) for n in range(4)]
    assert Counter(entry.split for entry in divided(corpus, "classification")) == {"train": 2, "dev": 1, "test": 1}


@given(st.integers(5, 30), st.integers(2, 8))
def test_verification_measures_on_speakers_that_do_not_train(speakers, takes):
    sets = values(divided(entries(names("s", speakers), names("take", takes)), "verification"), "speaker")
    assert_apart(sets)
    assert len(sets["dev"]) == len(sets["test"]) == max(2, speakers // 10)


def test_verification_pairs_no_speaker_of_one_utterance_and_none_that_is_unknown():
    lone, unknown = entries(names("lone", 20), ["one"]), entries([""], names("t", 20))
    found = divided([*entries(names("s", 5), names("t", 2)), *lone, *unknown], "verification")
    sets = values(found, "speaker")
    assert sets["dev"] | sets["test"] < set(names("s", 5))
    assert {"", *names("lone", 20)} < sets["train"]
    with pytest.raises(UserError, match="cannot hold dev and test out of 0 speakers"):
        divided(lone, "verification")


def test_what_the_corpus_has_is_left_alone():
    corpus = entries(names("s", 6), names("t", 20), splits=["train"] * 8 + ["test-clean", "dev"])
    assert divided(corpus, "recognition") == corpus


@pytest.mark.parametrize(("kept", "held_out"), [("test", "dev"), ("dev", "test"), ("test-clean", "dev")])
def test_only_the_split_that_is_missing_is_held_out_of_train(kept, held_out):
    corpus = entries(["s"], names("t", 60), splits=["train", "train", kept])
    found = divided(corpus, "recognition")
    assert Counter(entry.split for entry in found) == {"train": 36, held_out: 4, kept: 20}
    assert all(now.split == kept for was, now in zip(corpus, found, strict=True) if was.split == kept)


def test_a_split_that_is_not_wanted_is_not_made():
    found = divided(entries(["s"], names("t", 20)), "recognition", wanted=("dev",))
    assert {entry.split for entry in found} == {"train", "dev"}


def test_the_only_split_of_its_kind_is_called_by_it():
    corpus = entries(["s"], names("t", 40), splits=["train-clean", "dev-clean", "test-clean", "dev-clean"])
    assert Counter(e.split for e in divided(corpus, "recognition")) == {"train": 10, "dev": 20, "test-clean": 10}
    named = entries(["s"], names("t", 40), splits=["train", "dev", "test", "dev-noisy"])
    assert divided(named, "recognition") == named


@pytest.mark.parametrize("kind", ["train", "dev"])
def test_of_several_splits_of_a_kind_one_must_be_called_by_it(kind):
    corpus = entries(["s"], names("t", 40), splits=["train", "dev", f"{kind}-a", f"{kind}-b"])
    corpus = [entry for entry in corpus if entry.split != kind]
    with pytest.raises(UserError, match=f"{kind}-a, {kind}-b may all be the split {kind}; name one of them '{kind}'"):
        divided(corpus, "recognition")


def test_a_corpus_without_train_is_refused():
    with pytest.raises(UserError, match="no split is called train, only dev, validated"):
        divided(entries(["s"], names("t", 4), splits=["validated", "dev"]), "recognition")


def test_every_utterance_is_in_one_split_whatever_the_order():
    corpus = entries(names("s", 5), names("t", 12))
    forward, backward = divided(corpus, "recognition"), divided(corpus[::-1], "recognition")
    assert [entry.id for entry in forward] == [entry.id for entry in corpus]
    assert forward == backward[::-1]


def test_verification_refuses_a_speaker_in_two_splits():
    shared = entries(names("s", 12), names("t", 2), splits=("train", "test"))
    assert {entry.split for entry in divided(shared, "classification")} == {"train", "dev", "test"}
    with pytest.raises(UserError, match="speaker s0 is in train and in test; verification needs different speakers"):
        divided(shared, "verification")
