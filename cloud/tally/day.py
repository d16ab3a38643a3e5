"""Counts a day of a shop from its facts, in all tables. Called by `recount`.

    daily, presence_daily   footfall and passers-by
    visits                  who took whom and when      \
    desk                    documents of desk and till   > Part ─> the day's rows
    returns                 who had come, who came again/
    known                   which of these the shop can know at all

A day is counted by deleting its rows and inserting them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, insert, select

from cloud.tables import daily, presence_daily
from cloud.tally import known, returns
from cloud.tally.desk import count_desk
from cloud.tally.marks import Day
from cloud.tally.shop_day import Part, ShopDay
from cloud.tally.tables import (
    BOOKINGS,
    COUNTS,
    DESK,
    FACES,
    FOOTFALL,
    OF_DAYS,
    STREET,
    TILL,
    day_tally,
    hour_tally,
    staff_tally,
)
from cloud.tally.visits import Visits, count_visits

_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "faces": FACES,
    "desk": DESK,
    "till": TILL,
    "bookings": BOOKINGS,
}
_BESIDE: Final = ("faces_visitors", "desk_visitors", "till_visitors")
_OF_HOURS: Final = ("served", "sales", "on_duty")
_OF_STAFF: Final = (*("greeted", "greeted_30s", "members", "sales", "wrong_person", "follow_ups"),)
_FOOTFALL: Final = select(*(daily.c[name] for name in (*FOOTFALL, "members", "basis")))
_PASSED: Final = select(presence_daily.c.passers, presence_daily.c.captured)


def count_day(connection: Connection, day: ShopDay, today: date) -> set[Day]:
    """Count a day anew; its members are placed already.

    Args:
        connection: of a transaction that has locked the shop.
        day: the day; its facts are still kept.
        today: at the shop.

    Returns:
        Days that were counted before, and must be again.
    """
    footfall = _one(connection, _FOOTFALL, daily, day)
    visits, desk = count_visits(connection, day), count_desk(connection, day)
    members = 0 if footfall is None else footfall.members
    told = visits.part.told | desk.told | ({"faces"} if members else set())
    marked = known.note(connection, day, told)
    _delete(connection, day)
    if footfall is None and not desk.told and not any(desk.tables.values()):
        return marked
    counts = _counts(connection, day, visits, desk, footfall, today)
    basis = None if footfall is None else footfall.basis
    _insert(connection, day_tally, [{**_key(day), "basis": basis, **counts}])
    _insert_parts(connection, day, (visits.part, desk))
    return marked


def keep_footfall(connection: Connection, day: ShopDay) -> bool:
    """Keep what is known of a day whose facts are gone, if it never was counted.

    Returns:
        Whether there was anything to keep.
    """
    if _one(connection, select(day_tally.c.day), day_tally, day) is not None:
        return False
    footfall = _one(connection, _FOOTFALL, daily, day)
    if footfall is None:
        return False
    counts = {**dict.fromkeys(COUNTS), **_passed(connection, day)}
    counts |= {name: footfall._mapping[name] for name in FOOTFALL}
    _insert(connection, day_tally, [{**_key(day), "basis": footfall.basis, **counts}])
    return True


def _key(day: ShopDay) -> dict[str, Any]:
    return {"store": day.store, "day": day.day}


def _one(connection: Connection, question: Any, table: Table, day: ShopDay) -> Row[Any] | None:
    mine = question.where(table.c.store == day.store, table.c.day == day.day)
    found: Row[Any] | None = connection.execute(mine).first()
    return found


def _counts(
    connection: Connection,
    day: ShopDay,
    visits: Visits,
    desk: Part,
    footfall: Row[Any] | None,
    today: date,
) -> dict[str, int | None]:
    """Return the columns of a day: what the shop cannot know is null, all else a number."""
    of_footfall = {} if footfall is None else footfall._mapping
    visitors = of_footfall.get("visitors")
    counted: dict[str, int | None] = {
        **visits.part.counts,
        **desk.counts,
        **returns.count_returns(connection, day, visits.members, today),
        "members": of_footfall.get("members", 0),
        **dict.fromkeys(_BESIDE, visitors),
    }
    there = known.known_on(connection, day) | ({"faces"} if visits.distinct else set())
    can_know = {name for kind in there for name in _GROUPS[kind]}
    return {
        **{name: counted[name] if name in can_know else None for name in COUNTS if name in counted},
        **_passed(connection, day),
        **{name: of_footfall.get(name) for name in FOOTFALL},
    }


def _passed(connection: Connection, day: ShopDay) -> dict[str, int | None]:
    """Return passers-by and visitors among them; neither where only one is known: they are shares
    of each other.
    """
    row = _one(connection, _PASSED, presence_daily, day)
    if row is None or row.passers is None or row.captured is None:
        return dict.fromkeys(STREET)
    return {"passers": row.passers, "captured": row.captured}


def _delete(connection: Connection, day: ShopDay) -> None:
    for table in OF_DAYS:
        connection.execute(delete(table).where(table.c.store == day.store, table.c.day == day.day))
    hours = (hour_tally.c.hour >= day.since // 1000) & (hour_tally.c.hour < day.until // 1000)
    connection.execute(delete(hour_tally).where(hour_tally.c.store == day.store, hours))


def _insert_parts(connection: Connection, day: ShopDay, parts: Iterable[Part]) -> None:
    hours: dict[str, Counter[Any]] = {name: Counter() for name in _OF_HOURS}
    staff: dict[str, Counter[Any]] = {name: Counter() for name in _OF_STAFF}
    rows: dict[Table, list[dict[str, Any]]] = {}
    for part in parts:
        for merged, told in ((hours, part.hours), (staff, part.staff)):
            for name, counter in told.items():
                merged[name].update(counter)
        for table, keyed in part.tables.items():
            names = [c.name for c in table.primary_key.columns][2:]
            rows.setdefault(table, []).extend(
                {**_key(day), **dict(zip(names, key, strict=True)), **counts}
                for key, counts in keyed.items()
            )
    rows[staff_tally] = [{**_key(day), **row} for row in _table("staff", staff)]
    rows[hour_tally] = [{"store": day.store, **row} for row in _table("hour", hours)]
    for table, made in rows.items():
        _insert(connection, table, made)


def _table(key: str, counters: Mapping[str, Counter[Any]]) -> list[dict[str, Any]]:
    """Return a row for each key that any counter has more than nothing of."""
    keys = {one for counter in counters.values() for one, count in counter.items() if count}
    return [
        {key: one, **{name: counter[one] for name, counter in counters.items()}} for one in keys
    ]


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)
