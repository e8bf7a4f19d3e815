import numpy as np
import pytest
import torch

from pyspeech.config import load_config
from pyspeech.data.features import FeatureExtractor, at_speed
from pyspeech.entries import Entry
from pyspeech.errors import UserError
from pyspeech.lang.tokens import CharacterTokens
from pyspeech.models import MODELS, build_model
from pyspeech.settings import SHARED_CONF, read_yaml
from pyspeech.validation.faults import INFEASIBLE, OUT_OF_LIMITS
from pyspeech.validation.fits import FitCheck
from tests.experiments import YAML
from tests.tones import tone_cuts

SMALL = {"tdnn_width": 8, "lstm_width": 8, "lstm_layers": 1, "channels": 8, "width": 8, "heads": 2, "layers": 1}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("conf") / "conf.yaml"
    path.write_text(YAML)
    return load_config(path)


@pytest.mark.parametrize(("name", "chosen"), [(name, {}) for name in MODELS] + [("conformer", {"subsampling": 2})])
def test_output_frames_are_those_of_the_extractor_and_the_network_as_it_is_configured(config, tmp_path, name, chosen):
    settings = read_yaml(SHARED_CONF / f"{name}.yaml")["model"]
    config = config.model_copy(
        update={"model": settings | {key: SMALL[key] for key in SMALL.keys() & settings.keys()} | chosen}
    )
    extract = FeatureExtractor(config.features)
    model = build_model(config.model, config.features.num_features, 5).eval()
    check = FitCheck(config, None)
    if model.output_per == "utterance":
        assert check.output_frames(1.0) is None
        return
    for cut in tone_cuts(tmp_path, 3):
        for start in np.linspace(0, 0.04, 5):
            for speed in (0.9, 1.0, 1.1):
                features = torch.from_numpy(extract(at_speed(cut.truncate(offset=float(start)), speed)))[None]
                with torch.no_grad():
                    _, lengths = model(features, torch.tensor([features.shape[1]]))
                seconds = (cut.duration - float(start)) / speed
                assert check.output_frames(seconds) == pytest.approx(int(lengths[0]), abs=0)


def test_a_network_without_output_for_each_frame_has_no_such_limit(config, tmp_path):
    includes = "fbank, augment, train, softmax, speaker_lstm"
    (tmp_path / "conf.yaml").write_text(f"include: [{includes}]\ntask: classification\n")
    embedding = load_config(tmp_path / "conf.yaml")
    tokens = CharacterTokens.from_words(["HOUSEBOAT"])
    entry = Entry(0, 1, "a", 0.0, 0.2, 0, 1, "HOUSEBOAT", "", (0.0, 0.2), None, None)
    kinds = [finding.kind for finding in FitCheck(config, tokens)(entry, "HOUSEBOAT", is_dev=True)]
    assert kinds == [INFEASIBLE]
    assert list(FitCheck(embedding, tokens)(entry, "HOUSEBOAT", is_dev=True)) == []
    assert FitCheck(embedding, None).output_frames(1.0) is None


def test_crops_of_speakers_have_no_limits(config, tmp_path):
    entry = Entry(0, 1, "a", 0.0, 50.0, 0, 1, "", "ann", (0.0, 50.0), None, None)
    assert [finding.kind for finding in FitCheck(config, None)(entry, "", is_dev=False)] == [OUT_OF_LIMITS]
    includes = "fbank, augment, train, speakers, aam_softmax, speaker_lstm"
    (tmp_path / "conf.yaml").write_text(f"include: [{includes}]\ntask: verification\n")
    assert list(FitCheck(load_config(tmp_path / "conf.yaml"), None)(entry, "", is_dev=False)) == []


def test_a_network_that_there_is_not_is_refused(config):
    with pytest.raises(UserError, match="'tdnn_lst' is not a model; did you mean 'tdnn_lstm'"):
        FitCheck(config.model_copy(update={"model": {"name": "tdnn_lst"}}), None)
