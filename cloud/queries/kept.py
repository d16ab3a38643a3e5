"""Answers that are kept for a short while, because they take every shop's days to find.

The list of shops keeps its order so; what it shows of the shops is asked each time.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

T = TypeVar("T")
KEEP: Final = timedelta(minutes=5)
_MOST: Final = 64


class Kept(Generic[T]):
    """Answers by what was asked; the oldest go first. Used by several threads."""

    def __init__(self, keep: timedelta = KEEP, most: int = _MOST) -> None:
        self._keep, self._most = keep, most
        self._answers: OrderedDict[Hashable, tuple[datetime, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asked: Hashable, now: datetime, answer: Callable[[], T]) -> T:
        """Return the answer to a question; one that is too old is found anew."""
        with self._lock:
            found = self._answers.get(asked)
        if found is not None and timedelta() <= now - found[0] < self._keep:
            return found[1]
        fresh = answer()
        with self._lock:
            self._answers[asked] = (now, fresh)
            self._answers.move_to_end(asked)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return fresh
