"""Work that many screens ask for at one moment, done once: twenty of them hear the same news.

Used by `edge.console.desk` for the list of arrivals and by `edge.app.front` for the figures.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

KEPT_S: Final = 1.0
"""What other programs change in the store without a word is shown so much later at most."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Made(Generic[_T]):
    value: _T
    news: int
    at_s: float


class Shared(Generic[_T]):
    """Makes a value anew whenever there is news, and once a second without.

    Args:
        make: reads the value, on whichever thread asks first; the others wait for it.
        news: a number that grows with everything that is told to screens.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        make: Callable[[], _T],
        news: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._news = news
        self._clock = clock
        self._lock = threading.Lock()
        self._made: _Made[_T] | None = None

    def __call__(self) -> _T:
        """Return the value as of now."""
        with self._lock:
            # Read before the store is: news that come while it is read are read again.
            news, now_s = self._news(), self._clock()
            made = self._made
            if made is None or made.news != news or now_s - made.at_s >= KEPT_S:
                self._made = None  # what cannot be read now is not shown from before
                made = self._made = _Made(self._make(), news, now_s)
            return made.value
