"""What will be told from a simulated desk, in order of time. Used by the rooms beside it."""

import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Any

from cloud.simulate.step import Step, moment_of
from edge.wire.messages import DeskFact


class Agenda:
    """Facts that are to come. A document's revisions are numbered as they are told."""

    def __init__(self) -> None:
        self._next: list[tuple[int, int, int, str | None, dict[str, Any]]] = []
        self._number = 0
        self._over: set[str] = set()
        self._told: Counter[tuple[str, str]] = Counter()

    def expect(
        self, at: int, *, since: int | None = None, here: str | None = None, **said: Any
    ) -> None:
        """Foresee a fact.

        Args:
            at: when it becomes known, in milliseconds since 1970.
            since: when what it tells of began; if it is not said, at that moment.
            here: a visit without which nobody says it: it is not told once that has ended.
            said: the fields of the fact. `about` is `at` if it is not said, `rev` the next one of
                this document.
        """
        self._number += 1
        told = {"visit": here, "staff": None, "about": moment_of(at), **said}
        item = (at, self._number, at if since is None else since, here, told)
        heapq.heappush(self._next, item)

    def end(self, visit: str) -> None:
        """Note that a visit has ended, or was none."""
        self._over.add(visit)

    def until(self, moment: int | None) -> Iterator[Step]:
        """Yield what is told before a moment; None: what is left of the day."""
        while self._next and (moment is None or self._next[0][0] < moment):
            at, _, since, here, said = heapq.heappop(self._next)
            if here not in self._over:
                document = (said["what"], said["id"])
                self._told[document] += 1
                yield Step(at, since, DeskFact(**{"rev": self._told[document], **said}), ())
