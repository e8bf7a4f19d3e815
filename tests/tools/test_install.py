"""The installer, with stubs in place of Python, cmake and the system's packages: nothing is installed, no network."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PROGRAMS = (
    "awk",
    "bash",
    "cat",
    "chmod",
    "cksum",
    "cp",
    "dirname",
    "env",
    "grep",
    "gzip",
    "head",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "sort",
    "tar",
    "true",
)

# A Python 3.10 that notes what it is asked for and makes environments of itself; $FAIL_ON makes a call fail, $INDEX is
# what it finds wrong with PyTorch's pages.
PYTHON = """#!/usr/bin/env bash
echo "$*" >>"$NOTES"
[[ -z ${FAIL_ON:-} || "$*" != *"$FAIL_ON"* ]] || exit 1
case "$*" in
  "- https://download.pytorch.org/"*) echo "${INDEX:-}" ;;
  *python_version*) echo "$VERSION" ;;
  *sys.executable*) echo "$0" ;;
  *ensurepip*) [[ " $* " == *" ${VERSION%.*} "* ]] ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *" download "*)
    while [[ $1 != -d ]]; do shift; done
    mkdir -p "$2/kenlm" && tar -czf "$2/kenlm-0.3.0.tar.gz" -C "$2" kenlm
    ;;
esac
"""

# Without $BOOST it cannot configure; its build makes programs that say 1, as KenLM's do.
CMAKE = """#!/usr/bin/env bash
echo "cmake $*" >>"$NOTES"
if [[ $1 == --build ]]; then
  mkdir -p "$2/bin"
  for program in lmplz build_binary query; do
    printf '#!/usr/bin/env bash\\nexit 1\\n' >"$2/bin/$program"
    chmod +x "$2/bin/$program"
  done
else
  [[ -e $BOOST ]] && mkdir -p "$4"
fi
"""

# A GPU as $GPU describes it: compute capability, driver, name.
NVIDIA_SMI = """#!/usr/bin/env bash
[[ "$*" == "--query-gpu=compute_cap,driver_version,name --format=csv,noheader" ]] || exit 2
echo "$GPU"
"""

APT_GET = """#!/usr/bin/env bash
echo "apt-get $*" >>"$NOTES"
[[ $* != *install* ]] || echo >"$BOOST"
"""


class Machine:
    """A bare machine with one checkout."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "a checkout"  # a space in the path must not matter
        self.bin = folder / "bin"
        self.notes = folder / "notes"
        self.bin.mkdir()
        for program in PROGRAMS:
            (self.bin / program).symlink_to(shutil.which(program))
        shutil.copytree(PROJECT / "tools/requirements", self.root / "tools/requirements")
        for name in ("setup.cfg", "tools/install.sh"):
            shutil.copy(PROJECT / name, self.root / name)
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(folder),
            "NOTES": str(self.notes),
            "BOOST": str(folder / "boost"),
            "VERSION": "3.10.13",
        }
        self.add("bin/cmake", CMAKE)
        self.add("bin/c++", "#!/usr/bin/env bash\n")
        (folder / "boost").touch()

    def add(self, path, text):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def install(self, *options, **environment):
        self.notes.write_text("")
        return subprocess.run(
            [self.root / "tools/install.sh", *options],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def has_pythons(self, *versions):
        for each in versions:
            self.add(f"bin/python{each}", PYTHON.replace("${VERSION%.*}", each))

    @property
    def pip_installs(self):
        return [call for call in self.calls if " pip " in call and " install " in call]

    @property
    def calls(self):
        return [line for line in self.notes.read_text().splitlines() if not line.startswith("-c ")]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.fixture
def installed(machine):
    machine.add("bin/python3.10", PYTHON)
    result = machine.install()
    assert result.returncode == 0, result.stderr
    return machine


def pins(*names):
    """What the files of these names pin, in their order."""
    lines = [line for name in names for line in (PROJECT / f"tools/requirements/{name}.txt").read_text().splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-r"))]


def packages(machine, environment):
    return (machine.root / environment / "packages.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lan", "pypi"], "unknown option --lan"),
        (["pypi"], "unknown option pypi"),
        (["--lane"], "--lane needs a value"),
        (["--lane", "conda"], "no lane 'conda'; allowed: pypi, modern, wheels"),
        (
            ["--lane", "pypi", "--torch", "cpu"],
            "--torch belongs to the lanes modern and wheels; the k2 of the lane pypi",
        ),
        (["--lane", "modern", "--torch", "12.6"], "no build of torch '12.6'; allowed: auto, pypi, cpu, or cu"),
        (["--lane", "modern", "--torch-release", "2.7.1"], "--torch-release belongs to --lane wheels"),
        (["--lane", "wheels", "--torch", "cu126"], "the lane wheels needs --torch-release"),
        (
            ["--lane", "wheels", "--torch-release", "2.7.1", "--torch", "pypi"],
            "a build of torch that k2 has a wheel for",
        ),
        (["--lane", "pypi", "--python", "/no/such/python"], "/no/such/python is not a Python that runs"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line_that_names_it(machine, options, message):
    result = machine.install(*options)
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (machine.root / ".venv").exists()


def test_help_is_the_comment_at_the_top(machine):
    result = machine.install("--help")
    assert result.returncode == 0
    assert "--lane pypi|modern" in result.stdout
    assert "#" not in result.stdout


def test_the_cp310_wheel_of_k2_is_refused_by_name_on_another_python(machine):
    python = machine.add("python", PYTHON)
    result = machine.install("--lane", "pypi", "--python", str(python), VERSION="3.12.1")
    assert result.returncode == 1
    assert "Python 3.12.1" in result.stderr
    assert "k2 wheel" in result.stderr
    assert "cp310" in result.stderr
    assert not (machine.root / ".venv").exists()


def test_the_lane_modern_takes_3_11_and_refuses_3_10_without_talking_of_k2(machine):
    python = machine.add("python", PYTHON)
    assert machine.install("--lane", "modern", "--python", str(python), VERSION="3.11.7").returncode == 0
    assert (machine.root / ".venv-modern/pyspeech.stamp").exists()
    refused = machine.install("--lane", "modern", "--python", str(python), VERSION="3.10.13")
    assert "needs one of: 3.12 3.11" in refused.stderr
    assert "k2" not in refused.stderr


def test_without_any_python_one_line_says_how_to_get_one(machine):
    result = machine.install("--lane", "pypi")
    assert result.returncode == 1
    assert "no Python 3.10 found" in result.stderr
    assert "uv python install 3.10" in result.stderr


def test_a_shim_that_fails_is_passed_over_for_the_version_that_pyenv_holds(machine):
    machine.add("bin/python3.10", "#!/usr/bin/env bash\nexit 127\n")
    python = machine.add(".pyenv/versions/3.10.13/bin/python", PYTHON)
    result = machine.install()
    assert result.returncode == 0, result.stderr
    assert f"with {python}" in result.stderr


def test_uv_is_asked_when_neither_the_path_nor_pyenv_has_a_python(machine):
    python = machine.add("elsewhere/python3.10", PYTHON)
    machine.add("bin/uv", f'#!/usr/bin/env bash\n[[ $2 != find ]] || echo "{python}"\n')
    result = machine.install()
    assert result.returncode == 0, result.stderr
    assert f"with {python}" in result.stderr


def test_only_what_is_pinned_is_installed(installed):
    pip = installed.pip_installs
    assert len(pip) == 3
    assert "--no-deps -r" in pip[0]
    assert "/packages.txt" in pip[0]
    assert packages(installed, ".venv") == pins("pypi", "tests")
    assert "--no-deps --force-reinstall --require-hashes -r" in pip[1]
    assert "requirements/k2.txt" in pip[1]
    assert "--no-deps --no-build-isolation -e" in pip[2]


H200 = "9.0, 550.54.15, NVIDIA H200"


@pytest.mark.parametrize(
    ("pythons", "gpu", "lane", "why"),
    [
        (["3.10", "3.12"], "", "pypi", "with k2"),
        (["3.10", "3.12"], "8.9, 535.54.03, NVIDIA L4", "pypi", "torch 1.13 knows the GPU, NVIDIA L4, compute cap"),
        (["3.10", "3.12"], H200, "modern", "the GPU, NVIDIA H200, has compute capability 9.0, and torch 1.13,"),
        (["3.10", "3.11"], f"7.0, 550.54.15, Tesla V100\n{H200}", "modern", "the GPU, NVIDIA H200, has compute"),
        (["3.10", "3.12"], "12.0, 570.86.10, NVIDIA B40", "modern", "the GPU, NVIDIA B40, has compute capability 12.0"),
        (["3.12"], "", "modern", "/python3.12 is here, and no Python 3.10, which PyPI's k2 is for"),
        (["3.11"], "8.0, 535.54.03, NVIDIA A100", "modern", "/python3.11 is here, and no Python 3.10"),
        (["3.10"], "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "pypi", "with k2"),
        (["3.10"], 'Field "compute_cap" is not a valid field to query.', "pypi", "with k2"),
    ],
)
def test_the_lane_is_chosen_by_the_machine_and_said_with_the_reason(machine, pythons, gpu, lane, why):
    machine.has_pythons(*pythons)
    if gpu:
        machine.add("bin/nvidia-smi", NVIDIA_SMI)
    result = machine.install(GPU=gpu)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{machine.root}/.venv{'' if lane == 'pypi' else '-modern'}/bin/python\n"
    said = result.stderr.splitlines()[0]
    assert said.startswith(f"install: lane {lane}: ")
    assert why in said


def test_a_python_that_is_given_has_a_say_in_the_lane(machine):
    machine.has_pythons("3.10")
    python = machine.add("python", PYTHON)
    assert "lane modern: " in machine.install("--python", str(python), VERSION="3.12.1").stderr
    assert (machine.root / ".venv-modern/bin/python").exists()


def test_the_environment_that_is_here_is_kept_and_of_two_the_machine_chooses(machine):
    machine.has_pythons("3.10", "3.12")
    machine.add("bin/nvidia-smi", NVIDIA_SMI)
    assert machine.install("--lane", "modern", GPU="").returncode == 0
    assert "lane modern: its environment is here already" in machine.install(GPU="").stderr
    assert machine.calls == []
    assert machine.install("--lane", "pypi", GPU="").returncode == 0
    assert "lane pypi: with k2" in machine.install(GPU="").stderr
    assert "lane modern: the GPU, NVIDIA H200" in machine.install(GPU=H200).stderr
    assert machine.calls == []


@pytest.mark.parametrize(
    ("gpu", "build"),
    [
        ("", "cpu"),
        (H200, "cu126"),
        ("9.0, 580.65.06, NVIDIA H200", "pypi"),
        ("7.0, 580.65.06, Tesla V100", "cu126"),
        ("12.0, 570.86.10, NVIDIA B40", "cu128"),
        ("12.0, 590.10.01, NVIDIA B40", "pypi"),
    ],
)
def test_the_build_of_torch_is_chosen_by_the_gpu_and_its_driver(machine, gpu, build):
    machine.has_pythons("3.12")
    if gpu:
        machine.add("bin/nvidia-smi", NVIDIA_SMI)
    result = machine.install("--lane", "modern", GPU=gpu)
    assert result.returncode == 0, result.stderr
    assert f"build {build} (" in result.stderr
    index = [call for call in machine.pip_installs if "download.pytorch.org" in call]
    if build == "pypi":
        assert index == []
        assert packages(machine, ".venv-modern") == pins("modern", "tests")
        return
    (call,) = index
    assert f"--index-url https://download.pytorch.org/whl/{build} " in call
    wanted = [f"{pin}+{build}" for pin in pins("modern") if pin.startswith("torch")]
    assert call.split()[-2:] == wanted
    assert len(wanted) == 2


def test_a_build_that_is_asked_for_is_kept_and_changed_when_another_is(machine):
    machine.has_pythons("3.10", "3.12")
    result = machine.install("--torch", "cpu")
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("install: lane modern: --torch cpu; the k2 of the lane pypi is linked to")
    first, second, _ = machine.pip_installs
    assert first.endswith(f"--no-deps -r {machine.root}/.venv-modern/packages.txt")
    assert "--index-url https://download.pytorch.org/whl/cpu torch==" in second
    for options in ([], ["--torch", "cpu"], ["--torch", "auto"], ["--lane", "modern"]):
        assert machine.install(*options).returncode == 0
        assert machine.calls == []
    assert machine.install("--torch", "cu126").returncode == 0
    assert any(call.startswith("-m venv") for call in machine.calls)
    assert machine.install("--torch", "cu126").returncode == 0
    assert machine.calls == []


def test_an_index_that_lacks_the_build_is_one_line_and_what_was_there_stays(machine):
    machine.has_pythons("3.12")
    assert machine.install("--torch", "pypi").returncode == 0
    trouble = "https://download.pytorch.org/whl/cu118/torch/ has no wheel"
    refused = machine.install("--torch", "cu118", INDEX=trouble)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"error: {trouble}, so there is no build cu118 of torch; choose another --torch"
    )
    assert machine.install("--torch", "pypi").returncode == 0
    assert machine.calls == []


def test_where_the_index_does_not_answer_pypi_does_unless_a_build_was_asked_for(machine):
    """By a real Python, whose way to the network is closed."""
    python = PYTHON.replace('echo "${INDEX:-}"', f'exec "{sys.executable}" "$@"')
    machine.add("bin/python3.12", python.replace("${VERSION%.*}", "3.12"))
    closed = {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    refused = machine.install("--torch", "cpu", **closed)
    assert refused.returncode == 1
    error = refused.stderr.splitlines()[-1]
    assert error.startswith("error: https://download.pytorch.org/whl/cpu/torch/ cannot be read (")
    assert error.endswith("so there is no build cpu of torch; choose another --torch")
    assert not (machine.root / ".venv-modern").exists()
    chosen = machine.install(**closed)
    assert chosen.returncode == 0, chosen.stderr
    assert "not torch's build cpu (no GPU is found" in chosen.stderr
    assert packages(machine, ".venv-modern") == pins("modern", "tests")


def test_the_lane_wheels_takes_torch_from_its_index_and_remembers_which(machine):
    python = PYTHON.replace(
        "case", 'case "$*" in "- https://k2-fsa"*) echo 1.24.4.dev20250715+cpu.torch2.7.1 ;; esac\ncase'
    )
    machine.add("bin/python3.12", python.replace("${VERSION%.*}", "3.12"))
    result = machine.install("--lane", "wheels", "--torch-release", "2.7.1")
    assert result.returncode == 0, result.stderr
    _, torch, k2, _ = machine.pip_installs
    assert torch.endswith("--index-url https://download.pytorch.org/whl/cpu torch==2.7.1+cpu torchaudio==2.7.1+cpu")
    assert machine.install("--lane", "wheels", "--torch-release", "2.13.0").returncode == 0
    assert machine.pip_installs[1].endswith(" torch==2.13.0+cpu torchaudio==2.11.0+cpu"), "the last of torchaudio"
    assert k2.endswith("-f https://k2-fsa.github.io/k2/cpu.html k2==1.24.4.dev20250715+cpu.torch2.7.1")
    others = packages(machine, ".venv-wheels")
    assert not [each for each in others if each.startswith(("torch", "nvidia", "cuda", "triton", "networkx", "numpy="))]
    assert "numpy" in others
    assert "lane wheels: its environment is here already" in machine.install().stderr
    assert machine.calls == []


def test_the_wheel_of_k2_is_known_by_its_hash():
    lines = (PROJECT / "tools/requirements/k2.txt").read_text().splitlines()
    (pin,) = (line for line in lines if not line.startswith("#"))
    assert re.fullmatch(r"k2==1\.23\.4 --hash=sha256:[0-9a-f]{64}", pin)


def test_a_second_run_does_nothing(installed):
    for result in (installed.install("--lane", "pypi"), installed.install()):
        assert result.returncode == 0
        assert result.stdout == f"{installed.root}/.venv/bin/python\n"
        assert installed.calls == []
    (line,) = result.stderr.splitlines()
    assert line == f"install: lane pypi: its environment is here already, {installed.root}/.venv"


def test_an_interrupted_installation_is_made_anew(machine):
    machine.add("bin/python3.10", PYTHON)
    assert machine.install(FAIL_ON="version-check check").returncode == 1
    leftover = machine.root / ".venv/half a package"
    leftover.touch()
    assert machine.install().returncode == 0
    assert not leftover.exists()
    assert machine.install("--lane", "pypi").stderr == ""


def test_changed_requirements_bring_the_environment_up_to_date_in_place(installed):
    kept = installed.root / ".venv/kept"
    kept.touch()
    with (installed.root / "tools/requirements/tests.txt").open("a") as stream:
        stream.write("another==1.0\n")
    result = installed.install()
    assert "requirements changed" in result.stderr
    assert "another==1.0" in packages(installed, ".venv")
    assert any(call.endswith(" uninstall -qq --yes pyspeech") for call in installed.calls)
    assert kept.exists()


def test_an_environment_that_was_moved_is_made_anew_since_its_scripts_name_the_old_place(installed):
    installed.root = installed.root.rename(installed.folder / "moved")
    assert installed.install().returncode == 0
    assert any(call.startswith("-m venv") for call in installed.calls)
    assert installed.install("--lane", "pypi").stderr == ""


def test_a_program_of_kenlm_that_no_longer_runs_is_built_again(installed):
    lmplz = installed.root / "tools/kenlm/bin/lmplz"
    lmplz.write_text("#!/usr/bin/env bash\nexit 127\n")  # what the loader says of a missing library
    result = installed.install()
    assert "building KenLM 0.3.0" in result.stderr
    assert "exit 1" in lmplz.read_text()


def test_missing_boost_is_installed_by_root_or_named(machine):
    machine.add("bin/python3.10", PYTHON)
    (machine.folder / "boost").unlink()
    refused = machine.install()
    assert refused.returncode == 1
    assert "libboost-program-options-dev" in refused.stderr
    assert not (machine.root / "tools/kenlm/version").exists()

    machine.add("bin/apt-get", APT_GET)
    machine.add("bin/sudo", '#!/usr/bin/env bash\nshift\nexec "$@"\n')
    assert machine.install().returncode == 0
    asked = [call for call in machine.calls if call.startswith("apt-get")]
    assert asked[0].startswith("apt-get update")
    assert "libboost-thread-dev" in asked[1]
    assert (machine.root / "tools/kenlm/bin/lmplz").exists()


def test_a_missing_compiler_is_named_before_anything_is_downloaded(machine):
    machine.add("bin/python3.10", PYTHON)
    (machine.bin / "c++").unlink()
    refused = machine.install()
    assert refused.returncode == 1
    assert "a C++ compiler" in refused.stderr
    assert not any("pip" in call for call in machine.calls)


@pytest.mark.parametrize("lane", ["pypi", "modern", "tests"])
def test_requirements_are_exact_versions_and_nothing_else(lane):
    lines = (PROJECT / f"tools/requirements/{lane}.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#") and line != "-r tests.txt"]
    for pin in pins:
        assert re.fullmatch(
            r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*(; (python_version|sys_platform) [<>=]+ \"[^\"]+\")?", pin
        )
    names = [(pin.split("==")[0].lower().replace("_", "-"), pin.partition(";")[2]) for pin in pins]
    assert len(set(names)) == len(names)


def test_the_installer_is_executable():
    assert os.access(PROJECT / "tools/install.sh", os.X_OK)


@pytest.mark.skipif(version("torch").partition("+")[0] != "1.13.1", reason="not the lane pypi")
def test_the_lane_pypi_has_the_k2_that_other_tests_would_be_skipped_without():
    assert importlib.import_module("k2").ctc_topo
