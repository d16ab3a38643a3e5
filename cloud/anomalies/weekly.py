"""Looks at bookings week on week, once a day and shop, and tells the shop. Called by `look`.

The rule is `cloud.figures.weekly`'s, the one that the page of bookings has as well.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, or_, select, update

from cloud import aside
from cloud.anomalies import keep
from cloud.anomalies.keep import Known, Told
from cloud.anomalies.tables import expectation
from cloud.anomalies.word import BY_RULE, tell
from cloud.boxes import zone_or_utc
from cloud.bulk import parts
from cloud.db import reading, writing
from cloud.figures.weekly import CHANGE_LEAST, WEEKS, week_on_week, weeks_of
from cloud.orders import Issuer
from cloud.tables import store
from cloud.tally.tables import day_tally

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_FROM_HOUR: Final = 4
"""Of the shop's own day: by then yesterday is counted, with what came late in the night."""
_AT_ONCE: Final = 50


def look(
    engine: Engine, issuer: Issuer, now: datetime, give_way: Callable[[], None] = lambda: None
) -> int:
    """Look at the shops whose day has begun since the last time; return how many words were new."""
    with reading(engine) as connection:
        shops = _due(connection, now)
        known = keep.going_on(connection)
    new = 0
    for some in parts(shops, _AT_ONCE):
        with writing(engine) as connection:
            new += _look_at(connection, issuer, some, known, now)
        give_way()
    return new


def _due(connection: Connection, now: datetime) -> list[tuple[Row[Any], date]]:
    rows = connection.execute(
        select(store.c.id, store.c.timezone)
        .join(expectation, expectation.c.store == store.c.id)
        .where(or_(expectation.c.booked.is_(None), expectation.c.booked < (now + _DAY).date()))
        .add_columns(expectation.c.booked)
        .order_by(store.c.id)
    ).all()
    found = []
    for row in rows:
        local = now.astimezone(zone_or_utc(row.timezone))
        day = local.date() - _DAY
        if local.hour >= _FROM_HOUR and (row.booked is None or row.booked < day):
            found.append((row, day))
    return found


def _look_at(
    connection: Connection,
    issuer: Issuer,
    shops: Sequence[tuple[Row[Any], date]],
    known: Known,
    now: datetime,
) -> int:
    names = [shop.id for shop, _ in shops]
    first = min(day for _, day in shops) - (WEEKS + 1) * _WEEK
    booked: dict[str, dict[date, int | None]] = defaultdict(dict)
    for name, day, count in connection.execute(
        select(day_tally.c.store, day_tally.c.day, day_tally.c.booked).where(
            day_tally.c.store.in_(names), day_tally.c.day > first, day_tally.c.booked.is_not(None)
        )
    ):
        booked[name][day] = count
    new = 0
    for shop, day in shops:
        new += _say(connection, issuer, shop, booked[shop.id], day, known, now)
        connection.execute(
            update(expectation).where(expectation.c.store == shop.id).values(booked=day)
        )
    if new:
        aside.count_up(connection, {aside.CHANGES: 1})
    return new


def _say(
    connection: Connection,
    issuer: Issuer,
    shop: Row[Any],
    booked: dict[date, int | None],
    day: date,
    known: Known,
    now: datetime,
) -> int:
    *before, week = weeks_of(booked, day)
    found = week_on_week(week, before)
    row = known.get((shop.id, "bookings"))
    if row is not None and (not found.deviates or row.reason != found.verdict):
        keep.close(connection, issuer, [row], "recovered", now)
        known.pop((shop.id, "bookings"))
    if not found.deviates or found.usual is None or found.booked is None:
        return 0
    zone = zone_or_utc(shop.timezone)
    told = Told(
        store=shop.id,
        kind="bookings",
        reason=found.verdict,
        since=datetime.combine(day - _WEEK + _DAY, time(), zone).astimezone(UTC),
        expected=found.usual,
        low=round(found.usual * (1 - CHANGE_LEAST)),
        high=round(found.usual * (1 + CHANGE_LEAST)),
        got=found.booked,
    )
    which = keep.say(connection, known, told, now)
    if which is not None:
        # Who books rings the shop: it is told at once, and nobody at head office has to see it
        # first. What is amiss with visitors may be head office's to judge.
        tell(connection, issuer, which, BY_RULE, now)
    return int(which is not None)
