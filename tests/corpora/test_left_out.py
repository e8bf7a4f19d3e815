import pytest
from lhotse import MonoCut

from pyspeech.corpora.left_out import leave_out, tell_left_out
from pyspeech.data.audio_files import CannotRead
from pyspeech.errors import UserError


def read(split, count, bad):
    def cut(number):
        if number < bad:
            raise CannotRead(f"{number} is noise")
        return MonoCut(str(number), 0.0, 1.0, 0)

    return [cut.id for cut in leave_out(range(count), split, cut)]


@pytest.mark.parametrize("split", ["train", "test", "dev-clean"])
def test_what_can_be_read_is_passed_on_in_silence(split, capsys):
    assert read(split, 3, 0) == ["0", "1", "2"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("count", "bad"), [(2, 1), (99, 1), (300, 3)])
def test_train_loses_one_or_one_in_a_hundred_which_are_named_and_counted(count, bad, capsys):
    assert len(read("train-clean", count, bad)) == count - bad
    told = capsys.readouterr().err.splitlines()
    assert told[:-1] == [f"left out: {number} is noise" for number in range(bad)]
    assert told[-1] == f"train-clean: left out {bad} of {count} utterances, which cannot be used"


@pytest.mark.parametrize(("count", "bad"), [(1, 1), (2, 2), (199, 2), (300, 4)])
def test_more_is_an_error(count, bad):
    with pytest.raises(UserError, match=f"train: {bad} of {count} utterances cannot be used: 0 is noise"):
        read("train", count, bad)


@pytest.mark.parametrize("split", ["dev", "test", "test-train", "other"])
def test_every_other_split_stays_whole(split):
    with pytest.raises(UserError, match="0 is noise"):
        read(split, 1000, 1)


def test_another_error_is_one_in_train_too():
    def cut(number):
        raise UserError(f"{number} is ours")

    with pytest.raises(UserError, match="0 is ours"):
        list(leave_out(range(1000), "train", cut))


def test_what_is_left_out_is_counted_named_and_within_a_command_told_once(tmp_path, capsys):
    names = ["a", "b", "c", "d"]
    for _ in range(2):
        tell_left_out(tmp_path, names, "files", "convert them")
        tell_left_out(tmp_path, names[:1], "files")
        tell_left_out(tmp_path, [], "files")
    assert capsys.readouterr().err == (
        f"{tmp_path}: left out 4 files: a, b, c, ...; convert them\n{tmp_path}: left out 1 files: a\n"
    )
