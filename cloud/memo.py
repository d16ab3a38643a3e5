"""A small memory of answers that many ask for at once. Calls nothing; used by `cloud.queries`.

What an answer depends on is its key (whose shops, which day, what was counted then): an answer is
never older than its key says. It is worked out once, by whoever asks first; the others wait.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar, cast

Answer = TypeVar("Answer")
KEPT: Final = 64


class Memo:
    """The last answers, at most `kept` of them. Any thread may ask."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, _Entry] = OrderedDict()

    def get(self, key: Hashable, work: Callable[[], Answer]) -> Answer:
        """Return the answer of a key; if there is none yet, `work` gives it.

        What `work` raises, the asker gets, and the next one asks again.
        """
        with self._lock:
            entry = self._found.setdefault(key, _Entry())
            self._found.move_to_end(key)
            while len(self._found) > self._kept:
                self._found.popitem(last=False)
        with entry.lock:
            if not entry.known:
                entry.answer = work()
                entry.known = True
        return cast("Answer", entry.answer)

    def peek(self, key: Hashable) -> Any | None:
        """Return the answer of a key if it is there; None: nobody has worked it out yet."""
        with self._lock:
            entry = self._found.get(key)
            if entry is None or not entry.known:
                return None
            self._found.move_to_end(key)
            return entry.answer


class _Entry:
    __slots__ = ("answer", "known", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known = False
        self.answer: Any = None
