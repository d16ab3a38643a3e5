"""How devices fared with codes: their failures, their locks, what was said to them last.

Written by `codes` with each code that is judged; read and unlocked by `edge.console.codes`. It
holds over restarts: else pulling the plug would be worth five guesses.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlite_utils import Database

from edge.core.codes import Outcome, Tries
from edge.store.audit import Audit, Code
from edge.store.database import transaction
from edge.store.switches import ARRIVAL
from edge.wire.codec import utc_text

_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a device's last try came to. `waits`: the eyes have not taken up its last code yet."""

    tries: Tries
    outcome: Outcome | None = None
    at: datetime | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A device that failed too often."""

    device: str
    until: datetime


def tries_of(db: Database, device: str) -> Asking:
    """Return how a device has fared so far."""
    row = db.execute(
        "SELECT failed, locked_until, outcome, at FROM code_try WHERE device = ?", [device]
    ).fetchone()
    if row is None:
        return Asking(tries=Tries())
    (waits,) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM request WHERE kind = ? AND done_at IS NULL AND actor = ?)",
        [ARRIVAL, device],
    ).fetchone()
    until = datetime.fromisoformat(row[1]) if row[1] else None
    return Asking(
        tries=Tries(failed=row[0], locked_until=until),
        outcome=row[2],
        at=datetime.fromisoformat(row[3]),
        waits=bool(waits),
    )


def keep_tries(db: Database, device: str, tries: Tries, outcome: Outcome, now: datetime) -> None:
    """Keep, in the caller's transaction, how a device fared; forget devices that asked long ago."""
    before = utc_text(now - _KEPT)
    db.execute("DELETE FROM code_try WHERE at < ?", [before])
    until = utc_text(tries.locked_until) if tries.locked_until else None
    db.execute(
        "INSERT OR REPLACE INTO code_try (device, failed, locked_until, outcome, at)"
        " VALUES (?, ?, ?, ?, ?)",
        [device, tries.failed, until, outcome, utc_text(now)],
    )


def locked(db: Database, now: datetime) -> tuple[Locked, ...]:
    """Return the devices that are locked, the one that is free first at the end."""
    rows = db.execute(
        "SELECT device, locked_until FROM code_try WHERE locked_until > ?"
        " ORDER BY locked_until DESC, device",
        [utc_text(now)],
    ).fetchall()
    return tuple(Locked(device=d, until=datetime.fromisoformat(until)) for d, until in rows)


def unlock(db: Database, device: str, now: datetime, *, by: str) -> bool:
    """Let a device try again; False if it was not locked."""
    with transaction(db):
        done = db.execute(
            "DELETE FROM code_try WHERE device = ? AND locked_until IS NOT NULL", [device]
        )
        if done.rowcount == 0:
            return False
        detail: dict[str, Code] = {"how": "unlocked", "device": device}
        Audit(db).append(at=now, what="code", actor=by, detail=detail)
    return True
