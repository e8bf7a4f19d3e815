import io
import resource
import struct
import subprocess
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyspeech.arrays import (
    REAL,
    TEXT,
    WHOLE,
    check_finite,
    check_form,
    check_names,
    check_places,
    check_range,
    parse_npy,
    read_npz,
)
from tests.damage import flipped_bytes

KINDS = st.sampled_from(["<i4", ">i2", "|u1", "<f2", "<f4", ">f8", "?", "<U3", "|S2"])
PLENTY = 1 << 20


def npy_of(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_that_says(shape, descr="'<f4'", content=b""):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@given(hnp.arrays(KINDS, hnp.array_shapes(min_dims=0, min_side=0)), st.sampled_from("CF"))
def test_any_array_of_numbers_or_text_is_read_as_numpy_reads_it(array, order):
    content = npy_of(np.asarray(array, order=order))
    expected = np.load(io.BytesIO(content))
    found = parse_npy(content, "a")
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x04\x00" + bytes(100),
        npy_of(np.arange(5))[:-1],
        npy_of(np.arange(5)) + b"\0",
        npy_that_says("(1000000000000,)"),
        npy_that_says("(1000000000000, 0, 1000000000000)", content=b"1234"),
        npy_that_says("(-2, -3)", content=bytes(24)),
        npy_that_says("(2, -1)", content=bytes(8)),
        npy_that_says("(True, 2.0)", content=bytes(8)),
        npy_that_says("(1,)", "'|O'", bytes(8)),
        npy_that_says("(1,)", "'O8,i4'", bytes(12)),
        npy_that_says("(100000000000,)", "'<U0'"),
        npy_that_says("(100000000000,)", "'|V0'"),
        npy_that_says("(1,)", "()"),
        npy_that_says("(1,)", "[1]"),
        npy_that_says("(1,)", "{'a': 1}"),
        npy_that_says("(1,)", "'no type'"),
        npy_that_says("(1,", bytes(4)),
        npy_that_says("(1,)", "(" * 3000),
        npy_that_says("(1,)", "-" * 9000 + "1"),
        npy_that_says("__import__('os')"),
        npy_that_says("(" + "9" * 5000 + ",)"),
    ],
)
def test_what_is_no_array_or_not_as_large_as_it_says_is_refused_at_once(content):
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, limits[1]))
    try:
        with pytest.raises(ValueError, match="array 'a': "):
            parse_npy(content, "a")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_flipped_bits_of_a_header_are_an_error_or_other_values_of_the_same_size():
    content = npy_of(np.arange(12, dtype=np.float32).reshape(3, 4))
    for _, changed in flipped_bytes(content, 200):
        with suppress(ValueError):
            assert parse_npy(changed, "a").nbytes == 48


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_an_archive_are_read_by_name(tmp_path, save):
    save(tmp_path / "a.npz", one=np.arange(3), two=np.array(["x"]), other=np.array([{}], dtype=object))
    found = read_npz(tmp_path / "a.npz", ("one", "two"), PLENTY)
    assert {name: array.tolist() for name, array in found.items()} == {"one": [0, 1, 2], "two": ["x"]}
    with pytest.raises(ValueError, match="three"):
        read_npz(tmp_path / "a.npz", ("one", "three"), PLENTY)
    with pytest.raises(ValueError, match="Python's objects"):
        read_npz(tmp_path / "a.npz", ("other",), PLENTY)


def test_more_than_can_be_right_is_not_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", one=np.zeros(200_000), two=np.zeros(200_000))
    assert (tmp_path / "a.npz").stat().st_size < 20_000
    assert len(read_npz(tmp_path / "a.npz", ("one",), 2_000_000)["one"]) == 200_000
    with pytest.raises(ValueError, match=r"promise 3200\d{3} bytes, more than the 2000000 that can be right"):
        read_npz(tmp_path / "a.npz", ("one", "two"), 2_000_000)


# Reads an archive whose array unpacks to 96 MiB, though it says that it is small, in 48 MiB beyond what is in use.
BOMB = """
import resource, sys
from pathlib import Path
from pyspeech.arrays import read_npz
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (48 << 20),) * 2)
try:
    read_npz(Path(sys.argv[1]), ("a",), 1 << 20)
except ValueError as error:
    print("refused", error)
"""


def test_an_archive_that_lies_of_its_size_is_not_unpacked_either(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as stream:
        for _ in range(96):
            stream.write(bytes(1 << 20))
    content = path.read_bytes()
    assert len(content) < 1 << 20
    path.write_bytes(content.replace(struct.pack("<I", 96 << 20), struct.pack("<I", 1 << 20)))
    done = subprocess.run([sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused Bad CRC-32")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_compress_are_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("a.npy", npy_of(np.zeros(100)))
    with pytest.raises(ValueError, match="compressed in a way that numpy does not use"):
        read_npz(tmp_path / "a.npz", ("a",), PLENTY)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_flipped_bits_of_an_archive_are_an_error_or_change_nothing(tmp_path, save):
    arrays = {"one": np.arange(30, dtype=np.int32), "two": np.array(["x", "yz"])}
    save(tmp_path / "a.npz", **arrays)
    for _, content in flipped_bytes((tmp_path / "a.npz").read_bytes(), 200):
        (tmp_path / "b.npz").write_bytes(content)
        with suppress(ValueError):
            found = read_npz(tmp_path / "b.npz", ("one", "two"), PLENTY)
            assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


def test_a_file_that_is_not_there_is_not_taken_for_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "a.npz", ("a",), PLENTY)


def test_checks_name_the_array_what_was_found_and_what_was_expected():
    for check, message in (
        (
            lambda: check_form("a", np.zeros((2, 3)), WHOLE, 2, None),
            r"float64 of shape \(2, 3\), expected whole numbers",
        ),
        (lambda: check_form("a", np.zeros((2, 3)), REAL, 3, None), r"of shape \(2, 3\), expected real .* \(3, any\)"),
        (lambda: check_form("a", np.zeros(2), REAL, 2, None), r"of shape \(2,\)"),
        (lambda: check_form("a", np.zeros(2, np.bool_), WHOLE, 2), "bool of shape"),
        (lambda: check_form("a", np.zeros(2), TEXT, 2), "expected text"),
        (lambda: check_range("a", np.array([1, -2]), 0, 5), "holds -2, expected 0 to 5"),
        (lambda: check_range("a", np.array([1, 6]), 0, 5), "holds 6, expected 0 to 5"),
        (lambda: check_range("a", np.array([1, np.nan]), 0, 5), "holds nan"),
        (lambda: check_finite("a", np.array([1, -np.inf])), "holds -inf"),
        (lambda: check_finite("a", np.array([np.nan, 1], np.float32)), "holds nan"),
        (lambda: check_places("a", np.array([True, False]), "more"), "at place 1, expected more"),
        (lambda: check_names("a", np.zeros(2)), "expected text"),
        (lambda: check_names("a", [["b"]]), "expected a list of names"),
        (lambda: check_names("a", {"b": 1}), "expected a list of names"),
        (lambda: check_names("a", ["b", "c", "c", "b"]), "'c' comes twice"),
        (lambda: check_names("a", ["b\0"]), "NUL"),
        (lambda: check_names("a", ["\udfff"]), "half of a character"),
        (lambda: check_names("a", np.array(["a"]).view(np.uint32).astype(">u4").view("<U1")), "expected 0 to 1114111"),
    ):
        with pytest.raises(ValueError, match=f"^array 'a.*': .*{message}"):
            check()
    check_form("a", np.zeros((2, 3), np.uint8), WHOLE, 2, None)
    check_range("a", np.zeros(0), 1, 2)
    check_finite("a", np.array([np.finfo(np.float32).max], np.float32))
    assert check_names("a", np.array(["x", "ÉTÉ"])) == check_names("a", ["x", "ÉTÉ"]) == ("x", "ÉTÉ")
