import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.speakers.embeddings import (
    Embeddings,
    load_embeddings,
    refuse_other_space,
    refuse_shared,
    save_embeddings,
    unit_rows,
)
from tests.damage import flipped_bytes

ROWS = np.array([[1, 0], [3, 3], [0, -2]], np.float32)


def test_embeddings_are_read_as_they_were_written(tmp_path):
    save_embeddings(tmp_path / "out", ["a", "ب", "c/d"], ["Ann", "", "Łukasz"], ROWS, "net")
    found = load_embeddings(tmp_path / "out")
    assert found.ids == ("a", "ب", "c/d")
    assert found.speakers == ("Ann", "", "Łukasz")
    assert found.space == ("net", 2)
    assert found.rows_ND.dtype == np.float32
    np.testing.assert_array_equal(found.rows_ND, ROWS)


def test_rows_are_found_by_speaker():
    assert Embeddings(("a", "b", "c"), ("x", "y", "x"), ROWS, "net").by_speaker() == {"x": [0, 2], "y": [1]}


def test_a_missing_speaker_is_named_by_the_utterance():
    with pytest.raises(UserError, match="the embedding of b names no speaker"):
        Embeddings(("a", "b", "c"), ("x", "", ""), ROWS, "net").by_speaker()


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_unit_rows_keep_their_direction_and_precision(precision):
    found = unit_rows(ROWS.astype(precision))
    assert found.dtype == precision
    np.testing.assert_allclose(found, [[1, 0], [0.5**0.5, 0.5**0.5], [0, -1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("ids", "speakers", "rows", "message"),
    [
        (["a", "b"], ["x", "y"], ROWS, r"damaged embeddings \(array 'embeddings\.npy': .*, expected float32 of shape"),
        (["a", "b", "a"], ["x", "y", "x"], ROWS, "speakers.json do not fit each other"),
        (["a", "b", "c"], ["x", "y"], ROWS, "speakers.json do not fit each other"),
        (["a", "b", "c"], ["x", "y", None], ROWS, "speakers.json do not fit each other"),
        ({"a": 0}, ["x"], ROWS[:1], r"ids\.json: expected a JSON array"),
        ([], [], ROWS[:0], "do not fit each other"),
        (
            ["a", "b", "c"],
            ["", "", ""],
            ROWS.astype(float),
            r"damaged embeddings \(array 'embeddings\.npy': .*, expected float32 of shape",
        ),
        (
            ["a", "b", "c"],
            ["", "", ""],
            ROWS[:, 0],
            r"damaged embeddings \(array 'embeddings\.npy': .*, expected float32 of shape",
        ),
        (["a", "b", "c"], ["", "", ""], ROWS * np.float32([[1], [0], [1]]), "of b is zero or not finite"),
        (["a", "b", "c"], ["", "", ""], ROWS + np.float32([[0], [0], [1e30]]), "of c is zero or not finite"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, ids, speakers, rows, message):
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    (tmp_path / "speakers.json").write_text(json.dumps(speakers))
    (tmp_path / "origin.json").write_text('"net"')
    np.save(tmp_path / "embeddings.npy", rows)
    with pytest.raises(UserError, match=message):
        load_embeddings(tmp_path)


@pytest.mark.parametrize("name", ["ids.json", "speakers.json", "origin.json", "embeddings.npy"])
@settings(max_examples=10)
@given(cut=st.floats(0, 0.999))
def test_a_file_that_ends_early_is_an_error(tmp_path_factory, name, cut):
    folder = tmp_path_factory.mktemp("cut")
    save_embeddings(folder, ["a", "b", "c"], ["x", "y", "x"], ROWS, "net")
    content = (folder / name).read_bytes()[:-1]  # the last byte of JSON is a line's end
    (folder / name).write_bytes(content[: int(cut * len(content))])
    with pytest.raises(UserError, match="run pyspeech embed again"):
        load_embeddings(folder)


def test_flipped_bits_are_an_error_or_change_nothing(tmp_path):
    save_embeddings(tmp_path, ["a", "b", "ç"], ["x", "y", "x"], ROWS, "net")
    before = load_embeddings(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for _, content in flipped_bytes(whole, 100):
            path.write_bytes(content)
            try:
                found = load_embeddings(tmp_path)
            except UserError as error:
                assert "embed" in str(error)  # noqa: PT017 -- both outcomes are right
            else:
                np.testing.assert_array_equal(found.rows_ND, before.rows_ND)
                assert dataclasses.replace(found, rows_ND=before.rows_ND) == before
        path.write_bytes(whole)


def test_embeddings_of_an_earlier_version_which_have_no_digest_are_read(tmp_path):
    save_embeddings(tmp_path, ["a"], ["x"], ROWS[:1], "net")
    (tmp_path / "digest.json").unlink()
    assert load_embeddings(tmp_path).ids == ("a",)


def test_objects_are_never_unpickled(tmp_path):
    save_embeddings(tmp_path, ["a"], ["x"], ROWS[:1], "net")
    np.save(tmp_path / "embeddings.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(UserError, match="holds damaged embeddings"):
        load_embeddings(tmp_path)


@pytest.mark.parametrize("content", ["null", "[]", 100_000 * "["], ids=["nothing", "list", "deep"])
def test_an_origin_that_is_no_text_is_an_error(tmp_path, content):
    save_embeddings(tmp_path, ["a"], ["x"], ROWS[:1], "net")
    (tmp_path / "origin.json").write_text(content)
    with pytest.raises(UserError, match=r"damaged.*run pyspeech embed again"):
        load_embeddings(tmp_path)


def test_what_two_sets_share_is_named_and_counted():
    refuse_shared("speaker", "one", ["x", ""], "other", ["y", ""])
    with pytest.raises(
        UserError, match=r"^one and other share speakers \(2\), such as x; each needs people of its own"
    ):
        refuse_shared("speaker", "one", iter("zxy"), "other", iter("axz"))


@pytest.mark.parametrize("other", [("net", 3), ("other", 2)])
def test_only_embeddings_of_one_network_can_be_compared(other):
    refuse_other_space("one", ("net", 2), "other", ("net", 2))
    with pytest.raises(UserError, match=r"^one and other come from different networks or feature settings"):
        refuse_other_space("one", ("net", 2), "other", other)


def test_a_folder_of_other_things_is_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(UserError, match="holds other things than embeddings"):
        save_embeddings(tmp_path, ["a"], ["x"], ROWS[:1], "net")
