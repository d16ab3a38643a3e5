"""Writes events, and what follows from them: visits, crossings and the hours they touch.

Called by `ingest` inside its transaction, with events that are new, of any number of boxes. Order
of arrival does not matter: a revision or a close may come before the opening. What names a
subject that is `gone` (see `members`) is written without it.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from json.encoder import JSONEncoder
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Insert, and_, literal_column, or_, select

from cloud.bulk import KEYS, Bulk, Question
from cloud.db import upsert
from cloud.hours import hour_of_minute
from cloud.tables import crossing_minute, dirty, event, visit
from edge.wire.facts import Fact
from edge.wire.messages import CrossingMinute, VisitClosed, VisitOpened, VisitRevised
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


class New(NamedTuple):
    """An event that is new, with the key of its epoch and the box that sent it."""

    pk: int
    address: BoxAddress
    fact: Fact


def insert_events(connection: Connection, new: Sequence[New], gone: Collection[str]) -> None:
    """Insert new facts."""
    texts = _body_texts([fact.body for _, _, fact in new])
    rows = [
        (pk, f.seq, f.kind, f.at, f.mono, f.clock, body, None if f.subject in gone else f.subject)
        for (pk, _, f), body in zip(new, texts, strict=True)
    ]
    _INSERT_EVENTS.run(connection, rows)


def _body_texts(bodies: list[dict[str, Any]]) -> list[str]:
    """Return the JSON of each body; all are written in one go, which is far quicker.

    No value of a body is an object or holds a brace (`edge.wire.checks`): where one ends and
    the next begins cannot be mistaken, and a miscount would be found by the caller.
    """
    return ["{" + text + "}" for text in _JSON.encode(bodies)[2:-2].split("},{")]


_JSON: Final[JSONEncoder] = json.JSONEncoder(separators=(",", ":"))
_INSERT_EVENTS: Final = Bulk(
    lambda connection: upsert(connection, event).on_conflict_do_nothing(),
    ("epoch_pk", "seq", "kind", "at", "mono", "clock", "body", "subject"),
)


def derive(
    connection: Connection,
    zones: Mapping[str, ZoneInfo],
    new: Iterable[New],
    gone: Collection[str],
) -> set[tuple[str, int]]:
    """Bring visits and crossings up to date with new events; return the hours touched.

    Args:
        connection: of the transaction.
        zones: the time zone of each shop.
        new: the events.
        gone: subjects that must not be named.

    Returns:
        Shops and the UTC seconds at which their hours begin.
    """
    told: list[tuple[Any, ...]] = []
    closed: list[tuple[Any, ...]] = []
    minutes: list[tuple[Any, ...]] = []
    revised: list[tuple[str, str, str]] = []
    touched: set[tuple[str, int]] = set()  # shops and minutes
    for _, address, fact in new:
        store, box, body = address.store, address.box, fact.body
        match fact.kind:
            case VisitOpened.KIND | VisitRevised.KIND:
                at = fact.at if fact.moment is None else fact.moment
                told.append((store, box, body["visit"], *_told(fact, at, gone)))
                touched.add((store, at // _MINUTE_MS))
                if fact.moment is not None:
                    revised.append((store, box, body["visit"]))
            case VisitClosed.KIND:
                ended = (body["rev"], fact.at, body["reason"])
                closed.append((store, box, body["visit"], -1, False, *ended))
            case CrossingMinute.KIND:
                counts = (body[name] for name in _COUNTS)
                row = (store, fact.moment, box, body["camera"], body["rev"], *counts)
                minutes.append(row)
                touched.add((store, (fact.moment or 0) // _MINUTE_MS))
    hours = {(store, hour_of_minute(minute, zones[store])) for store, minute in touched}
    hours |= _hours_before(connection, zones, revised)
    for bulk, rows in ((_TELL, told), (_CLOSE, closed), (_COUNT, minutes)):
        bulk.run(connection, rows)
    return hours


def _told(fact: Fact, at: int, gone: Collection[str]) -> tuple[Any, ...]:
    """Return what an opening (revision 0) or a revision says of its visit, in `_TOLD`'s order."""
    body = fact.body
    return (
        *(body.get("rev", 0), at, body["camera"], body["who"]),
        None if fact.subject in gone else fact.subject,
        *(body["reentry"], body["first_visit"], body["basis"], body["counted"]),
        body.get("void", False),
    )


def _hours_before(
    connection: Connection, zones: Mapping[str, ZoneInfo], visits: Sequence[tuple[str, str, str]]
) -> set[tuple[str, int]]:
    """Return the hours in which visits stood until now; a revision may move them elsewhere."""
    return {
        (store, hour_of_minute(at // _MINUTE_MS, zones[store]))
        for store, at in _OPENED.ask(connection, visits)
    }


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
        where=statement.excluded.rev > visit.c.rev,
    )


def _close(connection: Connection) -> Insert:
    """Return the statement by which the last word on a close wins: its revision, then its time.

    Its visit may not be known yet.
    """
    statement = upsert(connection, visit)
    told, known = statement.excluded, visit.c
    later = and_(told.closed_rev == known.closed_rev, told.closed_at > known.closed_at)
    return statement.on_conflict_do_update(
        index_elements=visit.primary_key.columns,
        set_={name: told[name] for name in _CLOSED},
        where=or_(known.closed_at.is_(None), told.closed_rev > known.closed_rev, later),
    )


def _count(connection: Connection) -> Insert:
    statement = upsert(connection, crossing_minute)
    return statement.on_conflict_do_update(
        index_elements=crossing_minute.primary_key.columns,
        set_={name: statement.excluded[name] for name in ("rev", *_COUNTS)},
        where=statement.excluded.rev > crossing_minute.c.rev,
    )


_TELL: Final = Bulk(_tell, (*_VISIT, *_TOLD))
_CLOSE: Final = Bulk(_close, (*_VISIT, "rev", "void", *_CLOSED))
_COUNT: Final = Bulk(_count, (*_MINUTE, "rev", *_COUNTS))


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
