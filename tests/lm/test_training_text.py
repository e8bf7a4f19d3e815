import gzip
import json

import pytest

from pyspeech.errors import UserError
from pyspeech.lm.arpa import arpa_words
from pyspeech.lm.ngram import LmSettings, train_lm
from tests.messages import told

TRAIN = ["CALL ANNA NOW", "NINETEEN", "ANNA IS NINETEEN", "PLAY A SONG"]
TEST = ["NINETEEN", "CALL ANNA"]


def write_manifest(path, texts):
    cuts = ({"id": f"{path.name}-{n}", "duration": 1.0, "supervisions": [{"text": t}]} for n, t in enumerate(texts))
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, cuts)).encode()))
    return path


@pytest.fixture
def manifests(tmp_path):
    return write_manifest(tmp_path / "train.jsonl.gz", TRAIN), write_manifest(tmp_path / "test.jsonl.gz", TEST)


def train(out, texts, held_out=(), **settings):
    with told() as log:
        train_lm(out, texts, LmSettings(2, **settings), held_out, "100M")
    return json.loads((out / "lm.json").read_text())["text"], "\n".join(log)


def write(path, *lines):
    path.write_text("\n".join(lines))
    return path


def test_transcripts_stay_whole_and_it_is_told_how_many_the_held_out_say_too(tmp_path, manifests):
    read, log = train(tmp_path / "lm", manifests[:1], manifests[1:])
    assert (read["sentences"], read["repeated_transcripts"], read["lines_left_out"]) == (len(TRAIN), 1, 0)
    assert "1 transcripts are sentences of a held-out set, too: kept" in log
    assert set(arpa_words(tmp_path / "lm" / "lm.arpa")) == {"<unk>", *" ".join(TRAIN).split()}


def test_exact_matches_alone_go_where_asked_and_lost_words_are_named(tmp_path, manifests):
    only = write_manifest(tmp_path / "only.jsonl.gz", [*TRAIN, "STOP"])
    held_out = write_manifest(tmp_path / "dev.jsonl.gz", ["STOP", "CALL ANNA", "nineteen."])
    read, log = train(tmp_path / "lm", [only], [held_out], drop_repeated=True)
    assert (read["sentences"], read["repeated_transcripts"]) == (len(TRAIN) - 1, 2)
    assert "2 transcripts are sentences of a held-out set, too: left out" in log
    assert "the model lacks 1 of the 9 words of the transcripts: 9.09% [ 1 / 11 ]: STOP 1" in log


def test_text_from_elsewhere_may_hold_no_held_out_sentence(tmp_path, manifests):
    text = write(tmp_path / "more.txt", "PLEASE CALL ANNA", "PLAY IT")
    with pytest.raises(UserError, match=r"1 lines of the text .*more\.txt line 1 \('call anna'\)"):
        train(tmp_path / "lm", [manifests[0], text], manifests[1:])
    read, _ = train(tmp_path / "lm", [manifests[0], text], manifests[1:], drop_held_out=True)
    assert (read["sentences"], read["lines_left_out"]) == (len(TRAIN) + 1, 1)


@pytest.mark.parametrize("limit", [None, 100])
def test_text_in_another_case_is_brought_to_that_of_the_transcripts(tmp_path, manifests, limit):
    text = write(tmp_path / "more.txt", "Play it anna", "stra\N{LATIN SMALL LETTER SHARP S}e")
    _, log = train(tmp_path / "lm", [manifests[0], text], vocabulary_limit=limit)
    assert f"{text} is read in capitals, as the transcripts are written" in log
    words = set(arpa_words(tmp_path / "lm" / "lm.arpa"))
    assert words == {"<unk>", "IT", "STRA\N{LATIN CAPITAL LETTER SHARP S}E", *" ".join(TRAIN).split()}


def test_the_case_of_the_held_out_tells_where_no_transcripts_train(tmp_path, manifests):
    text = write(tmp_path / "more.txt", "play it")
    _, log = train(tmp_path / "lm", [text], manifests[1:])
    assert "more.txt is read in capitals" in log
    _, log = train(tmp_path / "alone", [text])
    assert "is read in" not in log
    assert set(arpa_words(tmp_path / "alone" / "lm.arpa")) == {"<unk>", "play", "it"}


def test_prose_beside_transcripts_is_refused_with_what_makes_them(tmp_path, manifests):
    text = write(tmp_path / "prose.txt", "Please call Anna now.", "Anna, play a song!")
    with pytest.raises(UserError, match=r"prose\.txt does not write words .*'ANNA,'.*pyspeech lm text"):
        train(tmp_path / "lm", [manifests[0], text])
    assert not (tmp_path / "lm").exists()


def test_a_manifest_cannot_train_and_be_held_out(tmp_path, manifests):
    with pytest.raises(UserError, match="is to train and is held out"):
        train(tmp_path / "lm", manifests, manifests[1:])
