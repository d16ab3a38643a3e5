"""Keeps facts and tells the outbox of them, in one transaction. The eyes' only way to write.

Implements `ports.VisitLog` together with `recall`, its reading half; called by `pipeline`.

What was told of a visit's time stays told: only `clockfix` moves it. A revision takes its number
and the visit's time from the row.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from edge.core.timeline import Timeline
from edge.core.visit import Closed, Crossed, Occupied, Opened, Raised, Revised, Seen, Visit
from edge.modes import Basis
from edge.ports import Fact
from edge.store.database import bound, transaction
from edge.store.minutes import add_crossing, minute_of, told_minute
from edge.store.outbox import Origin, Outbox, Reading
from edge.store.recall import COLUMNS, Recall
from edge.wire.codec import utc_text
from edge.wire.messages import (
    Alert,
    Body,
    Health,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)

Named = Callable[[datetime, Visit], None]
"""Told, within the transaction, of a visit that has just been given a member's subject."""
RADIO: Final = "/radio"
"""Among the cameras' names, of which none has a slash."""
_REVISED: Final = (
    *("camera", "who", "void", "subject", "reentry", "first_visit", "distance", "sure", "counted"),
)


class SqliteVisitLog(Recall):
    """The visit log of one epoch.

    Args:
        db: a connection of its own.
        epoch: the epoch that this start of the box began.
        origin: whose facts they are. A replay's occupancy is not kept and its open visits do not
            go on; a private one's facts stand apart from all that pages and hub see.
        basis: what the visits of this start are.
        named: told of each visit that is found to be a member's.
        boot: names this start of the machine (`edge.clock.boot_id`); None: a recording's facts.
        limit_bytes: what the database may take, read anew for each commit; None: what the disk
            holds.
    """

    def __init__(
        self,
        db: Database,
        epoch: str,
        origin: Origin,
        *,
        basis: Basis = "crossings",
        named: Named = lambda at, visit: None,
        boot: str | None = None,
        limit_bytes: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(db, origin, boot)
        self._limit_bytes = limit_bytes
        self._epoch = epoch
        self._basis = basis
        self._named = named
        self._outbox = Outbox(db)

    @property
    def basis(self) -> Basis:
        """What the visits of this start are."""
        return self._basis

    def commit(self, facts: Sequence[Fact]) -> None:
        """Keep facts, their rows and their events, all or none (see `ports.VisitLog`)."""
        entries: list[tuple[Body, Reading]] = []
        minutes: dict[tuple[str, datetime], Reading] = {}
        if self._limit_bytes is not None:
            bound(self._db, self._limit_bytes())
        with transaction(self._db):
            for fact in facts:
                body = self._keep(fact)
                if isinstance(fact.change, Crossed):
                    crossed = fact.change
                    reading = Reading(at=crossed.at, mono=fact.mono, clock=fact.clock)
                    minutes[crossed.camera, minute_of(crossed.at)] = reading
                if body is not None:
                    entries.append(body)
            for (camera, minute), reading in minutes.items():
                told = told_minute(self._db, camera, minute, private=self._private)
                entries.append((told, reading))
            self._outbox.append(self._epoch, entries)

    def health(self, health: Health, reading: Reading) -> None:
        """Keep a change of a part's state for the hub, and since when a camera or radio works."""
        with transaction(self._db):
            if health.part in ("camera", "radio"):
                since = utc_text(reading.at) if health.state == "ok" else None
                self._db.execute(
                    "INSERT OR REPLACE INTO at_work (part, since) VALUES (?, ?)",
                    [health.camera or RADIO, since],
                )
            elif health.part == "eyes":
                _unsee(self._db)
            self._outbox.append(self._epoch, [(health, reading)])

    def begin(self) -> None:
        """Note that the box begins: no camera has shown a picture yet, nothing was heard."""
        with transaction(self._db):
            self._db.execute("UPDATE at_work SET since = NULL")

    def _keep(self, fact: Fact) -> tuple[Body, Reading] | None:
        """Write one change; return what the hub is to be told at once."""
        match fact.change:
            case Crossed() as crossed:
                self._keep_crossing(crossed, fact.timeline)
                return None
            case Occupied(at=at, people=people):
                if self._origin == "run":
                    self._db.execute(
                        "INSERT OR REPLACE INTO occupancy (id, at, people, timeline)"
                        " VALUES (1, ?, ?, ?)",
                        [utc_text(at), people, _kept(fact.timeline)],
                    )
                return None
            case Opened(visit=visit):
                self._keep_opened(visit, fact.timeline)
                if visit.subject is not None:
                    self._named(visit.opened_at, visit)
                return self._told_opened(visit), self._reading(fact, visit.opened_at)
            case Revised(at=at, visit=visit, reason=reason):
                return self._keep_revised(at, visit, reason), self._reading(fact, at)
            case Seen(at=at, visit=visit_id):
                self._db.execute(
                    "UPDATE visit SET seen_at = ?, seen_timeline = ?, doubt = max(doubt, ?)"
                    " WHERE id = ?",
                    [utc_text(at), _kept(fact.timeline), _doubtful(fact.timeline), visit_id],
                )
                return None
            case Raised(at=at, kind=kind, visit=visit_id, subject=subject):
                self._db.execute(
                    "INSERT INTO alert (at, kind, visit, subject, origin, timeline)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    [utc_text(at), kind, visit_id, subject, self._origin, _kept(fact.timeline)],
                )
                body = Alert(alert=kind, visit=visit_id, subject=subject)
                return body, self._reading(fact, at)
            case Closed() as closed:
                return self._keep_closed(closed, fact.timeline), self._reading(fact, closed.at)

    @staticmethod
    def _reading(fact: Fact, at: datetime) -> Reading:
        return Reading(at=at, mono=fact.mono, clock=fact.clock)

    def _keep_crossing(self, crossed: Crossed, timeline: Timeline | None) -> None:
        self._db.execute(
            "INSERT INTO crossing"
            " (at, camera, direction, track, staff, turned_back, hours_open, origin, timeline)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                utc_text(crossed.at),
                crossed.camera,
                crossed.direction,
                crossed.track,
                crossed.staff,
                crossed.turned_back,
                crossed.hours_open,
                self._origin,
                _kept(timeline) if _doubtful(timeline) else None,
            ],
        )
        add_crossing(self._db, crossed, private=self._private)

    def _keep_opened(self, visit: Visit, timeline: Timeline | None) -> None:
        row = _row_of(visit)
        kept = _kept(timeline)
        seen = kept if visit.seen_at else None
        row += [self._origin, self._basis, kept, seen, _doubtful(timeline)]
        self._db.execute(
            f"INSERT INTO visit ({COLUMNS}, origin, basis, opened_timeline, seen_timeline, doubt)"
            f" VALUES ({', '.join('?' * len(row))})",
            row,
        )

    def _keep_closed(self, closed: Closed, timeline: Timeline | None) -> VisitClosed:
        (rev,) = self._db.execute(
            "UPDATE visit SET closed_at = ?, close_reason = ?, closed_timeline = ?,"
            " doubt = max(doubt, ?), closed_rev = closed_rev + 1 WHERE id = ? RETURNING closed_rev",
            [
                utc_text(closed.at),
                closed.reason,
                _kept(timeline),
                _doubtful(timeline),
                closed.visit,
            ],
        ).fetchone()
        return VisitClosed(visit=closed.visit, reason=closed.reason, rev=rev)

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

    def _keep_revised(self, at: datetime, visit: Visit, reason: str) -> VisitRevised:
        """Write a visit anew; `named` is told if its subject is another one than before."""
        (subject,) = self._db.execute(
            "SELECT subject FROM visit WHERE id = ?", [visit.id]
        ).fetchone()
        if visit.subject not in (None, subject):
            self._named(at, visit)
        rev, opened_at, basis = self._db.execute(
            f"UPDATE visit SET {', '.join(f'{name} = ?' for name in _REVISED)}, rev = rev + 1"
            " WHERE id = ? RETURNING rev, opened_at, basis",
            [*(getattr(visit, name) for name in _REVISED), visit.id],
        ).fetchone()
        return VisitRevised(
            visit=visit.id,
            rev=rev,
            opened_at=datetime.fromisoformat(opened_at),
            camera=visit.camera,
            who=visit.who,
            subject=visit.subject,
            reentry=visit.reentry,
            first_visit=visit.first_visit,
            basis=basis or self._basis,
            counted=visit.counted,
            void=visit.void,
            reason=reason,
        )


def _unsee(db: Database) -> None:
    """Note, in the caller's transaction, that no camera shows pictures: who looks has gone."""
    db.execute("UPDATE at_work SET since = NULL WHERE part <> ?", [RADIO])


def _kept(timeline: Timeline | None) -> int | None:
    """Return the number of a timeline, None if there is none or it could not be kept."""
    return (timeline.id or None) if timeline is not None else None


def _doubtful(timeline: Timeline | None) -> bool:
    return timeline is not None and not timeline.sure


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
