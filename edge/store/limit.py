"""Keeps the store below its limit, and says how: the rules of ADR 10. Called by the supervisor.

By a clock that nobody vouches for nothing is old: above 80 % acknowledged events go, and no more.

share of the limit   up to 80 %   nothing but what has been kept long enough is deleted
                     above        acknowledged events go `early`, then the oldest waiting ones
                                  are sent by the hour (`hourly`), until 75 % are left
                     100 %        the eyes' connection takes no more (`refused`)
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from edge.ports import Clock
from edge.store.database import transaction
from edge.store.keeping import SHORT, Going, prune, prune_acknowledged
from edge.store.outbox import Outbox, Reading
from edge.store.summaries import drop_some, summarise_some
from edge.wire.codec import utc_text
from edge.wire.messages import Health

log = logging.getLogger(__name__)

State = Literal["ok", "early", "hourly", "refused"]
FULL_SHARE: Final = 0.80
FREED_SHARE: Final = 0.75
REFUSED_SHARE: Final = 0.98
"""A little below the limit itself: a commit that does not fit into the rest is refused whole."""
PRUNE_EVERY_S: Final = 3600.0
SHOWN_FOR: Final = timedelta(days=30)
_WORDS: Final = {
    "ok": "is below its limit again",
    "early": "is full; what nobody waits for is deleted earlier",
    "hourly": "is full; the oldest days that wait for the hub are kept by the hour only",
    "refused": "is at its limit and nothing more can be deleted; new facts are refused",
}


class Bounds:
    """Keeps the store of a running box within its limit.

    Args:
        db: a connection of its own.
        epoch: the epoch of this start.
        limit_bytes: what the database may take, asked for at each look.
        zone: the shop's.
        sends: whether there is a hub to send to; without one the oldest events are deleted.
        clock: the box's, which may step between two calls.
        going: asked between steps; false when the box stops.
    """

    def __init__(
        self,
        db: Database,
        *,
        epoch: str,
        limit_bytes: Callable[[], int],
        zone: ZoneInfo,
        sends: bool,
        clock: Clock,
        going: Going = lambda: True,
    ) -> None:
        self._db = db
        self._epoch = epoch
        self._limit_bytes = limit_bytes
        self._zone = zone
        self._sends = sends
        self._clock = clock
        self._going = going
        self._prune_at = float("-inf")

    def look(self) -> State:
        """Delete what is to be deleted now; return how the store is.

        Raises:
            edge.store.database.StoreAway: it cannot be done now; call again.
        """
        now, sure = self._clock.now(), self._clock.state() == "ok"
        if sure and self._clock.mono() >= self._prune_at:
            prune(self._db, self._epoch, now, going=self._going)
            self._prune_at = self._clock.mono() + PRUNE_EVERY_S
        if self._share() <= FULL_SHARE:
            return self._note("ok")
        state: State = "early"
        clear = prune if sure else prune_acknowledged
        clear(self._db, self._epoch, now, SHORT, going=self._too_full)
        if sure and self._too_full() and self._shortened() and self._sends:
            state = "hourly"
        if self._share() >= REFUSED_SHARE:
            state = "refused"
        return self._note(state)

    def _share(self) -> float:
        return used_bytes(self._db) / max(1, self._limit_bytes())

    def _too_full(self) -> bool:
        return self._going() and self._share() > FREED_SHARE

    def _shortened(self) -> bool:
        step: Callable[[], int] = self._summarise if self._sends else self._drop
        done = False
        while self._too_full() and step() > 0:
            done = True
        return done

    def _summarise(self) -> int:
        reading = Reading(at=self._clock.now(), mono=self._clock.mono(), clock=self._clock.state())
        return summarise_some(self._db, self._epoch, self._zone, reading)

    def _drop(self) -> int:
        return drop_some(self._db, self._clock.now())

    def _note(self, state: State) -> State:
        """Keep a new state, tell the hub, and say it once in the log."""
        if state == state_of(self._db):
            return state
        now = self._clock.now()
        log.log(logging.INFO if state == "ok" else logging.WARNING, "the store %s", _WORDS[state])
        with transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO storage (id, state, at) VALUES (1, ?, ?)",
                [state, utc_text(now)],
            )
            told = Health(part="storage", camera=None, state=state)
            reading = Reading(at=now, mono=self._clock.mono(), clock=self._clock.state())
            Outbox(self._db).append(self._epoch, [(told, reading)])
        return state


def state_of(db: Database) -> State:
    """Return how full the store was when it was last looked at."""
    row = db.execute("SELECT state FROM storage WHERE id = 1").fetchone()
    return row[0] if row else "ok"


def shown_state(db: Database, now: datetime) -> State:
    """Return the state that people are told: that days were shortened, for a month."""
    state = state_of(db)
    since = utc_text(now - SHOWN_FOR)
    if state == "refused":
        return state
    row = db.execute("SELECT 1 FROM hour_summary WHERE at >= ? LIMIT 1", [since]).fetchone()
    return "hourly" if row else state


def used_bytes(db: Database) -> int:
    """Return what the database takes without what is free in its file; the log is not in it."""
    size, pages, free = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    return int(size * (pages - free))
