"""How far an installation is, from what pip says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.install_progress import MEGABYTES, SMALL_MEGABYTES, Meter, expected, known_as

PROJECT = Path(__file__).resolve().parents[2]
REQUIREMENTS = PROJECT / "tools/requirements"


def test_an_estimate_goes_by_the_size_of_what_is_fetched_and_then_of_what_is_unpacked():
    meter = Meter(["numpy", "torch", "tqdm", "scipy"], 0)
    meter.read("Collecting numpy==2.5.5", 1)
    assert meter.line(1) == "0 of 4 packages fetched, 1 s"
    meter.read("  Downloading numpy-2.5.5-cp312-cp312-manylinux_2_28_x86_64.whl (16.6 MB)", 1)
    assert meter.line(2) == "0 of 4 packages fetched, 2 s (now numpy)"
    meter.read("  Downloading https://a.b/whl/cpu/torch-2.11.0%2Bcpu-cp312-cp312-linux_x86_64.whl (190.0 MB)", 4)
    left = 4 * (MEGABYTES["torch"] + SMALL_MEGABYTES + MEGABYTES["scipy"]) / MEGABYTES["numpy"]
    assert meter.seconds_left(4) == pytest.approx(left)
    assert meter.seconds_left(14) == pytest.approx(left - 10), "while torch comes at the same speed"
    assert meter.line(4) == f"1 of 4 packages fetched, 4 s, about {left:.0f} s left (now torch)"
    meter.read("Requirement already satisfied: tqdm==4.70.1 in ./lib (from -r packages.txt (line 3)) (4.70.1)", 90)
    meter.read("Processing /my wheels/scipy-1.18.1-cp312-cp312-linux_x86_64.whl (from -r /a/packages.txt (line 4))", 91)
    assert meter.line(95) == "3 of 4 packages fetched, 95 s, about 3 s left (now scipy)"

    meter.read("Installing collected packages: numpy, torch, scipy", 100)
    assert meter.line(100) == "0 of 3 packages unpacked, 100 s"
    meter.unpacked(["numpy", "pip"], 106)
    assert meter.seconds_left(106) == pytest.approx(6 * (MEGABYTES["torch"] + MEGABYTES["scipy"]) / MEGABYTES["numpy"])
    meter.unpacked(["numpy", "torch", "scipy"], 200)
    assert meter.line(200) == "3 of 3 packages unpacked, 200 s, about 1 s left"


def test_what_comes_slower_than_before_has_at_least_the_time_of_the_rest():
    meter = Meter(["torch", "numpy", "scipy"], 0)
    meter.read("Downloading torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl (530 MB)", 0)
    meter.read("Using cached numpy-2.5.5-cp312-cp312-manylinux_2_28_x86_64.whl", 150)
    rest = 150 * MEGABYTES["scipy"] / MEGABYTES["torch"]
    assert meter.seconds_left(1000) == pytest.approx(rest)


def test_what_this_python_does_not_need_and_what_others_need_is_counted():
    meter = Meter(["scipy", "scipy", "torch"], 0)
    meter.read("Ignoring scipy: markers 'python_version < \"3.12\"' don't match your environment", 0)
    meter.read("Ignoring tomli: markers 'python_version < \"3.11\"' don't match your environment", 0)
    meter.read("Downloading torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl (530 MB)", 0)
    meter.read("Collecting nvidia-cudnn-cu12==9.10.2.21 (from torch==2.11.0+cu126)", 5)
    meter.read("  Downloading nvidia_cudnn_cu12-9.10.2.21-py3-none-manylinux_2_27_x86_64.whl.metadata (1.8 kB)", 5)
    assert meter.line(5).startswith("0 of 2 packages fetched"), (
        "what is read of a package beforehand is not the package"
    )
    meter.read("Downloading nvidia_cudnn_cu12-9.10.2.21-py3-none-manylinux_2_27_x86_64.whl (706.8 MB)", 5)
    assert meter.line(6).startswith("1 of 3 packages fetched")
    assert meter.line(6).endswith("(now nvidia-cudnn)")


def test_compiling_is_told_since_it_takes_a_minute():
    meter = Meter(["kenlm"], 0)
    meter.read("Collecting kenlm==0.3.0", 0)
    meter.read("  Downloading kenlm-0.3.0.tar.gz (427 kB)", 0)
    assert meter.line(1) == "0 of 1 packages fetched, 1 s (now kenlm)"
    meter.read("Building wheels for collected packages: kenlm", 3)
    meter.read("  Building wheel for kenlm (pyproject.toml): started", 3)
    assert meter.line(40) == "all packages fetched, 40 s (now compiling kenlm)"
    meter.read("  Building wheel for kenlm (pyproject.toml): finished with status 'done'", 50)
    meter.read("Installing collected packages: kenlm", 51)
    assert meter.line(51) == "0 of 1 packages unpacked, 51 s"


def test_a_package_has_one_name_however_it_is_written():
    assert [known_as(name) for name in ("MarkupSafe", "pydantic_core", " nvidia-cudnn-cu13", "ruamel.yaml")] == [
        "markupsafe",
        "pydantic-core",
        "nvidia-cudnn",
        "ruamel-yaml",
    ]


def test_what_weighs_most_is_what_the_lanes_install():
    files = [REQUIREMENTS / f"{name}.txt" for name in ("modern", "pypi", "tests", "k2")]
    names = {known_as(name) for path in files for name in expected(path.read_text(encoding="utf-8"))}
    assert set(MEGABYTES) <= names
    assert "r" not in names, "of -r tests.txt"


def test_the_lines_of_a_real_pip_become_a_few(tmp_path):
    """What is read are the lines of a real pip, which finds that a package is there."""
    (tmp_path / "packages.txt").write_text("# A comment.\n-r tests.txt\n\nnumpy>=1\ntqdm>=4\n")
    (tmp_path / "tests.txt").write_text("click>=8\n")
    words = ["install", "--no-index", "--no-deps", "--progress-bar", "off", "-r", tmp_path / "packages.txt"]
    pip = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True, check=True)
    program = [sys.executable, "-I", PROJECT / "tools/install_progress.py", tmp_path / "packages.txt"]
    said = subprocess.run([*program, "0"], input=pip.stdout, capture_output=True, text=True, check=True).stderr
    assert said.splitlines()[-1].startswith("install: 2 of 3 packages fetched, ")
    quiet = subprocess.run([*program, "3600"], input=pip.stdout, capture_output=True, text=True, check=True)
    assert (quiet.stdout, quiet.stderr) == ("", "")
