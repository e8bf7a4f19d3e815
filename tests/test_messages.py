import logging
import os
import subprocess
import sys

from tqdm import tqdm

from pyspeech.messages import ONCE, PROJECT, tell_from, told_from
from pyspeech.processes import map_in_processes
from tests.messages import told

log = logging.getLogger(f"{PROJECT}.tests")


def tell(text: str) -> int:
    log.debug(f"debug {text}")
    log.info(f"info {text}")
    log.warning(f"warning {text}")
    return os.getpid()


def test_a_level_and_what_is_above_are_told_a_line_each(capsys):
    tell_from(logging.WARNING)
    tell("a")
    tell_from(logging.DEBUG)
    tell("b")
    assert capsys.readouterr().err.splitlines() == ["warning a", "debug b", "info b", "warning b"]


def test_what_is_told_once_is_told_once_and_all_else_again(capsys):
    for _ in range(2):
        log.info("twice")
        log.info("once", extra=ONCE)
    assert capsys.readouterr().err.splitlines() == ["twice", "once", "twice"]


def test_messages_stand_above_a_bar(capsys):
    with tqdm(desc="work", total=2, file=sys.stderr, leave=True, ascii=True) as bar:
        bar.update()
        log.info("a message")
        bar.update()
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    assert "a message" in lines
    assert "100%" in lines[-1]


def test_processes_tell_as_much_as_the_one_that_began_them(capfd):
    for level, lines in ((logging.INFO, 4), (logging.WARNING, 2)):
        tell_from(level)
        began = list(map_in_processes(tell, ["a", "b"], 2, "give it more memory"))
        assert os.getpid() not in began
        assert len(capfd.readouterr().err.splitlines()) == lines


def test_forked_processes_tell_too(capfd):
    with tqdm(total=1, disable=True):
        if (child := os.fork()) == 0:
            tell("of the fork")
            os._exit(0)
    os.waitpid(child, 0)
    assert capfd.readouterr().err.splitlines() == ["info of the fork", "warning of the fork"]


def test_from_python_handlers_are_the_user_s_own():
    program = (
        "import logging, pyspeech.messages\n"
        "assert pyspeech.messages.told_from() is None\n"
        "logging.basicConfig(level='INFO', format='mine %(name)s %(message)s')\n"
        "logging.getLogger('pyspeech.lm').info('trained')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "mine pyspeech.lm trained\n"
    assert told_from() == logging.INFO


def test_a_test_sees_what_is_told():
    with told() as lines:
        tell("x")
    assert lines == ["info x", "warning x"]
