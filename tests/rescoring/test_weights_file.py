import json

import pytest

from pyspeech.errors import UserError
from pyspeech.rescoring.config import Ranges
from pyspeech.rescoring.weights_file import ChosenWeights, load_weights, marks, refuse_same_set, save_weights
from pyspeech.scoring.wer import ErrorCounts
from pyspeech.transcripts import Transcript
from tests.decodes import weighing

CHOSEN = ChosenWeights(
    weights=weighing(lm=0.75, graph=0.25, word=1.5, boost=2.0),
    chosen_on="dev",
    chosen_for="method lattice, language model 0123",
    digest="0123",
    marks=("utt-1",),
    errors=ErrorCounts(1, 2, 3, 40),
    start_errors=ErrorCounts(2, 2, 3, 40),
    rounds=2,
    search=Ranges(lm=(0, 2, 0.25), graph=(0, 1, 0.25), word=(-4, 6, 1), blank=(-4, 0, 0.5)),
)


def test_weights_are_stored(tmp_path):
    save_weights(tmp_path / "weights.json", CHOSEN)
    assert load_weights(tmp_path / "weights.json") == CHOSEN


def test_older_weights_go_with_no_penalty(tmp_path):
    save_weights(tmp_path / "weights.json", CHOSEN)
    stored = json.loads((tmp_path / "weights.json").read_text())
    del stored["weights"]["blank"], stored["search"]["blank"]
    (tmp_path / "weights.json").write_text(json.dumps(stored))
    searched = CHOSEN.search.model_copy(update={"blank": (0.0, 0.0, 1.0)})
    assert load_weights(tmp_path / "weights.json") == CHOSEN.model_copy(update={"search": searched})


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["weights", "lm"], "much", r"weights.json: weights.lm = 'much'"),
        (["weights", "lm"], float("nan"), r"weights.lm = nan"),
        (["weights", "acoustic"], 1e300, r"weights.json: weights.acoustic: a weight is from"),
        (["weights", "acoustic"], 0, r"weights.acoustic = 0"),
        (["weights", "grpah"], 1, r"unknown key 'weights.grpah'; did you mean 'graph'"),
        (["weights", "blank"], 1, r"weights.blank = 1"),
        (["weights", "blank"], None, r"weights: blank = None is no penalty that was chosen"),
        (["rounds"], 0, r"rounds = 0"),
        (["marks"], [], r"marks = \[\]"),
        (["search", "lm"], [1.0, 0.0, 0.5], r"search.lm: \[1, 0, 0.5\] is no range"),
        (["search", "graph"], [-1.0, 0.0, 0.5], r"search: lm and graph cannot be below 0"),
        (["errors"], None, r"errors = None"),
        (["errors", "deletions"], -1, r"weights.json: errors: .*deletions=-1.* counts nothing"),
    ],
)
def test_damaged_weights_are_refused(tmp_path, keys, value, message):
    path = tmp_path / "weights.json"
    save_weights(path, CHOSEN)
    stored = json.loads(path.read_text())
    place = stored
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(stored))
    with pytest.raises(UserError, match=message):
        load_weights(path)


@pytest.mark.parametrize("text", ["{", "[1]", "\udcff"])
def test_what_is_no_table_of_weights_is_refused(tmp_path, text):
    path = tmp_path / "weights.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match="choose weights again"):
        load_weights(path)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(UserError, match="no weights at"):
        load_weights(tmp_path / "weights.json")


def transcripts(*rows):
    return [Transcript(name, text, "", seconds) for name, text, seconds in rows]


LONG = "one two three four five"


def test_a_set_that_weights_were_chosen_on_is_not_reported():
    dev = marks(transcripts(("utt-1", LONG, 2.5), ("utt-2", "yes", 1.0)))
    refuse_same_set(dev, marks(transcripts(("other", "yes", 1.0), ("more", LONG, 2.502))), "dev", "test")
    with pytest.raises(UserError, match=r"test shares 1 utterances \(utt-2\) with dev"):
        refuse_same_set(dev, marks(transcripts(("utt-2", "no", 3.0), ("utt-3", "no", 3.0))), "dev", "test")
    with pytest.raises(UserError, match=r"test shares 1 utterances \(renamed\) with dev"):
        refuse_same_set(dev, marks(transcripts(("renamed", LONG, 2.5001))), "dev", "test")
    stored = CHOSEN.model_copy(update={"marks": tuple(dev)}).marks
    with pytest.raises(UserError, match=r"shares 2 utterances \(utt-1, utt-2\)"):
        refuse_same_set(stored, dev, "dev", "dev")
