"""What a shop can know of a day: whether it had a till, a desk, bookings, or recognised members.

Called by `day`. A shop has what said anything on the day or on one of the 28 before: a quiet day,
or a holiday, is no day without a till. The days before the first word are not known, for bookings
either: that somebody is booked for next week does not say that nobody was for this one.

The days of a first word are kept (`told_day`), longer than the facts: a day that is counted again
after older facts are gone is not forgotten to have had a till.
"""

from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from cloud.tally.marks import Day
from cloud.tally.shop_day import ShopDay
from cloud.tally.tables import day_tally, told_day

KINDS: Final = ("till", "desk", "bookings", "faces")
_FOR: Final = timedelta(days=28)
_DAY: Final = timedelta(days=1)


def known_on(connection: Connection, day: ShopDay) -> frozenset[str]:
    """Return the kinds that a shop has on a day; the day's own word is noted already."""
    rows = connection.execute(
        select(told_day.c.kind)
        .distinct()
        .where(told_day.c.store == day.store, told_day.c.kind.in_(KINDS))
        .where(told_day.c.day.between(day.day - _FOR, day.day))
    )
    return frozenset(rows.scalars())


def note(connection: Connection, day: ShopDay, told: frozenset[str]) -> set[Day]:
    """Note which kinds said anything on a day.

    Returns:
        Days that were counted before, for which that makes a difference.
    """
    mine = (told_day.c.store == day.store) & (told_day.c.day == day.day)
    held = set(
        connection.execute(
            select(told_day.c.kind).where(mine, told_day.c.kind.in_(KINDS))
        ).scalars()
    )
    for kind in sorted(held - told):
        connection.execute(delete(told_day).where(mine, told_day.c.kind == kind))
    if added := sorted(told - held):
        rows = [{"store": day.store, "kind": kind, "day": day.day} for kind in added]
        connection.execute(insert(told_day), rows)
    return {one for kind in sorted(held ^ told) for one in _concerned(connection, day, kind)}


def _concerned(connection: Connection, day: ShopDay, kind: str) -> set[Day]:
    """Return the counted days after a day that know of a kind by this day alone."""
    of = (told_day.c.store == day.store) & (told_day.c.kind == kind)
    before: date | None = connection.execute(
        select(func.max(told_day.c.day)).where(of, told_day.c.day < day.day)
    ).scalar()
    after: date | None = connection.execute(
        select(func.min(told_day.c.day)).where(of, told_day.c.day > day.day)
    ).scalar()
    first = day.day if before is None else max(day.day, before + _FOR)
    last = day.day + _FOR if after is None else min(day.day + _FOR, after - _DAY)
    rows = connection.execute(
        select(day_tally.c.store, day_tally.c.day).where(
            day_tally.c.store == day.store,
            day_tally.c.day > first,
            day_tally.c.day <= last,
        )
    )
    return {(store, day) for store, day in rows}
