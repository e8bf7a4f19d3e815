import pytest

from pyspeech.errors import UserError
from pyspeech.rescoring.config import DEFAULT, load_rescore_config


def test_the_shared_settings_are_valid_and_may_be_overridden():
    config = load_rescore_config(DEFAULT, ["rescore.lattice.beam=7", "rescore.tuning.lm=[0, 1, 0.5]"])
    assert config.lattice.beam == 7
    assert config.tuning.lm == (0, 1, 0.5)
    assert config.lattice.max_states == load_rescore_config().lattice.max_states


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rescore.latice.beam=7", "unknown key 'latice'; did you mean 'lattice'"),
        ("rescore.lattice.beem=7", "unknown key 'lattice.beem'; did you mean 'beam'"),
        ("rescore.lattice.beam=0", "lattice.beam = 0"),
        ("rescore.weights.lm=-1", "weights.lm = -1"),
        ("rescore.weights.blank=0.5", "weights.blank = 0.5"),
        ("rescore.weights.word=.nan", "weights.word = nan"),
        ("rescore.unknown.token=1", "unknown.token = 1"),
        ("rescore.nbest=0", "nbest = 0"),
        ("rescore.tuning.lm=[2, 1, 0.5]", r"tuning.lm: \[2, 1, 0.5\] is no range"),
        ("rescore.tuning.word=[1, 2, 0]", r"tuning.word: \[1, 2, 0\] is no range"),
        ("rescore.tuning.lm=[0, 1, 1e-9]", r"tuning.lm: \[0, 1, 1e-09\] has more than 10000 steps; take larger"),
        ("rescore.weights.lm=1e300", r"weights.lm: a weight is from -1e\+09 to 1e\+09"),
        ("rescore.tuning.word=[1, 2]", "tuning.word"),
        ("rescore.tuning.graph=[-1, 1, 0.5]", "cannot be below 0"),
        ("rescore.tuning.blank=[-1, 1, 0.5]", "blank cannot be above 0; end its range"),
        ("rescore.tuning.boosts=[1, 2]", "ascending from 0"),
        ("rescore.tuning.boosts=[0, 2, 1]", "ascending from 0"),
        ("rescore.tuning.boosts=[0]", "tuning.boosts"),
        ("lattice.beam=7", "write rescore.key=value, e.g. rescore.lattice.beam=10"),
        ("rescore", "is not an override"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_name(override, message):
    with pytest.raises(UserError, match=message):
        load_rescore_config(DEFAULT, [override])


def test_a_file_without_the_section_is_refused(tmp_path):
    (tmp_path / "other.yaml").write_text("decode: {}\n")
    with pytest.raises(UserError, match="no section 'rescore'; found decode"):
        load_rescore_config(tmp_path / "other.yaml")
