"""The hours around shops' anomalies, as the page draws them. Called by `cloud.app`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, or_, select

from cloud.accounts.scope import Scope
from cloud.anomalies.desk import Anomaly
from cloud.anomalies.shop import Chances
from cloud.anomalies.tables import CHAIN, expectation
from cloud.boxes import zone_or_utc
from cloud.expect.calendar import Calendar
from cloud.expect.model import Model, band, variance
from cloud.hours import hour_end, hour_start
from cloud.tables import hourly

DRAWN: Final = ("drop", "surge", "silent")
_DAY: Final = timedelta(days=1)
_HOURS_DRAWN: Final = 48
_MODEL: Final = msgspec.json.Decoder(Model)


class HourPoint(Struct, frozen=True, kw_only=True):
    """An hour of a shop: what was expected, its band, and who came; None: not looked at (yet)."""

    start: int
    mean: float
    low: int
    high: int
    got: int | None


def curves(
    connection: Connection,
    scope: Scope,
    shown: Sequence[Anomaly],
    calendar: Calendar,
    now: datetime,
) -> dict[str, tuple[HourPoint, ...]]:
    """Return the hours around shops' anomalies by the anomalies' ids: of the day before it, and
    what followed; those in which nobody is expected and nobody came are left out.

    What was expected is told by the model of today, which may have learnt since.
    """
    drawn = [one for one in shown if one.kind in DRAWN and one.store != CHAIN]
    names = {one.store for one in drawn}
    models = {
        name: _MODEL.decode(text)
        for name, text in connection.execute(
            select(expectation.c.store, expectation.c.model).where(
                expectation.c.store.in_(sorted(names)),
                expectation.c.model.is_not(None),
                scope.only(expectation.c.store),
            )
        )
    }
    drawn = [one for one in drawn if one.store in models]
    if not drawn:
        return {}
    wanted = or_(
        *(
            and_(
                hourly.c.store == one.store,
                # From the beginning of its first hour on: a silence begins within one.
                hourly.c.hour >= hour_start(_span(one, now)[0], zone_or_utc(one.timezone)),
                hourly.c.hour <= int(_span(one, now)[1].timestamp()),
            )
            for one in drawn
        )
    )
    counts: dict[str, dict[int, int]] = {}
    for name, hour, visitors in connection.execute(
        select(hourly.c.store, hourly.c.hour, hourly.c.visitors).where(
            wanted, scope.only(hourly.c.store)
        )
    ):
        counts.setdefault(name, {})[hour] = visitors
    return {
        one.id: _points(one, models[one.store], counts.get(one.store, {}), calendar, now)
        for one in drawn
    }


def _span(one: Anomaly, now: datetime) -> tuple[datetime, datetime]:
    return one.since - _DAY, min(one.closed_at or now, one.since + 4 * _DAY)


def _points(
    one: Anomaly, model: Model, counts: dict[int, int], calendar: Calendar, now: datetime
) -> tuple[HourPoint, ...]:
    zone = zone_or_utc(one.timezone)
    chances = Chances(model, calendar, zone)
    first, last = _span(one, now)
    hour, found = hour_start(first, zone), list[HourPoint]()
    while (end := hour_end(hour, zone)) <= last.timestamp():
        chance, got = chances.of(hour), counts.get(hour)
        if chance.mean >= 0.5 or got:
            low, high = band(*variance([chance]))
            missing = one.kind == "silent" and hour >= one.since.timestamp() - 3600 and not got
            found.append(
                HourPoint(
                    start=hour,
                    mean=chance.mean,
                    low=low,
                    high=high,
                    got=None if missing else got or 0,
                )
            )
        hour = end
    return tuple(found[:_HOURS_DRAWN])
