from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tones import write_tones

from pyspeech.corpora.corpus import utterance
from pyspeech.corpora.sources.layout import all_splits, cut_of, locate, members, named_splits
from pyspeech.errors import UserError


@dataclass(frozen=True)
class Said:
    id: str
    text: str
    speaker: str


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train", "dev", "test"], {"train": "train", "dev": "dev", "test": "test"}),
        (["Train", "valid", "eval", "lang"], {"train": "Train", "dev": "valid", "test": "eval"}),
        (["train_si284", "test_dev93"], {"train": "train_si284", "test": "test_dev93"}),
        (["train", "train_sp", "dev-clean"], {"train": "train", "dev": "dev-clean"}),
        (["train", "test_a", "test.b"], {"train": "train", "test-a": "test_a", "test-b": "test.b"}),
        (["train", "test", "test_a"], {"train": "train", "test": "test"}),
        (["anything"], {"train": "anything"}),
        (["trainer", "train"], {"train": "train"}),
    ],
)
def test_splits_are_known_by_their_usual_names(names, expected):
    assert named_splits(names) == expected
    assert named_splits(names[::-1]) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train_a", "train_b"], "train_a, train_b may all be the split train; link the one"),
        (["train", "dev_a", "dev_b"], "dev_a, dev_b may all be the split dev"),
        (["train", "Train"], "Train, train may all be the split train"),
        (["train", "test_a", "eval_a"], "eval_a, test_a may all be the split test"),
        (["train", "test_a", "test_b;c"], "'test_b;c' cannot name a split"),
        (["dev", "test"], "no split is called train, only dev, test"),
    ],
)
def test_what_cannot_be_known_is_asked(names, message):
    with pytest.raises(UserError, match=message):
        named_splits(names)


SAID = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=12, max_size=60).map(
    lambda pairs: [Said(f"u{number}", f"text {text}", f"s{s}") for number, (text, s) in enumerate(pairs)]
)


@given(SAID, st.sampled_from([["train"], ["train", "dev"], ["train", "test-a", "test-b"], ["train", "dev", "test"]]))
def test_every_utterance_of_train_is_in_one_split_in_its_order(said, found):
    splits = {split: members(said, split, found, "recognition") for split in all_splits(found)}
    assert list(splits)[:2] == ["train", "dev"]
    assert sorted(each.id for part in splits.values() for each in part) == sorted(each.id for each in said)
    for split, part in splits.items():
        assert part == [each for each in said if each in part]
        assert bool(part) == (split == "train" or split not in found)


def test_what_is_held_out_goes_by_the_task_and_without_texts_is_verification():
    said = [Said(f"u{n}", f"text {n}", f"s{n % 8}") for n in range(64)]
    silent = [Said(each.id, "", each.speaker) for each in said]
    for train, task, apart in (
        (said, "recognition", False),  # of so few speakers by text
        (said, "verification", True),
        (silent, "recognition", True),
    ):
        sets = [{each.speaker for each in members(train, split, ["train"], task)} for split in ("train", "dev", "test")]
        assert (sum(map(len, sets)) == 8) == apart


def test_a_name_that_is_no_path_is_found_nowhere(tmp_path):
    for name in ("~noise.wav", "x" * 300):
        assert locate(name, tmp_path) == tmp_path / name


def test_paths_are_found_from_the_description_upwards_and_stay_where_nothing_is(tmp_path):
    folder = tmp_path / "a" / "b" / "c" / "d"
    folder.mkdir(parents=True)
    assert locate("x.wav", folder) == folder / "x.wav"
    (tmp_path / "x.wav").touch()
    assert locate("x.wav", folder) == folder / "x.wav"  # four above: too far
    (tmp_path / "a" / "x.wav").touch()
    assert locate("x.wav", folder) == tmp_path / "a" / "x.wav"
    assert locate(str(tmp_path / "x.wav"), folder) == tmp_path / "x.wav"


def test_a_cut_lies_within_its_recording(tmp_path):
    recording = utterance(write_tones(tmp_path / "a.wav", ["LOW"]), "", "").recording
    said = Said("u", "LOW", "s")
    cut = cut_of(recording, said, 0, 0.1, None)
    assert (cut.start, cut.end) == (0.1, pytest.approx(recording.duration))
    assert cut_of(recording, said, 0, 0.1, recording.duration) == cut
    for start, seconds in ((recording.duration, None), (0.1, 0.0), (0.1, recording.duration + 1)):
        with pytest.raises(UserError, match=r"utterance 'u' is .* seconds of recording 'a', which holds 0\.300; mend"):
            cut_of(recording, said, 0, start, seconds)
