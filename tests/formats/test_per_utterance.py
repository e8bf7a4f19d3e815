import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.formats.per_utterance import file_name, write_files

IDS = st.text(st.characters(codec="utf-8"), max_size=12) | st.builds(
    lambda part, times: part * times, st.text(st.characters(codec="utf-8"), max_size=12), st.integers(10, 200)
)


@given(IDS, IDS)
def test_different_ids_have_different_names(one, two):
    assert (file_name(one, ".srt") == file_name(two, ".srt")) == (one == two)


@given(IDS)
def test_every_id_names_a_file_in_the_folder(tmp_path_factory, id_):
    folder = tmp_path_factory.mktemp("names")
    (folder / f"partial.{file_name(id_, '.ctm.json')}").write_text("")
    (folder / f"partial.{file_name(id_, '.ctm.json')}").rename(folder / file_name(id_, ".srt"))
    assert [path.name for path in folder.iterdir()] == [file_name(id_, ".srt")]


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("arctic_a0003", "arctic_a0003.srt"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.srt"),
        ("..", "%2E..srt"),
        ("50%", "50%25.srt"),
        ("été 1", "été 1.srt"),
        ("a\0b:c", "a%00b%3Ac.srt"),
    ],
)
def test_reserved_characters_are_escaped(id_, name):
    assert file_name(id_, ".srt") == name


def test_a_folder_is_written_again_but_nothing_else_is_lost(tmp_path):
    out = tmp_path / "out"
    assert write_files(out, [("a.srt", "1\n"), ("b.srt", "2\n")], "these subtitles") == 2
    assert write_files(out, iter([("a.srt", "3\r\n"), ("b.srt", "4")]), "these subtitles") == 2
    assert (out / "a.srt").read_bytes() == b"3\r\n"
    with pytest.raises(
        UserError, match=r"out would be replaced but holds other things than these subtitles \(b\.srt\)"
    ):
        write_files(out, [("a.srt", "5")], "these subtitles")
    assert sorted(path.name for path in out.iterdir()) == ["a.srt", "b.srt"]
    assert (out / "a.srt").read_bytes() == b"3\r\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
