import subprocess

import pytest

from pyspeech.errors import UserError
from pyspeech.lm.model import open_model
from pyspeech.lm.ngram import LmSettings, find_program, train_lm


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "text").write_text("a b c\na c\nb b a\nc a b\n")
    train_lm(folder / "lm", [folder / "text"], LmSettings(3), memory="100M")
    for name, options in (("trie.bin", ["trie"]), ("silent.bin", ["-v"])):
        command = [find_program("build_binary"), *options, folder / "lm" / "lm.arpa", folder / "lm" / name]
        subprocess.run(command, check=True, capture_output=True)
    return folder / "lm"


@pytest.mark.parametrize("name", ["lm.arpa", "lm.bin", "trie.bin", "silent.bin"])
def test_a_model_opens_without_a_word_on_the_terminal(lm, capfd, name):
    assert open_model(lm / name).order == 3
    assert capfd.readouterr() == ("", "")


def altered(content, offset, byte):
    return content[:offset] + bytes([byte]) + content[offset + 1 :]


VERSION = len("mmap lm http://kheafield.com/code format version ")
ORDER, COUNTS = 88, 108  # where they stand in a binary
BROKEN = {
    "text": ("lm.arpa", lambda _: b"hello\nyou\n", r"it begins with 'hello' where \\data\\ is expected"),
    "bytes that are no text": ("lm.arpa", lambda _: bytes(range(128, 256)) * 9, r"where \\data\\ is expected"),
    "nothing": ("lm.bin", lambda _: b"", "it is empty"),
    "a binary of another version": ("lm.bin", lambda content: altered(content, VERSION, ord("4")), "version 4 but"),
    "a binary of another machine": ("lm.bin", lambda content: altered(content, 63, 0), "test values don't match"),
    "another search structure": ("lm.bin", lambda content: altered(content, 104, 9), "version 9 but"),
    "another kind of binary": ("lm.bin", lambda content: altered(content, 96, 9), "no kind 9 of binaries"),
    "the head of a binary": ("lm.bin", lambda content: content[:100], "it is cut short"),
    "the parameters of a binary": ("lm.bin", lambda content: content[:130], "it is cut short"),
    "half a binary": ("lm.bin", lambda content: content[: len(content) // 2], "damaged or cut short"),
    "half a trie": ("trie.bin", lambda content: content[: len(content) // 2], "damaged or cut short"),
    "half a binary without words": ("silent.bin", lambda content: content[: len(content) // 2], "should be at least"),
    "no magic": ("lm.bin", lambda content: altered(content, 0, ord("x")), r"where \\data\\ is expected"),
    "a binary of order 7": ("lm.bin", lambda content: altered(content, ORDER, 7), "order 7, and KenLM takes .* 2 to 6"),
    "a binary of order 255": ("trie.bin", lambda content: altered(content, ORDER, 255), "order 255, and KenLM"),
    "a binary of order 1": ("lm.bin", lambda content: altered(content, ORDER, 1), "order 1, and KenLM takes"),
    "hash tables without room": ("lm.bin", lambda content: altered(content, ORDER + 7, 0x30), "its head is damaged"),
    "too many words": ("lm.bin", lambda content: altered(content, COUNTS + 7, 0x7F), "its head is damaged"),
    "too many words of a trie": ("trie.bin", lambda content: altered(content, COUNTS, 0xFF), "its head is damaged"),
    "too many 3-grams": ("trie.bin", lambda content: altered(content, COUNTS + 22, 0xFF), "its head is damaged"),
    "two words of one": ("lm.bin", lambda content: content[:-4] + b"\0" + content[-3:], "damaged or cut short"),
}


@pytest.mark.parametrize(("name", "change", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_model_is_named_in_one_line(tmp_path, lm, name, change, message):
    path = tmp_path / name
    path.write_bytes(change((lm / name).read_bytes()))
    with pytest.raises(UserError, match=rf"{name} is .*{message}.*; (copy|make|build) it again") as caught:
        open_model(path)
    assert "\n" not in str(caught.value)
    assert "threw" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no language model at .*nothing\.bin"):
        open_model(tmp_path / "nothing.bin")
    with pytest.raises(UserError, match="is a folder or a pipe; the language model must be a file"):
        open_model(tmp_path)
