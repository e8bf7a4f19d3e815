import pytest
from click.testing import CliRunner

from pyspeech.cli import cli


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
