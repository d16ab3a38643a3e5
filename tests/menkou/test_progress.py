"""Progress: one line that is written over for who watches, a line now and then for a log."""

import io

import pytest

from menkou.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("menkou.progress.time.monotonic", lambda: now[0])
    return now


def test_work_over_two_seconds_is_shown_twice_a_second(clock: list[float]) -> None:
    terminal = Terminal()
    shown = Progress(terminal)
    for step in range(30):
        clock[0] = 100.0 + step / 10
        shown.show(f"{step} of 30".format)
    shown.done()
    assert terminal.getvalue() == "\r20 of 30\r25 of 30\n"


def test_a_shorter_line_leaves_nothing_of_a_longer_one(clock: list[float]) -> None:
    terminal = Terminal()
    shown = Progress(terminal)
    for line in ("12,000 events", "3 events"):
        clock[0] += 5
        shown.show(line.format)
    assert terminal.getvalue() == "\r12,000 events\r3 events     "


def test_short_work_is_not_shown(clock: list[float]) -> None:
    terminal = Terminal()
    shown = Progress(terminal)
    clock[0] += 1.9
    shown.show("1 of 2".format)
    shown.done()
    assert terminal.getvalue() == ""


def test_a_log_gets_whole_lines_and_few(clock: list[float]) -> None:
    pipe = io.StringIO()
    shown = Progress(pipe)
    for step in range(25):
        clock[0] = 100.0 + step
        shown.show(f"{step} of 25".format)
    shown.done()
    assert pipe.getvalue() == "10 of 25\n20 of 25\n"
