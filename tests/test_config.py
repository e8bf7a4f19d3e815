import pytest
import yaml

from pyspeech.config import (
    Config,
    FeatureConfig,
    Section,
    check_config,
    load_config,
    load_feature_config,
    read_yaml,
    save_config,
)
from pyspeech.errors import UserError

INCLUDE = "include: [fbank, augment, train, tdnn_lstm]\n"


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


@pytest.mark.parametrize("features", ["fbank", "mfcc"])
@pytest.mark.parametrize("model", ["tdnn_lstm", "bilstm_ctc"])
def test_the_shared_files_fit_together(config_yaml, features, model):
    config_yaml.write_text(f"include: [{features}, augment, train, {model}]\n")
    config = load_config(config_yaml)
    assert (config.features.type, config.model["name"]) == (features, model)


@pytest.mark.parametrize("model", ["tdnn_lstm", "bilstm_ctc"])
def test_given_features_fit_every_model_and_have_one_speed(config_yaml, model):
    config_yaml.write_text(f"include: [augment, given, train, {model}]\n")
    config = load_config(config_yaml, ["features.num_given=13"])
    assert (config.features.num_features, config.augment.speeds) == (13, (1.0,))
    config_yaml.write_text(f"include: [given, augment, train, {model}]\n")
    with pytest.raises(UserError, match=r"experiment\.yaml: augment\.speeds \[0\.9, 1\.0, 1\.1\] needs audio"):
        load_config(config_yaml)


def test_features_of_mfcc_are_cepstra(config_yaml):
    assert load_config(config_yaml, ["features.type=mfcc", "features.num_ceps=20"]).features.num_features == 20


def test_noise_and_speakers_are_absent_unless_they_are_included(config_yaml):
    config = load_config(config_yaml)
    assert (config.noise, config.speakers, config.loss) == (None, None, None)
    config_yaml.write_text("include: [fbank, augment, train, tdnn_lstm, noise, speakers, softmax]\n")
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
    config_yaml.write_text("include: [fbank, augment, train, tdnn_lstm, noise, speakers]\n")
    with pytest.raises(UserError) as caught:
        load_config(config_yaml, [override])
    assert message in str(caught.value)


def test_given_features_take_no_noise_and_no_crops(config_yaml):
    config_yaml.write_text("include: [augment, given, train, tdnn_lstm, noise]\n")
    assert load_config(config_yaml).noise is not None
    with pytest.raises(UserError, match="noise needs audio"):
        load_config(config_yaml, ["noise.rir_dir=rirs"])
    config_yaml.write_text("include: [augment, given, train, tdnn_lstm, speakers]\n")
    with pytest.raises(UserError, match="speakers needs audio, to crop it"):
        load_config(config_yaml)


def test_a_file_overrides_what_it_includes_and_words_override_the_file(config_yaml):
    config_yaml.write_text(INCLUDE + "training:\n  epochs: 3\n  seed: 7\nmodel:\n  dropout: 0.5\n")
    config = load_config(config_yaml, ["training.epochs=5", "augment.speeds=[1.0]"])
    assert (config.training.epochs, config.training.seed) == (5, 7)
    assert config.augment.speeds == (1.0,)
    assert config.model["dropout"] == 0.5
    assert "lstm_layers" in config.model  # the rest of the section stays


def test_a_later_include_overrides_an_earlier_one(tmp_path):
    (tmp_path / "a.yaml").write_text("x: {k: 1, only: 2}\n")
    (tmp_path / "b.yaml").write_text("x: {k: 3}\n")
    (tmp_path / "c.yaml").write_text("include: [a, b]\n")
    assert read_yaml(tmp_path / "c.yaml") == {"x": {"k": 3, "only": 2}}


def test_a_file_may_include_the_shared_one_of_its_own_name(tmp_path):
    (tmp_path / "fbank.yaml").write_text("include: [fbank]\nfeatures:\n  sampling_rate: 8000\n")
    features = load_feature_config(tmp_path / "fbank.yaml")
    assert (features.sampling_rate, features.num_mel_bins) == (8000, 80)


def test_what_is_saved_is_read_back_equal(config_yaml, tmp_path):
    config = load_config(config_yaml, ["training.learning_rate=1e-4"])
    save_config(config, tmp_path / "exp/config.yaml")
    assert load_config(tmp_path / "exp/config.yaml") == config
    assert config.training.learning_rate == 0.0001  # YAML alone would take 1e-4 for a text


def test_settings_cannot_be_changed(config_yaml):
    config = load_config(config_yaml)
    with pytest.raises(ValueError, match="frozen"):
        config.training.epochs = 1


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
        ("training.epochs", "'training.epochs' is not an override; write section.key=value"),
        ("training.epochs=[1", "the value of 'training.epochs=[1' is not valid YAML"),
    ],
)
def test_a_wrong_override_is_named(config_yaml, override, message):
    with pytest.raises(UserError) as caught:
        load_config(config_yaml, [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include: [fbank]\n", "key 'augment' is missing; include the file of conf/ that sets it"),
        (INCLUDE + "extra: 1\n", "unknown key 'extra'"),
        ("include: [no-such]\n", "no file that .* includes at .*no-such.yaml"),
        ("include: fbank\n", "'include' must be a list of names, found 'fbank'"),
        ("include:\n", "'include' must be a list of names, found None"),
        ("include: [1]\n", r"'include' must be a list of names, found \[1\]"),
        ("include: [other]\n", "includes itself"),
        ("- a\n- b\n", "expected sections with keys, found list"),
        ("a: [1\n", "is not valid YAML"),
        ("1: 2\n", "."),
        ("", "key 'features' is missing"),
    ],
)
def test_a_wrong_file_is_named(config_yaml, text, message):
    config_yaml.write_text(text)
    (config_yaml.parent / "other.yaml").write_text("include: [experiment]\n")
    with pytest.raises(UserError, match=message) as caught:
        load_config(config_yaml)
    assert str(config_yaml) in str(caught.value)


def test_an_unknown_key_below_a_list_or_a_name_of_the_users_own_is_named():
    class Leaf(Section):
        pitch: int

    class Tree(Section):
        branches: dict[str, tuple[Leaf, ...]]

    with pytest.raises(UserError, match=r"unknown key 'branches\.left\.0\.pich'; did you mean 'pitch'"):
        check_config(Tree, {"branches": {"left": [{"pitch": 1, "pich": 2}]}}, "tree.yaml")


def test_bytes_that_are_no_text_are_named(config_yaml):
    config_yaml.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(UserError, match=r"experiment\.yaml is not valid YAML"):
        load_config(config_yaml)


def test_a_missing_file_or_a_folder_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no configuration at .*/no\.yaml"):
        load_config(tmp_path / "no.yaml")
    with pytest.raises(UserError, match="cannot be read"):
        load_config(tmp_path)


def test_yaml_cannot_run_code(config_yaml, tmp_path):
    config_yaml.write_text(f"a: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(UserError, match="is not valid YAML"):
        load_config(config_yaml)
    assert not (tmp_path / "made").exists()


def test_a_feature_file_needs_its_section_only(tmp_path):
    (tmp_path / "f.yaml").write_text("include: [fbank]\nother: 1\n")
    assert isinstance(load_feature_config(tmp_path / "f.yaml"), FeatureConfig)
    (tmp_path / "g.yaml").write_text("training: {}\n")
    with pytest.raises(UserError, match="no section 'features'; found training"):
        load_feature_config(tmp_path / "g.yaml")
    (tmp_path / "h.yaml").write_text(yaml.safe_dump({"features": None}))
    with pytest.raises(UserError, match=r"h\.yaml: features"):
        load_feature_config(tmp_path / "h.yaml")


def test_a_network_or_loss_of_another_name_takes_nothing_from_the_one_before(tmp_path):
    (tmp_path / "conf.yaml").write_text("include: [fbank, augment, train, speaker_lstm, aam_softmax]\n")
    assert load_config(tmp_path / "conf.yaml", ["loss={name: ge2e}"]).loss == {"name": "ge2e"}
    kept = load_config(tmp_path / "conf.yaml", ["loss={name: aam_softmax, margin: 0.1}", "model.dropout=0.1"])
    assert kept.loss["scale"] == 30
    assert kept.loss["margin"] == 0.1
    assert kept.model["lstm_layers"] == 3


def test_a_speed_twice_is_refused(tmp_path):
    (tmp_path / "conf.yaml").write_text("include: [fbank, augment, train, tdnn_lstm]\n")
    with pytest.raises(UserError, match=r"augment.speeds: \[1.0, 0.9, 1.0\] holds a speed twice"):
        load_config(tmp_path / "conf.yaml", ["augment.speeds=[1, 0.9, 1]"])
