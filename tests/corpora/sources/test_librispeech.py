import os
import unicodedata
from pathlib import Path

import pytest
import soundfile

from pyspeech.corpora.sources.librispeech import LibriSpeech
from pyspeech.errors import UserError

CORPORA = Path(os.environ.get("PYSPEECH_CORPORA", "/nowhere"))
with_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="PYSPEECH_CORPORA names no folder of corpora")


def part(corpus, name, speakers, text="LOW HIGH"):
    """Two utterances of each speaker, one a chapter."""
    for speaker in speakers:
        for chapter in (7, 8):
            folder = corpus / name / str(speaker) / str(chapter)
            folder.mkdir(parents=True)
            id_ = f"{speaker}-{chapter}-0000"
            soundfile.write(folder / f"{id_}.flac", [0.0] * 800, 8000)
            (folder / f"{speaker}-{chapter}.trans.txt").write_text(f"{id_} {text} {speaker}\n")


def ids(source, corpus):
    return {split: [cut.id for cut in source.cuts(corpus, split)] for split in source.splits(corpus)}


def test_parts_become_splits_and_every_test_part_its_own(tmp_path, capsys):
    for number, name in enumerate(("t1", "t2", "dev-clean", "dev-other", "test-other", "test-clean", "unused")):
        part(tmp_path, name, [100 + number])
    assert ids(LibriSpeech(("t1", "t2")), tmp_path) == {
        "train": ["100-7-0000", "100-8-0000", "101-7-0000", "101-8-0000"],
        "dev": ["102-7-0000", "102-8-0000", "103-7-0000", "103-8-0000"],
        "test-clean": ["105-7-0000", "105-8-0000"],
        "test-other": ["104-7-0000", "104-8-0000"],
    }
    assert capsys.readouterr().err == ""


def test_texts_and_speakers_are_as_the_corpus_has_them(tmp_path):
    part(tmp_path, "train-clean-5", [19], text="DON'T <x>")
    part(tmp_path, "dev-clean-2", [20])
    cut = next(LibriSpeech(("train-clean-5",), dev=("dev-clean-2",)).cuts(tmp_path, "train"))
    assert (cut.supervisions[0].text, cut.supervisions[0].speaker) == ("DON'T <x> 19", "19")


def test_parts_that_are_not_there_are_told_of_and_dev_is_held_out_by_speaker(tmp_path, capsys):
    part(tmp_path, "train-clean-100", range(20))
    part(tmp_path, "test-other", [50])
    found = ids(LibriSpeech(("train-clean-100",)), tmp_path)
    assert {split: len(names) for split, names in found.items()} == {"train": 36, "dev": 4, "test-other": 2}
    speakers = {split: {name.split("-")[0] for name in names} for split, names in found.items()}
    assert not speakers["train"] & speakers["dev"]
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.endswith("no such part: dev-clean, dev-other, test-clean\n")


def test_a_corpus_without_a_part_to_train_on_is_refused(tmp_path):
    part(tmp_path, "train-clean-100", [50])
    with pytest.raises(UserError, match=r"lacks what is to be trained on: train-other-500; fetch it"):
        LibriSpeech(("train-clean-100", "train-other-500")).splits(tmp_path)


def test_a_part_without_transcripts_is_refused(tmp_path):
    part(tmp_path, "train-clean-5", [1])
    (tmp_path / "dev-clean" / "1").mkdir(parents=True)
    with pytest.raises(UserError, match=r"dev-clean holds no .*trans\.txt"):
        LibriSpeech(("train-clean-5",)).splits(tmp_path)


def test_a_transcript_that_is_not_utf_8_is_named(tmp_path):
    part(tmp_path, "train-clean-5", [1])
    (tmp_path / "train-clean-5/1/7/1-7.trans.txt").write_bytes(b"1-7-0000 CAF\xc9\n")
    with pytest.raises(UserError, match=r"1-7\.trans\.txt, line \d+ is not UTF-8"):
        LibriSpeech(("train-clean-5",)).splits(tmp_path)


@with_corpora
def test_a_piece_of_the_real_corpus_is_read():
    source, corpus = LibriSpeech(("train-clean-100",)), CORPORA / "LibriSpeech"
    assert source.splits(corpus) == ("train", "dev", "test-other")
    assert [len(list(source.cuts(corpus, split))) for split in source.splits(corpus)] == [226, 25, 100]


def test_an_id_in_another_encoding_of_accents_finds_its_file(tmp_path):
    part(tmp_path, "train-clean-5", ["é"])
    part(tmp_path, "dev-clean-2", [20])
    for path in tmp_path.glob("*/é/*/*.flac"):
        path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    assert len(ids(LibriSpeech(("train-clean-5",), dev=("dev-clean-2",)), tmp_path)["train"]) == 2


def test_audio_without_a_transcript_is_told(tmp_path, capsys):
    part(tmp_path, "train-clean-5", [1])
    part(tmp_path, "dev-clean", [2])
    (tmp_path / "train-clean-5/1/7/more.flac").touch()
    LibriSpeech(("train-clean-5",), dev=("dev-clean",), test=()).splits(tmp_path)
    told = f"{tmp_path}/train-clean-5: left out 1 files without a transcript: more.flac\n"
    assert capsys.readouterr().err == told
