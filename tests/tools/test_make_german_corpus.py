import csv
import random
import wave

import pytest
from click.testing import CliRunner

from pyspeech.lang.reading import Unsure
from pyspeech.lang.words import words_of
from tools.make_german_corpus import main, sentence


def test_what_is_written_is_read_as_it_was_said():
    draw, unsure = random.Random(5), Unsure()
    words = words_of("de", unsure)
    for _ in range(500):
        written, said = sentence(draw)
        assert words(written) == words_of("")(said)
    assert not list(unsure.lines())


def test_a_corpus_is_spoken_with_prose_beside_it(tmp_path):
    pytest.importorskip("espeakng_loader")
    arguments = [str(tmp_path / "german"), "--sentences", "3", "--prose", "5"]
    assert "3 utterances, 5 further sentences" in CliRunner().invoke(main, arguments, catch_exceptions=False).output
    with (tmp_path / "german" / "table.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert [row["speaker"] for row in rows] == ["voice00", "voice01", "voice02"]
    for row in rows:
        with wave.open(str(tmp_path / "german" / row["path"])) as stream:
            assert stream.getnframes() > stream.getframerate()
    prose = (tmp_path / "german" / "prose.txt").read_text(encoding="utf-8").splitlines()
    assert len({*prose, *(row["text"] for row in rows)}) == 8
