"""What a training shows while it runs and leaves behind: bar, TensorBoard, JSON lines by epoch."""

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import scalar
from tqdm import tqdm

from pyspeech.errors import UserError
from pyspeech.files import write_text, writing

SECONDS_PER_LINE = 300.0  # within an epoch, where stderr is no terminal and so shows no bar
STEPS_PER_POINT = 10  # of TensorBoard's curves
BAR = "{desc} {percentage:3.0f}%|{bar:20}| {rate_noinv_fmt} left {remaining}{postfix}"


class EpochLines:
    """A JSON-lines file whose lines carry their ``epoch``, so that a resumed training can drop what it does again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: dict[str, Any]) -> None:
        """Append one line."""
        with writing(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    def replace(self, lines: Sequence[dict[str, Any]]) -> None:
        """Write exactly these lines."""
        write_text(self.path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))

    def keep_until(self, epoch: int) -> int:
        """Drop the lines after ``epoch``, and one that a kill cut short; return how many are left."""
        if not self.path.exists():
            return 0
        lines = [line for text in self.path.read_text(encoding="utf-8").splitlines() if (line := _whole(text))]
        kept = [line for line in lines if line["epoch"] <= epoch]
        self.replace(kept)
        return len(kept)


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
            self.say(f"{epoch}, {done_seconds / self.total_seconds:.1%} of all {shown_loss}".rstrip())

    def point(self, step: int, values: dict[str, float]) -> None:
        """Add a point to the curves of single steps, for one step in ten."""
        if step % STEPS_PER_POINT == 0:
            self.curves.add(step, values)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.write(text, file=sys.stderr)


def _whole(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
