"""Shows how far long work is. Used by commands.

On a terminal one line is written over; elsewhere, in a log, say, lines come now and then.
"""

import time
from collections.abc import Callable
from typing import Final, TextIO

SHOWN_AFTER_S: Final = 2.0
"""Work that is done sooner needs no progress."""
EVERY_S: Final = 0.5
LINE_EVERY_S: Final = 10.0
"""So often in a log; work that is done sooner leaves nothing in it."""


class Progress:
    """How far a piece of work is, on a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._watched = stream.isatty()
        self._next = time.monotonic() + (SHOWN_AFTER_S if self._watched else LINE_EVERY_S)
        self._width = 0

    def show(self, line: Callable[[], str]) -> None:
        """Show how far it is; `line` is asked only when it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        text = line()
        if self._watched:
            self._next = now + EVERY_S
            self._stream.write(f"\r{text.ljust(self._width)}")
            self._width = len(text)
        else:
            self._next = now + LINE_EVERY_S
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def done(self) -> None:
        """Leave the line."""
        if self._width:
            self._stream.write("\n")
