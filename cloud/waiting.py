"""Messages that came and wait for ingest. Two threads: one puts, one gathers. Used by `mqtt`."""

import time
from collections import deque
from collections.abc import Callable
from threading import Condition

from cloud.inbox import Received

Ready = Callable[[], bool]


class Waiting:
    """A bounded queue that hands over all that has come, as far as it may be taken together.

    Args:
        most: messages that may wait.
        most_bytes: what their payloads may weigh in all.
    """

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._messages: deque[Received] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._ready: Ready = self._some

    def put(self, message: Received) -> bool:
        """Let a message wait; return whether there was room."""
        size = len(message[1])
        with self._changed:
            if len(self._messages) >= self._most or self._bytes + size > self._most_bytes:
                return False
            self._messages.append(message)
            self._bytes += size
            if self._ready():  # nobody is woken for less
                self._changed.notify()
        return True

    def held(self) -> tuple[int, int]:
        """Return how many messages wait, and what their payloads weigh."""
        with self._changed:
            return len(self._messages), self._bytes

    def gather(
        self, idle_s: float, together_s: float, *, most: int, most_bytes: int
    ) -> list[Received]:
        """Return messages in the order in which they came.

        Waits for the first at most `idle_s`, then `together_s` for those that come with it, but
        not once there are `most`, or `most_bytes` of them.
        """

        def enough() -> bool:
            return len(self._messages) >= most or self._bytes >= most_bytes

        with self._changed:
            self._wait(self._some, idle_s)
            if self._messages:
                self._wait(enough, together_s)
            return self._taken(most, most_bytes)

    def _some(self) -> bool:
        return bool(self._messages)

    def _wait(self, ready: Ready, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._ready = ready
        while not ready() and (left := until - time.monotonic()) > 0:
            self._changed.wait(left)

    def _taken(self, most: int, most_bytes: int) -> list[Received]:
        taken: list[Received] = []
        size = 0
        while self._messages and len(taken) < most and size < most_bytes:
            taken.append(self._messages.popleft())
            size += len(taken[-1][1])
        self._bytes -= size
        return taken
