"""Progress is for people who watch."""

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
    assert terminal.getvalue() == "\r20 of 30   \r25 of 30   \n"


def test_short_work_is_not_shown(clock: list[float]) -> None:
    terminal = Terminal()
    shown = Progress(terminal)
    clock[0] += 1.9
    shown.show("1 of 2".format)
    shown.done()
    assert terminal.getvalue() == ""


def test_nobody_is_told_where_nobody_watches(clock: list[float]) -> None:
    pipe = io.StringIO()
    shown = Progress(pipe)
    clock[0] += 100
    shown.show("1 of 2".format)
    assert pipe.getvalue() == ""
