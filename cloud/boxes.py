"""Who speaks: the rows of shops and boxes, as hellos, states and heartbeats change them.

Called by `ingest` inside its transaction.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Connection, delete, select, type_coerce, update

from cloud.db import upsert
from cloud.hours import hour_start, zone_named
from cloud.inbox import Intake
from cloud.tables import box, crossing_minute, daily, dirty, hourly, store, visit
from edge.wire.messages import Heartbeat, Hello, Status
from edge.wire.topics import BoxAddress

_log = logging.getLogger(__name__)
_MINUTE_MS: Final = 60_000
UNKNOWN_ZONE: Final = "UTC"
"""The zone of a shop until a hello has named it."""


def lock_box(connection: Connection, address: BoxAddress) -> dict[str, Any]:
    """Return the box's row, made if it is new, locked until the transaction ends."""
    connection.execute(
        upsert(connection, store).on_conflict_do_nothing(),
        {"id": address.store, "name": address.store, "timezone": UNKNOWN_ZONE},
    )
    connection.execute(
        upsert(connection, box).on_conflict_do_nothing(),
        {"store": address.store, "id": address.box, "cameras": []},
    )
    row = connection.execute(
        select(box)
        .where(box.c.store == address.store, box.c.id == address.box)
        .with_for_update(key_share=True)
    )
    return dict(row.mappings().one())


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
    _log.info("shop %s: time zone %s, was %s", address.store, wanted, known.timezone)
    return _rezone(connection, address.store, zone)


def _rezone(connection: Connection, store_id: str, zone: ZoneInfo) -> set[int]:
    """Forget all buckets of a shop; return the hours that hold its facts in the new zone."""
    for table in (hourly, daily, dirty):
        connection.execute(delete(table).where(table.c.store == store_id))
    hours: set[int] = set()
    for table, moment in ((visit, visit.c.opened_at), (crossing_minute, crossing_minute.c.minute)):
        minute = type_coerce(moment, BigInteger) // _MINUTE_MS
        rows = connection.execute(
            select(minute).distinct().where(table.c.store == store_id, moment.is_not(None))
        )
        hours |= {hour_start(datetime.fromtimestamp(m * 60, UTC), zone) for (m,) in rows}
    return hours


def hear(row: Mapping[str, Any], intake: Intake) -> dict[str, Any]:
    """Return a box's row as it is after what it said; changes nothing. Pure."""
    now = dict(row)
    for hello in intake.hellos:
        now.update(session=hello.session, state="online", version=hello.version)
    for state, at in intake.states:
        match state:
            case Status():
                _hear_status(now, state)
            case Heartbeat():
                _hear_heartbeat(now, state, at)
    now["last_seen"] = _latest(now["last_seen"], intake.live_at)
    sure = [fact.at for fact in intake.events if fact.clock == "ok" and fact.at <= intake.last_at]
    now["last_fact_at"] = _latest(now["last_fact_at"], max(sure, default=None))
    return now


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
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
        cameras=[[camera.name, camera.state] for camera in beat.cameras],
    )


def save_box(connection: Connection, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Write a box's row if it changed."""
    if changed := {name: value for name, value in now.items() if before[name] != value}:
        connection.execute(
            update(box).where(box.c.store == now["store"], box.c.id == now["id"]).values(**changed)
        )
