import json
import statistics
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.corpora.description.figures import (
    MOST_BINS,
    are_labels,
    column_names,
    description_values,
    duration_histogram,
    in_order,
    printable,
)
from pyspeech.corpora.description.tally import describe_manifest

# Never on the border of two bins, whatever the width.
DURATIONS = st.integers(0, 4000).map(lambda n: 0.1 * n + 0.05)
TEXTS = st.lists(st.sampled_from(["A", "BE", "SEE", "DÉJÀ"]), max_size=4).map(" ".join)
CUTS = st.lists(st.tuples(DURATIONS, TEXTS, st.sampled_from(["", "s1", "s2"])), min_size=1, max_size=25)


def described(path, cuts):
    entries = (
        {"id": str(n), "duration": seconds, "supervisions": [{"text": text, "speaker": speaker}]}
        for n, (seconds, text, speaker) in enumerate(cuts)
    )
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return describe_manifest(path)


def spread(values):
    """By the standard library."""
    names = ("least", "5_percent", "median", "95_percent", "most")
    if not values:
        return dict.fromkeys(names)
    if len(values) == 1:
        return dict.fromkeys(names, pytest.approx(values[0], abs=6e-4))
    parts = statistics.quantiles(values, n=20, method="inclusive")
    figures = (min(values), parts[0], statistics.median(values), parts[-1], max(values))
    return {name: pytest.approx(figure, abs=6e-4) for name, figure in zip(names, figures, strict=True)}


@given(CUTS, CUTS)
def test_figures_agree_with_the_standard_library(tmp_path_factory, train, dev):
    folder = tmp_path_factory.mktemp("manifests")
    values = description_values([described(folder / "train.jsonl", train), described(folder / "dev.jsonl", dev)])
    for name, cuts in (("train", train), ("dev", dev)):
        found = values[name]
        spoken = [(seconds, text) for seconds, text, _ in cuts if text]
        assert found["utterances"] == len(cuts)
        assert found["hours"] == pytest.approx(sum(seconds for seconds, _, _ in cuts) / 3600, abs=6e-5)
        assert found["seconds"] == spread([seconds for seconds, _, _ in cuts])
        assert found["words_per_second"] == spread([len(text.split()) / seconds for seconds, text in spoken])
        assert found["characters_per_second"] == spread([len("".join(text.split())) / s for s, text in spoken])
        assert found["characters"]["counts"] == Counter("".join(text for _, text in spoken).replace(" ", ""))
        speakers = [{name for _, _, name in each} - {""} for each in (train, cuts)]
        assert found["speakers"]["count"] == len(speakers[1])
        minutes = [sum(s for s, _, name in cuts if name == speaker) / 60 for speaker in speakers[1]]
        assert found["speakers"]["minutes"] == spread(minutes)
        words = [word for _, text in spoken for word in text.split()]
        counts = Counter(words)
        assert (found["words"]["running"], found["words"]["distinct"]) == (len(words), len(counts))
        assert found["words"]["once"] == sum(words.count(word) == 1 for word in counts)
        if name == "dev":
            known = {word for _, text, _ in train for word in text.split()}
            assert found["speakers"]["shared_with_first"] == len(speakers[0] & speakers[1])
            unseen = [word for word in words if word not in known]
            rates = (found["words"]["unseen_percent"], found["words"]["unseen_distinct_percent"])
            if words:
                right = (100 * len(unseen) / len(words), 100 * len(set(unseen)) / len(counts))
                assert rates == pytest.approx(right, abs=6e-3)
            else:
                assert rates == (None, None)
    assert values["train"]["words"]["unseen_percent"] is None


@given(st.lists(st.lists(DURATIONS, min_size=1, max_size=30), min_size=1, max_size=3))
def test_every_duration_is_in_the_bin_that_it_belongs_to(sets):
    bins, counts = duration_histogram([np.array(each) for each in sets])
    assert len(bins) <= MOST_BINS + 2
    for each, found in zip(sets, counts, strict=True):
        assert found == [sum(start <= s and (end is None or s < end) for s in each) for start, end in bins]
        assert sum(found) == len(each)
    # All but the few longest utterances of each set are in closed bins.
    assert all(
        row[-1] <= max(1, 0.01 * len(each)) for row, each in zip(counts, sets, strict=True) if bins[-1][1] is None
    )


def test_bins_are_round_numbers():
    for longest, width in ((0.3, 0.1), (1.9, 0.2), (7, 0.5), (14, 1), (29, 2), (70, 5), (140, 10), (3600, 500)):
        (start, end), *_ = duration_histogram([np.array([0.1, longest])])[0]
        assert (start, end) == (0, width)


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["yes", "no"] * 5, True),
        (["yes", "no"] * 4, False),  # too few of each to tell
        (["yes", "no", ""] * 5, True),
        ([""] * 20, False),
        (["one two three"] * 10, True),
        (["the same sentence again"] * 10, False),
    ],
)
def test_few_texts_that_come_often_are_labels(tmp_path, texts, labels):
    found = [described(tmp_path / "train.jsonl", [(1.0, text, "") for text in texts])]
    assert are_labels(found) == labels
    table = description_values(found)["train"]["labels"]
    assert table == (dict(in_order(Counter(texts))) if labels else None)


def test_manifests_go_by_their_stems_while_these_differ(tmp_path):
    (tmp_path / "other").mkdir()
    cuts = [(1.0, "A", "")]
    train, dev = described(tmp_path / "train.jsonl", cuts), described(tmp_path / "dev.1.jsonl", cuts)
    assert column_names([train, dev]) == ["train", "dev.1"]
    again = described(tmp_path / "other/train.jsonl", cuts)
    assert column_names([train, again]) == [str(train.manifest), str(again.manifest)]


def test_figures_are_json_whatever_the_text(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"id": "a", "duration": 1, "supervisions": [{"text": "\\u0007é"}]}\n')
    values = description_values([describe_manifest(path)])
    assert values["train"]["characters"]["counts"] == {"U+0007": 1, "é": 1}
    assert json.loads(json.dumps(values, ensure_ascii=False, allow_nan=False).encode()) == values


def test_frequent_ones_come_first():
    assert in_order({"b": 1, "a": 1, "c": 2}) == [("c", 2), ("a", 1), ("b", 1)]
    assert printable("a b\u00a0\n") == "a bU+00A0U+000A"
