import click
import pytest

from pyspeech.cli.finite import FiniteFloat


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "NaN", "1e999"])
def test_what_is_not_finite_is_refused_by_name(text):
    with pytest.raises(click.BadParameter, match=f"{text} is no finite number"):
        FiniteFloat().convert(text, None, None)


def test_a_range_is_still_one():
    assert FiniteFloat(min=-1, max=1).convert("0.5", None, None) == 0.5
    for text in ("2", "inf", "some"):
        with pytest.raises(click.BadParameter):
            FiniteFloat(min=-1, max=1).convert(text, None, None)
