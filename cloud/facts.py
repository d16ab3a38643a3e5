"""Writes events, and what follows from them: visits, crossings, the hours and days they touch.

Called by `ingest` inside its transaction, with events that are new, of any number of boxes. Order
of arrival does not matter: a revision or a close may come before the opening. What names a
subject that is `gone` (see `members`) is written without it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Table,
    and_,
    case,
    insert,
    literal_column,
    or_,
    select,
)

from cloud.batches import Fact, texts_of
from cloud.bulk import KEYS, Bulk, Question
from cloud.copying import Copy
from cloud.db import Upsert, upsert
from cloud.hours import hour_of_minute
from cloud.tables import (
    FIGURES,
    PRESENCE,
    STAYS,
    crossing_minute,
    dirty,
    event,
    hour_summary,
    presence_hour,
    presence_minute,
    visit,
)
from cloud.tally.marks import Day, day_of
from cloud.tally.tables import correction
from edge.wire.messages import (
    CrossingMinute,
    HourSummary,
    PresenceHour,
    PresenceMinute,
    VisitClosed,
    VisitOpened,
    VisitRevised,
)
from edge.wire.topics import BoxAddress

_MINUTE_MS: Final = 60_000
_VISIT: Final = ("store", "box", "visit")
_TOLD: Final = (
    *("rev", "opened_at", "camera", "who", "subject", "reentry", "first_visit", "basis"),
    *("counted", "void"),
)
_CLOSED: Final = ("closed_rev", "closed_at", "close_reason")
_MINUTE: Final = ("store", "minute", "box", "camera")
_COUNTS: Final = ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back")
_counted: Final = attrgetter(*_COUNTS)
_SUMMED: Final = (*FIGURES, "basis")
_summed: Final = attrgetter(*_SUMMED)
_sensed: Final = attrgetter(*PRESENCE)
_COMPARED: Final = (
    *("minutes", "footfall", "visitors", "basis", "passers", "error", "learnt", "needed"),
    *STAYS,
)
_compared: Final = attrgetter(*_COMPARED)
VisitKey = tuple[str, str, str]
"""Shop, box and visit."""


class New(NamedTuple):
    """An event that is new, with the key of its epoch and the box that sent it."""

    pk: int
    address: BoxAddress
    fact: Fact


def insert_events(connection: Connection, new: Sequence[New], gone: Collection[str]) -> None:
    """Insert new facts."""
    texts = texts_of([fact for _, _, fact in new])
    rows = [
        (pk, f.seq, f.kind, f.at, f.mono, f.clock, body, None if f.subject in gone else f.subject)
        for (pk, _, f), body in zip(new, texts, strict=True)
    ]
    _INSERT_EVENTS.run(connection, rows)


_INSERT_EVENTS: Final = Bulk(
    lambda _: insert(event),  # the ledger has said that they are new
    ("epoch_pk", "seq", "kind", "at", "mono", "clock", "body", "subject"),
    Copy(merged=False),
)


class Touched(NamedTuple):
    """What must be counted anew: hours, with their days, and days of which no hour changes."""

    hours: set[tuple[str, int]]
    """Shops and the UTC seconds at which their hours begin."""
    days: set[Day]


def derive(
    connection: Connection,
    zones: Mapping[str, ZoneInfo],
    new: Iterable[New],
    gone: Collection[str],
) -> Touched:
    """Bring visits and crossings up to date with new events; return what they touch.

    Args:
        connection: of the transaction.
        zones: the time zone of each shop.
        new: the events.
        gone: subjects that must not be named.
    """
    known = _Known()
    touched: set[tuple[str, int]] = set()  # shops and minutes
    for _, address, fact in new:
        store, box, body = address.store, address.box, fact.body
        match fact.kind:
            case VisitOpened.KIND:
                known.tell((store, box, body.visit), _told(fact, 0, fact.at, False, gone))
                touched.add((store, fact.at // _MINUTE_MS))
            case VisitRevised.KIND:
                at = fact.moment or 0
                visit_key = (store, box, body.visit)
                known.tell(visit_key, _told(fact, body.rev, at, body.void, gone))
                known.revised.append(visit_key)
                touched.add((store, at // _MINUTE_MS))
                if body.reason == "wrong_person":
                    known.correct(visit_key, fact.at)
            case VisitClosed.KIND:
                known.close((store, box, body.visit), (body.rev, fact.at, body.reason))
            case CrossingMinute.KIND:
                at = fact.moment or 0
                known.count((store, at, box, body.camera), (body.rev, *_counted(body)))
                touched.add((store, at // _MINUTE_MS))
            case HourSummary.KIND:
                at = fact.moment or 0
                known.sum((store, at, box), (body.rev, *_summed(body)))
                # Its 60 minutes may lie in two hours of ours, where clocks change by a half.
                first = at // _MINUTE_MS
                touched |= {(store, first), (store, first + 59)}
            case PresenceMinute.KIND:
                at = fact.moment or 0
                known.sense((store, at, box), (body.rev, *_sensed(body)))
                touched.add((store, at // _MINUTE_MS))
            case PresenceHour.KIND:
                at = fact.moment or 0
                known.compare((store, at, box), (body.rev, *_compared(body)))
                touched.add((store, at // _MINUTE_MS))
    hours = {(store, hour_of_minute(minute, zones[store])) for store, minute in touched}
    hours |= _hours_before(connection, zones, known.revised)
    days = _days_closed(connection, zones, known.only_closed())
    known.write(connection)
    return Touched(hours, days)


class _Known:
    """What a set of events says of each visit and each minute: one row each, not one an event."""

    def __init__(self) -> None:
        self._told: dict[VisitKey, tuple[Any, ...]] = {}
        self._corrected: dict[VisitKey, int] = {}
        self._closed: dict[VisitKey, tuple[int, int, str]] = {}
        self._minutes: dict[tuple[str, int, str, str], tuple[int, ...]] = {}
        self._sums: dict[tuple[str, int, str], tuple[Any, ...]] = {}
        self._sensed: dict[tuple[str, int, str], tuple[int, ...]] = {}
        self._compared: dict[tuple[str, int, str], tuple[Any, ...]] = {}
        self.revised: list[VisitKey] = []

    def tell(self, key: VisitKey, told: tuple[Any, ...]) -> None:
        """Keep an opening or a revision, in `_TOLD`'s order, if it is the highest so far."""
        if key not in self._told or told[0] > self._told[key][0]:
            self._told[key] = told

    def close(self, key: VisitKey, closed: tuple[int, int, str]) -> None:
        """Keep a close, in `_CLOSED`'s order, if it is the last word so far."""
        if key not in self._closed or closed[:2] > self._closed[key][:2]:
            self._closed[key] = closed

    def correct(self, key: VisitKey, at: int) -> None:
        """Keep when somebody first said of a visit that it is of another person."""
        self._corrected[key] = min(at, self._corrected.get(key, at))

    def only_closed(self) -> list[VisitKey]:
        """Return the visits of which nothing but the end is told here."""
        return sorted(self._closed.keys() - self._told.keys())

    def count(self, key: tuple[str, int, str, str], counted: tuple[int, ...]) -> None:
        """Keep a minute's revision and counts if it is the highest revision so far."""
        if key not in self._minutes or counted[0] > self._minutes[key][0]:
            self._minutes[key] = counted

    def sum(self, key: tuple[str, int, str], summed: tuple[Any, ...]) -> None:
        """Keep an hour's revision and figures if it is the highest revision so far."""
        if key not in self._sums or summed[0] > self._sums[key][0]:
            self._sums[key] = summed

    def sense(self, key: tuple[str, int, str], sensed: tuple[int, ...]) -> None:
        """Keep a minute of Wi-Fi if it is the highest revision so far."""
        if key not in self._sensed or sensed[0] > self._sensed[key][0]:
            self._sensed[key] = sensed

    def compare(self, key: tuple[str, int, str], compared: tuple[Any, ...]) -> None:
        """Keep an hour of Wi-Fi beside the cameras if it is the highest revision so far."""
        if key not in self._compared or compared[0] > self._compared[key][0]:
            self._compared[key] = compared

    def write(self, connection: Connection) -> None:
        """Write it all, in the order of the tables' keys: rows that lie together, together."""
        both = sorted(self._told.keys() & self._closed.keys())
        told = sorted(self._told.keys() - self._closed.keys())
        closed = self.only_closed()
        _PASS.run(connection, [key + self._told[key] + self._closed[key] for key in both])
        _TELL.run(connection, [key + self._told[key] for key in told])
        _CLOSE.run(connection, [(*key, -1, False, *self._closed[key]) for key in closed])
        _CORRECT.run(connection, [(*key, at) for key, at in sorted(self._corrected.items())])
        _COUNT.run(connection, [key + counted for key, counted in sorted(self._minutes.items())])
        _SUM.run(connection, [key + summed for key, summed in sorted(self._sums.items())])
        _SENSE.run(connection, [key + sensed for key, sensed in sorted(self._sensed.items())])
        _COMPARE.run(connection, [key + told for key, told in sorted(self._compared.items())])


def _told(fact: Fact, rev: int, at: int, void: bool, gone: Collection[str]) -> tuple[Any, ...]:
    """Return what an opening (revision 0) or a revision says of its visit, in `_TOLD`'s order."""
    body = fact.body
    subject = None if fact.subject in gone else fact.subject
    return (
        *(rev, at, body.camera, body.who, subject),
        *(body.reentry, body.first_visit, body.basis, body.counted, void),
    )


def _hours_before(
    connection: Connection, zones: Mapping[str, ZoneInfo], visits: Sequence[tuple[str, str, str]]
) -> set[tuple[str, int]]:
    """Return the hours in which visits stood until now; a revision may move them elsewhere."""
    return {
        (store, hour_of_minute(at // _MINUTE_MS, zones[store]))
        for store, at in _OPENED.ask(connection, visits)
    }


def _days_closed(
    connection: Connection, zones: Mapping[str, ZoneInfo], visits: Sequence[VisitKey]
) -> set[Day]:
    """Return the days of visits that are known; of one told with its end, the hour is touched."""
    opened = _OPENED.ask(connection, visits)
    return {(store, day_of(at, zones[store])) for store, at in opened}


_OPENED: Final = Question(
    select(visit.c.store, visit.c.opened_at).where(KEYS, visit.c.opened_at.is_not(None)),
    [visit.c[name] for name in _VISIT],
)


def _tell(connection: Connection) -> Insert:
    """Return the statement by which the highest revision of a visit wins, whatever the order."""
    statement = upsert(connection, visit)
    return statement.on_conflict_do_update(
        index_elements=visit.primary_key.columns,
        set_={name: statement.excluded[name] for name in _TOLD},
        where=_higher(statement),
    )


def _close(connection: Connection) -> Insert:
    """Return the statement by which the last word on a close wins: its revision, then its time.

    Its visit may not be known yet.
    """
    statement = upsert(connection, visit)
    return statement.on_conflict_do_update(
        index_elements=visit.primary_key.columns,
        set_={name: statement.excluded[name] for name in _CLOSED},
        where=_later(statement),
    )


def _pass(connection: Connection) -> Insert:
    """Return the statement for a visit of which a set both tells and closes: both at once."""
    statement = upsert(connection, visit)
    won = dict.fromkeys(_TOLD, _higher(statement)) | dict.fromkeys(_CLOSED, _later(statement))
    return statement.on_conflict_do_update(
        index_elements=visit.primary_key.columns,
        set_={
            name: case((wins, statement.excluded[name]), else_=visit.c[name])
            for name, wins in won.items()
        },
    )


def _higher(statement: Upsert) -> ColumnElement[bool]:
    return statement.excluded.rev > visit.c.rev


def _later(statement: Upsert) -> ColumnElement[bool]:
    told, known = statement.excluded, visit.c
    later = and_(told.closed_rev == known.closed_rev, told.closed_at > known.closed_at)
    return or_(known.closed_at.is_(None), told.closed_rev > known.closed_rev, later)


def _earliest(connection: Connection) -> Insert:
    statement = upsert(connection, correction)
    return statement.on_conflict_do_update(
        index_elements=correction.primary_key.columns,
        set_={"at": statement.excluded.at},
        where=statement.excluded.at < correction.c.at,
    )


def _latest_of(table: Table, names: Sequence[str]) -> Callable[[Connection], Insert]:
    """Return what makes the statement by which the highest revision of a row wins."""

    def make(connection: Connection) -> Insert:
        statement = upsert(connection, table)
        return statement.on_conflict_do_update(
            index_elements=table.primary_key.columns,
            set_={name: statement.excluded[name] for name in ("rev", *names)},
            where=statement.excluded.rev > table.c.rev,
        )

    return make


_TELL: Final = Bulk(_tell, (*_VISIT, *_TOLD), Copy(merged=True))
_PASS: Final = Bulk(_pass, (*_VISIT, *_TOLD, *_CLOSED), Copy(merged=True))
_CLOSE: Final = Bulk(_close, (*_VISIT, "rev", "void", *_CLOSED), Copy(merged=True))
_CORRECT: Final = Bulk(_earliest, (*_VISIT, "at"), Copy(merged=True))
_COUNT: Final = Bulk(
    _latest_of(crossing_minute, _COUNTS), (*_MINUTE, "rev", *_COUNTS), Copy(merged=True)
)
_SUM: Final = Bulk(
    _latest_of(hour_summary, _SUMMED), ("store", "hour", "box", "rev", *_SUMMED), Copy(merged=True)
)

_SENSE: Final = Bulk(
    _latest_of(presence_minute, PRESENCE),
    ("store", "minute", "box", "rev", *PRESENCE),
    Copy(merged=True),
)
_COMPARE: Final = Bulk(
    _latest_of(presence_hour, _COMPARED),
    ("store", "hour", "box", "rev", *_COMPARED),
    Copy(merged=True),
)


def mark_dirty(connection: Connection, hours: Iterable[tuple[str, int]]) -> None:
    """Mark hours of shops for recomputation.

    A mark that is there already is counted up, never left as it is: on a server that lets
    writers run side by side, only an update waits for a rollup that is just deleting it.
    """
    _MARK.run(connection, [(store, hour, 1) for store, hour in sorted(hours)])


_MARK: Final = Bulk(
    lambda connection: upsert(connection, dirty).on_conflict_do_update(
        index_elements=dirty.primary_key.columns, set_={"mark": dirty.c.mark + literal_column("1")}
    ),
    ("store", "hour", "mark"),
)
