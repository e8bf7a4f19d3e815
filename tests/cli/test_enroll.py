import re

import pytest
from click.testing import CliRunner

from pyspeech.cli.enroll import enroll
from pyspeech.errors import UserError
from tests.tones import write_tones


@pytest.fixture(scope="module")
def folder(tmp_path_factory, train_on_tones):
    folder = tmp_path_factory.mktemp("people")
    train_on_tones(folder, "speaker")
    for name, word, count in (("bob", "MID", 1), ("ann", "LOW", 2)):
        for number in range(count):
            write_tones(folder / "people" / name / f"{number}.wav", [word], seed=number)
    return folder


def invoke(*words):
    return CliRunner().invoke(enroll, [str(word) for word in words], catch_exceptions=False)


def test_people_are_added_listed_and_removed(folder):
    exp, store = folder / "exp", folder / "store"
    assert invoke(exp, store, folder / "people", "--device", "cpu").stdout == f"{store}: 2 people\n"
    assert invoke(exp, store).stdout == "ann\t2\nbob\t1\n"
    assert invoke(exp, store, "--remove", "ann", "--remove", "bob").stdout == f"{store}: 0 people\n"
    assert invoke(exp, store).stdout == ""


def test_a_name_that_is_not_stored_and_a_missing_store_are_errors(folder):
    exp, store = folder / "exp", folder / "few"
    with pytest.raises(UserError, match=re.escape(f"no store of enrolled people at {store}")):
        invoke(exp, store)
    invoke(exp, store, folder / "people", "--device", "cpu")
    with pytest.raises(UserError, match="few has nobody called 'amn'; did you mean 'ann'"):
        invoke(exp, store, "--remove", "amn")
