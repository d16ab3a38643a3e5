"""Writes events, and what follows from them: visits, crossings and the hours they touch.

Called by `ingest` inside its transaction, with events that are new. Order of arrival does not
matter: a revision or a close may come before the opening. What names a subject that is `gone`
(see `members`) is written without it.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from cloud.db import upsert
from cloud.hours import hour_start
from cloud.tables import crossing_minute, dirty, event, visit
from edge.wire.messages import BODIES, Body, CrossingMinute, Event, VisitClosed, VisitOpened
from edge.wire.messages import VisitRevised as Revised
from edge.wire.topics import BoxAddress

_NAMED_AT_ONCE: Final = 500
# A subject has a column of its own.
_BODY_FIELDS: Final = {
    kind: tuple(f.name for f in fields(kind) if f.name != "subject") for kind in BODIES.values()
}
_REVISED: Final = (
    *("rev", "opened_at", "camera", "who", "subject", "reentry", "first_visit", "basis"),
    *("counted", "void"),
)
_CLOSED: Final = ("closed_at", "close_reason")
_COUNTS: Final = ("entered", "left", "entered_closed", "left_closed", "staff", "turned_back")
_PLACEHOLDER: Final = dict.fromkeys((*_REVISED, *_CLOSED)) | {"rev": -1, "void": False}


def subject_of(body: Body) -> str | None:
    """Return the subject that a fact names, if any."""
    return getattr(body, "subject", None)


def insert_events(
    connection: Connection, events: Sequence[tuple[int, Event]], gone: Collection[str]
) -> None:
    """Insert new facts, each given with the key of its epoch."""
    connection.execute(
        upsert(connection, event).on_conflict_do_nothing(),
        [
            {
                "epoch_pk": pk,
                "seq": fact.seq,
                "kind": fact.body.KIND,
                "at": fact.at,
                "mono": fact.mono,
                "clock": fact.clock,
                "body": _body_text(fact.body),
                "subject": _still(subject_of(fact.body), gone),
            }
            for pk, fact in events
        ],
    )


def _still(subject: str | None, gone: Collection[str]) -> str | None:
    return None if subject in gone else subject


def _body_text(body: Body) -> str:
    raw = {name: getattr(body, name) for name in _BODY_FIELDS[type(body)]}
    return _JSON.encode(raw)


def _iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_JSON: Final = json.JSONEncoder(separators=(",", ":"), default=_iso)


def derive(
    connection: Connection,
    address: BoxAddress,
    zone: ZoneInfo,
    events: Iterable[Event],
    gone: Collection[str],
) -> set[int]:
    """Bring visits and crossings up to date with new events; return the hours touched."""
    visits: dict[str, dict[str, Any]] = {}
    minutes: dict[tuple[str, datetime], CrossingMinute] = {}
    for fact in events:
        match fact.body:
            case CrossingMinute() as body:
                held = minutes.get((body.camera, body.minute))
                if held is None or body.rev > held.rev:
                    minutes[body.camera, body.minute] = body
            case VisitOpened() | Revised() | VisitClosed() as told:
                known = visits.setdefault(told.visit, dict(_PLACEHOLDER))
                _merge(known, _told(told, fact.at, gone))
    touched = _save_visits(connection, address, zone, visits) if visits else set()
    if minutes:
        _save_minutes(connection, address, minutes.values())
    return touched | {hour_start(minute, zone) for _, minute in minutes}


def _told(
    body: VisitOpened | Revised | VisitClosed, at: datetime, gone: Collection[str]
) -> dict[str, Any]:
    match body:
        case VisitClosed():
            return {**_PLACEHOLDER, "closed_at": at, "close_reason": body.reason}
        case VisitOpened():
            own = {"rev": 0, "opened_at": at, "void": False}
        case Revised():
            own = {"rev": body.rev, "opened_at": body.opened_at, "void": body.void}
    shared = {name: getattr(body, name) for name in _REVISED if name not in own}
    shared["subject"] = _still(body.subject, gone)
    return {**_PLACEHOLDER, **shared, **own}


def _merge(known: dict[str, Any], told: dict[str, Any]) -> None:
    """Bring what is known of a visit up to date: the highest `rev`, the latest close."""
    if told["rev"] > known["rev"]:
        known.update({name: told[name] for name in _REVISED})
    at = told["closed_at"]
    if at is not None and (known["closed_at"] is None or at > known["closed_at"]):
        known.update({name: told[name] for name in _CLOSED})


def _save_visits(
    connection: Connection, address: BoxAddress, zone: ZoneInfo, told: dict[str, dict[str, Any]]
) -> set[int]:
    known = _known_visits(connection, address, sorted(told))
    touched: set[int] = set()
    rows = []
    for name, now in told.items():
        row = known.get(name, dict(_PLACEHOLDER))
        before = dict(row)
        _merge(row, now)
        if row["rev"] != before["rev"]:
            moments = (before["opened_at"], row["opened_at"])
            touched |= {hour_start(at, zone) for at in moments if at is not None}
        rows.append({"store": address.store, "box": address.box, "visit": name, **row})
    statement = upsert(connection, visit)
    changed = {name: statement.excluded[name] for name in (*_REVISED, *_CLOSED)}
    connection.execute(
        statement.on_conflict_do_update(index_elements=visit.primary_key.columns, set_=changed),
        rows,
    )
    return touched


def _known_visits(
    connection: Connection, address: BoxAddress, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    columns = [visit.c[name] for name in ("visit", *_REVISED, *_CLOSED)]
    found = {}
    for start in range(0, len(names), _NAMED_AT_ONCE):
        some = names[start : start + _NAMED_AT_ONCE]
        for row in connection.execute(
            select(*columns).where(
                visit.c.store == address.store,
                visit.c.box == address.box,
                visit.c.visit.in_(some),
            )
        ).mappings():
            values = dict(row)
            found[values.pop("visit")] = values
    return found


def _save_minutes(
    connection: Connection, address: BoxAddress, minutes: Iterable[CrossingMinute]
) -> None:
    statement = upsert(connection, crossing_minute)
    changed = {name: statement.excluded[name] for name in ("rev", *_COUNTS)}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=crossing_minute.primary_key.columns,
            set_=changed,
            where=statement.excluded.rev > crossing_minute.c.rev,
        ),
        [
            {
                "store": address.store,
                "box": address.box,
                "camera": minute.camera,
                "minute": minute.minute,
                "rev": minute.rev,
                **{name: getattr(minute, name) for name in _COUNTS},
            }
            for minute in minutes
        ],
    )


def mark_dirty(connection: Connection, hours: Iterable[tuple[str, int]]) -> None:
    """Mark hours of shops for recomputation.

    A mark that is there already is counted up, never left as it is: on a server that lets
    writers run side by side, only an update waits for a rollup that is just deleting it.
    """
    rows = [{"store": store, "hour": hour, "mark": 1} for store, hour in sorted(hours)]
    if rows:
        connection.execute(
            upsert(connection, dirty).on_conflict_do_update(
                index_elements=dirty.primary_key.columns, set_={"mark": dirty.c.mark + 1}
            ),
            rows,
        )
