import pytest

from pyspeech.errors import UserError
from pyspeech.scaffold.columns import audio_template, column_for, needed, split_column, spoken_column


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
