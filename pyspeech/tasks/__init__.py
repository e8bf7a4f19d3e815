"""Tasks by name: see :mod:`.task`."""

from pathlib import Path

from pyspeech.config import Config
from pyspeech.errors import UserError, nearest
from pyspeech.own_code import own_class
from pyspeech.tasks.classification import ClassificationTask
from pyspeech.tasks.recognition import RecognitionTask
from pyspeech.tasks.task import Task
from pyspeech.tasks.verification import VerificationTask

TASKS: dict[str, type[Task]] = {
    "recognition": RecognitionTask,
    "classification": ClassificationTask,
    "verification": VerificationTask,
}
_NO_TASK = "task: {} is of a class that is no task; give it all that pyspeech.tasks.task.Task has"


def task_class(name: str) -> type[Task]:
    """Return the task of that name, or the class of the user's own (:mod:`pyspeech.own_code`).

    Raises:
        UserError: there is none, with the nearest.
    """
    task: type[Task] | None = TASKS.get(name) or own_class(name)
    if task is None:
        raise UserError(f"task = {name!r} is not a task{nearest(name, TASKS)}")
    if not (hasattr(task, "load") and hasattr(task, "table")):
        raise UserError(_NO_TASK.format(name))
    return task


def load_task(folder: Path, config: Config, dev: Path) -> Task:
    """Make the task that ``config`` names; see :meth:`.Task.load`."""
    task = task_class(config.task).load(folder, config, dev)
    if not isinstance(task, Task):
        raise UserError(_NO_TASK.format(config.task))
    return task
