import importlib
from pathlib import Path

import pytest
import yaml

from pyspeech.config import Config, FeatureConfig, load_config, load_feature_config
from pyspeech.decoding.config import DecodeConfig
from pyspeech.errors import UserError
from pyspeech.rescoring.config import RescoreConfig
from pyspeech.settings import Section, read_yaml
from tests.test_settings import INCLUDE, refused

PROJECT = Path(__file__).resolve().parents[1]
all_models = pytest.mark.parametrize("model", ["tdnn_lstm", "bilstm_ctc", "conformer"])


@pytest.fixture
def config_yaml(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_text(INCLUDE)
    return path


def test_shared_files_hold_every_default(config_yaml):
    config = load_config(config_yaml)
    assert isinstance(config, Config)
    assert config.features.num_features == 80
    assert config.model["name"] == "tdnn_lstm"


def settings_of(kind):
    """Every class of settings of the project."""
    for each in kind.__subclasses__():
        yield each
        yield from settings_of(each)


def test_no_setting_has_a_default_that_conf_also_sets(config_yaml):
    for path in sorted((PROJECT / "pyspeech").rglob("*.py")):
        if "(Section)" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(path.relative_to(PROJECT).with_suffix("").parts))
    classes = [kind for kind in settings_of(Section) if kind.__module__.startswith("pyspeech.")]
    assert {Config, FeatureConfig, DecodeConfig, RescoreConfig} <= set(classes)
    defaults = {(kind, name): field for kind in classes for name, field in kind.model_fields.items()}
    optional = {key for key, field in defaults.items() if not field.is_required()}
    assert all(defaults[key].get_default(call_default_factory=True) is None for key in optional)
    given = read_yaml(config_yaml)
    assert {kind for kind, _ in optional} <= {Config, FeatureConfig}
    assert not {name for _, name in optional} & {*given, *given["features"]}  # but may be left out


@pytest.mark.parametrize("features", ["fbank", "mfcc"])
@all_models
def test_the_shared_files_fit_together(config_yaml, features, model):
    config_yaml.write_text(f"include: [{features}, augment, train, ctc, {model}]\ntask: recognition\n")
    config = load_config(config_yaml)
    assert (config.features.type, config.model["name"]) == (features, model)


@all_models
def test_given_features_fit_every_model_and_have_one_speed(config_yaml, model):
    config_yaml.write_text(f"include: [augment, given, train, ctc, {model}]\ntask: recognition\n")
    config = load_config(config_yaml, ["features.num_given=13"])
    assert (config.features.num_features, config.augment.speeds) == (13, (1.0,))
    config_yaml.write_text(f"include: [given, augment, train, ctc, {model}]\ntask: recognition\n")
    with pytest.raises(UserError, match=r"experiment\.yaml: augment\.speeds \[0\.9, 1\.0, 1\.1\] needs audio"):
        load_config(config_yaml)


def test_features_of_mfcc_are_cepstra(config_yaml):
    assert load_config(config_yaml, ["features.type=mfcc", "features.num_ceps=20"]).features.num_features == 20


def test_noise_and_speakers_are_absent_unless_they_are_included(config_yaml):
    config = load_config(config_yaml)
    assert (config.noise, config.speakers) == (None, None)
    names = "fbank, augment, train, tdnn_lstm, noise, speakers, softmax"
    config_yaml.write_text(f"include: [{names}]\ntask: verification\n")
    config = load_config(config_yaml, ["noise.noise_dir=musan", "speakers.crop_seconds=[3, 3]"])
    assert (config.noise.noise_dir, config.noise.rir_dir) == ("musan", None)
    assert config.noise.snr_db.speech == (13, 20)
    assert config.speakers.crop_seconds == (3, 3)
    assert config.loss["name"] == "softmax"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("noise.snr_db.music=[9, 3]", "noise.snr_db.music: [9.0, 3.0] is no range; write the smaller number first"),
        ("noise.snr_db.musik=[3, 9]", "unknown key 'noise.snr_db.musik'; did you mean 'music'"),
        ("noise.talkers=[0, 3]", "noise.talkers.0 = 0: Input should be greater than 0"),
        ("noise.rir_probability=1.1", "noise.rir_probability = 1.1"),
        ("noise.rir_directory=x", "unknown key 'noise.rir_directory'"),
        ("speakers.per_batch=1", "speakers.per_batch = 1: Input should be greater than 1"),
        ("speakers.crop_seconds=[4, 2]", "speakers.crop_seconds: [4.0, 2.0] is no range"),
        ("speakers.crop_seconds=3", "speakers.crop_seconds = 3"),
        ("speakers.crops_each=3", "speakers: crops_each 3 is no multiple of utterances_each 2"),
        ("speakers.utterances=3", "unknown key 'speakers.utterances'; did you mean 'utterances_each'"),
    ],
)
def test_a_wrong_setting_of_noise_or_speakers_is_named(config_yaml, override, message):
    config_yaml.write_text("include: [fbank, augment, train, ctc, tdnn_lstm, noise, speakers]\ntask: verification\n")
    with pytest.raises(UserError) as caught:
        load_config(config_yaml, [override])
    assert message in str(caught.value)


def test_given_features_take_no_noise_and_no_crops(config_yaml):
    config_yaml.write_text("include: [augment, given, train, ctc, tdnn_lstm, noise]\ntask: recognition\n")
    assert load_config(config_yaml).noise is not None
    with pytest.raises(UserError, match="noise needs audio"):
        load_config(config_yaml, ["noise.rir_dir=rirs"])
    config_yaml.write_text("include: [augment, given, train, ctc, tdnn_lstm, speakers]\ntask: verification\n")
    with pytest.raises(UserError, match="speakers needs audio, to crop it"):
        load_config(config_yaml)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "unknown key 'training.epoch'; did you mean 'epochs'"),
        ("trainning.epochs=3", "unknown key 'trainning'; did you mean 'training'"),
        ("training.zzz=3", "unknown key 'training.zzz'; allowed: accumulate,"),
        ("training.epochs=0", "training.epochs = 0: Input should be greater than 0"),
        ("training.epochs=many", "training.epochs = 'many'"),
        ("training=3", "training = 3"),
        ("training.learning_rate=.nan", "training.learning_rate = nan"),
        ("features.type=plp", "features.type = 'plp': Input should be 'fbank', 'mfcc' or 'given'"),
        ("features.num_given=13", "features: num_given 13 with type fbank; set it for given features alone"),
        ("augment.speeds=[]", "augment.speeds"),
        ("augment.speeds=[1.0,0]", "augment.speeds.1 = 0: Input should be greater than 0"),
        ("features.high_hz=9000", "features: low_hz 20.0 to high_hz 9000.0 is no band within 0 to 8000.0 Hz"),
        ("features.low_hz=7700", "features: low_hz 7700.0 to high_hz 7600.0 is no band"),
        ("features={type: mfcc, num_ceps: 90}", "features: num_ceps 90 is more than num_mel_bins 80"),
    ],
)
def test_a_wrong_override_is_named(config_yaml, override, message):
    refused(config_yaml, override, message)


def test_a_feature_file_needs_its_section_only(tmp_path):
    (tmp_path / "f.yaml").write_text("include: [fbank]\nother: 1\n")
    assert isinstance(load_feature_config(tmp_path / "f.yaml"), FeatureConfig)
    (tmp_path / "g.yaml").write_text("training: {}\n")
    with pytest.raises(UserError, match="no section 'features'; found training"):
        load_feature_config(tmp_path / "g.yaml")
    (tmp_path / "h.yaml").write_text(yaml.safe_dump({"features": None}))
    with pytest.raises(UserError, match=r"h\.yaml: features"):
        load_feature_config(tmp_path / "h.yaml")


def test_a_speed_twice_is_refused(tmp_path):
    (tmp_path / "conf.yaml").write_text("include: [fbank, augment, train, ctc, tdnn_lstm]\ntask: recognition\n")
    with pytest.raises(UserError, match=r"augment.speeds: \[1.0, 0.9, 1.0\] holds a speed twice"):
        load_config(tmp_path / "conf.yaml", ["augment.speeds=[1, 0.9, 1]"])


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "features.sampling_rate=4611686018427387904",
            "features.sampling_rate = 4611686018427387904: Input should be less",
        ),
        ("features.num_mel_bins=100000000", "features.num_mel_bins = 100000000: Input should be less"),
        ("features.frame_length_seconds=1e300", "features.frame_length_seconds = .*: Input should be"),
        ("features.frame_length_seconds=.inf", "features.frame_length_seconds = inf: Input should be a finite number"),
        ("features.frame_shift_seconds=0.00001", "frame_shift_seconds 1e-05: one of them is less than a sample"),
        ("model.name=[a]", r"model: name \['a'\] is no word"),
        ("model.name={}", "model: name {} is no word"),
        ("training.learning_rate=.inf", "training.learning_rate = inf: Input should be a finite number"),
        ("augment.speeds=[1.0, .inf]", "augment.speeds.1 = inf: Input should be a finite number"),
    ],
)
def test_numbers_that_no_training_can_be_made_with_are_refused(config_yaml, override, problem):
    with pytest.raises(UserError, match=problem):
        load_config(config_yaml, [override])
