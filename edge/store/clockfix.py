"""Moves facts that were dated by a clock that turned out to be wrong. Called by the eyes.

A timeline that is not the kernel's word gives way to the last one of the same start of the
machine, if anybody vouches for that one: all that it dated was wrong by the difference of the two.
Of a start whose time nobody ever knew nothing is moved.

    crossing   -> leaves its minute, joins another; both are told under their next revision
    visit      -> told anew under its next revision, `clock_fixed`; its close likewise
    outside the opening hours, which nobody could ask -> the crossing is kept apart, its visit void
    hour that was summarised -> told anew, where it lost something and where something came to it
    alert, occupancy -> moved here only; the hub knows no better of an alert than its message

Each portion is a transaction: the rows, what dates them from now on, and the events that tell of
it. So a kill between two portions loses nothing and moves nothing twice.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlite_utils import Database

from edge.core.hours import OpeningHours
from edge.core.timeline import MOVED_FROM
from edge.core.visit import Crossed
from edge.store.database import transaction
from edge.store.minutes import add, counts_of, minute_of, told_minute
from edge.store.outbox import Outbox, Reading
from edge.store.summaries import retold
from edge.wire.codec import utc_text
from edge.wire.messages import Body, VisitClosed, VisitRevised

PORTION: Final = 200
"""Rows in one transaction: a tenth of a second on a small box."""

Entry = tuple[Body, Reading]


class _Way(NamedTuple):
    """Where to what a timeline dated is moved: by how much, and which timeline dates it then.

    `doubted`: nobody vouched for it, and so the opening hours were not asked.
    """

    by: timedelta
    timeline: int
    sure: bool
    doubted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A moment of a visit: None where there was none, else its time and what dated it."""

    at: datetime | None
    timeline: int | None

    def moved(self, ways: Mapping[int, _Way]) -> "_Moment":
        way = ways.get(self.timeline or 0)
        if self.at is None or way is None:
            return self
        return _Moment(at=self.at + way.by, timeline=way.timeline)

    @property
    def text(self) -> str | None:
        return utc_text(self.at) if self.at else None


class ClockFix:
    """Puts right what can be put right, portion by portion.

    Args:
        db: the eyes' connection.
        epoch: the epoch of this start.
        hours: the shop's opening hours: a visit that they ended ends by them again. Summaries
            are of the hours of their zone.
        reading: the clocks as they stand now.
    """

    def __init__(
        self, db: Database, epoch: str, hours: OpeningHours, reading: Callable[[], Reading]
    ) -> None:
        self._db = db
        self._epoch = epoch
        self._hours = hours
        self._reading = reading
        self._outbox = Outbox(db)

    def portion(self) -> int:
        """Move some of what is to be moved; return how many rows, 0 when nothing is left.

        Raises:
            edge.store.database.StoreAway: nothing of it was moved; try again later.
        """
        ways = self._ways()
        if not ways or not self._waits(ways):
            return 0
        with transaction(self._db):
            crossings = self._crossings(ways)
            rest = PORTION - len(crossings)
            visits = self._visits(ways, rest) if rest else []
            changed: set[datetime] = set()
            entries = self._move_crossings(crossings, ways, changed)
            for row in visits:
                entries += self._move_visit(row, ways, changed)
            now = self._reading()
            hours = retold(self._db, changed, self._hours.zone, now.at)
            entries += [(hour, now) for hour in hours]
            others = self._move_others(ways) if rest > len(visits) else 0
            self._outbox.append(self._epoch, entries)
        return len(crossings) + len(visits) + others

    def _ways(self) -> dict[int, _Way]:
        rows = self._db.execute(
            "SELECT t.id, last.zero_us - t.zero_us, last.id, last.word, t.word FROM timeline AS t"
            " JOIN timeline AS last"
            "  ON last.id = (SELECT max(id) FROM timeline WHERE boot = t.boot)"
            " WHERE t.word <> 'kernel' AND last.word <> 'nobody' AND last.id <> t.id"
        ).fetchall()
        found = {}
        for number, by_us, last, word, before in rows:
            by = timedelta(microseconds=by_us)
            if abs(by) < MOVED_FROM:
                by = timedelta()
            found[number] = _Way(by, last, word == "kernel", before == "nobody")
        return found

    def _waits(self, ways: Mapping[int, _Way]) -> bool:
        """Say, without a transaction, whether there is anything to do."""
        among = _among(ways)
        row = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM crossing WHERE timeline {among})"
            f" OR EXISTS (SELECT 1 FROM visit WHERE {_visit_among(among)})"
            f" OR EXISTS (SELECT 1 FROM alert WHERE timeline {among})"
            f" OR EXISTS (SELECT 1 FROM occupancy WHERE timeline {among})"
        ).fetchone()
        return bool(row[0])

    def _crossings(self, ways: Mapping[int, _Way]) -> list[Any]:
        rows: list[Any] = self._db.execute(
            "SELECT id, at, camera, direction, track, staff, turned_back, hours_open, timeline"
            f" FROM crossing WHERE timeline {_among(ways)} ORDER BY id LIMIT ?",
            [PORTION],
        ).fetchall()
        return rows

    def _move_crossings(
        self, rows: Sequence[Any], ways: Mapping[int, _Way], moments: set[datetime]
    ) -> list[Entry]:
        """Move them; add to `moments` those whose hours are no longer what they were."""
        changed: dict[tuple[str, datetime], Counter[str]] = {}
        for row in rows:
            way, crossed = ways[row[8]], _crossed(row)
            known = self._known(crossed, way)
            self._db.execute(
                "UPDATE crossing SET at = ?, hours_open = ?, timeline = ? WHERE id = ?",
                [
                    *(utc_text(known.at), known.hours_open),
                    *(None if way.sure else way.timeline, row[0]),
                ],
            )
            before, after = minute_of(crossed.at), minute_of(known.at)
            lost, won = counts_of(crossed), counts_of(known)
            if (before, lost) == (after, won):
                continue
            changed.setdefault((crossed.camera, before), Counter()).subtract(lost)
            changed.setdefault((crossed.camera, after), Counter()).update(won)
        entries: list[Entry] = []
        for (camera, minute), counts in changed.items():
            add(self._db, camera, minute, counts, private=False)
            told = told_minute(self._db, camera, minute, private=False)
            entries.append((told, self._reading()))
            moments.add(minute)
        return entries

    def _known(self, crossed: Crossed, way: _Way) -> Crossed:
        """Return a crossing as it would have been with the time known; see `VisitBook.in_doubt`."""
        at = crossed.at + way.by
        outside = way.doubted and not self._hours.is_open(at)
        return replace(crossed, at=at, hours_open=crossed.hours_open and not outside)

    def _visits(self, ways: Mapping[int, _Way], limit: int) -> list[Any]:
        rows: list[Any] = self._db.execute(
            "SELECT id, opened_at, opened_timeline, seen_at, seen_timeline, closed_at,"
            f" closed_timeline, close_reason FROM visit WHERE {_visit_among(_among(ways))}"
            " ORDER BY opened_at LIMIT ?",
            [limit],
        ).fetchall()
        return rows

    def _move_visit(
        self, row: Sequence[Any], ways: Mapping[int, _Way], moments: set[datetime]
    ) -> list[Entry]:
        """Move one; add to `moments` those whose hours are no longer what they were."""
        visit, reason = row[0], row[7]
        before = [_moment(row[1], row[2]), _moment(row[3], row[4]), _moment(row[5], row[6])]
        opened, seen, closed = (moment.moved(ways) for moment in before)
        if closed.at != before[2].at and reason == "closing_time":
            closed = _Moment(at=self._closing(opened.at, closed.at), timeline=closed.timeline)
        doubts = self._doubts([opened.timeline, seen.timeline, closed.timeline])
        way = ways.get(before[0].timeline or 0)
        outside = opened.at and way and way.doubted and not self._hours.is_open(opened.at)
        self._db.execute(
            "UPDATE visit SET opened_at = ?, opened_timeline = ?, seen_at = ?, seen_timeline = ?,"
            " closed_at = ?, closed_timeline = ?, doubt = ?, void = void OR ? WHERE id = ?",
            [
                *(opened.text, opened.timeline, seen.text, seen.timeline),
                *(closed.text, closed.timeline, doubts, bool(outside), visit),
            ],
        )
        entries: list[Entry] = []
        if opened.at != before[0].at or outside:
            moments.update(at for at in (before[0].at, opened.at) if at)
            entries.append((self._told_opened(visit), self._reading()))
        if closed.at is not None and closed.at != before[2].at:
            entries.append(self._told_closed(visit, reason, closed.at))
        return entries

    def _closing(self, opened: datetime | None, moved: datetime | None) -> datetime | None:
        """Return when a visit that ended by the opening hours ended by the right clock.

        At the closing after it began, or when the box ended it, if that was sooner.
        """
        opening = self._hours.opening_at(opened) if opened else None
        if moved is None or opening is None:
            return moved
        return min(opening.closes, moved)

    def _doubts(self, timelines: Sequence[int | None]) -> bool:
        known = ", ".join(str(number) for number in timelines if number is not None)
        row = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM timeline WHERE id IN ({known}) AND word <> 'kernel')"
        ).fetchone()
        return bool(row[0])

    def _told_opened(self, visit: str) -> VisitRevised:
        row = self._db.execute(
            "UPDATE visit SET rev = rev + 1 WHERE id = ? RETURNING rev, opened_at, camera, who,"
            " subject, reentry, first_visit, coalesce(basis, 'crossings'), counted, void",
            [visit],
        ).fetchone()
        return VisitRevised(
            visit=visit,
            rev=row[0],
            opened_at=datetime.fromisoformat(row[1]),
            camera=row[2],
            who=row[3],
            subject=row[4],
            reentry=bool(row[5]),
            first_visit=row[6],
            basis=row[7],
            counted=bool(row[8]),
            void=bool(row[9]),
            reason="clock_fixed",
        )

    def _told_closed(self, visit: str, reason: str, at: datetime) -> Entry:
        (rev,) = self._db.execute(
            "UPDATE visit SET closed_rev = closed_rev + 1 WHERE id = ? RETURNING closed_rev",
            [visit],
        ).fetchone()
        now = self._reading()
        reading = Reading(at=at, mono=now.mono, clock=now.clock)
        return VisitClosed(visit=visit, reason=reason, rev=rev), reading

    def _move_others(self, ways: Mapping[int, _Way]) -> int:
        """Move alerts, of which there are few, and the occupancy."""
        count = 0
        for table in ("alert", "occupancy"):
            rows = self._db.execute(
                f"SELECT id, at, timeline FROM {table} WHERE timeline {_among(ways)} LIMIT ?",
                [PORTION],
            ).fetchall()
            for number, at, timeline in rows:
                moment = _moment(at, timeline).moved(ways)
                self._db.execute(
                    f"UPDATE {table} SET at = ?, timeline = ? WHERE id = ?",
                    [moment.text, moment.timeline, number],
                )
            count += len(rows)
        return count


def _among(ways: Mapping[int, _Way]) -> str:
    return f"IN ({', '.join(map(str, ways))})"


def _visit_among(among: str) -> str:
    columns = ("opened_timeline", "seen_timeline", "closed_timeline")
    return f"doubt = 1 AND ({' OR '.join(f'{column} {among}' for column in columns)})"


def _moment(at: str | None, timeline: int | None) -> _Moment:
    return _Moment(at=datetime.fromisoformat(at) if at else None, timeline=timeline)


def _crossed(row: Sequence[Any]) -> Crossed:
    return Crossed(
        at=datetime.fromisoformat(row[1]),
        camera=row[2],
        direction=row[3],
        track=row[4],
        staff=bool(row[5]),
        turned_back=bool(row[6]),
        hours_open=bool(row[7]),
    )
