import pickle

from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import MOST_LETTERS, MissingPackage, UserError, nearest


@given(st.text(st.characters()) | st.text("a\n\0\x1b\t\u2028\u202e\ud800\xa0\N{BOM}", min_size=1), st.integers(1, 5000))
def test_a_message_is_one_line_that_can_be_printed(found, times):
    told = str(UserError(f"a.txt: found '{found * times}'; mend it"))
    assert told.isprintable()
    assert told.encode()
    assert told.startswith("a.txt: found '")
    assert told.endswith("'; mend it")
    assert len(told) <= 10 * MOST_LETTERS + 10


def test_what_is_printed_as_it_is_stays_so():
    message = "Zoë's file «ü.wav» holds 日本語; mend it"
    assert str(UserError(message)) == message
    assert str(UserError("a\nb\x1b[2J\ud800é")) == r"a\nb\x1b[2J\ud800é"


def test_an_error_comes_back_from_another_process_as_it_was():
    assert str(pickle.loads(pickle.dumps(UserError("a\nb")))) == r"a\nb"  # noqa: S301 -- our own


def test_a_missing_package_is_an_error_of_the_user_with_the_install_line():
    error = MissingPackage("k2", "pyspeech graph", "tools/install.sh")
    assert isinstance(error, UserError)
    assert str(error) == "pyspeech graph needs the package k2, which is not installed; run: tools/install.sh"


def test_a_close_name_is_suggested():
    assert nearest("epoch", ["epochs", "seed"]) == "; did you mean 'epochs'?"


def test_without_a_close_name_all_are_listed_in_order():
    assert nearest("zzz", iter(["seed", "epochs"])) == "; allowed: epochs, seed"
