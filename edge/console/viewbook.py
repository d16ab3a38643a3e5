"""Notes which screens are about to show which cards; those that ask at one moment, in one commit.

A commit waits for the disk: twenty screens that hear of the same guest would wait for each other
twenty times. Called by `edge.console.desk`; `edge.store.arrivals` keeps.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlite_utils import Database

from edge.store.arrivals import Shown, note_views, unseen
from edge.store.database import StoreFault

_DEVICES_MAX: Final = 400
"""Of so many the last list is known without a look into the store: pages and tokens at most."""


@dataclass(slots=True)
class _Asked:
    """A screen that waits to show its cards."""

    shown: Shown
    done: bool = False
    fault: StoreFault | None = None


class ViewBook:
    """The views of all screens.

    Args:
        db: a connection of the calling thread.
        now: the box's time.
    """

    def __init__(self, db: Callable[[], Database], now: Callable[[], datetime]) -> None:
        self._db = db
        self._now = now
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[_Asked] = []
        self._known: dict[str, frozenset[tuple[str, str]]] = {}

    def note(self, device: str, cards: Mapping[str, str]) -> None:
        """Return when it is kept that a device is shown cards; `cards` are subjects by visit.

        Raises:
            StoreFault: it cannot be kept; the cards are then not to be shown.
        """
        known = self._known.get(device)
        fresh = dict(cards.items() - known) if known is not None else cards
        if not fresh:
            return
        if known is not None or unseen(self._db(), device, fresh):
            self._wait_for(device, fresh)
        if len(self._known) >= _DEVICES_MAX:
            self._known.clear()
        self._known[device] = frozenset(cards.items())

    def _wait_for(self, device: str, cards: Mapping[str, str]) -> None:
        asked = _Asked(Shown(device=device, cards=cards))
        with self._lock:
            self._waiting.append(asked)
        with self._writing:
            if not asked.done:  # whoever wrote before has not taken this one along
                self._write()
        if asked.fault is not None:
            raise asked.fault

    def _write(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting, []
        fault: StoreFault | None = None
        try:
            note_views(self._db(), [one.shown for one in taken], now=self._now())
        except StoreFault as exc:
            fault = exc
        for one in taken:
            one.fault, one.done = fault, True
