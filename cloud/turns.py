"""Who of one process writes now: ingest, or the rollup beside it. Used by `mqtt`.

SQLite has one writer, and one that waits for it sleeps up to a tenth of a second before it asks
again: a rollup of many short transactions can then keep ingest out for seconds. Both also share
Python's interpreter. So they take turns: while messages come in without end, the rollup gets a
slice after each set, and all the time that is left otherwise.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

Who = Literal["ingest", "rollup"]
_SLICE_S: Final = 0.02
"""A tenth of what a set takes; in an onslaught the pages then lag behind, and the facts do not."""


class Turns:
    """Lets two threads write in turn: whoever has just written lets the other one go first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: set[Who] = set()
        self._writes: Who | None = None
        self._wrote: Who | None = None
        self._since = 0.0

    @contextmanager
    def of(self, who: Who) -> Iterator[None]:
        """Write; the other one waits."""
        self._begin(who)
        try:
            yield
        finally:
            self._end()

    def give_way(self) -> None:
        """Let ingest write if it waits and this slice is over. Only while it is rollup's turn."""
        if "ingest" in self._waiting and time.monotonic() - self._since >= _SLICE_S:
            self._end()
            self._begin("rollup")

    def _begin(self, who: Who) -> None:
        with self._changed:
            self._waiting.add(who)
            self._changed.wait_for(lambda: self._may(who))
            self._waiting.remove(who)
            self._writes = self._wrote = who
            self._since = time.monotonic()

    def _may(self, who: Who) -> bool:
        others_turn = self._wrote == who and len(self._waiting) > 1
        return self._writes is None and not others_turn

    def _end(self) -> None:
        with self._changed:
            self._writes = None
            self._changed.notify_all()
