import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tones import write_tones

from pyspeech.corpora.sources.reading import Entry, cut_of_file, from_home, on_disk, read, with_ids
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
    cuts = list(read(entries(tmp_path, 3), "train", cut_of_file))
    assert [cut.id for cut in cuts] == ["00", "01", "02"]
    assert (cuts[0].supervisions[0].text, cuts[0].supervisions[0].speaker) == ("LOW", "ann")
    assert capsys.readouterr().err == ""


def test_one_file_of_train_that_cannot_be_read_is_left_out_and_named(tmp_path, capsys):
    corpus = entries(tmp_path, 40)
    (tmp_path / "07.wav").write_bytes((tmp_path / "07.wav").read_bytes()[:100])  # cut short
    cuts = list(read(corpus, "train-clean", cut_of_file))
    assert len(cuts) == 39
    assert all(cut.supervisions for cut in cuts)
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(f"left out: {tmp_path}/07.wav is cut short")
    assert told[1:] == ["train-clean: left out 1 of 40 utterances, which cannot be used"]


@pytest.mark.parametrize("split", ["dev", "test-other"])
def test_of_another_split_it_is_an_error(tmp_path, split):
    with pytest.raises(UserError, match=r"cannot read .*07\.wav: No such file"):
        list(read(entries(tmp_path, 40, missing=[7]), split, cut_of_file))


def test_several_of_few_are_an_error_that_names_them(tmp_path):
    corpus = entries(tmp_path, 39, missing=(1, 3))
    with pytest.raises(UserError, match=r"train: 2 of 39 utterances cannot be used: .*01\.wav.*03\.wav"):
        list(read(corpus, "train", cut_of_file))


def test_a_fault_that_the_source_found_counts_as_one(tmp_path):
    with pytest.raises(UserError, match=r"train: 1 of 1 utterances cannot be used: .*a\.wav has no text"):
        list(read([Entry(tmp_path / "a.wav", fault="has no text")], "train", cut_of_file))


def test_a_missing_package_is_no_fault_of_a_file(tmp_path):
    def cut(entry):
        raise MissingPackage("kaldiio", entry.id, "pip install kaldiio")

    with pytest.raises(MissingPackage, match="00 needs the package kaldiio"):
        list(read(entries(tmp_path, 1), "train", cut))


def test_only_the_user_s_own_folder_is_looked_up(monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    assert [str(from_home(path)) for path in ("~/a", "~noise", "~nobody/a", "a/~/b")] == [
        "/h/a", "~noise", "~nobody/a", "a/~/b"
    ]  # fmt: skip


def test_features_that_others_computed_are_taken_where_the_file_is_one(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((50, 13), np.float32))
    (cut,) = read(with_ids([Entry(tmp_path / "a.npy", "LOW", "ann")]), "train", cut_of_file)
    assert (cut.id, cut.duration, cut.supervisions[0].text, cut.has_recording) == ("a", 0.5, "LOW", False)


NFC, NFD = (unicodedata.normalize(form, "clips/é tude/Ä b.wav") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("stored", "name"), [(NFC, NFD), (NFD, NFC), (NFC, NFC), (NFD, NFD)])
def test_a_name_is_found_however_its_accents_are_encoded(tmp_path, stored, name):
    path = write_tones(tmp_path / stored, [])
    for typed in (name, name.replace("/", "\\"), f"./{name}", f"x/../{name}", str(tmp_path / name)):
        (tmp_path / "x").mkdir(exist_ok=True)
        found = on_disk(typed, tmp_path / "nowhere", tmp_path)
        assert found.samefile(path)
        assert found.name == path.name


def test_a_name_as_it_is_written_comes_first(tmp_path):
    for name in ("a\\b.wav", "a/b.wav", NFC, NFD):
        path = write_tones(tmp_path / name, [])
        assert on_disk(name, tmp_path) == path
    assert on_disk("none.wav", tmp_path, tmp_path / "a") == tmp_path / "none.wav"
    assert on_disk("é" * 300, tmp_path) == tmp_path / ("é" * 300)
    assert on_disk("a\0é", tmp_path) == tmp_path / "a\0é"


def test_a_file_that_is_made_later_is_found(tmp_path):
    assert not on_disk(NFC, tmp_path).exists()
    path = write_tones(tmp_path / NFD, [])
    assert on_disk(NFC, tmp_path).samefile(path)


@given(
    st.lists(
        st.text("aé\u0301 ̈A", min_size=1, max_size=4).filter(lambda name: name.strip(". ")), min_size=1, max_size=3
    )
)
def test_every_spelling_finds_the_file(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("names")
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    for form in ("NFC", "NFD"):
        assert on_disk(unicodedata.normalize(form, "\\".join(parts)), folder).samefile(path)


def test_a_kind_that_is_not_read_and_a_name_that_is_not_utf_8_are_named(tmp_path):
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(UserError, match=r"a\.m4a is there, but m4a is not read; convert it: ffmpeg"):
        cut_of_file(Entry(tmp_path / "a.m4a"))
    path = write_tones(tmp_path / "b.wav", []).rename(tmp_path / os.fsdecode(b"\xff.wav"))
    with pytest.raises(UserError, match=r"\\udcff\.wav' has a name that is not UTF-8"):
        cut_of_file(Entry(path))
