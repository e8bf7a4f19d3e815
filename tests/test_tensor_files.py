import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from pyspeech.errors import UserError
from pyspeech.files import complete
from pyspeech.tensor_files import DIGESTS, HEADER, read_header, read_tensors, write_tensors
from tests.damage import flipped_bytes

TENSORS = {
    "a.weight": torch.arange(12.0).reshape(3, 4),
    "a.half": torch.ones(2, dtype=torch.bfloat16),
    "a.flags": torch.tensor([True, False]),
    "b.count": torch.tensor(5),
    "b.none": torch.zeros(0, 3, dtype=torch.int32),
    "b.turned": torch.arange(6, dtype=torch.float64).reshape(2, 3).T,
}
VALUES = {"steps": [1, 2], "of": "ÉTÉ"}


def read(path, begin=""):
    return read_tensors(path, "model", "train again", begin)


@pytest.fixture
def path(tmp_path):
    write_tensors(tmp_path / "m.safetensors", TENSORS, VALUES)
    return tmp_path / "m.safetensors"


def test_tensors_and_header_are_read_as_they_were_written(path):
    found = read(path)
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
    assert read(path, "b.").keys() == {"b.count", "b.none", "b.turned"}
    assert read_header(path, "model", "train again") == VALUES


def test_the_same_gives_the_same_bytes(tmp_path):
    found = set()
    for _ in range(30):  # the library orders its metadata by chance
        write_tensors(tmp_path / "a", {"ä": torch.arange(3), "b": torch.ones(2, 2)}, {"text": "ö"})
        found.add((tmp_path / "a").read_bytes())
    assert len(found) == 1


def test_a_file_without_digests_as_earlier_versions_wrote_it_is_read(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(save({"x": torch.ones(2)}, {HEADER: "{}"}))
    assert read(path)["x"].tolist() == [1, 1]
    assert read_header(path, "model", "train again") == {}


def test_flipped_bits_are_an_error_or_change_nothing(path):
    for _, content in flipped_bytes(path.read_bytes(), 600):
        path.write_bytes(content)
        with suppress(UserError):
            assert all(torch.equal(read(path)[name], tensor) for name, tensor in TENSORS.items())
        with suppress(UserError):
            assert read_header(path, "model", "train again") == VALUES


@pytest.mark.parametrize("part", ["a.", "b."])
def test_a_tensor_that_another_name_hides_is_missed(path, part):
    content = path.read_bytes()
    place = content.rindex(f'"{part}'.encode())  # behind the digests
    path.write_bytes(content[: place + 1] + b"c" + content[place + 2 :])
    with pytest.raises(UserError, match=rf"m\.safetensors is not a whole .*tensor '{part}\w+'.*; train again"):
        read(path, part)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value, kind):
    write_tensors(tmp_path / "m.safetensors", {"x": torch.tensor([1, value], dtype=kind)}, {})
    with pytest.raises(UserError, match=r"m\.safetensors .*tensor 'x': holds NaN or infinity.*; train again"):
        read(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no header of pyspeech"),
        ({"other": "{}"}, "no header of pyspeech"),
        ({HEADER: "[1]"}, "its header is no object, but list"),
        ({HEADER: "{"}, "Expecting"),
        ({HEADER: "[" * 100_000}, "nested more than"),
        ({HEADER: "{}", DIGESTS: "[]"}, "its digests are no object"),
        ({HEADER: "{}", DIGESTS: json.dumps({"x": "0"})}, "its header was changed"),
    ],
)
def test_another_header_is_refused(tmp_path, metadata, message):
    (tmp_path / "m.safetensors").write_bytes(save({"x": torch.ones(1)}, metadata))
    with pytest.raises(UserError, match=rf"m\.safetensors is not a whole .*{message}.*; train again$") as caught:
        read_header(tmp_path / "m.safetensors", "model", "train again")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 8 + b"{}", b"\2" + bytes(7) + b"{}"])
def test_what_is_no_such_file_is_named(tmp_path, content):
    (tmp_path / "m.safetensors").write_bytes(content)
    if content != b"\2" + bytes(7) + b"{}":  # a file of no tensors
        with pytest.raises(UserError, match=r"m\.safetensors is not a whole safetensors file"):
            read(tmp_path / "m.safetensors")
    with pytest.raises(UserError, match=r"m\.safetensors is not a whole safetensors file"):
        read_header(tmp_path / "m.safetensors", "model", "train again")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become a user without rights")
def test_a_file_that_may_not_be_read_while_another_is_written_is_what_is_named():
    with tempfile.TemporaryDirectory() as folder:  # of all users, which those of pytest are not
        path = Path(folder) / "m.safetensors"
        write_tensors(path, TENSORS, VALUES)
        path.chmod(0)
        path.parent.chmod(0o777)
        os.seteuid(65534)
        try:
            for reader in (read_tensors, read_header):
                with (
                    pytest.raises(UserError, match=r"^cannot read the model .*m\.safetensors \(.*\); are you allowed"),
                    complete(path.with_name("out")),
                ):
                    reader(path, "model", "train again")
        finally:
            os.seteuid(0)


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="no model at"):
        read(tmp_path / "m.safetensors")
    with pytest.raises(UserError, match="is a folder or a pipe; the model must be a file"):
        read(tmp_path)
