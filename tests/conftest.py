"""Shared by all tests: examples of property tests, messages, the order of the files, trainings several look at."""

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pyspeech.messages import PROJECT, tell_from

settings.register_profile("pyspeech", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("pyspeech")


@pytest.fixture(autouse=True)
def _messages() -> Iterator[None]:
    log = logging.getLogger(PROJECT)
    before = log.handlers[:]
    tell_from(logging.INFO)
    yield
    log.handlers[:] = before


TESTS = Path(__file__).parent
# Files that take ten seconds or more, longest first: the last ones are short, and so two processes end at about
# the same time.
LONGEST = (
    "recipes/test_all_stages.py",
    "recipes/test_tutorial.py",
    "scaffold/test_recipe.py",
    "recipes/test_recognition.py",
    "training/test_distributed.py",
    "cli/test_train.py",
    "local/test_recipe.py",
    "data/test_stored_features.py",
    "test_command_line.py",
    "decoding/test_run.py",
    "data/test_memory.py",
    "training/test_loop.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Makes the folder of a name at the first call of all processes of a run; it is for reading alone."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of all workers

    def folder_of(name: str, make: Callable[[Path], object]) -> Path:
        folder = root / "once" / name
        folder.parent.mkdir(exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                try:
                    make(folder)
                except BaseException:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
        return folder

    return folder_of


@pytest.fixture(scope="session")
def train_on_tones(once) -> Callable[[Path, str], Path]:
    """Puts into a folder what tests/classifiers.py trains, which is trained once."""

    def train(folder: Path, field: str) -> Path:
        from tests import classifiers  # torch, which most files of tests do without

        trained = once(f"tones-{field}", lambda made: classifiers.train_on_tones(made, field))
        shutil.copytree(trained, folder, dirs_exist_ok=True)
        return folder / "exp"

    return train
