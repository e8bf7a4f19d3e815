import pytest

from pyspeech.config import load_config, load_feature_config
from pyspeech.errors import UserError
from pyspeech.settings import Section, check_config, load_section, read_yaml, save_config

INCLUDE = "include: [fbank, augment, train, ctc, tdnn_lstm]\ntask: recognition\n"


@pytest.fixture
def config_yaml(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_text(INCLUDE)
    return path


def refused(path, override, message):
    """The override ends in one line that holds the message."""
    with pytest.raises(UserError) as caught:
        load_config(path, [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


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
    ("text", "message"),
    [
        ("include: [fbank]\n", "key 'augment' is missing; set it, or include the file of conf/ that does"),
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
    with pytest.raises(UserError, match="is a folder or a pipe"):
        load_config(tmp_path)


def test_yaml_cannot_run_code(config_yaml, tmp_path):
    config_yaml.write_text(f"a: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(UserError, match="is not valid YAML"):
        load_config(config_yaml)
    assert not (tmp_path / "made").exists()


def test_a_network_or_loss_of_another_name_takes_nothing_from_the_one_before(tmp_path):
    includes = "fbank, augment, train, speaker_lstm, aam_softmax"
    (tmp_path / "conf.yaml").write_text(f"include: [{includes}]\ntask: classification\n")
    assert load_config(tmp_path / "conf.yaml", ["loss={name: ge2e}"]).loss == {"name": "ge2e"}
    kept = load_config(tmp_path / "conf.yaml", ["loss={name: aam_softmax, margin: 0.1}", "model.dropout=0.1"])
    assert kept.loss["scale"] == 30
    assert kept.loss["margin"] == 0.1
    assert kept.model["lstm_layers"] == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "'training.epochs' is not an override; write section.key=value"),
        ("training.epochs=[1", "the value of 'training.epochs=[1' is not valid YAML"),
        ("training.epoch=3", "unknown key 'training.epoch'; did you mean 'epochs'"),
        ("training=3", "training = 3"),
    ],
)
def test_a_word_that_is_no_override_is_named(config_yaml, override, message):
    refused(config_yaml, override, message)


def test_a_file_that_is_not_there_names_the_nearest(config_yaml):
    with pytest.raises(UserError, match=r"no configuration at .*experimnt\.yaml; did you mean 'experiment\.yaml'\?$"):
        read_yaml(config_yaml.with_name("experimnt.yaml"))
    with pytest.raises(UserError, match="check the path"):
        read_yaml(config_yaml.parent / "none" / "a.yaml")


class Search(Section):
    beam: float
    words: tuple[str, ...] = ()


def test_one_section_of_a_file_is_read_and_changed_by_words_that_name_it(tmp_path):
    path = tmp_path / "search.yaml"
    path.write_text("search: {beam: 3}\nother: 1\n")
    found = load_section(path, "search", Search, ["search.words=[a]"], "search.beam=8")
    assert found == Search(beam=3, words=("a",))
    with pytest.raises(UserError, match=r"'beam=4' is not an override; write search\.key=value, e\.g\. search\.beam=8"):
        load_section(path, "search", Search, ["beam=4"], "search.beam=8")
    with pytest.raises(UserError, match=r"search\.yaml: no section 'decode'; found search, other"):
        load_section(path, "decode", Search, [], "decode.beam=8")
