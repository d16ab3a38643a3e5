"""Who speaks: the rows of shops and boxes, as hellos, states and heartbeats change them.

Called by `ingest` inside its transaction.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Connection,
    and_,
    bindparam,
    delete,
    select,
    type_coerce,
    update,
)

from cloud.bulk import KEYS, Bulk, Question
from cloud.db import upsert
from cloud.hours import hour_start, zone_named
from cloud.inbox import Intake
from cloud.retention import kept_from
from cloud.tables import (
    box,
    crossing_minute,
    daily,
    dirty,
    hour_summary,
    hourly,
    presence_daily,
    presence_hour,
    presence_hourly,
    presence_minute,
    store,
    visit,
)
from edge.wire.checks import milliseconds
from edge.wire.messages import Heartbeat, Hello, Status
from edge.wire.topics import BoxAddress

_log = logging.getLogger(__name__)
_MINUTE_MS: Final = 60_000
T = TypeVar("T", int, datetime)
Key = tuple[str, str]
"""A shop and a box."""
UNKNOWN_ZONE: Final = "UTC"
"""The zone of a shop until a hello has named it."""


class Known(NamedTuple):
    """A box as it was when it was locked. Moments are whole milliseconds since 1970."""

    last_seen: int | None
    last_fact_at: int | None
    timezone: str


def lock_boxes(connection: Connection, addresses: Sequence[BoxAddress]) -> dict[Key, Known]:
    """Return what is known of boxes, by shop and box; they stay locked for the transaction.

    New ones are made.

    Args:
        connection: of the transaction.
        addresses: in order of shop and box, the same for everybody: two that lock some of the
            same boxes then never wait for each other crosswise.
    """
    known = _locked(connection, addresses)
    if new := [one for one in addresses if (one.store, one.box) not in known]:
        _NEW_STORES.run(
            connection,
            [(store_id, store_id, UNKNOWN_ZONE) for store_id in sorted({a.store for a in new})],
        )
        _NEW_BOXES.run(connection, [(address.store, address.box, "[]") for address in new])
        known = _locked(connection, addresses)
    return known


def _locked(connection: Connection, addresses: Sequence[BoxAddress]) -> dict[Key, Known]:
    keys = [(address.store, address.box) for address in addresses]
    return {
        (store_id, box_id): Known(seen, fact_at, zone)
        for store_id, box_id, seen, fact_at, zone in _LOCK.ask(connection, keys)
    }


_LOCK: Final = Question(
    select(box.c.store, box.c.id, box.c.last_seen, box.c.last_fact_at, store.c.timezone)
    .join(store, store.c.id == box.c.store)
    .where(KEYS)
    .order_by(box.c.store, box.c.id)
    .with_for_update(key_share=True, of=box),
    (box.c.store, box.c.id),
)
_NEW_STORES: Final = Bulk(
    lambda connection: upsert(connection, store).on_conflict_do_nothing(),
    ("id", "name", "timezone"),
)
_NEW_BOXES: Final = Bulk(
    lambda connection: upsert(connection, box).on_conflict_do_nothing(),
    ("store", "id", "cameras"),
)


def zone_of(connection: Connection, store_id: str) -> ZoneInfo:
    """Return the shop's time zone, as it is known now."""
    name = connection.execute(select(store.c.timezone).where(store.c.id == store_id)).scalar_one()
    return zone_or_utc(name)


def zone_or_utc(name: str) -> ZoneInfo:
    """Return a time zone, or UTC for one that was known where it was written but is not here."""
    try:
        return zone_named(name)
    except ValueError as exc:
        _log.warning("time zone in the database: %s; counting in UTC", exc)
        return zone_named(UNKNOWN_ZONE)


def introduce(connection: Connection, address: BoxAddress, hello: Hello) -> set[int]:
    """Take over the shop's name and zone; return the hours that a new zone makes dirty.

    Raises:
        ValueError: this machine does not know the zone; the shop keeps the one it had.
    """
    known = connection.execute(select(store).where(store.c.id == address.store)).one()
    fault: ValueError | None = None
    wanted = hello.timezone
    try:
        zone = zone_named(wanted)
    except ValueError as exc:
        fault, wanted = exc, known.timezone
    if (hello.name, wanted) != (known.name, known.timezone):
        connection.execute(
            update(store)
            .where(store.c.id == address.store)
            .values(name=hello.name, timezone=wanted)
        )
    if fault is not None:
        raise ValueError(f"hello.timezone: {fault}; kept {known.timezone}")
    if wanted == known.timezone:
        return set()
    if known.timezone != UNKNOWN_ZONE:
        words = "shop %s: time zone %s, was %s"
        _log.info(words, address.store, wanted, known.timezone, extra={"store": address.store})
    return _rezone(connection, address.store, zone)


def _rezone(connection: Connection, store_id: str, zone: ZoneInfo) -> set[int]:
    """Forget the buckets of a shop; return the hours that hold its facts in the new zone.

    Those whose facts are gone stay as they are, in the zone that they were counted in.
    """
    since = kept_from(connection) // 1000
    first = datetime.fromtimestamp(since, UTC).astimezone(zone).date()
    for table, counted in (
        (hourly, hourly.c.hour >= since),
        (daily, daily.c.day > first),
        (presence_hourly, presence_hourly.c.hour >= since),
        (presence_daily, presence_daily.c.day > first),
        (dirty, dirty.c.hour >= since),
    ):
        connection.execute(delete(table).where(table.c.store == store_id, counted))
    hours: set[int] = set()
    for table, moment in (
        (visit, visit.c.opened_at),
        (crossing_minute, crossing_minute.c.minute),
        (hour_summary, hour_summary.c.hour),
        (presence_minute, presence_minute.c.minute),
        (presence_hour, presence_hour.c.hour),
    ):
        minute = type_coerce(moment, BigInteger) // _MINUTE_MS
        rows = connection.execute(
            select(minute).distinct().where(table.c.store == store_id, moment.is_not(None))
        )
        hours |= {hour_start(datetime.fromtimestamp(m * 60, UTC), zone) for (m,) in rows}
    return hours


def hear(connection: Connection, known: Mapping[Key, Known], intakes: Collection[Intake]) -> None:
    """Write what boxes said of themselves, and when they last spoke."""
    for intake in intakes:
        if intake.hellos or intake.states:
            _hear_one(connection, intake)
    rows: list[tuple[int | None, int | None, str, str]] = []
    for intake in intakes:
        address = intake.address
        before = known[address.store, address.box]
        if (spoke := intake.live_at) is None:
            continue
        until = _milliseconds(spoke)
        sure = [fact.at for fact in intake.events if fact.at <= until and fact.clock == "ok"]
        seen = _latest(before.last_seen, until)
        fact_at = _latest(before.last_fact_at, max(sure)) if sure else before.last_fact_at
        if seen != before.last_seen or fact_at != before.last_fact_at:
            rows.append((seen, fact_at, address.store, address.box))
    _SPOKE.run(connection, rows)


# Messages that were read together came at one moment.
_milliseconds: Final = lru_cache(maxsize=1_024)(milliseconds)
_SPOKE: Final = Bulk(
    lambda _: (
        update(box)
        .where(box.c.store == bindparam("of"), box.c.id == bindparam("its"))
        .values(last_seen=bindparam("last_seen"), last_fact_at=bindparam("last_fact_at"))
    ),
    ("last_seen", "last_fact_at", "of", "its"),
)


def _hear_one(connection: Connection, intake: Intake) -> None:
    mine = and_(box.c.store == intake.address.store, box.c.id == intake.address.box)
    before = dict(connection.execute(select(box).where(mine)).mappings().one())
    now = dict(before)
    for hello in intake.hellos:
        now.update(session=hello.session, state="online", version=hello.version)
    for state, at in intake.states:
        match state:
            case Status():
                _hear_status(now, state)
            case Heartbeat():
                _hear_heartbeat(now, state, at)
    if changed := {name: value for name, value in now.items() if before[name] != value}:
        connection.execute(update(box).where(mine).values(**changed))


def _latest(one: T | None, other: T | None) -> T | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _hear_status(now: dict[str, Any], status: Status) -> None:
    # A will may arrive long after the box has come back with a new session.
    if status.state == "offline" and now["session"] not in (None, status.session):
        return
    now.update(session=status.session, state=status.state)


def _hear_heartbeat(now: dict[str, Any], beat: Heartbeat, received_at: datetime) -> None:
    if now["session"] not in (None, beat.session):
        return
    # Heartbeats are retained: one may be of a box that has been dead for days.
    spoken_at = min(beat.at, received_at) if beat.clock == "ok" else received_at
    now.update(
        last_seen=_latest(now["last_seen"], spoken_at),
        version=beat.version,
        mode=beat.mode,
        mode_wanted=beat.mode_wanted,
        mode_why=beat.mode_why,
        clock=beat.clock,
        heartbeat_at=beat.at,
        backlog=beat.backlog,
        oldest_unacked_at=beat.oldest_unacked_at,
        occupancy=beat.occupancy,
        storage=beat.storage,
        cameras=[[camera.name, camera.state] for camera in beat.cameras],
        temperature_c=beat.temperature_c,
        disk_mb=beat.disk_mb,
        disk_free_mb=beat.disk_free_mb,
        controller=beat.controller,
    )
