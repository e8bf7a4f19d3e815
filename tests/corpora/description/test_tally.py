import json
import random

import pytest

from pyspeech.corpora.description.tally import MOST_LABELS, describe_manifest
from pyspeech.data.features import at_speed
from pyspeech.data.manifests import write_manifest
from pyspeech.errors import UserError
from tests.tones import RATE, tone_cuts


def write(path, *entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path


def said(*texts, speaker="s1"):
    return [{"text": text, "speaker": speaker} for text in texts]


def test_a_manifest_of_cuts_is_counted(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 7)
    write_manifest(cuts, tmp_path / "train.jsonl.gz")
    found = describe_manifest(tmp_path / "train.jsonl.gz")
    texts = [cut.supervisions[0].text for cut in cuts]
    assert found.seconds.tolist() == [cut.duration for cut in cuts]
    assert sorted(found.tally.words.elements()) == sorted(" ".join(texts).split())
    assert sorted(found.tally.characters.elements()) == sorted("".join(texts).replace(" ", ""))
    assert found.words_per_second.tolist() == [len(t.split()) / c.duration for t, c in zip(texts, cuts, strict=True)]
    assert found.tally.sampling_rates == {RATE: 7}
    assert found.tally.speakers == pytest.approx(
        {name: sum(cut.duration for cut in cuts if cut.supervisions[0].speaker == name) for name in ("s0", "s1")}
    )
    assert (found.speeds, found.speed, found.without_duration) == ({1.0: 7}, 1.0, 0)


@pytest.mark.parametrize(("speeds", "described"), [((0.9, 1.0, 1.1), 1.0), ((0.9, 1.1), 0.9)])
def test_of_copies_at_several_speeds_one_counts(tmp_path, speeds, described):
    cuts = tone_cuts(tmp_path / "audio", 4)
    write_manifest((at_speed(cut, speed) for speed in speeds for cut in cuts), tmp_path / "train.jsonl")
    found = describe_manifest(tmp_path / "train.jsonl")
    write_manifest((at_speed(cut, described) for cut in cuts), tmp_path / "one.jsonl")
    one = describe_manifest(tmp_path / "one.jsonl")
    assert (found.speed, found.speeds) == (described, dict.fromkeys(speeds, 4))
    assert found.seconds.tolist() == one.seconds.tolist()
    assert found.tally.words == one.tally.words
    hours = sum(cut.duration / speed for cut in cuts for speed in speeds) / 3600
    assert found.stored_hours == pytest.approx(hours, rel=1e-3)  # lhotse rounds each to whole samples


def test_utterances_of_different_speeds_all_count(tmp_path):
    cuts = tone_cuts(tmp_path / "audio", 4)
    mixed = [at_speed(cut, 1.1 if number == 0 else 1.0) for number, cut in enumerate(cuts)]
    write_manifest(mixed, tmp_path / "train.jsonl")
    found = describe_manifest(tmp_path / "train.jsonl")
    assert (found.speed, found.speeds) == (0.0, {1.1: 1, 1.0: 3})
    assert found.seconds.tolist() == [cut.duration for cut in mixed]


def test_what_training_would_refuse_is_counted(tmp_path):
    path = write(
        tmp_path / "dirty.jsonl",
        {"id": "a", "duration": 2.0, "supervisions": [*said("ONE TWO"), *said("THREE", speaker="s2")]},
        {"id": "b", "duration": 2.0, "supervisions": []},
        {"id": "c", "duration": 2.0},
        {"id": "d", "duration": 2.0, "supervisions": said("  ", speaker=None), "recording": None},
        {"id": "e", "duration": 2.0, "supervisions": [{"text": 7}, "what"], "recording": {"sampling_rate": "8k"}},
        {"id": "f", "duration": 2.0, "supervisions": said("FOUR", speaker=None), "features": {"sampling_rate": 8000}},
        *({"id": "g", "duration": wrong} for wrong in (None, 0, -1, "2", float("nan"), float("inf"))),
        {},
    )
    found = describe_manifest(path)
    tally = found.tally
    assert (len(found.seconds), found.without_duration) == (6, 7)
    assert (tally.without_supervision, tally.several_supervisions) == (2, 1)
    assert (tally.without_words, tally.words_without_speaker) == (4, 1)
    assert tally.speakers == {"s1": 2.0, "s2": 2.0, "": 6.0}
    assert tally.sampling_rates == {0: 5, 8000: 1}
    assert found.words_per_second.tolist() == [1.5, 0.5]
    assert found.characters_per_second.tolist() == [5.5, 2.0]
    assert tally.first_with["E"] == "a"
    assert tally.first_with["F"] == "f"


def test_a_speaker_has_the_seconds_of_the_supervision(tmp_path):
    turns = [{"speaker": "s1", "duration": 0.5}, {"speaker": "s2", "duration": 60.0}]
    path = write(tmp_path / "a.jsonl", {"id": "a", "duration": 2.0, "supervisions": turns})
    assert describe_manifest(path).tally.speakers == {"s1": 0.5, "s2": 2.0}  # none speaks longer than the cut lasts


def test_texts_are_kept_while_they_may_be_labels(tmp_path):
    def described(count):
        entries = [{"id": str(n), "duration": 1.0, "supervisions": said(f"W{n}")} for n in range(count)]
        return describe_manifest(write(tmp_path / "a.jsonl", *entries)).tally

    assert len(described(MOST_LABELS).texts) == MOST_LABELS
    many = described(MOST_LABELS + 1)
    assert (len(many.texts), many.many_texts) == (0, True)


@pytest.mark.parametrize("transforms", [None, 3, [None], [{"name": "Volume"}], [{"name": "Speed"}]])
def test_transforms_that_tell_no_speed_are_none(tmp_path, transforms):
    cut = {"id": "a", "duration": 1.0, "recording": {"transforms": transforms}}
    assert describe_manifest(write(tmp_path / "a.jsonl", cut)).speeds == {1.0: 1}


def test_memory_does_not_grow_with_the_length_of_lines(tmp_path):
    import tracemalloc

    rng = random.Random(1)
    words = [f"WORD{n}" for n in range(50)]
    path = write(
        tmp_path / "a.jsonl",
        *(
            {"id": f"{n:080d}", "duration": 1.0, "supervisions": said(" ".join(rng.choices(words, k=20)))}
            for n in range(5000)
        ),
    )
    tracemalloc.start()
    describe_manifest(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cuts.txt", "", "is not a manifest; its name must end in"),
        ("cuts.jsonl", "", "holds no entry; expected a manifest of lhotse cuts"),
        ("cuts.jsonl", '{"id": "a"}\n', "holds 1 entries without a duration; expected a manifest"),
        ("cuts.jsonl", "what\n", "line 1 is not valid JSON"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        describe_manifest(tmp_path / name)


def test_a_missing_manifest_is_refused(tmp_path):
    with pytest.raises(UserError, match="no manifest at"):
        describe_manifest(tmp_path / "none.jsonl")
