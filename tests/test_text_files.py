"""Lines of text from files that may hold anything."""

import gzip
import io
import lzma
import os
import resource
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspeech.errors import UserError
from pyspeech.text_files import MAX_LINE_BYTES, read_text

TEXT = "a b\nc\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.gz", gzip.compress(TEXT.encode() * 99, mtime=0)[:-20]),
        ("not.gz", b"plain text"),
        ("cut.xz", lzma.compress(TEXT.encode() * 99)[:-20]),
        ("not.xz", b"plain text"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} cannot be read as text after line"):
        list(read_text(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("one\nfünf\n".encode("latin-1"), r"line 2 is not UTF-8 \(byte 0xfc at 2\)"),
        ("one\n".encode("utf-16"), "line 1 begins a text in UTF-16"),
        ("one\n".encode("utf-16-be"), "line 1 holds a NUL"),
        ("\ufeffone\n".encode("utf-16-be"), "line 1 begins a text in UTF-16"),
        ("\ufeffone\n".encode("utf-32-be"), "line 1 begins a text in UTF-32"),
        ("one\n".encode("utf-32"), "line 1 begins a text in UTF-32"),
        (b"one\ntwo\0\n", "line 2 holds a NUL"),
        (b"one\n\xed\xa0\x80\n", "line 2 is not UTF-8"),
    ],
)
def test_what_is_no_utf_8_is_named_with_its_line(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UserError, match=f"a.txt, {message}") as caught:
        list(read_text(tmp_path / "a.txt"))
    assert "\n" not in str(caught.value)


@given(
    st.lists(st.text(st.characters(exclude_characters="\0\n", exclude_categories=("Cs",)))),
    st.sampled_from(["", ".gz", ".xz"]),
)
def test_lines_come_back_as_they_were_written(tmp_path_factory, lines, ending):
    path = tmp_path_factory.mktemp("text") / f"a{ending}"
    content = ("\ufeff" + "".join(f"{line}\n" for line in lines)).encode()
    path.write_bytes({"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[ending](content))
    assert list(read_text(path)) == [f"{line}\n" for line in lines]


@given(st.binary())
def test_any_bytes_are_what_python_decodes_or_one_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("text") / "a"
    path.write_bytes(content)
    try:
        expected = list(io.StringIO(content.decode("utf-8-sig"), newline="\n"))
    except UnicodeDecodeError:
        expected = None
    if expected is None or b"\0" in content:
        with pytest.raises(UserError, match="make it again"):
            list(read_text(path))
    else:
        assert list(read_text(path)) == expected


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    with gzip.open(path, "wb", compresslevel=1) if ending else path.open("wb") as stream:
        for _ in range(2 * MAX_LINE_BYTES >> 20):
            stream.write(b"a" * (1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="line 1 has more than 16 MiB"):
        list(read_text(path))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 4 * MAX_LINE_BYTES


def test_an_endless_device_is_refused():
    with pytest.raises(UserError, match="/dev/zero, line 1 holds a NUL"):
        list(read_text(Path("/dev/zero")))


def test_a_folder_is_named_and_a_missing_file_by_what_it_is(tmp_path):
    with pytest.raises(UserError, match="is a folder; the list must be a file"):
        list(read_text(tmp_path, "list"))
    with pytest.raises(UserError, match="no list at"):
        list(read_text(tmp_path / "none", "list"))


def test_a_pipe_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(TEXT,))
    writer.start()
    assert "".join(read_text(tmp_path / "pipe")) == TEXT
    writer.join()
