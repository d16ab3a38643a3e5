"""Shows on a terminal how far long work is. Used by commands; silent when nobody watches."""

import time
from collections.abc import Callable
from typing import Final, TextIO

SHOWN_AFTER_S: Final = 2.0
"""Work that is done sooner needs no progress."""
EVERY_S: Final = 0.5


class Progress:
    """One line that is written over, on a stream that is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = time.monotonic() + SHOWN_AFTER_S if stream.isatty() else float("inf")
        self._used = False

    def show(self, line: Callable[[], str]) -> None:
        """Show how far it is; `line` is asked only when it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_S
        self._used = True
        self._stream.write(f"\r{line()}   ")
        self._stream.flush()

    def done(self) -> None:
        """Leave the line."""
        if self._used:
            self._stream.write("\n")
