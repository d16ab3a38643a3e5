"""Keeps facts and tells the outbox of them, in one transaction. The eyes' only way to write.

Implements `ports.VisitLog`; called by `pipeline`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlite_utils import Database

from edge.core.visit import Closed, Crossed, Occupied, Opened, Raised, Revised, Seen, Visit
from edge.modes import Basis
from edge.ports import Fact
from edge.store.database import transaction
from edge.store.outbox import Origin, Outbox, Reading
from edge.wire.codec import utc_text
from edge.wire.messages import (
    Alert,
    Body,
    CrossingMinute,
    Health,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)

Named = Callable[[datetime, Visit], None]
"""Told, within the transaction, of a visit that has just been given a member's subject."""
REMEMBER: Final = timedelta(hours=24)
"""Visits are taken up again after a restart for the window and this long: they may be corrected."""

_COLUMNS: Final = (
    "id, rev, opened_at, camera, who, void, subject, reentry, first_visit, distance, sure, counted,"
    " seen_at"
)
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
        basis: what the visits of this start are.
        named: told of each visit that is found to be a member's.
    """

    def __init__(
        self,
        db: Database,
        epoch: str,
        origin: Origin,
        *,
        basis: Basis = "crossings",
        named: Named = lambda at, visit: None,
    ) -> None:
        self._db = db
        self._epoch = epoch
        self._origin = origin
        self._basis = basis
        self._named = named
        self._outbox = Outbox(db)

    @property
    def basis(self) -> Basis:
        """What the visits of this start are."""
        return self._basis

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
                self._keep_opened(visit)
                if visit.subject is not None:
                    self._named(visit.opened_at, visit)
                return self._told_opened(visit), self._reading(fact, visit.opened_at)
            case Revised(at=at, visit=visit, reason=reason):
                if self._keep_revised(visit) and visit.subject is not None:
                    self._named(at, visit)
                return self._told_revised(visit, reason), self._reading(fact, at)
            case Seen(at=at, visit=visit_id):
                self._db.execute(
                    "UPDATE visit SET seen_at = ? WHERE id = ?", [utc_text(at), visit_id]
                )
                return None
            case Raised(at=at, kind=kind, visit=visit_id, subject=subject):
                self._db.execute(
                    "INSERT INTO alert (at, kind, visit, subject, origin) VALUES (?, ?, ?, ?, ?)",
                    [utc_text(at), kind, visit_id, subject, self._origin],
                )
                body = Alert(alert=kind, visit=visit_id, subject=subject)
                return body, self._reading(fact, at)
            case Closed(at=at, visit=visit_id, reason=close_reason):
                self._db.execute(
                    "UPDATE visit SET closed_at = ?, close_reason = ? WHERE id = ?",
                    [utc_text(at), close_reason, visit_id],
                )
                ended = VisitClosed(visit=visit_id, reason=close_reason)
                return ended, self._reading(fact, at)

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

    def _keep_opened(self, visit: Visit) -> None:
        marks = ", ".join("?" * 14)
        self._db.execute(
            f"INSERT INTO visit ({_COLUMNS}, origin) VALUES ({marks})",
            [*_row_of(visit), self._origin],
        )

    def _told_opened(self, visit: Visit) -> VisitOpened:
        return VisitOpened(
            visit=visit.id,
            camera=visit.camera,
            who=visit.who,
            subject=visit.subject,
            reentry=visit.reentry,
            first_visit=visit.first_visit,
            basis=self._basis,
            counted=visit.counted,
        )

    def _keep_revised(self, visit: Visit) -> bool:
        """Write a visit anew; say whether its subject is another one than before."""
        before = self._db.execute("SELECT subject FROM visit WHERE id = ?", [visit.id]).fetchone()
        names = _COLUMNS.split(", ")[1:]
        self._db.execute(
            f"UPDATE visit SET {', '.join(f'{name} = ?' for name in names)}"
            " WHERE id = ? AND rev < ?",
            [*_row_of(visit)[1:], visit.id, visit.rev],
        )
        return before is not None and before[0] != visit.subject

    def _told_revised(self, visit: Visit, reason: str) -> VisitRevised:
        return VisitRevised(
            visit=visit.id,
            rev=visit.rev,
            opened_at=visit.opened_at,
            camera=visit.camera,
            who=visit.who,
            subject=visit.subject,
            reentry=visit.reentry,
            first_visit=visit.first_visit,
            basis=self._basis,
            counted=visit.counted,
            void=visit.void,
            reason=reason,
        )

    def open_visits(self) -> list[Visit]:
        """Return the living shop's visits that have neither ended nor been voided."""
        return self._visits("closed_at IS NULL AND void = 0 AND origin = 'run'")

    def recent_visits(self, now: datetime, window: timedelta) -> list[Visit]:
        """Return visits before `now` whose visitors may return or be corrected.

        A private replay sees everybody's; what is real never sees a private one's.
        """
        since = now - window - REMEMBER
        return self._visits(
            "opened_at <= ? AND coalesce(seen_at, opened_at) BETWEEN ? AND ?"
            f" AND ({self._seen_origins()})",
            [utc_text(now), utc_text(since), utc_text(now)],
        )

    def alerted(self, now: datetime, window: timedelta) -> Mapping[str, tuple[datetime, str]]:
        """Return when each member's arrival was last told, and of which visit, by subject.

        Corrected visits and those that turned out to be none are left out.
        """
        rows = self._db.execute(
            "SELECT alert.subject, max(alert.at), visit.id"
            " FROM alert JOIN visit ON visit.id = alert.visit"
            " WHERE alert.kind = 'member_arrived' AND visit.subject = alert.subject"
            f" AND visit.void = 0 AND alert.at BETWEEN ? AND ? AND ({self._seen_origins('alert.')})"
            " GROUP BY alert.subject",
            [utc_text(now - window - REMEMBER), utc_text(now)],
        ).fetchall()
        return {subject: (datetime.fromisoformat(at), visit) for subject, at, visit in rows}

    def vetoes(self, now: datetime, window: timedelta) -> Mapping[tuple[str, str], datetime]:
        """Return when a person said of a visit that it is not a member's, by visit and subject."""
        rows = self._db.execute(
            "SELECT visit, subject, done_at FROM request WHERE kind = 'wrong_person'"
            " AND subject IS NOT NULL AND done_at BETWEEN ? AND ?",
            [utc_text(now - window - REMEMBER), utc_text(now)],
        ).fetchall()
        return {(visit, subject): datetime.fromisoformat(at) for visit, subject, at in rows}

    def _seen_origins(self, table: str = "") -> str:
        return "1" if self._private else f"{table}origin <> 'private'"

    def _visits(self, condition: str, values: Sequence[Any] = ()) -> list[Visit]:
        return _read(self._db, condition, values)

    def occupancy(self) -> Occupied | None:
        """Return the last known occupancy."""
        row = self._db.execute("SELECT at, people FROM occupancy WHERE id = 1").fetchone()
        return Occupied(at=datetime.fromisoformat(row[0]), people=row[1]) if row else None


def visit_of(db: Database, visit_id: str) -> Visit | None:
    """Return a visit as it was last written."""
    found = _read(db, "id = ?", [visit_id])
    return found[0] if found else None


def _read(db: Database, condition: str, values: Sequence[Any]) -> list[Visit]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM visit WHERE {condition} ORDER BY opened_at", list(values)
    ).fetchall()
    return [_visit_of(row) for row in rows]


def _row_of(visit: Visit) -> list[Any]:
    return [
        visit.id,
        visit.rev,
        utc_text(visit.opened_at),
        visit.camera,
        visit.who,
        visit.void,
        visit.subject,
        visit.reentry,
        visit.first_visit,
        visit.distance,
        visit.sure,
        visit.counted,
        utc_text(visit.seen_at) if visit.seen_at else None,
    ]


def _visit_of(row: Sequence[Any]) -> Visit:
    return Visit(
        id=row[0],
        rev=row[1],
        opened_at=datetime.fromisoformat(row[2]),
        camera=row[3],
        who=row[4],
        void=bool(row[5]),
        subject=row[6],
        reentry=bool(row[7]),
        first_visit=row[8],
        distance=row[9],
        sure=None if row[10] is None else bool(row[10]),
        counted=bool(row[11]),
        seen_at=datetime.fromisoformat(row[12]) if row[12] else None,
    )
