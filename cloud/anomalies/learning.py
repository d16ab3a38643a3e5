"""Learns the models of shops that are a day old, a few at each look. Called by `look`.

hourly, daily, anomaly -> cloud.expect.learn -> expectation.model, expectation.feasts
expectation.feasts of all shops -> the chain's, once a day
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, or_, select

from cloud.anomalies.shop import NEW_LEVEL_AFTER
from cloud.anomalies.tables import CHAIN, anomaly, expectation
from cloud.boxes import zone_or_utc
from cloud.db import upsert
from cloud.expect.calendar import Calendar
from cloud.expect.feasts import Feasts, chain_feasts
from cloud.expect.learn import DAYS_USED, HOURS_OF, DayCount, Learnt, learn
from cloud.hours import day_bounds
from cloud.tables import daily, hourly, store

LEARN_AFTER: Final = timedelta(hours=22)
AT_ONCE: Final = 60
"""Shops at a look. There are 144 looks a day: enough for 8,000 shops."""
_FEASTS: Final = msgspec.json.Decoder(Feasts)


def due(connection: Connection, now: datetime) -> Sequence[Any]:
    """Return some shops whose model is a day old, or that have none: those first."""
    return connection.execute(
        select(store.c.id, store.c.timezone)
        .outerjoin(expectation, expectation.c.store == store.c.id)
        .where(
            or_(
                expectation.c.learnt_at.is_(None),
                expectation.c.learnt_at <= now - LEARN_AFTER,
            )
        )
        .order_by(expectation.c.learnt_at.is_not(None), expectation.c.learnt_at, store.c.id)
        .limit(AT_ONCE)
    ).all()


def learn_shop(
    connection: Connection,
    store_id: str,
    zone: ZoneInfo,
    calendar: Calendar,
    chain: Feasts,
    now: datetime,
) -> Learnt | None:
    """Learn a shop of what the hub holds of it."""
    today = now.astimezone(zone).date()
    days = _days(connection, store_id, zone, today)
    left_out = _left_out(connection, store_id, zone, now)
    return learn(days, calendar, chain=chain, leave_out=left_out)


def _days(connection: Connection, store_id: str, zone: ZoneInfo, today: date) -> list[DayCount]:
    rows = connection.execute(
        select(daily.c.day, daily.c.visitors, daily.c.basis)
        .where(
            daily.c.store == store_id,
            daily.c.day >= today - timedelta(days=DAYS_USED),
            daily.c.day < today,
        )
        .order_by(daily.c.day)
    ).all()
    if not rows:
        return []
    since = day_bounds(today - timedelta(days=HOURS_OF), zone)[0]
    hours: dict[date, list[int]] = {}
    for hour, visitors in connection.execute(
        select(hourly.c.hour, hourly.c.visitors).where(
            hourly.c.store == store_id, hourly.c.hour >= since
        )
    ):
        at = datetime.fromtimestamp(hour, zone)
        hours.setdefault(at.date(), [0] * 24)[at.hour] += visitors
    # What was counted otherwise says nothing of what will be counted now.
    basis = rows[-1].basis
    return [
        DayCount(day=row.day, total=row.visitors, hours=hours.get(row.day))
        for row in rows
        if row.basis == basis
    ]


def _left_out(connection: Connection, store_id: str, zone: ZoneInfo, now: datetime) -> set[date]:
    """Return the days that were not as usual. A drop that lasts becomes usual in the end; days of
    which something is missing never do.
    """
    lasting = anomaly.c.kind.in_(("drop", "surge")) & (anomaly.c.since > now - NEW_LEVEL_AFTER)
    found: set[date] = set()
    for row in connection.execute(
        select(anomaly.c.since, anomaly.c.closed_at).where(
            anomaly.c.store.in_((store_id, CHAIN)),
            or_(lasting, anomaly.c.kind.in_(("silent", "chain"))),
            anomaly.c.since > now - timedelta(days=DAYS_USED),
        )
    ):
        day = row.since.astimezone(zone).date()
        last = (row.closed_at or now).astimezone(zone).date()
        while day <= last:
            found.add(day)
            day += timedelta(days=1)
    return found


def learn_some(
    connection: Connection, calendar: Calendar, shops: Sequence[Any], now: datetime
) -> int:
    """Learn some shops anew, and note it; return how many have a model."""
    chain = feasts_of_chain(connection)
    rows = []
    for shop in shops:
        zone = zone_or_utc(shop.timezone)
        learnt = learn_shop(connection, shop.id, zone, calendar, chain, now)
        rows.append(
            {
                "store": shop.id,
                "learnt_at": now,
                "model": _text(learnt.model) if learnt else None,
                "feasts": _text(learnt.feasts) if learnt else None,
            }
        )
    _put(connection, rows)
    return sum(row["model"] is not None for row in rows)


def learn_chain(connection: Connection, now: datetime) -> bool:
    """Learn what named days did to the chain, unless that was done today."""
    row = connection.execute(
        select(expectation.c.learnt_at).where(expectation.c.store == CHAIN)
    ).first()
    if row is not None and row.learnt_at is not None and row.learnt_at > now - LEARN_AFTER:
        return False
    told = connection.execute(
        select(expectation.c.feasts).where(
            expectation.c.store != CHAIN, expectation.c.feasts.is_not(None)
        )
    )
    feasts = chain_feasts(_FEASTS.decode(text) for text in told.scalars())
    if feasts:
        _put(
            connection,
            [{"store": CHAIN, "learnt_at": now, "model": None, "feasts": _text(feasts)}],
        )
    return bool(feasts)


def feasts_of_chain(connection: Connection) -> Feasts:
    """Return what named days did to the chain, as far as that is known."""
    text = connection.execute(
        select(expectation.c.feasts).where(expectation.c.store == CHAIN)
    ).scalar()
    return _FEASTS.decode(text) if text else {}


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _put(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = upsert(connection, expectation)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[expectation.c.store],
            set_={name: statement.excluded[name] for name in ("learnt_at", "model", "feasts")},
        ),
        rows,
    )
