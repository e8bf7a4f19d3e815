import click
import pytest
from click.testing import CliRunner

from pyspeech.cli import cli
from pyspeech.cli.options import FiniteFloat


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "NaN", "1e999"])
def test_what_is_not_finite_is_refused_by_name(text):
    with pytest.raises(click.BadParameter, match=f"{text} is no finite number"):
        FiniteFloat().convert(text, None, None)


def test_a_range_is_still_one():
    assert FiniteFloat(min=-1, max=1).convert("0.5", None, None) == 0.5
    for text in ("2", "inf", "some"):
        with pytest.raises(click.BadParameter):
            FiniteFloat(min=-1, max=1).convert(text, None, None)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["verfy"], "no command 'verfy'; did you mean 'verify'?"),
        (["score", "verfication"], "no command 'verfication'; did you mean 'verification'?"),
        (["lm", "perplexty"], "no command 'perplexty'; did you mean 'perplexity'?"),
        (["lattice", "drow"], "no command 'drow'; did you mean 'draw'?"),
    ],
)
def test_the_nearest_command_is_named(words, named):
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert named in done.output
