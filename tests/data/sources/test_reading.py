from pathlib import Path

import numpy as np
import pytest
from tones import write_tones

from pyspeech.data.sources.reading import Entry, cut_of_file, from_home, read, with_ids
from pyspeech.errors import MissingPackage, UserError


def entries(folder, count, missing=()):
    for number in set(range(count)) - set(missing):
        write_tones(folder / f"{number:02d}.wav", ["LOW"])
    return with_ids([Entry(folder / f"{number:02d}.wav", "LOW", "ann") for number in range(count)])


def ids(*paths, **given):
    return [entry.id for entry in with_ids([Entry(Path(path), **given) for path in paths])]


def test_the_id_is_the_stem_or_where_stems_repeat_the_path():
    assert ids("/c/x/a.wav", "/c/y/b.c.wav") == ["a", "b.c"]
    assert ids("/c/x/a.wav", "/c/y/a.wav", "/c/y/z/b.flac") == ["x-a", "y-a", "y-z-b"]
    assert ids("/c/my file.wav") == ["my_file"]


def test_a_given_id_is_kept():
    assert ids("/c/a.wav", id="ann/1") == ["ann-1"]


def test_two_utterances_of_one_id_are_refused():
    with pytest.raises(UserError, match=r"the id 'a', /c/a\.wav and /c/a\.flac"):
        ids("/c/a.wav", "/c/a.flac", "/c/b.wav")


@pytest.mark.parametrize("second", ["/c/a.wav", "/c/./a.wav"])
def test_a_file_that_is_named_twice_is_refused(second):
    with pytest.raises(UserError, match=r"two rows name the file /c/a\.wav; remove one"):
        ids("/c/a.wav", second, "/c/b.wav")


def test_every_file_that_can_be_read_is_a_cut(tmp_path, capsys):
    cuts = list(read(entries(tmp_path, 3), cut_of_file))
    assert [cut.id for cut in cuts] == ["00", "01", "02"]
    assert (cuts[0].supervisions[0].text, cuts[0].supervisions[0].speaker) == ("LOW", "ann")
    assert capsys.readouterr().err == ""


def test_single_files_that_cannot_be_read_are_left_out_and_told_of_once(tmp_path, capsys):
    corpus = entries(tmp_path, 40, missing=(3, 30))
    write_tones(tmp_path / "07.wav", [])
    (tmp_path / "07.wav").write_bytes((tmp_path / "07.wav").read_bytes()[:100])  # cut short
    write_tones(tmp_path / "08.wav", []).write_text("this is no audio")
    assert len(list(read(corpus, cut_of_file))) == 36
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith("left out 4 of 40 utterances: ")
    assert all(name in told for name in ("03.wav", "07.wav", "08.wav"))
    assert told.endswith(" | ...\n")
    assert "30.wav" not in told


def test_more_than_a_tenth_is_an_error_that_names_the_first_three(tmp_path):
    corpus = entries(tmp_path, 39, missing=(1, 3, 5, 7))
    with pytest.raises(UserError, match=r"more than a tenth of 39 .*01\.wav.*03\.wav.*05\.wav[^|]* \| \.\.\."):
        list(read(corpus, cut_of_file))


def test_a_fault_that_the_source_found_counts_as_one(tmp_path):
    with pytest.raises(UserError, match=r"more than a tenth of 1 utterances cannot be used: .*a\.wav has no text"):
        list(read([Entry(tmp_path / "a.wav", fault="has no text")], cut_of_file))


def test_a_missing_package_is_no_fault_of_a_file(tmp_path):
    def cut(entry):
        raise MissingPackage("kaldiio", entry.id, "pip install kaldiio")

    with pytest.raises(MissingPackage, match="00 needs the package kaldiio"):
        list(read(entries(tmp_path, 1), cut))


def test_only_the_user_s_own_folder_is_looked_up(monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    assert [str(from_home(path)) for path in ("~/a", "~noise", "~nobody/a", "a/~/b")] == [
        "/h/a", "~noise", "~nobody/a", "a/~/b"
    ]  # fmt: skip


def test_features_that_others_computed_are_taken_where_the_file_is_one(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((50, 13), np.float32))
    (cut,) = read(with_ids([Entry(tmp_path / "a.npy", "LOW", "ann")]), cut_of_file)
    assert (cut.id, cut.duration, cut.supervisions[0].text, cut.has_recording) == ("a", 0.5, "LOW", False)
