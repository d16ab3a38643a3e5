"""Reads what the book of a starting process is to remember. The reading half of `ledger`.

Rows keep the times that were told. Where the clock has stepped since, in this same start of the
machine, they are translated to the clock as it goes now, so that a window is as long as it was.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlite_utils import Database

from edge.core.occupancy import LEARNT_FROM, Balance
from edge.core.visit import Occupied, Visit
from edge.store.database import FILE_NAME, translated
from edge.store.outbox import Origin
from edge.wire.codec import utc_text

REMEMBER: Final = timedelta(hours=24)
"""Visits are taken up again after a restart for the window and this long: they may be corrected."""
COLUMNS: Final = (
    "id, rev, opened_at, camera, who, void, subject, reentry, first_visit, distance, sure, counted,"
    " seen_at"
)
_DATED: Final = f"{COLUMNS}, opened_timeline, seen_timeline"
_LAST_AT: Final = "coalesce(seen_at, opened_at)"
_LAST_TIMELINE: Final = "CASE WHEN seen_at IS NULL THEN opened_timeline ELSE seen_timeline END"


class Recall:
    """What is on record, as a process of one start of the machine sees it.

    Args:
        db: a connection of its own.
        origin: who asks: a private replay sees everybody's visits, what is real no private one's.
        boot: names this start of the machine; None: a recording, whose clock never steps.
    """

    def __init__(self, db: Database, origin: Origin, boot: str | None) -> None:
        self._db = db
        self._origin = origin
        self._boot = boot

    @property
    def _private(self) -> bool:
        return self._origin == "private"

    def open_visits(self) -> list[Visit]:
        """Return the living shop's visits that have neither ended nor been voided."""
        return self._visits("closed_at IS NULL AND void = 0 AND origin = 'run'")

    def recent_visits(self, now: datetime, window: timedelta) -> list[Visit]:
        """Return visits before `now` whose visitors may return or be corrected.

        A private replay sees everybody's; what is real never sees a private one's.
        """
        found = self._visits(*self._recent(now, window))
        return [visit for visit in found if visit.opened_at <= now]

    def _recent(self, now: datetime, window: timedelta) -> tuple[str, list[str]]:
        lately, values = self._between(_LAST_AT, _LAST_TIMELINE, now - window - REMEMBER, now)
        return f"{lately} AND ({self._seen_origins()})", values

    def alerted(self, now: datetime, window: timedelta) -> Mapping[str, tuple[datetime, str]]:
        """Return when each member's arrival was last told, and of which visit, by subject.

        Corrected visits and those that turned out to be none are left out.
        """
        lately, values = self._between("alert.at", "alert.timeline", now - window - REMEMBER, now)
        rows = self._db.execute(
            "SELECT alert.subject, alert.at, alert.timeline, visit.id"
            " FROM alert JOIN visit ON visit.id = alert.visit"
            " WHERE alert.kind = 'member_arrived' AND visit.subject = alert.subject"
            f" AND visit.void = 0 AND {lately} AND ({self._seen_origins('alert.')})",
            values,
        ).fetchall()
        shifts, told = self._shifts(), dict[str, tuple[datetime, str]]()
        for subject, at, timeline, visit in rows:
            moment = _moment(at, timeline, shifts)
            if subject not in told or moment > told[subject][0]:
                told[subject] = (moment, visit)
        return told

    def vetoes(self, now: datetime, window: timedelta) -> Mapping[tuple[str, str], datetime]:
        """Return when a person said of a visit that it is not a member's, by visit and subject.

        Corrections are dated by the clock of their moment and never moved: one holds as long as
        its visit is remembered, and is of the visit's last moment if its own cannot be right.
        """
        lately, values = self._recent(now, window)
        rows = self._db.execute(
            f"SELECT visit.id, request.subject, request.done_at, {_LAST_AT}, {_LAST_TIMELINE}"
            " FROM request JOIN visit ON visit.id = request.visit"
            " WHERE request.kind = 'wrong_person' AND request.subject IS NOT NULL"
            f" AND request.done_at IS NOT NULL AND {lately}",
            values,
        ).fetchall()
        shifts, said = self._shifts(), dict[tuple[str, str], datetime]()
        for visit, subject, done_at, at, timeline in rows:
            last, done = _moment(at, timeline, shifts), datetime.fromisoformat(done_at)
            said[visit, subject] = done if last <= done <= now else last
        return said

    def occupancy(self) -> Occupied | None:
        """Return the last known occupancy."""
        row = self._db.execute("SELECT at, people, timeline FROM occupancy WHERE id = 1").fetchone()
        if row is None:
            return None
        return Occupied(at=_moment(row[0], row[2], self._shifts()), people=row[1])

    def balance(self, closing: datetime) -> Balance:
        """Return what the doors counted of guests on the days before a closing.

        Raises:
            StoreFault: the store cannot be read now.
        """
        # Backwards from the newest row to the first that is older: the box's own crossings stand
        # in order of time, and there is no index of it (ADR 10). The eyes' loop waits for this.
        try:
            row = self._db.execute(
                "SELECT coalesce(sum(direction = 'in'), 0), coalesce(sum(direction = 'out'), 0),"
                " coalesce(sum(turned_back), 0) FROM crossing"
                " WHERE id > coalesce((SELECT id FROM crossing WHERE at < ?1 AND origin = 'run'"
                "  ORDER BY id DESC LIMIT 1), 0)"
                " AND at < ?2 AND origin = 'run' AND staff = 0 AND hours_open = 1",
                [utc_text(closing - LEARNT_FROM), utc_text(closing)],
            ).fetchone()
        except sqlite3.Error as exc:
            raise translated(exc, FILE_NAME) from exc
        return Balance(entered=row[0] - row[2], left=row[1] - row[2])  # a turn is one of each

    def foreign(self, now: datetime, window: timedelta) -> Collection[datetime]:
        """Return the moments among all these that another start of the machine dated.

        A step of this one's clock says nothing of them. Empty for a recording.
        """
        if self._boot is None:
            return frozenset()
        condition, values = self._recent(now, window)
        visits = self._rows(f"({condition}) OR (closed_at IS NULL AND void = 0)", values)
        dated = [(row[2], row[13]) for row in visits] + [(row[12], row[14]) for row in visits]
        dated += self._db.execute(
            "SELECT at, timeline FROM occupancy UNION ALL"
            " SELECT at, timeline FROM alert WHERE at >= ?",
            [utc_text(now - window - REMEMBER)],
        ).fetchall()
        ours = self._shifts()
        return {datetime.fromisoformat(at) for at, dater in dated if at and dater not in ours}

    def _seen_origins(self, table: str = "") -> str:
        return "1" if self._private else f"{table}origin <> 'private'"

    def _shifts(self) -> dict[int, timedelta]:
        """Return how far the clock has stepped since each timeline of this start."""
        rows = self._db.execute(
            "SELECT id, zero_us FROM timeline WHERE boot = ? ORDER BY id", [self._boot]
        ).fetchall()
        return {i: timedelta(microseconds=rows[-1][1] - zero_us) for i, zero_us in rows}

    def _between(
        self, at: str, timeline: str, low: datetime, high: datetime
    ) -> tuple[str, list[str]]:
        """Return the condition, and its values, that a column's moment lies between two."""
        moved = {i: by for i, by in self._shifts().items() if by}
        others = f"coalesce({timeline}, 0) NOT IN ({', '.join(map(str, moved))})"
        parts = [f"({others} AND {at} BETWEEN ? AND ?)"]
        values = [utc_text(low), utc_text(high)]
        for number, by in moved.items():
            parts.append(f"({timeline} = {number} AND {at} BETWEEN ? AND ?)")
            values += [utc_text(low - by), utc_text(high - by)]
        return f"({' OR '.join(parts)})", values

    def _rows(self, condition: str, values: Sequence[Any]) -> list[Any]:
        found: list[Any] = self._db.execute(
            f"SELECT {_DATED} FROM visit WHERE {condition} ORDER BY opened_at", list(values)
        ).fetchall()
        return found

    def _visits(self, condition: str, values: Sequence[Any] = ()) -> list[Visit]:
        shifts = self._shifts()
        return [_visit_of(row, shifts) for row in self._rows(condition, values)]


def visit_of(db: Database, visit_id: str) -> Visit | None:
    """Return a visit as it was last written."""
    found = db.execute(f"SELECT {_DATED} FROM visit WHERE id = ?", [visit_id]).fetchone()
    return _visit_of(found, {}) if found else None


def _moment(at: str, timeline: int | None, shifts: Mapping[int, timedelta]) -> datetime:
    return datetime.fromisoformat(at) + shifts.get(timeline or 0, timedelta())


def _visit_of(row: Sequence[Any], shifts: Mapping[int, timedelta]) -> Visit:
    return Visit(
        id=row[0],
        rev=row[1],
        opened_at=_moment(row[2], row[13], shifts),
        camera=row[3],
        who=row[4],
        void=bool(row[5]),
        subject=row[6],
        reentry=bool(row[7]),
        first_visit=row[8],
        distance=row[9],
        sure=None if row[10] is None else bool(row[10]),
        counted=bool(row[11]),
        seen_at=_moment(row[12], row[14], shifts) if row[12] else None,
    )
