import subprocess

import pytest

from pyspeech.errors import UserError
from pyspeech.lm.model import open_model
from pyspeech.lm.ngram import LmSettings, find_program, train_lm


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text").write_text("a b c\na c\nb b a\nc a b\n")
    train_lm(folder / "lm", [folder / "text"], LmSettings(3), memory="100M", log=lambda _: None)
    subprocess.run(
        [find_program("build_binary"), "trie", folder / "lm" / "lm.arpa", folder / "lm" / "trie.bin"],
        check=True,
        capture_output=True,
    )
    return folder / "lm"


@pytest.mark.parametrize("name", ["lm.arpa", "lm.bin", "trie.bin"])
def test_a_model_opens_without_a_word_on_the_terminal(lm, capfd, name):
    assert open_model(lm / name).order == 3
    assert capfd.readouterr() == ("", "")


def altered(content, offset, byte):
    return content[:offset] + bytes([byte]) + content[offset + 1 :]


VERSION = len("mmap lm http://kheafield.com/code format version ")
BROKEN = {
    "an ARPA file without its end": ("lm.arpa", lambda content: content[:-7], "End of file"),
    "half an ARPA file": ("lm.arpa", lambda content: content[: len(content) // 2], "End of file"),
    "a bad number": ("lm.arpa", lambda content: content.replace(b"\\1-grams:\n-", b"\\1-grams:\nx"), "at byte"),
    "text": ("lm.arpa", lambda _: b"hello\nyou\n", r'"hello" not \\data\\'),
    "bytes that are no text": ("lm.arpa", lambda _: bytes(range(128, 256)) * 9, "no model at all"),
    "nothing": ("lm.bin", lambda _: b"", "End of file"),
    "a binary of another version": ("lm.bin", lambda content: altered(content, VERSION, ord("4")), "version 4 but"),
    "a binary of another machine": ("lm.bin", lambda content: altered(content, 63, 0), "test values don't match"),
    "another search structure": ("lm.bin", lambda content: altered(content, 104, 9), "version 9 but"),
    "another kind of binary": ("lm.bin", lambda content: altered(content, 96, 9), "model type 9"),
    "the head of a binary": ("lm.bin", lambda content: content[:100], "End of file"),
    "half a binary": ("lm.bin", lambda content: content[: len(content) // 2], "should be at least"),
    "half a trie": ("trie.bin", lambda content: content[: len(content) // 2], "should be at least"),
    "no magic": ("lm.bin", lambda content: altered(content, 0, ord("x")), r"not \\data\\"),
}


@pytest.mark.parametrize(("name", "change", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_model_is_named_in_one_line(tmp_path, lm, name, change, message):
    path = tmp_path / name
    path.write_bytes(change((lm / name).read_bytes()))
    with pytest.raises(
        UserError, match=rf"{name} is not a model that KenLM can read: .*{message}.*; make it"
    ) as caught:
        open_model(path)
    assert "\n" not in str(caught.value)
    assert "threw" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no language model at .*nothing\.bin"):
        open_model(tmp_path / "nothing.bin")
    with pytest.raises(UserError, match="is a folder or a pipe; the language model must be a file"):
        open_model(tmp_path)
