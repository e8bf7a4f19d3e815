import numpy as np
import pytest
from layouts import WORDS, write_speech

from pyspeech.corpora.sources.table import Table
from pyspeech.errors import UserError
from pyspeech.scaffold import measure as module
from pyspeech.scaffold.measure import measure
from pyspeech.scaffold.plan import FoundCorpus

SOURCE = Table("a.csv", "{file}", "{text}", split="{split}", id="{id}")


def corpus(folder, rows, count=0):
    """Rows (file, text, split)."""
    lines = [f"{number},{','.join(row)}" for number, row in enumerate(rows)]
    (folder / "a.csv").write_text("\n".join(["id,file,text,split", *lines]) + "\n")
    return FoundCorpus(folder, SOURCE, "a table", utterances=count)


def speech(folder, name, words=2, rate=16000):
    return write_speech(folder / name, WORDS[:words], WORDS, rate).name  # 0.06 s, and 0.26 s a word


def test_hours_are_those_of_the_files_and_the_rate_is_the_lowest(tmp_path):
    files = [speech(tmp_path, "a.wav", 1), speech(tmp_path, "b.wav", 3, rate=8000)]
    found = corpus(
        tmp_path, [(file, file[0], "train") for file in files] + [("b.wav", "c", s) for s in ("dev", "test")]
    )
    heard, texts = measure(found, "train")
    assert (heard.utterances, heard.sampling_rate, texts) == (2, 8000, ["a", "b"])
    assert heard.mean_seconds == pytest.approx(0.06 + 0.26 * 2)
    assert heard.hours == pytest.approx(2 * heard.mean_seconds / 3600)


def test_of_many_utterances_the_first_tell_of_all(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_READ", 3)
    file = speech(tmp_path, "a.wav")
    rows = [(file, str(number), "train") for number in range(10)] + [(file, "x", s) for s in ("dev", "test")]
    heard, _ = measure(corpus(tmp_path, rows, count=10), "train")
    assert heard.utterances == 10
    assert heard.hours == pytest.approx(10 * heard.mean_seconds / 3600)
    assert measure(corpus(tmp_path, rows), "train")[0].utterances == 10  # without a count there is no other way to know


def test_features_by_others_tell_their_width_and_shift(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((50, 13), np.float32))
    heard, _ = measure(corpus(tmp_path, [("a.npy", "x", split) for split in ("train", "dev", "test")]), "train")
    assert (heard.sampling_rate, heard.num_given, heard.frame_shift_seconds) == (0, 13, 0.01)
    assert heard.mean_seconds == pytest.approx(0.5)


def test_a_split_of_no_utterance_is_refused(tmp_path):
    found = corpus(tmp_path, [("a.wav", "x", split) for split in ("train", "dev", "test")])
    with pytest.raises(UserError, match="holds no utterance that trains"):
        measure(found, "other")
