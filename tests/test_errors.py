from pyspeech.errors import MissingPackage, UserError, nearest


def test_a_missing_package_is_an_error_of_the_user_with_the_install_line():
    error = MissingPackage("k2", "pyspeech graph", "tools/install.sh")
    assert isinstance(error, UserError)
    assert str(error) == "pyspeech graph needs the package k2, which is not installed; run: tools/install.sh"


def test_a_close_name_is_suggested():
    assert nearest("epoch", ["epochs", "seed"]) == "; did you mean 'epochs'?"


def test_without_a_close_name_all_are_listed_in_order():
    assert nearest("zzz", iter(["seed", "epochs"])) == "; allowed: epochs, seed"
