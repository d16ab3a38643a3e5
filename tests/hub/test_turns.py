"""Ingest and rollup take turns; neither keeps the other out."""

import threading
import time

import pytest

from cloud import turns
from cloud.turns import Turns, Who
from tests.support.processes import until


def in_thread(taking: Turns, who: Who, log: list[str], hold: threading.Event) -> threading.Thread:
    def run() -> None:
        with taking.of(who):
            log.append(who)
            assert hold.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_never_do_two_write_at_once() -> None:
    taking, log, hold = Turns(), list[str](), threading.Event()
    first = in_thread(taking, "ingest", log, hold)
    until(lambda: log == ["ingest"], what="ingest writes")
    second = in_thread(taking, "rollup", log, hold)
    time.sleep(0.1)
    assert log == ["ingest"]
    hold.set()
    for thread in (first, second):
        thread.join(10)
    assert log == ["ingest", "rollup"]


def test_a_rollup_without_end_lets_ingest_write_after_its_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "_SLICE_S", 0.0)
    taking, log, hold = Turns(), list[str](), threading.Event()
    hold.set()
    with taking.of("rollup"):
        taking.give_way()  # nobody waits
        thread = in_thread(taking, "ingest", log, hold)
        until(lambda: bool(taking._waiting), what="ingest waits")
        taking.give_way()
        assert log == ["ingest"]
    thread.join(10)


def test_ingest_without_end_lets_the_rollup_write_in_between() -> None:
    taking, log, hold = Turns(), list[str](), threading.Event()
    hold.set()
    with taking.of("ingest"):
        thread = in_thread(taking, "rollup", log, hold)
        until(lambda: bool(taking._waiting), what="the rollup waits")
    with taking.of("ingest"):
        assert log == ["rollup"]
    thread.join(10)


def test_who_fails_in_its_turn_ends_it() -> None:
    taking = Turns()
    with pytest.raises(ValueError, match="broken"), taking.of("rollup"):
        raise ValueError("broken")
    with taking.of("ingest"):
        pass
