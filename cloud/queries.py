"""What the pages and the API show. Reads rollups and the rows of boxes, never the facts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, or_, select

from cloud import aside
from cloud.boxes import zone_or_utc
from cloud.hours import hours_of_day
from cloud.tables import box, daily, epoch, hour_summary, hourly, meter, store
from cloud.views import BoxView, ChainToday, HourFigures, ShopDay

_SILENT_AFTER: Final = timedelta(minutes=2)
"""A box sends a heartbeat every half minute."""
_SUMMARISED_SHOWN: Final = timedelta(days=90)
"""So long ago a shop's older days may be for the page to say that they are by the hour only."""
_INGEST_DEAD_AFTER: Final = timedelta(seconds=30)
"""An ingest process says every 5 s that it is alive."""


def change_token(connection: Connection) -> int:
    """Return a number that changes whenever something changed that a page may show."""
    value = connection.execute(select(meter.c.value).where(meter.c.name == aside.CHANGES))
    return value.scalar() or 0


def chain_today(connection: Connection, now: datetime) -> ChainToday:
    """Return all shops today, each in its own zone.

    Args:
        connection: a transaction on the hub's database.
        now: an aware moment; it decides which day it is and which box is silent.
    """
    shops = connection.execute(select(store).order_by(store.c.id)).all()
    zones = {shop.id: zone_or_utc(shop.timezone) for shop in shops}
    days = {name: now.astimezone(zone).date() for name, zone in zones.items()}
    hours = {name: list(hours_of_day(day, zones[name])) for name, day in days.items()}
    figures = _hourly(connection, hours)
    totals = _daily(connection, days)
    bases = _latest_bases(connection)
    boxes = _boxes(connection, now)
    summarised = _summarised(connection, now)
    counters = aside.meters(connection)
    return ChainToday(
        now=now.astimezone(UTC),
        shops=tuple(
            _shop_day(
                shop,
                zones[shop.id],
                days[shop.id],
                [(hour, figures.get((shop.id, hour))) for hour in hours[shop.id]],
                totals.get(shop.id),
                bases.get(shop.id, "crossings"),
                boxes[shop.id],
                summarised.get(shop.id),
            )
            for shop in shops
        ),
        set_aside=counters.get(aside.SET_ASIDE, 0),
        ingest_seen_at=aside.seen_at(counters),
    )


def _hourly(
    connection: Connection, hours: Mapping[str, list[int]]
) -> dict[tuple[str, int], Mapping[str, Any]]:
    wanted = [hour for some in hours.values() for hour in some]
    if not wanted:
        return {}
    rows = connection.execute(
        select(hourly).where(
            hourly.c.store.in_(select(store.c.id)),
            hourly.c.hour.between(min(wanted), max(wanted)),
        )
    )
    return {(row["store"], row["hour"]): dict(row) for row in rows.mappings()}


def _daily(connection: Connection, days: Mapping[str, date]) -> dict[str, Mapping[str, Any]]:
    # Around the world there are at most three days at a time.
    rows = connection.execute(
        select(daily)
        .join(store, store.c.id == daily.c.store)
        .where(daily.c.day.in_(set(days.values())))
    )
    return {r["store"]: dict(r) for r in rows.mappings() if r["day"] == days.get(r["store"])}


def _latest_bases(connection: Connection) -> dict[str, str]:
    """Return the basis of each shop's last day: what today will have until somebody comes."""
    last = (
        select(daily.c.basis)
        .where(daily.c.store == store.c.id, or_(daily.c.visitors > 0, daily.c.reentries > 0))
        .order_by(daily.c.day.desc())
        .limit(1)
        .correlate(store)
        .scalar_subquery()
    )
    rows = connection.execute(select(store.c.id, last.label("basis")))
    return {row.id: row.basis for row in rows if row.basis is not None}


def _summarised(connection: Connection, now: datetime) -> dict[str, datetime]:
    """Return the last hour of each shop that a full box summarised, if it is not long ago."""
    rows = connection.execute(
        select(hour_summary.c.store, func.max(hour_summary.c.hour).label("hour"))
        .where(hour_summary.c.hour > now - _SUMMARISED_SHOWN)
        .group_by(hour_summary.c.store)
    )
    return {row.store: row.hour for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Boxes:
    views: tuple[BoxView, ...] = ()
    last_fact_at: datetime | None = None


def _boxes(connection: Connection, now: datetime) -> dict[str, _Boxes]:
    missing: dict[tuple[str, str], int] = defaultdict(int)
    # Added up here: a box may declare numbers whose sum no column holds.
    for row in connection.execute(
        select(epoch.c.store, epoch.c.box, epoch.c.missing).where(epoch.c.missing > 0)
    ):
        missing[row.store, row.box] += row.missing
    rows = connection.execute(select(box).order_by(box.c.store, box.c.id)).all()
    by_store: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_store[row.store].append(row)
    found: dict[str, _Boxes] = defaultdict(_Boxes)
    for name, mine in by_store.items():
        facts = [row.last_fact_at for row in mine if row.last_fact_at is not None]
        found[name] = _Boxes(
            views=tuple(_box_view(row, missing[row.store, row.id], now) for row in mine),
            last_fact_at=max(facts, default=None),
        )
    return found


def _box_view(row: Any, missing: int, now: datetime) -> BoxView:
    state = row.state or "online"
    if state == "online" and (row.last_seen is None or now - row.last_seen > _SILENT_AFTER):
        state = "silent"
    return BoxView(
        box_id=row.id,
        state=state,
        last_seen=row.last_seen,
        version=row.version,
        mode=row.mode,
        clock=row.clock,
        backlog=row.backlog,
        missing=missing,
        cameras=tuple((name, camera) for name, camera in row.cameras),
        mode_wanted=row.mode_wanted,
        mode_why=row.mode_why,
        storage=row.storage,
        oldest_unacked_at=row.oldest_unacked_at,
    )


_SHOWN: Final = ("visitors", "entered", "left", "reentries", "members")


def _shown(bucket: Mapping[str, Any] | None) -> dict[str, int]:
    return {name: bucket[name] if bucket else 0 for name in _SHOWN}


def _shop_day(
    shop: Any,
    zone: ZoneInfo,
    day: date,
    hours: Iterable[tuple[int, Mapping[str, Any] | None]],
    total: Mapping[str, Any] | None,
    last_basis: str,
    boxes: _Boxes,
    summarised: datetime | None,
) -> ShopDay:
    counted = total is not None and (total["visitors"] > 0 or total["reentries"] > 0)
    return ShopDay(
        store_id=shop.id,
        name=shop.name,
        timezone=shop.timezone,
        day=day,
        basis=total["basis"] if total is not None and counted else last_basis,
        **_shown(total),
        hours=tuple(
            HourFigures(
                start=datetime.fromtimestamp(hour, zone),
                **_shown(row),
            )
            for hour, row in hours
        ),
        last_fact_at=boxes.last_fact_at,
        boxes=boxes.views,
        hourly_until=summarised.astimezone(zone).date() if summarised else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HubHealth:
    """How the hub itself is. `state`: ok | ingest_silent."""

    state: str
    now: datetime
    ingest_seen_at: datetime | None
    set_aside: int
    dropped: int
    database_errors: int
    keys_denied: int


def hub_health(connection: Connection, now: datetime) -> HubHealth:
    """Return how the hub itself is, from its counters."""
    counters = aside.meters(connection)
    seen_at = aside.seen_at(counters)
    alive = seen_at is not None and now - seen_at <= _INGEST_DEAD_AFTER
    return HubHealth(
        state="ok" if alive else "ingest_silent",
        now=now.astimezone(UTC),
        ingest_seen_at=seen_at,
        set_aside=counters.get(aside.SET_ASIDE, 0),
        dropped=counters.get(aside.DROPPED, 0),
        database_errors=counters.get(aside.DATABASE_ERRORS, 0),
        keys_denied=counters.get(aside.KEYS_DENIED, 0),
    )
