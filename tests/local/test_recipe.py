"""The shell helper of all recipes, with a stub in place of Python."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from recipe_runs import STUB, write_script

from tests.processes import is_alive, wait_until

PROJECT = Path(__file__).resolve().parents[2]

RUN_SH = """#!/usr/bin/env bash
# A toy recipe.
# Usage: ./run.sh [--stage 4]
recipe_script=$(readlink -f "$0") && . "${recipe_script%/*}/../../local/recipe.sh" || exit

corpus_dir=          # the unpacked corpus
model=bilstm_ctc     # tdnn_lstm or bilstm_ctc
lm_order=2
augment=true
lm_text=()           # prose
parse_options "$@"
corpus=$(find_corpus toys "$corpus_dir")

if stage 1 "Prepare"; then
  python prepare.py "$corpus" "$model" "$lm_order" "$augment"
fi

if stage 4 "Train"; then
  pyspeech train "$model"
fi

if stage 7 "Score"; then
  pyspeech score "${lm_text[@]}"
fi
"""


@pytest.fixture
def project(tmp_path):
    """A clone with one recipe, recipes/toy, and a stub Python."""
    root = tmp_path / "a clone"  # a space in the path must not matter
    for folder in ("local", "tools", "recipes/toy", "pyspeech"):
        (root / folder).mkdir(parents=True)
    for name in ("local/recipe.sh", "pyspeech/process_lifetime.py", "pyspeech/recipe_lock.py"):
        shutil.copy(PROJECT / name, root / name)
    write_script(root / "recipes/toy/run.sh", RUN_SH)
    write_script(root / "stub/python", STUB)
    return root


def environment(project, **extra):
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"PYSPEECH_PYTHON": str(project / "stub/python")} | extra


def run(project, *options, **extra):
    return call(["recipes/toy/run.sh", *options], project, project, **extra)


def call(command, cwd, project, stdin=None, **extra):
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment(project, **extra),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def edit_recipe(project, old, new):
    path = project / "recipes/toy/run.sh"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def resume_command(stderr):
    return re.findall(r"resume with: (.*?)\)?$", stderr, re.MULTILINE)[-1]


def test_every_stage_runs_in_order_in_the_folder_of_the_recipe(project):
    done = run(project)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "python prepare.py download/toys bilstm_ctc 2 true",
        "python -m pyspeech train bilstm_ctc",
        "python -m pyspeech score",
    ]
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d Stage 4: Train  \(resume with: ", done.stderr, re.MULTILINE)
    assert re.search(r"^Stage 1 took \d+ s$", done.stderr, re.MULTILINE)


def test_the_last_line_is_the_score(project):
    done = call(["bash", "-c", "recipes/toy/run.sh 2>&1 | tail -n 1"], project, project)
    assert done.stdout == "python -m pyspeech score\n"


def test_stage_and_stop_stage_select_a_span(project):
    assert run(project, "--stage", "4", "--stop-stage", "04").stdout == "python -m pyspeech train bilstm_ctc\n"
    assert run(project, "--stop-stage=1").stdout.count("\n") == 1


def test_every_declared_variable_is_an_option_in_two_forms(project):
    done = run(project, "--model", "two words", "--lm-order=3", "--augment", "false", "--stop-stage", "1")
    assert done.stdout == "python prepare.py download/toys two words 3 false\n"


class TestAnArray:
    def test_may_be_given_several_times_and_the_resume_command_says_it_again(self, project):
        words = ("--lm-text", "my text.txt", "--lm-text=/b.txt", "--stage", "7")
        done = run(project, *words)
        assert done.stdout == f"python -m pyspeech score {project}/my text.txt /b.txt\n"
        command = shlex.split(resume_command(run(project, *words, FAIL="score").stderr))
        assert command[1:] == ["--lm-text", "my text.txt", "--lm-text", "/b.txt", "--stage", "7"]

    def test_may_be_left_out_or_empty(self, project):
        assert run(project, "--stage", "7").stdout == "python -m pyspeech score\n"
        assert run(project, "--stage", "7", "--lm-text=").stdout == "python -m pyspeech score\n"

    def test_says_so_in_the_help(self, project):
        lines = [" ".join(line.split()) for line in run(project, "--help").stdout.splitlines()]
        assert "--lm-text prose; may be given several times; default: none" in lines


def test_an_option_keeps_signs_that_a_shell_would_expand(project):
    done = run(project, "--model", "$HOME * `ls` 'x'", "--stop-stage", "1")
    assert done.stdout == "python prepare.py download/toys $HOME * `ls` 'x' 2 true\n"


def test_help_prints_the_comment_block_and_the_options(project):
    done = run(project, "--help", PYSPEECH_PYTHON="/nowhere")
    assert done.returncode == 0
    assert done.stdout.startswith("A toy recipe.\nUsage: ./run.sh [--stage 4]\n")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "--corpus-dir the unpacked corpus; default: none" in lines
    assert "--model tdnn_lstm or bilstm_ctc; default: bilstm_ctc" in lines
    assert "--lm-order default: 2" in lines
    assert any(line.startswith("--stop-stage") for line in lines)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--lm-odrer", "3"],
            "unknown option --lm-odrer; options: --corpus-dir --model --lm-order --augment --lm-text",
        ),
        (["--corpus", "x"], "unknown option --corpus;"),
        (["--path=x"], "unknown option --path=x;"),
        (["--recipe-python", "x"], "unknown option --recipe-python;"),
        (["word"], "unknown option word;"),
        (["--model"], "option --model needs a value"),
        (["--model", "--stage", "3"], "option --model needs a value"),
        (["--stage", "train"], "--stage needs a number from 0 to 999999, found 'train'"),
        (["--stop-stage", "-1"], "--stop-stage needs a number from 0 to 999999, found '-1'"),
        (["--stage", "9" * 20], f"--stage needs a number from 0 to 999999, found '{'9' * 20}'"),
        (["--stage", "1 2"], "--stage needs a number from 0 to 999999, found '1 2'"),
        (["--stage", "1\n2"], "--stage needs a number from 0 to 999999, found '$'1\\n2''"),
        (["--stage", ""], "--stage needs a number from 0 to 999999, found ''"),
        (["--stage stop_stage=1"], "unknown option --stage stop_stage=1;"),
        (["--lm-order augment", "3"], "unknown option --lm-order augment;"),
        (["--*=3"], "unknown option --*=3;"),
        (["--=3"], "unknown option --=3;"),
        (["--model\nlm_order", "3"], "unknown option $'--model\\nlm_order';"),
        (["--augment", "yes"], "--augment needs true or false, found 'yes'"),
        (["--stage", "9"], "no stage from 9 to 99; this recipe has 1 4 7"),
    ],
)
def test_a_wrong_option_is_an_error_before_any_work(project, options, message):
    done = run(project, *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr


EVALUATED = ("x[$(touch BROKEN)]", "stage[$(touch BROKEN)]", "$(touch BROKEN)", "`touch BROKEN`", "0;touch BROKEN")


@pytest.mark.parametrize("value", EVALUATED)
def test_no_option_is_evaluated(project, value):
    for option in ("--stage", "--stop-stage", "--augment"):
        assert run(project, option, value).returncode == 2
        assert run(project, f"{option}={value}").returncode == 2
    assert run(project, f"--{value}=1").returncode == 2
    assert run(project, f"--{value}", "1").returncode == 2
    done = run(project, "--model", value, "--lm-order", value, FAIL=value)
    assert (done.returncode, done.stdout) == (3, f"python prepare.py download/toys {value} {value} true\n")
    command = shlex.split(resume_command(done.stderr))
    assert command[1:] == ["--model", value, "--lm-order", value, "--stage", "1"]
    assert not list(project.rglob("BROKEN"))


@pytest.mark.parametrize("value", ["two\nlines", "\ttab 'and' \"quotes\"", "\\", "-n", "*", "é – \u4e2d", " "])
def test_an_option_may_hold_any_characters_and_the_resume_command_says_them_again(project, value):
    done = run(project, "--model", value, "--stop-stage", "4", FAIL="train")
    assert done.stdout.startswith(f"python prepare.py download/toys {value} 2 true\n")
    again = call(["bash", "-c", resume_command(done.stderr)], project, project)
    assert again.stdout == f"python -m pyspeech train {value}\n"


def test_a_variable_of_the_environment_is_not_an_option_and_no_default(project):
    done = run(project, "--stop-stage", "1", model="tdnn_lstm", stage="7", running="5")
    assert done.stdout == "python prepare.py download/toys bilstm_ctc 2 true\n"
    assert run(project, "--running", "6", running="5").returncode == 2


def test_a_failing_stage_names_the_command_that_resumes_it(project):
    done = run(project, "--model", "it's new", "--stage=1", "--lm-order=4", FAIL="train")
    assert done.returncode == 3
    assert "Stage 4 (Train) failed with code 3; resume with: " in done.stderr.splitlines()[-1]
    command = shlex.split(resume_command(done.stderr))
    assert command == ["recipes/toy/run.sh", "--model", "it's new", "--lm-order", "4", "--stage", "4"]
    again = call(command, project, project)
    assert again.stdout.splitlines() == ["python -m pyspeech train it's new", "python -m pyspeech score"]


@pytest.mark.parametrize("called", ["./run.sh", "bash run.sh"])
def test_the_resume_command_is_the_one_that_was_typed(project, called):
    folder = project / "recipes/toy"
    if called.startswith("bash"):
        (folder / "run.sh").chmod(0o644)
    done = call(shlex.split(called), folder, project, FAIL="score")
    again = call(shlex.split(resume_command(done.stderr)), folder, project)
    assert again.stdout == "python -m pyspeech score\n"


@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "folder"])
def test_a_recipe_runs_in_its_folder_through_a_symbolic_link_and_resumes_there(project, tmp_path, kind):
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    link = elsewhere / "run toy"
    script = project / "recipes/toy/run.sh"
    if kind == "folder":
        (elsewhere / "folder").symlink_to(script.parent)
        link = elsewhere / "folder/run.sh"
    elif kind == "relative":
        link.symlink_to(os.path.relpath(script, elsewhere))
    else:
        link.symlink_to(script)
    if kind == "chain":
        (elsewhere / "second").symlink_to("run toy")
        link = elsewhere / "second"
    edit_recipe(project, "python prepare.py", "pwd; python prepare.py")
    done = call([f"./{link.relative_to(elsewhere)}"], elsewhere, project, FAIL="train", CDPATH=str(project))
    assert done.stdout.splitlines()[0] == str(script.parent)
    assert (done.returncode, done.stdout.count("\n")) == (3, 3)
    again = call(["bash", "-c", resume_command(done.stderr)], elsewhere, project)
    assert (again.returncode, again.stdout.count("\n")) == (0, 2), again.stderr


@pytest.mark.parametrize("called", ["run.sh", "recipes/toy/run.sh"])
@pytest.mark.parametrize("missing", ["readlink", "awk", "sed", "all"])
def test_a_program_that_recipes_need_and_path_lacks_is_one_line(project, tmp_path, called, missing):
    programs = tmp_path / "programs"
    programs.mkdir()
    for program in ("awk", "bash", "cut", "date", "grep", "readlink", "sed"):
        if missing not in (program, "all"):
            (programs / program).symlink_to(shutil.which(program))
    cwd = project / ("" if "/" in called else "recipes/toy")
    done = call([shutil.which("bash"), called], cwd, project, PATH=str(programs))
    assert done.returncode not in (0, 3)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert ("readlink" if missing == "all" else missing) in done.stderr


def test_those_programs_are_all_that_options_and_stages_need(project, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    for program in ("awk", "bash", "cut", "date", "grep", "readlink", "sed"):
        (programs / program).symlink_to(shutil.which(program))
    for option in ("--stage=1", "--help"):
        done = run(project, option, PATH=str(programs))
        assert (done.returncode, "command not found" in done.stderr) == (0, False)


def test_a_recipe_outside_of_a_project_fails_in_one_line(project, tmp_path):
    copied = shutil.copy(project / "recipes/toy/run.sh", tmp_path / "run.sh")
    done = call([copied], tmp_path, project)
    assert done.returncode != 0
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "local/recipe.sh: No such file or directory" in done.stderr


@pytest.mark.parametrize(
    "broken",
    [
        "pyspeech train | cat",
        'echo "$undeclared"',
        "exit 3",
        "false",
        'x=$(pyspeech train); echo "$x"',
        "nested() { pyspeech train; echo not reached; }; nested",
    ],
)
def test_every_way_to_fail_stops_the_recipe(project, broken):
    edit_recipe(project, 'pyspeech train "$model"', broken)
    done = run(project, FAIL="train")
    assert done.returncode != 0
    assert "not reached" not in done.stdout
    assert "score" not in done.stdout
    assert done.stderr.count("failed with code") == 1
    assert resume_command(done.stderr) == "recipes/toy/run.sh --stage 4"


def test_kill_9_of_the_training_process_names_the_command_that_resumes(project):
    done = run(project, SUICIDE="train")
    assert done.returncode == 137
    assert "Stage 4 (Train) failed with code 137; resume with: recipes/toy/run.sh --stage 4" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_stops_the_stage_and_leaves_the_command_that_resumes(project, number):
    process = subprocess.Popen(
        ["recipes/toy/run.sh"],
        cwd=project,
        env=environment(project, SLEEP="train"),
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What a shell starts in the background ignores Ctrl-C, and bash cannot trap what it was told to ignore.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 -- no threads here
    )
    child = wait_for_child(project)
    if number == signal.SIGTERM:
        process.send_signal(number)  # the shell alone: it passes the signal on
    else:
        os.killpg(process.pid, number)  # as Ctrl-C does
    _, stderr = process.communicate()
    assert process.returncode in (128 + number, -number)
    wait_until(lambda: not is_alive(child))
    assert resume_command(stderr) == "recipes/toy/run.sh --stage 4"
    assert ("Stage 4 (Train) failed" in stderr) == (number != signal.SIGKILL)


def test_kill_9_of_the_shell_alone_leaves_no_child_and_the_printed_command_works_at_once(project):
    process, child = start_training(project)
    process.kill()
    _, stderr = process.communicate()
    again = call(shlex.split(resume_command(stderr)), project, project)
    assert again.returncode == 0, again.stderr
    assert not is_alive(child)


def test_a_second_whole_run_is_told_who_runs_the_recipe(project):
    process, _ = start_training(project, "--lm-order", "3")
    second = run(project)
    assert second.returncode == 1
    assert second.stdout == ""
    assert f"error: this recipe is being run by process {process.pid} since 20" in second.stderr
    assert "recipes/toy/run.sh --lm-order 3; wait until it ends, or stop it" in second.stderr
    process.kill()
    process.communicate()
    assert run(project).returncode == 0


def test_several_models_are_trained_at_once_while_nobody_makes_the_data_anew(project):
    process, _ = start_training(project, "--stage", "4")
    assert run(project, "--stage", "4", "--model", "tdnn_lstm").returncode == 0
    assert "is being run by process" in run(project, "--stage", "1").stderr
    process.kill()
    process.communicate()


def start_training(project, *options):
    process = subprocess.Popen(
        ["recipes/toy/run.sh", *options],
        cwd=project,
        env=environment(project, SLEEP="train"),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return process, wait_for_child(project)


def wait_for_child(project):
    path = project / "recipes/toy/pid"
    wait_until(lambda: path.exists() and path.read_text().strip() != "")
    return int(path.read_text())


def test_a_child_still_reads_the_standard_input(project):
    edit_recipe(project, "pyspeech train", "_run cat #")
    done = call(["recipes/toy/run.sh", "--stage=4", "--stop-stage=4"], project, project, stdin="typed")
    assert done.stdout == "typed"


def test_stage_numbers_must_rise(project):
    edit_recipe(project, "stage 7", "stage 3")
    done = run(project)
    assert done.returncode == 2
    assert "stage 3 stands below stage 4; number the stages upwards" in done.stderr


def test_a_corpus_is_found_by_option_then_environment_then_download(project):
    for folder in ("mine", "corpora/toys"):
        (project / folder).mkdir(parents=True)
    first = {"PYSPEECH_CORPORA": str(project / "corpora")}
    both = run(project, "--stop-stage", "1", "--corpus-dir", "mine", **first)
    assert f"prepare.py {project}/mine bilstm" in both.stdout  # relative to where the user stands
    assert f"prepare.py {project}/corpora/toys bilstm" in run(project, "--stop-stage", "1", **first).stdout
    relative = run(project, "--stop-stage", "1", PYSPEECH_CORPORA="corpora")
    assert f"prepare.py {project}/corpora/toys bilstm" in relative.stdout
    other = run(project, "--stop-stage", "1", PYSPEECH_CORPORA=str(project / "mine"))
    assert "prepare.py download/toys bilstm" in other.stdout


def test_a_corpus_that_is_not_there_is_an_error_before_any_stage(project):
    done = run(project, "--corpus-dir", "/no/corpus")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no corpus at /no/corpus;")
    assert "Stage" not in done.stderr


def test_a_python_that_is_not_there_is_an_error(project):
    done = run(project, PYSPEECH_PYTHON="no-such-python")
    assert (done.returncode, done.stdout) == (2, "")
    assert "PYSPEECH_PYTHON is no-such-python, which is not a program" in done.stderr


INSTALLER = """#!/usr/bin/env bash
root=$(dirname "$0")/..
mkdir -p "$root/.venv-modern/bin"
cp "$root/stub/python" "$root/.venv-modern/bin/python"
echo installing >&2
echo "$root/.venv-modern/bin/python"
"""


def test_without_an_environment_it_is_the_one_that_the_installer_makes_and_names(project):
    write_script(project / "tools/install.sh", INSTALLER)
    done = run(project, "--stop-stage", "1", PYSPEECH_PYTHON="")
    assert done.stdout == "python prepare.py download/toys bilstm_ctc 2 true\n"
    assert done.stderr.startswith("installing\n")


def test_an_installer_that_fails_stops_the_recipe(project):
    write_script(project / "tools/install.sh", "#!/bin/sh\necho no Python >&2; exit 4\n")
    done = run(project, PYSPEECH_PYTHON="")
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "no Python\n")


@pytest.mark.parametrize("has_pyspeech", [True, False])
def test_an_active_environment_is_used_if_pyspeech_is_installed_there(project, has_pyspeech):
    write_script(project / "tools/install.sh", INSTALLER)
    stub = STUB.replace(
        "if [[", f'[[ "$1 $2" != "-I -c" ]] || exit {0 if has_pyspeech else 1}\necho "active"\nif [[', 1
    )
    write_script(project / "active/bin/python", stub)
    done = run(project, "--stage", "7", PYSPEECH_PYTHON="", VIRTUAL_ENV=str(project / "active"))
    assert done.stdout == ("active\n" if has_pyspeech else "") + "python -m pyspeech score\n"
    assert ("installing" in done.stderr) != has_pyspeech


def test_the_package_of_the_clone_is_what_runs(project):
    (project / "pyspeech/__main__.py").write_text("import sys; print('from the clone', sys.argv[3:])")
    done = run(project, "--stage", "7", PYSPEECH_PYTHON=sys.executable)
    assert done.stdout == "from the clone ['score']\n"
