"""The processes of one training on this machine, started as torchrun starts them; they say what is wrong once."""

import json
import logging
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspeech.errors import UserError
from pyspeech.process_lifetime import bound

ERROR_FILE = "TORCHELASTIC_ERROR_FILE"  # where a process that torchrun started may leave why it fails


def launch(count: int, arguments: Sequence[str]) -> None:
    """Run ``pyspeech`` with these arguments in ``count`` processes until all are done.

    Raises:
        UserError: what one or several of them ended with; the others are ended then.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    # What one would have is divided among them.
    os.environ["OMP_NUM_THREADS"] = str(max(1, int(os.environ.get("OMP_NUM_THREADS", "1")) // count))
    logging.disable(logging.CRITICAL)  # forty lines for an error that the process has told in one
    with tempfile.TemporaryDirectory() as folder:
        try:
            program, *words = bound([sys.executable, "-m", "pyspeech", *arguments])
            elastic_launch(_config(count, folder), program)(*words)
        except ChildFailedError as error:
            told = sorted(error.failures.values(), key=lambda failure: failure.timestamp)
            raise UserError("; ".join(dict.fromkeys(map(_reason, told)))) from error
        except SignalException as error:
            sys.exit(128 + error.sigval)


def told_to_launcher(message: str) -> bool:
    """Leave the reason why this process fails to what started it and its siblings; False where nothing did."""
    if ERROR_FILE not in os.environ:
        return False
    said = json.dumps({"message": message, "timestamp": str(int(time.time()))})
    Path(os.environ[ERROR_FILE]).write_text(said, encoding="utf-8")
    return True


def _config(count: int, folder: str) -> Any:  # noqa: ANN401 -- a class that torch 1.13 and 2 fill differently
    from torch.distributed.elastic.multiprocessing import api
    from torch.distributed.launcher.api import LaunchConfig

    logs: dict[str, Any] = {"log_dir": folder}
    if hasattr(api, "DefaultLogsSpecs"):
        logs = {"logs_specs": api.DefaultLogsSpecs(log_dir=folder)}
    # Any free port: torchrun's own would be taken by another training on this machine.
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.5,
        **logs,
    )


def _reason(failure: Any) -> str:  # noqa: ANN401
    if failure.exitcode > 0 and not failure.error_file_data.get("timestamp"):
        return f"process {failure.local_rank} of the training ended with exit code {failure.exitcode}, see above"
    return str(failure.message)
