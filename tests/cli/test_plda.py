import pytest
from click.testing import CliRunner

from pyspeech.cli.plda import plda
from pyspeech.errors import UserError
from pyspeech.speakers.embeddings import save_embeddings
from pyspeech.speakers.plda import load_plda
from tests.speakers.test_plda import speech_like


@pytest.fixture
def train(tmp_path):
    embeddings = speech_like(12, 6, seed=1)
    save_embeddings(tmp_path / "train", embeddings.ids, embeddings.speakers, embeddings.rows_ND, "net")
    return tmp_path / "train"


def invoke(*words):
    return CliRunner().invoke(plda, [str(word) for word in words], catch_exceptions=False).stdout


def test_a_plda_is_fitted_and_stored(train, tmp_path):
    out = tmp_path / "new/plda.npz"
    assert invoke(train, out) == f"{out}: 12 speakers, 6 directions\n"
    assert load_plda(out).projection_DE.shape == (6, 6)
    assert invoke(train, out, "--lda", 4) == f"{out}: 12 speakers, 4 directions\n"
    assert load_plda(out).projection_DE.shape == (6, 4)


def test_a_folder_in_its_place_is_named_before_the_work(tmp_path):
    with pytest.raises(UserError, match="is a folder, which a file would replace; name a file in it"):
        invoke(tmp_path / "none", tmp_path)


def test_too_many_directions_leave_the_old_file(train, tmp_path):
    invoke(train, tmp_path / "plda.npz")
    before = (tmp_path / "plda.npz").read_bytes()
    with pytest.raises(UserError, match="--lda 7: 12 speakers with 6 numbers"):
        invoke(train, tmp_path / "plda.npz", "--lda", 7)
    assert (tmp_path / "plda.npz").read_bytes() == before
