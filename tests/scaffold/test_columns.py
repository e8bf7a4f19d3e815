import numpy as np
import pytest
import soundfile

from pyspeech.errors import UserError
from pyspeech.scaffold.columns import (
    Asked,
    Times,
    audio_template,
    column_for,
    names_columns,
    needed,
    split_column,
    spoken_column,
    times_of,
)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_column_is_known_by_its_name_in_any_case():
    assert column_for("text", ["id", "Sentence"], "") == "Sentence"
    assert column_for("speaker", ["Speaker ID", "text"], "") == "Speaker ID"
    assert column_for("text", ["id", "words spoken"], "") == ""


def test_the_column_that_is_asked_for_is_taken_whatever_its_name():
    assert column_for("text", ["text", "cleaned"], "cleaned") == "cleaned"
    with pytest.raises(UserError, match="--text claened: the table has no such column; did you mean 'cleaned'"):
        column_for("text", ["text", "cleaned"], "claened")


def test_two_columns_that_may_be_meant_are_a_question():
    with pytest.raises(UserError, match="text and sentence may each be the text; choose one by --text COLUMN"):
        column_for("text", ["text", "sentence"], "")
    with pytest.raises(UserError, match="surely the label; the table has a, b; name one by --text COLUMN"):
        needed("label", ["a", "b"], "")


def test_the_split_is_known_by_its_values_or_its_name():
    rows = [{"set": "training", "n": "1"}, {"set": "Valid", "n": "2"}, {"set": "test", "n": "3"}]
    assert split_column(rows, "") == "set"
    assert split_column([{"split": "a"}, {"split": "b"}], "") == "split"
    assert split_column([{"word": "train"}, {"word": "bus"}], "") == ""
    assert split_column([{"word": "test"}], "") == ""


def test_what_is_said_is_the_one_column_of_several_words():
    assert spoken_column([{"a": "x", "b": "one two"}, {"a": "y", "b": "three four"}]) == "b"
    assert spoken_column([{"a": "x y", "b": "one two"}]) == ""


def test_of_columns_with_the_same_words_the_one_without_digits_is_said():
    rows = [{"1": "a1", "2": "in 1455, it was in 1455", "3": "in fourteen fifty-five, it was"}]
    rows += [{"1": "a", "2": "One Two", "3": "One, two."}] * 2
    assert spoken_column(rows) == "3"
    assert spoken_column([{"a": "x y", "b": "X, y"}]) == "a"
    assert spoken_column([{"a": "x y", "b": "x y"}]) == "b"  # as in LJSpeech, the last
    assert spoken_column([{"a": "x"}]) == ""


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([["a1", "one two"], ["a2", "two"]], False),
        ([["a1.wav", "stop"], ["a2.wav", "start"]], False),
        ([["gone.wav", "one"], ["a1.wav", "two"], ["a2.wav", "two"]], False),
        ([["id", "text"], ["a1", "one"], ["a2", "two"]], True),
        ([["x", "y"], ["a1", "one"], ["a2", "two"]], True),
        ([["a1", "one"]], False),
        ([["file", "text"], ["b1.wav", "one"]], True),
    ],
)
def test_a_first_line_that_names_audio_names_no_columns(tmp_path, lines, found):
    touch(tmp_path, "wavs/a1.wav", "wavs/a2.wav")
    assert names_columns(tmp_path, lines, "") == found
    assert names_columns(tmp_path, lines, "wavs/{id}.wav")  # which says that there are names


class TestTimes:
    """Files of two seconds at 8 kHz."""

    def of(self, folder, head, *values, **asked):
        lines = [dict(zip(["file", *head.split()], row, strict=True)) for row in values]
        for name in {row["file"] for row in lines}:
            soundfile.write(folder / name, np.zeros(16000), 8000)
        return times_of(folder, lines, "{file}", Asked(**asked))

    @pytest.mark.parametrize(
        ("head", "values", "unit"),
        [
            ("start end", ("0.5", "1.25"), "seconds"),
            ("start end", ("0", "2"), "seconds"),
            ("offset duration", ("0:01", "0.9"), "seconds"),
            ("start_time end_time", ("500", "1950"), "milliseconds"),
            ("begin stop", ("4000", "15000"), "samples"),
            ("start length", ("4000", "12000"), "samples"),
            ("onset_ms end_ms", ("100", "1500"), "milliseconds"),
            ("tmin tmax", ("100.5", "900.25"), "milliseconds"),
            ("Start(s) End(s)", ("1", "2"), "seconds"),
            ("start_samples end_samples", ("800", "1600"), "samples"),
        ],
    )
    def test_names_and_the_length_of_the_files_tell_the_unit(self, tmp_path, head, values, unit):
        start, end = head.split()
        rows = [(f"{name}.wav", *values) for name in "abcde"]
        found = self.of(tmp_path, head, *rows)
        lasts = end in ("duration", "length")
        assert found == Times(start, "" if lasts else end, end if lasts else "", unit)
        assert unit in str(found)

    def test_what_they_do_not_tell_is_asked_for(self, tmp_path):
        row = ("a.wav", "100", "1500")  # of 1.4 or of 0.18 seconds
        with pytest.raises(UserError, match="start may be in milliseconds or samples; say which by --times"):
            self.of(tmp_path, "start end", row)
        assert self.of(tmp_path, "start end", row, times="samples").unit == "samples"
        assert self.of(tmp_path, "start end", row, times="none") is None
        assert self.of(tmp_path, "a b", row, start="a", end="b", times="seconds") == Times("a", "b", "", "seconds")

    def test_of_features_no_parts_are_taken(self, tmp_path):
        touch(tmp_path, "a.npy")
        row = {"file": "a.npy", "start": "0", "end": "1"}
        with pytest.raises(UserError, match=r"a\.npy holds features, of which no parts are read; .* --times none"):
            times_of(tmp_path, [row], "{file}", Asked())
        assert times_of(tmp_path, [row], "{file}", Asked(times="none")) is None

    def test_a_length_alone_is_that_of_the_file(self, tmp_path):
        assert self.of(tmp_path, "duration", ("a.wav", "2")) is None
        assert self.of(tmp_path, "end", ("a.wav", "x")) is None

    @pytest.mark.parametrize(
        ("head", "values", "asked", "message"),
        [
            ("start text", ("1", "x"), {}, "the column start looks like times, and none like the end"),
            (
                "start end",
                ("here", "there"),
                {},
                "the column start looks like times .*--times none.*: 'here' is no time",
            ),
            (
                "start end",
                ("0", "16800000"),
                {},
                "are beyond the ends of the files in seconds, milliseconds and samples",
            ),
            (
                "start_sample stop_sample",
                ("0.5", "2.5"),
                {},
                "start_sample says samples, by which utterances last 0.00025 s",
            ),
            (
                "start_s end_s",
                ("100", "1500"),
                {},
                "start_s says seconds, by which utterances end after their files; say",
            ),
            ("a end", ("0", "1"), {"end": "end"}, "name it by --start COLUMN"),
            ("start end", ("0", "1"), {"end": "ende"}, "--end ende: the table has no such column; did you mean 'end'"),
            ("start begin end", ("0", "1", "2"), {}, "start and begin may each be the start; choose one by --start"),
        ],
    )
    def test_columns_that_look_like_times_and_are_none_are_named(self, tmp_path, head, values, asked, message):
        with pytest.raises(UserError, match=message):
            self.of(tmp_path, head, ("a.wav", *values), **asked)


@pytest.mark.parametrize(
    ("file", "row", "template"),
    [
        ("a1.wav", {"file": "a1.wav"}, "{file}"),
        ("audio/a1.flac", {"id": "a1"}, "audio/{id}.flac"),
        ("clips/a1.mp3", {"path": "a1.mp3"}, "clips/{path}"),
        ("wavs/s1/a1.wav", {"path": "s1/a1"}, "wavs/{path}.wav"),
    ],
)
def test_audio_is_found_beside_the_table_with_folder_and_ending(tmp_path, file, row, template):
    touch(tmp_path, file, "texts/a1.txt")
    assert audio_template(tmp_path, [row | {"text": "hello"}], "") == template


def test_absolute_paths_are_audio_too(tmp_path):
    touch(tmp_path, "else/a1.wav")
    assert audio_template(tmp_path / "else", [{"file": str(tmp_path / "else/a1.wav")}], "") == "{file}"


def test_audio_elsewhere_is_asked_for(tmp_path):
    touch(tmp_path, "far/away/a1.wav", "table/a.csv")
    rows = [{"id": "a1"}]
    with pytest.raises(UserError, match=r"no audio is where the table could mean it.*give --audio DIR"):
        audio_template(tmp_path / "table", rows, "")
    folder = str(tmp_path / "far/away")
    assert audio_template(tmp_path / "table", rows, folder) == f"{folder}/{{id}}.wav"
    assert audio_template(tmp_path / "table", rows, "../far/away/{id}.wav") == "../far/away/{id}.wav"
    with pytest.raises(UserError, match="no such folder, neither beside the table nor here"):
        audio_template(tmp_path / "table", rows, "nowhere")


def test_two_audio_files_of_a_row_are_a_question(tmp_path):
    touch(tmp_path, "noisy/a1.wav", "clean/a1.wav")
    with pytest.raises(UserError, match=r"clean/\{id\}.wav or .*noisy/\{id\}.wav|noisy/\{id\}.wav or .*clean"):
        audio_template(tmp_path, [{"id": "a1"}], "")
    assert audio_template(tmp_path, [{"id": "a1"}], "noisy") == "noisy/{id}.wav"


def test_two_columns_of_one_file_are_none(tmp_path):
    touch(tmp_path, "a1.wav")
    assert audio_template(tmp_path, [{"file": "a1.wav", "id": "a1"}], "") == "{file}"


def test_texts_are_no_names_of_files(tmp_path):
    touch(tmp_path, "a1.wav", "~noise.wav")
    rows = [{"id": "a1", "text": "word " * 100}, {"id": "~noise", "text": "~noise hello"}]
    assert audio_template(tmp_path, rows, "") == "{id}.wav"


def test_a_few_missing_files_hide_nothing(tmp_path):
    touch(tmp_path, *(f"{number}.wav" for number in range(1, 30)))
    assert audio_template(tmp_path, [{"id": str(number)} for number in range(30)], "") == "{id}.wav"
