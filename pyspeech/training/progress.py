"""What a training shows while it runs: a bar, and the curves of TensorBoard."""

import contextlib
import logging
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import scalar
from tqdm import tqdm

from pyspeech.errors import UserError
from pyspeech.files import writing

SECONDS_PER_LINE = 300.0  # within an epoch, where stderr is no terminal and so shows no bar
STEPS_PER_POINT = 10  # of TensorBoard's curves
BAR = "{desc} {percentage:3.0f}%|{bar:20}| {rate_noinv_fmt} left {remaining}{postfix}"
log = logging.getLogger(__name__)


class Curves:
    """TensorBoard's event file, written at once: the library's own thread dies of a full disk, and who waits for it
    waits for ever.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.events = EventsWriter(str(folder / "events"))
        if step:  # hides the points that a killed training wrote after its last checkpoint
            self._write(Event(wall_time=time.time(), step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, values: dict[str, float]) -> None:
        """Add a point to each of these curves."""
        for name, value in values.items():
            self._write(Event(wall_time=time.time(), step=step, summary=scalar(name, value)))

    def close(self) -> None:
        """Nothing is left to write: every point was."""
        with writing(self.folder):
            self.events.close()

    def _write(self, event: Event) -> None:
        with writing(self.folder):
            self.events.write_event(event)
            self.events.flush()


class Display:
    """One bar over the whole training, counted in seconds of audio, and TensorBoard's curves.

    In a file there is no bar, and a line now and then within a long epoch.
    """

    def __init__(self, exp: Path, total_seconds: float, done_seconds: float, step: int) -> None:
        self.curves = Curves(exp / "tensorboard", step)
        self.total_seconds = total_seconds
        self.next_line = time.monotonic() + SECONDS_PER_LINE
        self.bar: tqdm[Any] = tqdm(
            total=round(total_seconds),
            initial=round(done_seconds),
            unit="s audio",
            bar_format=BAR,
            dynamic_ncols=True,
            mininterval=0.5,
            disable=None,
        )

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
        # On the way out of an error its own one may come again, and must not take its place.
        with contextlib.suppress(*([] if value is None else [UserError])):
            self.curves.close()

    def advance(self, epoch: str, done_seconds: float, loss: float | None) -> None:
        """Move the bar to ``done_seconds`` of audio since the training began."""
        shown_loss = "" if loss is None else f"loss {loss:.3f}"
        if not self.bar.disable:
            self.bar.set_description_str(epoch, refresh=False)
            self.bar.set_postfix_str(shown_loss, refresh=False)
            self.bar.update(round(done_seconds) - self.bar.n)
        elif time.monotonic() >= self.next_line:
            self.next_line = time.monotonic() + SECONDS_PER_LINE
            log.info(f"{epoch}, {done_seconds / self.total_seconds:.1%} of all {shown_loss}".rstrip())

    def point(self, step: int, values: dict[str, float]) -> None:
        """Add a point to the curves of single steps, for one step in ten."""
        if step % STEPS_PER_POINT == 0:
            self.curves.add(step, values)
