import shutil
import subprocess

import pytest

from pyspeech.processor import is_amd, multiplies_bf16


@pytest.mark.skipif(shutil.which("lscpu") is None, reason="needs lscpu, which this system does not have")
def test_the_processor_is_the_one_that_lscpu_describes():
    said = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
    assert is_amd() == ("AuthenticAMD" in said)
    assert multiplies_bf16() == ("amx_bf16" in said.split())
