import shutil
import subprocess

import pytest

from pyspeech import processor
from pyspeech.processor import is_amd, multiplies_bf16


@pytest.mark.skipif(shutil.which("lscpu") is None, reason="needs lscpu, which this system does not have")
def test_the_processor_is_the_one_that_lscpu_describes():
    said = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
    assert is_amd() == ("AuthenticAMD" in said)
    assert multiplies_bf16() == ("amx_bf16" in said.split())


@pytest.mark.parametrize(
    ("says", "there"),
    [
        ("echo 'GPU 0: NVIDIA H200 (UUID: GPU-8a5b)'", True),
        ("echo 'No devices found.'", False),
        ("echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver'; exit 9", False),
    ],
)
def test_a_gpu_is_there_where_its_device_is_or_nvidia_smi_lists_it(says, there, tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "DEVICES", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not processor.has_nvidia_gpu()
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{says}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert processor.has_nvidia_gpu() == there
    (tmp_path / "nvidiactl").touch()  # of the driver, whether or not it has a GPU
    assert processor.has_nvidia_gpu() == there
    (tmp_path / "nvidia0").touch()
    assert processor.has_nvidia_gpu()
