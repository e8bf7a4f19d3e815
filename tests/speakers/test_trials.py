import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.speakers.trials import Trial, by_ids, check_trials, make_trials, read_speakers, read_trials, write_trials

SPEAKERS = {"u1": "bob", "u2": "ann", "u3": "bob", "u4": "ann", "u5": "cleo"}
CORPORA = st.lists(st.integers(0, 4), min_size=3, max_size=12).filter(lambda s: 1 < len(set(s)) < len(s))


def corpus(speakers):
    return {f"utt{n:02d}": f"s{speaker}" for n, speaker in enumerate(speakers)}


@given(CORPORA, st.integers(1, 20))
def test_all_pairs_of_one_speaker_and_so_many_of_two(numbers, times):
    speakers = corpus(numbers)
    trials = make_trials(speakers, times)
    pairs = [frozenset((trial.left, trial.right)) for trial in trials]
    assert len(set(pairs)) == len(pairs)
    assert all((speakers[trial.left] == speakers[trial.right]) == trial.target for trial in trials)
    every = list(itertools.combinations(speakers, 2))
    same = sum(speakers[left] == speakers[right] for left, right in every)
    assert sum(trial.target for trial in trials) == same
    assert len(trials) - same == min(times * same, len(every) - same)


@given(CORPORA, st.randoms())
def test_the_order_of_utterances_does_not_matter(numbers, random):
    items = list(corpus(numbers).items())
    shuffled = dict(random.sample(items, len(items)))
    assert make_trials(shuffled, 2) == make_trials(dict(items), 2)


def test_every_pair_of_two_speakers_is_drawn_as_often_as_any_other():
    counts = {}
    for seed in range(400):
        for trial in make_trials(SPEAKERS, 1, seed):
            if not trial.target:
                counts[trial.left, trial.right] = counts.get((trial.left, trial.right), 0) + 1
    assert len(counts) == 8  # ten pairs, two of them of one speaker
    assert all(70 < count < 130 for count in counts.values())  # 100 expected, deviation under 9


@given(st.integers(2, 4), st.integers(3, 30))
def test_of_a_speaker_with_many_utterances_some_are_paired(speakers, utterances):
    trials = make_trials({f"s{s}-{u}": f"s{s}" for s in range(speakers) for u in range(utterances)})
    paired = {id_ for trial in trials if trial.target for id_ in (trial.left, trial.right)}
    assert len(paired) == speakers * min(utterances, 20)
    assert {id_ for trial in trials for id_ in (trial.left, trial.right)} == paired
    few = make_trials(SPEAKERS | {"u6": "ann", "u7": "ann"}, most=2)
    assert sum(trial.target for trial in few) == 2


class TestAListThatIsGiven:
    def test_may_name_any_utterances_of_the_manifest(self):
        check_trials([Trial(True, "u1", "u3"), Trial(False, "u3", "u5")], SPEAKERS, Path("list"), Path("test.jsonl"))

    def test_names_the_first_utterance_that_is_not_there_and_counts_all(self):
        trials = [Trial(True, "u1", "u3"), Trial(False, "x", "u1"), Trial(False, "y", "x"), Trial(True, "u1", "z")]
        message = r"list, line 2: test\.jsonl has no utterance 'x'; so it is with 3 utterances of the list"
        with pytest.raises(UserError, match=message):
            check_trials(trials, SPEAKERS, Path("list"), Path("test.jsonl"))

    @pytest.mark.parametrize(
        ("trial", "message"),
        [
            (Trial(True, "u1", "u2"), "line 1: u1 and u2 are said to be of one speaker, .* are of bob and ann"),
            (Trial(False, "u1", "u3"), "line 1: u1 and u3 are said to be of two speakers, .* are of bob and bob"),
        ],
    )
    def test_says_of_them_what_the_manifest_says(self, trial, message):
        with pytest.raises(UserError, match=message):
            check_trials([trial], SPEAKERS, Path("list"), Path("test.jsonl"))


def test_the_list_is_the_same_everywhere(tmp_path):
    write_trials(make_trials(SPEAKERS, 2), tmp_path / "new" / "trials.txt")
    assert (tmp_path / "new" / "trials.txt").read_text().splitlines() == [
        "1 u2 u4",
        "1 u1 u3",
        "0 u2 u1",
        "0 u4 u1",
        "0 u1 u5",
        "0 u3 u5",
    ]
    assert list(read_trials(tmp_path / "new" / "trials.txt")) == make_trials(SPEAKERS, 2)


@pytest.mark.parametrize("speakers", [{"a": "ann", "b": "bob"}, {"a": "ann", "b": "ann"}, {}])
def test_a_corpus_without_both_kinds_of_pairs_is_an_error(speakers):
    with pytest.raises(UserError, match="trials need two speakers, and one with two utterances"):
        make_trials(speakers)


@pytest.mark.parametrize("id_", ["a b", "", "a\n"])
def test_an_id_that_the_format_cannot_hold_is_an_error(tmp_path, id_):
    with pytest.raises(UserError, match="is empty or has a space"):
        write_trials([Trial(True, "c", id_)], tmp_path / "trials.txt")
    assert not (tmp_path / "trials.txt").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "trials.txt holds no trial"),
        (b"1 a b\n0 a\n", "trials.txt, line 2: expected '1 idA idB' or '0 idA idB', found '0 a'"),
        (b"target a b\n", "line 1"),
        (b"1 a b\n\n", "line 2: .* found ''"),
        (b"1 a \xff\n", "trials.txt, line 1 is not UTF-8"),
    ],
)
def test_what_is_no_list_is_named(tmp_path, content, message):
    (tmp_path / "trials.txt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(read_trials(tmp_path / "trials.txt"))


@pytest.mark.parametrize(
    ("utterances", "message"),
    [([("a", "")], "cut 'a' has no speaker"), ([("a", "ann"), ("a", "bob")], "two utterances are called a")],
)
def test_a_manifest_without_a_speaker_each_is_named(tmp_path, utterances, message):
    lines = [{"id": i, "duration": 1.0, "supervisions": [{"text": "", "speaker": s}]} for i, s in utterances]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match=message):
        read_speakers(tmp_path / "test.jsonl")


IDS = ("id1-s-1", "id1-s-2", "id2-s-1", "only", "id3/s/1.wav", "\u00e9-1", "a-x", "b-x")


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        *((id_, id_) for id_ in IDS),
        ("id1/s/1.wav", "id1-s-1"),
        ("./id1/s/2.FLAC", "id1-s-2"),
        ("wav\\\\id2\\s\\1.wav", "id2-s-1"),
        ("/data/vox/wav/id1/s/1.wav", "id1-s-1"),
        ("any/only.mp3", "only"),
        ("id3/s/1", "id3/s/1.wav"),
        ("e\u0301/1.wav", "\u00e9-1"),
        ("c/x.wav", "c/x.wav"),  # a-x or b-x
        ("id9/s/1.wav", "id9/s/1.wav"),
    ],
)
def test_utterances_may_be_named_by_the_paths_of_their_audio(name, id_):
    assert list(by_ids([Trial(True, name, "only")], IDS)) == [Trial(True, id_, "only")]


def test_a_path_that_could_be_two_utterances_stays(tmp_path):
    assert list(by_ids([Trial(True, "x/a.wav", "a.wav")], ["a.flac", "a.mp3"])) == [Trial(True, "x/a.wav", "a.wav")]
