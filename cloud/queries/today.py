"""What the pages and the API show. Reads rollups and the rows of boxes, never the facts.

Every page asks these questions at each change, of a chain of thousands of shops: they go by key,
take only the columns that are shown, and make no more objects than are shown.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, Text, cast, func, or_, select

from cloud import aside
from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.bulk import NAMED_AT_ONCE, some_at_once
from cloud.hours import hours_of_day
from cloud.tables import INCOMPLETE, box, daily, epoch, hour_summary, hourly, meter, store
from cloud.views import BoxView, ChainToday, HourFigures, ShopDay, on_page

_DAY: Final = timedelta(days=1)
SILENT_AFTER: Final = timedelta(minutes=2)
"""A box sends a heartbeat every half minute."""
_SUMMARISED_SHOWN: Final = timedelta(days=90)
"""So long ago a shop's older days may be for the page to say that they are by the hour only."""
_INGEST_DEAD_AFTER: Final = timedelta(seconds=30)
"""An ingest process says every 5 s that it is alive."""


def change_token(connection: Connection) -> int:
    """Return a number that changes whenever something changed that a page may show."""
    value = connection.execute(select(meter.c.value).where(meter.c.name == aside.CHANGES))
    return value.scalar() or 0


_SHOPS: Final = select(store.c.id, store.c.name, store.c.timezone).order_by(store.c.id)


def chain_today(
    connection: Connection,
    scope: Scope,
    now: datetime,
    page: int | None = None,
    *,
    hours: bool = True,
) -> ChainToday:
    """Return all shops today that somebody sees, each in its own zone.

    Args:
        connection: a transaction on the hub's database.
        scope: which shops these are.
        now: an aware moment; it decides which day it is and which box is silent.
        page: the page whose shops have their hours (`views.on_page`); None: all have them.
        hours: False: none has.
    """
    shops = connection.execute(_SHOPS.where(scope.only(store.c.id))).all()
    days = _days(shops, now)
    by_id = {shop.id: days[shop.timezone] for shop in shops}
    listed = shops if page is None else [shops[place] for place in on_page(len(shops), page)]
    whole = page is None and scope.shops is None
    drawn = {shop.id: by_id[shop.id] for shop in listed} if hours else {}
    of_hours = _hours(connection, drawn, whole=whole)
    totals = totals_of(connection, scope, {name: today.day for name, today in by_id.items()})
    bases = {
        name: basis
        for name, (_, basis, visitors, _, _, reentries, _) in totals.items()
        if visitors or reentries
    }
    if len(bases) < len(by_id):
        yesterday = {name: by_id[name].day - _DAY for name in by_id if name not in bases}
        bases |= _bases_on(connection, scope, yesterday)
        bases |= _latest_bases(connection, [name for name in by_id if name not in bases])
    boxes = _boxes(connection, scope, now)
    summarised = _summarised(connection, scope, now)
    counters = aside.meters(connection)
    return ChainToday(
        now=now.astimezone(UTC),
        shops=tuple(
            _shop_day(
                shop,
                by_id[shop[0]].day,
                totals.get(shop[0], _NOTHING),
                bases.get(shop[0], "crossings"),
                of_hours.get(shop[0], ()),
                boxes.get(shop[0], _NO_BOXES),
                summarised.get(shop[0]),
            )
            for shop in shops
        ),
        set_aside=counters.get(aside.SET_ASIDE, 0),
        ingest_seen_at=aside.seen_at(counters),
    )


_BY_HOUR: Final = ("visitors", "entered", "left", "reentries")
_SHOWN: Final = (*_BY_HOUR, "members")
_NOTHING: Final = (None, None, *(0 for _ in _SHOWN))


def _shop_day(
    shop: Any,
    day: date,
    total: Any,
    basis: str,
    hours: tuple[HourFigures, ...],
    boxes: "_Boxes",
    summarised: datetime | None,
) -> ShopDay:
    store_id, name, timezone = shop
    _, _, visitors, entered, left, reentries, members = total
    return ShopDay(
        store_id=store_id,
        name=name,
        timezone=timezone,
        day=day,
        basis=basis,
        visitors=visitors,
        entered=entered,
        left=left,
        reentries=reentries,
        members=members,
        hours=hours,
        last_fact_at=boxes.last_fact_at,
        boxes=boxes.views,
        hourly_until=summarised.astimezone(zone_or_utc(timezone)).date() if summarised else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Today:
    """The day that it is in a zone, with its hours and what they are in a shop without visitors."""

    day: date
    starts: tuple[int, ...]
    empty: tuple[HourFigures, ...]


def _days(shops: Iterable[Any], now: datetime) -> dict[str, _Today]:
    """Return today in each zone, by the names that the shops' zones have."""
    found = {}
    for name in {shop.timezone for shop in shops}:
        zone = zone_or_utc(name)
        day = now.astimezone(zone).date()
        starts = tuple(hours_of_day(day, zone))
        empty = tuple(
            HourFigures(start=datetime.fromtimestamp(start, zone), visitors=0, entered=0, left=0)
            for start in starts
        )
        found[name] = _Today(day=day, starts=starts, empty=empty)
    return found


def _hours(
    connection: Connection, days: Mapping[str, _Today], *, whole: bool
) -> dict[str, tuple[HourFigures, ...]]:
    """Return the hours of shops by their ids; `whole`: these are all shops that there are."""
    if not days:
        return {}
    wanted = [start for day in set(days.values()) for start in day.starts]
    among = select(store.c.id) if whole else list(days)
    rows = connection.execute(
        select(hourly.c.store, hourly.c.hour, *(hourly.c[name] for name in _BY_HOUR)).where(
            hourly.c.store.in_(among), hourly.c.hour.between(min(wanted), max(wanted))
        )
    )
    figures: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in rows.all():
        figures[row[0]][row[1]] = row
    return {
        name: tuple(
            _hour(empty, counted[start]) if start in counted else empty
            for start, empty in zip(day.starts, day.empty, strict=True)
        )
        for name, day in days.items()
        for counted in (figures[name],)
    }


def _hour(empty: HourFigures, row: Any) -> HourFigures:
    _, _, visitors, entered, left, reentries = row
    return HourFigures(
        start=empty.start,
        visitors=visitors,
        entered=entered,
        left=left,
        reentries=reentries,
    )


def totals_of(connection: Connection, scope: Scope, days: Mapping[str, date]) -> dict[str, Any]:
    """Return the rows of shops' days, by shop: shop, basis, then `_SHOWN`."""
    found: dict[str, Any] = {}
    # Around the world there are at most three days at a time.
    for day in set(days.values()):
        rows = connection.execute(_TOTALS.where(daily.c.day == day, scope.only(daily.c.store)))
        found |= {row[0]: row for row in rows.all() if days.get(row[0]) == day}
    return found


_TOTALS: Final = select(daily.c.store, daily.c.basis, *(daily.c[name] for name in _SHOWN))
_SOMEBODY_CAME: Final = or_(daily.c.visitors > 0, daily.c.reentries > 0)


def _bases_on(connection: Connection, scope: Scope, days: Mapping[str, date]) -> dict[str, str]:
    """Return the basis of shops on days on which somebody came; for nearly all that is known."""
    question = select(daily.c.store, daily.c.day, daily.c.basis).where(
        daily.c.day.in_(set(days.values())), _SOMEBODY_CAME, scope.only(daily.c.store)
    )
    if len(days) <= NAMED_AT_ONCE:
        question = question.where(daily.c.store.in_(list(days)))
    rows = connection.execute(question)
    return {shop: basis for shop, day, basis in rows.all() if day == days.get(shop)}


def _latest_bases(connection: Connection, shops: Sequence[str]) -> dict[str, str]:
    """Return the basis of shops' last days: what today will have until somebody comes."""
    last = (
        select(daily.c.basis)
        .where(daily.c.store == store.c.id, _SOMEBODY_CAME)
        .order_by(daily.c.day.desc())
        .limit(1)
        .correlate(store)
        .scalar_subquery()
    )
    found: dict[str, str] = {}
    for some in some_at_once(shops):
        rows = connection.execute(
            select(store.c.id, last.label("basis")).where(store.c.id.in_(some))
        )
        found |= {row.id: row.basis for row in rows if row.basis is not None}
    return found


def _summarised(connection: Connection, scope: Scope, now: datetime) -> dict[str, datetime]:
    """Return the last hour of each shop that a full box summarised, if it is not long ago."""
    rows = connection.execute(
        select(hour_summary.c.store, func.max(hour_summary.c.hour).label("hour"))
        .where(hour_summary.c.hour > now - _SUMMARISED_SHOWN, scope.only(hour_summary.c.store))
        .group_by(hour_summary.c.store)
    )
    return {row.store: row.hour for row in rows}


class _Boxes(NamedTuple):
    views: tuple[BoxView, ...]
    last_fact_at: datetime | None


_NO_BOXES: Final = _Boxes((), None)


def _boxes(connection: Connection, scope: Scope, now: datetime) -> dict[str, _Boxes]:
    missing: dict[tuple[str, str], int] = defaultdict(int)
    # Added up here: a box may declare numbers whose sum no column holds.
    incomplete = select(epoch.c.store, epoch.c.box, epoch.c.missing).where(
        INCOMPLETE, scope.only(epoch.c.store)
    )
    for row in connection.execute(incomplete):
        missing[row.store, row.box] += row.missing
    silent_since = now - SILENT_AFTER
    found: dict[str, _Boxes] = {}
    boxes: Sequence[Any] = connection.execute(_BOXES.where(scope.only(box.c.store))).all()
    for one in boxes:
        store_id, box_id, fact_at = one[0], one[1], one[4]
        view = _box_view(one, missing.get((store_id, box_id), 0) if missing else 0, silent_since)
        if (others := found.get(store_id)) is not None:
            latest = max(filter(None, (others.last_fact_at, fact_at)), default=None)
            found[store_id] = _Boxes((*others.views, view), latest)
        else:
            found[store_id] = _Boxes((view,), fact_at)
    return found


_BOXES: Final[Select[Any]] = select(
    *(box.c.store, box.c.id, box.c.state, box.c.last_seen, box.c.last_fact_at, box.c.version),
    *(box.c.mode, box.c.clock, box.c.backlog, box.c.mode_wanted, box.c.mode_why),
    *(cast(box.c.cameras, Text), box.c.storage, box.c.oldest_unacked_at),
).order_by(box.c.store, box.c.id)


def _box_view(row: Any, missing: int, silent_since: datetime) -> BoxView:
    _, box_id, state, seen, _, version, mode, clock, backlog, wanted, why, *rest = row
    cameras, storage, oldest = rest
    state = state or "online"
    if state == "online" and (seen is None or seen < silent_since):
        state = "silent"
    return BoxView(
        box_id=box_id,
        state=state,
        last_seen=seen,
        version=version,
        mode=mode,
        clock=clock,
        backlog=backlog,
        missing=missing,
        cameras=cameras_of(cameras),
        mode_wanted=wanted,
        mode_why=why,
        storage=storage,
        oldest_unacked_at=oldest,
    )


@lru_cache(maxsize=4_096)  # nearly all boxes have one camera at the door, and it is well
def cameras_of(text: str) -> tuple[tuple[str, str], ...]:
    """Return names and states of a box's cameras from how its row has them."""
    return tuple((name, state) for name, state in json.loads(text))


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
