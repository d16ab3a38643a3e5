"""Years of a simulated chain straight into the tables of hours and days, those counted of desks
and tills among them.

For the speed of pages and for demonstrations; no fact stands behind these rows, and a rollup of
one of their hours would find nothing. A row is written for every hour of every day, also for
those in which nobody came: as many rows as a chain has that never closes. `subject_day` and
`correction` stay empty: they name subjects and visits, and nobody is there.

    habits (a shop's ways) -> day (one day) -> rows (SQL), a few shops a transaction -> the chain
        footfall   doors and Wi-Fi            desk      greeted, waited, bought, by whom
        bookings   channels, appointments     boxes     who speaks

Called by `command`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from cloud.db import writing
from cloud.simulate.calendar import days_between
from cloud.simulate.chain import Shop
from cloud.simulate.years.bookings import AHEAD
from cloud.simulate.years.boxes import introduce
from cloud.simulate.years.day import foresee, tell
from cloud.simulate.years.habits import habits_of
from cloud.simulate.years.rows import Rows
from cloud.tables import daily, hourly
from cloud.tally.sums import sum_days

_SHOPS_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How many rows were written; `rows`: of all tables of hours and days."""

    shops: int
    boxes: int
    days: int
    hours: int
    rows: int
    visitors: int


def fill(
    engine: Engine,
    chain: Sequence[Shop],
    *,
    seed: int,
    years: float,
    now: datetime,
    told: Callable[[int], None],
) -> Filled:
    """Write shops, boxes and their hours and days of the years up to a moment.

    Args:
        engine: a migrated database that holds none of these shops.
        chain: the shops.
        seed: of their days.
        years: of 365 days; the last day is the one that holds `now`, up to the hour of `now`.
        now: an aware moment.
        told: is told after each transaction how many shops are done.
    """
    days_back = round(years * 365) - 1
    hours = days = written = visitors = 0
    for start in range(0, len(chain), _SHOPS_AT_ONCE):
        shops = chain[start : start + _SHOPS_AT_ONCE]
        rows = Rows()
        visitors += sum(_years_of(seed, shop, days_back, now, rows) for shop in shops)
        hours, days = hours + len(rows.of(hourly)), days + len(rows.of(daily))
        with writing(engine) as connection:
            introduce(connection, shops, now)
            written += rows.write(connection)
        told(start + len(shops))
    with writing(engine) as connection:
        sum_days(connection)
    return Filled(
        shops=len(chain),
        boxes=sum(len(shop.boxes) for shop in chain),
        days=days,
        hours=hours,
        rows=written,
        visitors=visitors,
    )


def _years_of(seed: int, shop: Shop, days_back: int, now: datetime, rows: Rows) -> int:
    """Append a shop's years; return their visitors."""
    habits = habits_of(seed, shop)
    today = now.astimezone(shop.zone).date()
    first, end = today - timedelta(days=days_back), today + timedelta(days=1)
    visitors = sum(tell(seed, shop, habits, day, now, rows) for day in days_between(first, end))
    for ahead in range(1, AHEAD + 1):
        foresee(seed, shop, habits, today + timedelta(days=ahead), -ahead, rows)
    return visitors
