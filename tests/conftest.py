"""Shared by all tests: the examples of property tests, the order of the files, and trainings that several look at."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("pyspeech", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("pyspeech")


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
