"""``pyspeech config`` on the configurations of the recipes."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pyspeech.cli.config import config
from pyspeech.config import load_config
from pyspeech.decoding.config import load_decode_config
from pyspeech.errors import UserError
from pyspeech.rescoring.config import load_rescore_config

PROJECT = Path(__file__).resolve().parents[2]
WORDS, SPEAKERS = "recipes/yesno/conf/tdnn_lstm.yaml", "recipes/voxceleb/conf/small/speaker_lstm.yaml"


def shown(path, *words):
    result = CliRunner().invoke(config, [str(PROJECT / path), *words], catch_exceptions=False)
    assert result.exit_code == 0
    return yaml.safe_load(result.stdout)


ASKED = ("training.epochs=3", "decode.nbest=7", "rescore.search.beam=9", "decode.search_beam=15")


@pytest.mark.parametrize("words", [ASKED, ASKED[::-1]])
def test_every_setting_of_a_command_is_what_that_command_reads(words):
    of = {name: [word for word in words if word.startswith(f"{name}.")] for name in ("training", "decode", "rescore")}
    sections = shown(WORDS, *words)
    assert sections.pop("decode") == load_decode_config(overrides=of["decode"]).model_dump(mode="json")
    assert sections.pop("rescore") == load_rescore_config(overrides=of["rescore"]).model_dump(mode="json")
    assert sections == load_config(PROJECT / WORDS, of["training"]).model_dump(mode="json")


def test_what_it_shows_of_train_is_a_configuration(tmp_path):
    path = tmp_path / "shown.yaml"
    path.write_text(yaml.safe_dump(shown(SPEAKERS, "model.lstm_layers=1")))
    assert load_config(path) == load_config(PROJECT / SPEAKERS, ["model.lstm_layers=1"])


@pytest.mark.parametrize(
    ("path", "word", "message"),
    [
        (WORDS, "training.epohcs=3", "unknown key 'training.epohcs'; did you mean 'epochs'"),
        (WORDS, "trianing.epochs=3", "unknown key 'trianing'; did you mean 'training'"),
        (WORDS, "model.lstm_widht=3", "unknown key 'model.lstm_widht' of tdnn_lstm; did you mean 'lstm_width'"),
        (WORDS, "loss.scale=3", "unknown key 'loss.scale' of lfmmi"),
        (WORDS, "decode.search_bean=3", "unknown key 'search_bean'; did you mean 'search_beam'"),
        (WORDS, "rescore.search.bean=3", "unknown key 'search.bean'; did you mean 'beam'"),
        (WORDS, "training.epochs=0", "training.epochs = 0: "),
        (WORDS, "epochs", "'epochs' is not an override; write section.key=value"),
        (SPEAKERS, "decode.nbest=3", "'decode.nbest=3' is of recognition, and .* of verification"),
    ],
)
def test_what_no_command_knows_is_refused(path, word, message):
    with pytest.raises(UserError, match=message):
        shown(path, word)
