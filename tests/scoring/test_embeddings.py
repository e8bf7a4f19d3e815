import json

import numpy as np
import pytest

from pyspeech.errors import UserError
from pyspeech.scoring import embeddings
from pyspeech.scoring.embeddings import Embeddings, load_embeddings, save_embeddings

ROWS = np.array([[1, 0], [3, 3], [0, -2]], np.float32)


def test_embeddings_are_read_as_they_were_written(tmp_path):
    save_embeddings(tmp_path / "out", ["a", "ب", "c/d"], ROWS)
    found = load_embeddings(tmp_path / "out")
    assert found.ids == ("a", "ب", "c/d")
    assert found.rows_ND.dtype == np.float32
    np.testing.assert_array_equal(found.rows_ND, ROWS)


@pytest.mark.parametrize("block", [1, 2, 100])
def test_cosines_are_those_of_the_angles(monkeypatch, block):
    monkeypatch.setattr(embeddings, "_BLOCK", block)
    stored = Embeddings(("a", "b", "c"), ROWS)
    found = stored.cosines([0, 0, 1, 1], [1, 2, 2, 1])
    np.testing.assert_allclose(found, [0.5**0.5, 0, -(0.5**0.5), 1], atol=1e-6)


@pytest.mark.parametrize(
    ("ids", "rows", "message"),
    [
        (["a", "b"], ROWS, "do not fit each other"),
        (["a", "b", "a"], ROWS, "do not fit each other"),
        ({"a": 0}, ROWS[:1], "do not fit each other"),
        ([], ROWS[:0], "do not fit each other"),
        (["a", "b", "c"], ROWS.astype(float), "do not fit each other"),
        (["a", "b", "c"], ROWS[:, 0], "do not fit each other"),
        (["a", "b", "c"], ROWS * np.float32([[1], [0], [1]]), "the embedding of b is zero or not finite"),
        (["a", "b", "c"], ROWS + np.float32([[0], [0], [np.inf]]), "the embedding of c is zero or not finite"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, ids, rows, message):
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    np.save(tmp_path / "embeddings.npy", rows)
    with pytest.raises(UserError, match=message):
        load_embeddings(tmp_path)


def test_objects_are_never_unpickled(tmp_path):
    (tmp_path / "ids.json").write_text('["a"]')
    np.save(tmp_path / "embeddings.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(UserError, match="holds damaged embeddings"):
        load_embeddings(tmp_path)


def test_a_folder_of_other_things_is_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(UserError, match="holds other things than embeddings"):
        save_embeddings(tmp_path, ["a"], ROWS[:1])
