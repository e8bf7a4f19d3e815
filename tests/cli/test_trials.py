import json

import pytest
from click.testing import CliRunner

from pyspeech.cli.trials import trials
from pyspeech.errors import UserError


@pytest.fixture
def manifest(tmp_path):
    """Three utterances of each of three speakers."""
    pairs = [(f"{speaker}/{take}.wav", speaker) for speaker in ("ann", "bob", "cy") for take in range(3)]
    lines = [{"id": id_, "duration": 1.0, "supervisions": [{"text": "", "speaker": s}]} for id_, s in pairs]
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(*words):
    return CliRunner().invoke(trials, [str(word) for word in words], catch_exceptions=False)


def test_pairs_are_made_and_counted(manifest, tmp_path):
    assert run(manifest, tmp_path / "a.txt", "--non-targets", 2).stderr.endswith("9 target and 18 non-target trials\n")
    assert run(manifest, tmp_path / "a.txt", "--most", 2).stderr.endswith("3 target and 12 non-target trials\n")


def test_a_list_that_the_corpus_brings_along_is_taken_as_it_is(manifest, tmp_path):
    given = tmp_path / "veri_test.txt"
    given.write_text("1 ann/0.wav ann/2.wav\n0 ann/0.wav bob/1.wav\n")
    assert run(manifest, tmp_path / "out.txt", "--list", given).stderr.endswith("1 target and 1 non-target trials\n")
    assert (tmp_path / "out.txt").read_text() == given.read_text()


def test_a_list_of_another_corpus_is_refused_and_nothing_is_written(manifest, tmp_path):
    (tmp_path / "veri_test.txt").write_text("1 ann/0.wav ann/2.wav\n0 ann/9.wav dora/1.wav\n")
    with pytest.raises(UserError, match=r"line 2: .* no utterance 'ann/9\.wav'; so it is with 2 utterances"):
        run(manifest, tmp_path / "out.txt", "--list", tmp_path / "veri_test.txt")
    assert not (tmp_path / "out.txt").exists()
