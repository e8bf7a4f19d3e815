import pytest

from pyspeech.decoding.config import load_decode_config
from pyspeech.errors import UserError


def test_words_override_the_shared_settings():
    config = load_decode_config(overrides=["decode.search_beam=12", "decode.nbest=3"])
    assert (config.search_beam, config.nbest) == (12, 3)
    assert config.model_copy(update={"search_beam": 20.0, "nbest": 100}) == load_decode_config()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("search_beam=12", "is not an override; write decode.key=value"),
        ("decode.search_beam", "is not an override"),
        ("decode.serch_beam=12", "did you mean 'search_beam'"),
        ("decode.search_beam=0", "search_beam"),
        ("decode.blank_penalty=1", "blank_penalty = 1"),
        ("decode.tuning.graph=[0, 1, 0.5]", "graph cannot be 0 or below, being 1 / acoustic_scale"),
        ("decode.tuning.blank=[-1, 1, 0.5]", "blank cannot be above 0; end its range"),
        ("decode.tuning.blank=[0, -1, 0.5]", r"tuning.blank: \[0, -1, 0.5\] is no range"),
        ("decode.search_beam=[", "not valid YAML"),
    ],
)
def test_a_word_that_is_wrong_is_named(word, message):
    with pytest.raises(UserError, match=message):
        load_decode_config(overrides=[word])


def test_a_file_without_the_section_is_named(tmp_path):
    (tmp_path / "other.yaml").write_text("features: {}\n")
    with pytest.raises(UserError, match="no section 'decode'; found features"):
        load_decode_config(tmp_path / "other.yaml")


def test_a_file_that_includes_the_shared_settings_changes_one(tmp_path):
    (tmp_path / "mine.yaml").write_text("include: [decode]\ndecode:\n  nbest: 7\n")
    assert load_decode_config(tmp_path / "mine.yaml").nbest == 7
