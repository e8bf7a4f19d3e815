"""The installer, with stubs in place of Python, cmake and the system's packages: nothing is installed, no network."""

import importlib
import os
import re
import shutil
import subprocess
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
    "gzip",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "tar",
    "true",
)

# A Python 3.10 that notes what it is asked for and makes environments of itself; $FAIL_ON makes a call fail.
PYTHON = """#!/usr/bin/env bash
echo "$*" >>"$NOTES"
[[ -z ${FAIL_ON:-} || "$*" != *"$FAIL_ON"* ]] || exit 1
case "$*" in
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lan", "pypi"], "unknown option --lan"),
        (["pypi"], "unknown option pypi"),
        (["--lane"], "--lane needs a value"),
        (["--lane", "conda"], "no lane 'conda'; allowed: pypi, modern, wheels"),
        (["--torch", "2.7.1"], "--torch and --cuda belong to --lane wheels"),
        (["--lane", "wheels"], "the lane wheels needs --torch and --cuda"),
        (["--python", "/no/such/python"], "/no/such/python is not a Python that runs"),
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
    result = machine.install("--python", str(python), VERSION="3.12.1")
    assert result.returncode == 1
    assert "Python 3.12.1" in result.stderr
    assert "k2 wheel" in result.stderr
    assert "cp310" in result.stderr
    assert not (machine.root / ".venv").exists()


def test_the_lane_modern_takes_3_11_and_refuses_3_10_without_talking_of_k2(machine):
    python = machine.add("python", PYTHON)
    assert machine.install("--lane", "modern", "--python", str(python), VERSION="3.11.7").returncode == 0
    refused = machine.install("--lane", "modern", "--python", str(python), VERSION="3.10.13")
    assert "needs one of: 3.12 3.11" in refused.stderr
    assert "k2" not in refused.stderr


def test_without_any_python_one_line_says_how_to_get_one(machine):
    result = machine.install()
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
    pip = [call for call in installed.calls if " pip " in call and " install " in call]
    assert len(pip) == 3
    assert "--no-deps -r" in pip[0]
    assert "requirements/pypi.txt" in pip[0]
    assert "--no-deps --force-reinstall --require-hashes -r" in pip[1]
    assert "requirements/k2.txt" in pip[1]
    assert "--no-deps --no-build-isolation -e" in pip[2]


def test_the_wheel_of_k2_is_known_by_its_hash():
    lines = (PROJECT / "tools/requirements/k2.txt").read_text().splitlines()
    (pin,) = (line for line in lines if not line.startswith("#"))
    assert re.fullmatch(r"k2==1\.23\.4 --hash=sha256:[0-9a-f]{64}", pin)


def test_a_second_run_does_nothing(installed):
    result = installed.install()
    assert result.returncode == 0
    assert result.stderr == ""
    assert installed.calls == []


def test_an_interrupted_installation_is_made_anew(machine):
    machine.add("bin/python3.10", PYTHON)
    assert machine.install(FAIL_ON="version-check check").returncode == 1
    leftover = machine.root / ".venv/half a package"
    leftover.touch()
    assert machine.install().returncode == 0
    assert not leftover.exists()
    assert machine.install().stderr == ""


def test_changed_requirements_bring_the_environment_up_to_date_in_place(installed):
    kept = installed.root / ".venv/kept"
    kept.touch()
    with (installed.root / "tools/requirements/tests.txt").open("a") as stream:
        stream.write("another==1.0\n")
    result = installed.install()
    assert "requirements changed" in result.stderr
    assert any("pypi.txt" in call for call in installed.calls)
    assert any(call.endswith(" uninstall -qq --yes pyspeech") for call in installed.calls)
    assert kept.exists()


def test_an_environment_that_was_moved_is_made_anew_since_its_scripts_name_the_old_place(installed):
    installed.root = installed.root.rename(installed.folder / "moved")
    assert installed.install().returncode == 0
    assert any(call.startswith("-m venv") for call in installed.calls)
    assert installed.install().stderr == ""


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
