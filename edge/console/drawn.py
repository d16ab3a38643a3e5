"""Cards as they were drawn, so that twenty screens do not draw the same one twenty times.

Used by `edge.console.app`. What was not shown for a minute is forgotten: a name does not stay.
Form tokens are put in at the end, since each device has its own.
"""

import secrets
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, TypeVar

from flask import current_app
from markupsafe import Markup

from menkou.web.i18n import speech

KEPT_S: Final = 30.0
CARDS_MAX: Final = 2_000
_KINDS_MAX: Final = 32
_T = TypeVar("_T")


class DrawnCards:
    """HTML by what it was drawn from.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Markup] = {}
        self._older: dict[Hashable, Markup] = {}
        self._turned_s = clock()
        # Nobody can know it, so nobody's note can hold it.
        self._mark = secrets.token_hex(16)

    def mark(self) -> str:
        """Return what stands in a card where the form token is to be."""
        return self._mark

    def finished(self, html: str, token: str) -> str:
        """Return a page with the form token of whoever asks in its place."""
        return html.replace(self._mark, token)

    def __call__(self, macro: Any, card: Hashable, *beside: Hashable) -> Markup:
        """Return a card, drawn by a macro of the templates or before.

        Args:
            macro: a Jinja macro of one argument, the card.
            card: what it draws; all that it says, but for words and the form token.
            beside: what else it depends on.
        """
        said = speech(current_app)
        key = (macro.name, said.language, card, *beside)
        with self._lock:
            self._turn()
            found = self._kept.get(key) or self._older.get(key)
        if found is None:
            found = Markup(macro(card))
        with self._lock:
            self._kept[key] = found
        return found

    def _turn(self) -> None:
        now_s = self._clock()
        if now_s - self._turned_s < KEPT_S and len(self._kept) < CARDS_MAX:
            return
        self._turned_s = now_s
        self._older, self._kept = self._kept, {}


class SamePage(Generic[_T]):
    """The last page of each kind: the next screen that would see the very same is given it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        self._kept: dict[Hashable, tuple[Any, _T]] = {}

    def __call__(self, kind: Hashable, shown: Any, draw: Callable[[], _T]) -> _T:
        """Return a page.

        Args:
            kind: template, language, role: of few kinds.
            shown: what it is drawn from.
            draw: draws it.
        """
        if (found := self._found(kind, shown)) is not None:
            return found
        # One draws, the others that heard the same news wait for it: Python draws one at a time.
        with self._drawing:
            if (found := self._found(kind, shown)) is not None:
                return found
            page = draw()
            with self._lock:
                if len(self._kept) >= _KINDS_MAX:
                    self._kept.clear()
                self._kept[kind] = (shown, page)
            return page

    def _found(self, kind: Hashable, shown: Any) -> _T | None:
        with self._lock:
            found = self._kept.get(kind)
        return found[1] if found is not None and found[0] == shown else None
