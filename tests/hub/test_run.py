"""The watcher: pages are told of a change, and of nothing else."""

import threading

from sqlalchemy import Engine

from cloud.ingest import Ingest
from cloud.run import watch
from menkou.web.stream import Broadcast
from tests.hub.conftest import FakeBox
from tests.support.processes import until


class Counting(Broadcast):
    """Counts what pages are told."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def publish(self) -> None:
        self.told += 1


class Looks(threading.Event):
    """A stop event that counts how often the watcher has looked, and does not let it wait."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.count += 1
        return super().wait(0.01)


def test_pages_are_told_once_of_each_change(engine: Engine, ingest: Ingest, box: FakeBox) -> None:
    pages, stop = Counting(), Looks()
    thread = threading.Thread(target=watch, args=(engine, pages, stop))
    thread.start()
    until(lambda: stop.count > 5, what="the watcher looks")
    first = pages.told
    ingest.take([box.hello()])
    until(lambda: pages.told == first + 1, what="the change is told")
    seen = stop.count
    until(lambda: stop.count > seen + 10, what="the watcher looks on")
    assert pages.told == first + 1
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
