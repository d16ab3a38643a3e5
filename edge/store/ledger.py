"""Keeps facts and tells the outbox of them, in one transaction. The eyes' only way to write.

Implements `ports.VisitLog`; called by `pipeline`.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlite_utils import Database

from edge.core.visit import Closed, Crossed, Occupied, Opened, Revised, Visit
from edge.ports import Fact
from edge.store.database import transaction
from edge.store.outbox import Origin, Outbox, Reading
from edge.wire.codec import utc_text
from edge.wire.messages import (
    Body,
    CrossingMinute,
    Health,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)

BASIS = "crossings"
"""In count mode every visit is a crossing (DESIGN section 6)."""

_MINUTE_COUNTS = ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back")


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _minute_counts(crossed: Crossed) -> dict[str, int]:
    """Return what one crossing adds to its minute."""
    if crossed.staff:
        return {"staff": 1}
    column = "entered" if crossed.direction == "in" else "left"
    if not crossed.hours_open:
        return {column + "_closed": 1}
    return {column: 1, "turned_back": int(crossed.turned_back)}


class SqliteVisitLog:
    """The visit log of one epoch.

    Args:
        db: a connection of its own.
        epoch: the epoch that this start of the box began.
        origin: whose facts they are. A replay's occupancy is not kept and its open visits do not
            go on; a private one's facts stand apart from all that pages and hub see.
    """

    def __init__(self, db: Database, epoch: str, origin: Origin) -> None:
        self._db = db
        self._epoch = epoch
        self._origin = origin
        self._outbox = Outbox(db)

    @property
    def _private(self) -> bool:
        return self._origin == "private"

    def commit(self, facts: Sequence[Fact]) -> None:
        """Keep facts, their rows and their events, all or none (see `ports.VisitLog`)."""
        entries: list[tuple[Body, Reading]] = []
        minutes: dict[tuple[str, datetime], Reading] = {}
        with transaction(self._db):
            for fact in facts:
                body = self._keep(fact)
                if isinstance(fact.change, Crossed):
                    crossed = fact.change
                    reading = Reading(at=crossed.at, mono=fact.mono, clock=fact.clock)
                    minutes[crossed.camera, _minute_of(crossed.at)] = reading
                if body is not None:
                    entries.append(body)
            for (camera, minute), reading in minutes.items():
                entries.append((self._minute(camera, minute), reading))
            self._outbox.append(self._epoch, entries)

    def health(self, health: Health, reading: Reading) -> None:
        """Keep a change of a part's state; only the hub wants to know it later."""
        with transaction(self._db):
            self._outbox.append(self._epoch, [(health, reading)])

    def _keep(self, fact: Fact) -> tuple[Body, Reading] | None:
        """Write one change; return what the hub is to be told at once."""
        match fact.change:
            case Crossed() as crossed:
                self._keep_crossing(crossed)
                return None
            case Occupied(at=at, people=people):
                if self._origin == "run":
                    self._db.execute(
                        "INSERT OR REPLACE INTO occupancy (id, at, people) VALUES (1, ?, ?)",
                        [utc_text(at), people],
                    )
                return None
            case Opened(visit=visit):
                return self._keep_opened(visit), self._reading(fact, visit.opened_at)
            case Revised(at=at, visit=visit, reason=reason):
                return self._keep_revised(visit, reason), self._reading(fact, at)
            case Closed(at=at, visit=visit_id, reason=close_reason):
                self._db.execute(
                    "UPDATE visit SET closed_at = ?, close_reason = ? WHERE id = ?",
                    [utc_text(at), close_reason, visit_id],
                )
                body = VisitClosed(visit=visit_id, reason=close_reason)
                return body, self._reading(fact, at)

    @staticmethod
    def _reading(fact: Fact, at: datetime) -> Reading:
        return Reading(at=at, mono=fact.mono, clock=fact.clock)

    def _keep_crossing(self, crossed: Crossed) -> None:
        self._db.execute(
            "INSERT INTO crossing"
            " (at, camera, direction, track, staff, turned_back, hours_open, origin)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                utc_text(crossed.at),
                crossed.camera,
                crossed.direction,
                crossed.track,
                crossed.staff,
                crossed.turned_back,
                crossed.hours_open,
                self._origin,
            ],
        )
        added = {**dict.fromkeys(_MINUTE_COUNTS, 0), **_minute_counts(crossed)}
        columns = ", ".join(_MINUTE_COUNTS)
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in _MINUTE_COUNTS)
        self._db.execute(
            f"INSERT INTO crossing_minute (camera, minute, private, rev, {columns})"
            f" VALUES (?, ?, ?, 0, {', '.join('?' * len(_MINUTE_COUNTS))})"
            f" ON CONFLICT (minute, camera, private) DO UPDATE SET {sums}",
            [crossed.camera, utc_text(_minute_of(crossed.at)), self._private, *added.values()],
        )

    def _minute(self, camera: str, minute: datetime) -> CrossingMinute:
        """Return the minute as it stands now, under the next revision."""
        row = self._db.execute(
            "UPDATE crossing_minute SET rev = rev + 1"
            " WHERE minute = ? AND camera = ? AND private = ?"
            f" RETURNING rev, {', '.join(_MINUTE_COUNTS)}",
            [utc_text(minute), camera, self._private],
        ).fetchone()
        counts = dict(zip(_MINUTE_COUNTS, row[1:], strict=True))
        return CrossingMinute(camera=camera, minute=minute, rev=row[0], **counts)

    def _keep_opened(self, visit: Visit) -> VisitOpened:
        self._db.execute(
            "INSERT INTO visit (id, rev, opened_at, camera, who, void, origin)"
            " VALUES (?, ?, ?, ?, ?, 0, ?)",
            [visit.id, visit.rev, utc_text(visit.opened_at), visit.camera, visit.who, self._origin],
        )
        return VisitOpened(
            visit=visit.id,
            camera=visit.camera,
            who=visit.who,
            subject=None,
            reentry=False,
            first_visit=None,
            basis=BASIS,
        )

    def _keep_revised(self, visit: Visit, reason: str) -> VisitRevised:
        self._db.execute(
            "UPDATE visit SET rev = ?, who = ?, void = ? WHERE id = ? AND rev < ?",
            [visit.rev, visit.who, visit.void, visit.id, visit.rev],
        )
        return VisitRevised(
            visit=visit.id,
            rev=visit.rev,
            opened_at=visit.opened_at,
            camera=visit.camera,
            who=visit.who,
            subject=None,
            reentry=False,
            first_visit=None,
            basis=BASIS,
            void=visit.void,
            reason=reason,
        )

    def open_visits(self) -> list[Visit]:
        """Return the living shop's visits that have neither ended nor been voided."""
        rows = self._db.execute(
            "SELECT id, rev, opened_at, camera, who FROM visit"
            " WHERE closed_at IS NULL AND void = 0 AND origin = 'run' ORDER BY opened_at"
        ).fetchall()
        return [
            Visit(id=i, rev=rev, opened_at=datetime.fromisoformat(at), camera=camera, who=who)
            for i, rev, at, camera, who in rows
        ]

    def occupancy(self) -> Occupied | None:
        """Return the last known occupancy."""
        row = self._db.execute("SELECT at, people FROM occupancy WHERE id = 1").fetchone()
        return Occupied(at=datetime.fromisoformat(row[0]), people=row[1]) if row else None
