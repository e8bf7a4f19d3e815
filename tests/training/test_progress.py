import io
import logging
import struct

from tensorboardX.proto.event_pb2 import Event, SessionLog

from pyspeech.training.progress import Curves, Display


def events(path):
    """The events of a file: each after its length (8 bytes) and that one's checksum, before its own checksum."""
    content, found = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        found.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return found


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_loss_speed_and_time_left(tmp_path, monkeypatch):
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    with Display(tmp_path, total_seconds=100, done_seconds=20, step=0) as display:
        display.advance("epoch 2/5", 60.4, 1.25)
        display.bar.refresh()
        logging.getLogger("pyspeech.training").info("a line of its own")
        display.point(10, {"loss": 1.25})
        display.point(11, {"loss": 1.0})
    shown = stderr.getvalue()
    assert "epoch 2/5  60%" in shown
    assert "loss 1.250" in shown
    assert "s audio/s left" in shown
    assert "a line of its own\n" in shown
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


def test_a_file_gets_lines_and_no_bar_one_now_and_then_within_a_long_epoch(tmp_path, monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    with Display(tmp_path, total_seconds=100, done_seconds=20, step=0) as display:
        display.advance("epoch 2/5", 40, 1.5)
        display.next_line = 0
        display.advance("epoch 2/5", 60.4, 1.25)
        display.advance("epoch 2/5", 70, 1.0)
        logging.getLogger("pyspeech.training").info("epoch 2/5: done")
    assert stderr.getvalue() == "epoch 2/5, 60.4% of all loss 1.250\nepoch 2/5: done\n"


def test_curves_are_read_back_and_a_resumed_training_hides_what_it_does_again(tmp_path):
    curves = Curves(tmp_path, step=0)
    curves.add(10, {"loss": 1.5, "rate": 0.25})
    curves.close()
    resumed = Curves(tmp_path / "resumed", step=7)
    resumed.close()
    first, second = (events(path) for path in sorted(tmp_path.rglob("events.*"), key=lambda path: len(path.parts)))
    points = [(event.step, value.tag, value.simple_value) for event in first for value in event.summary.value]
    assert points == [(10, "loss", 1.5), (10, "rate", 0.25)]
    assert [(event.step, event.session_log.status) for event in second[1:]] == [(8, SessionLog.START)]
