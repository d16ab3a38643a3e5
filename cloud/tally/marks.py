"""Marks days of shops, and of the chain, that must be counted anew. Knows no count.

Called by `ingest` and its rooms within their transactions, by `rollup` and by `recount`. What
changes a day marks it in the same transaction, after it was written:

    what changed                    marked
    a desk's document               the day that it is about, and was about; that of the visit it
                                    names, and the days of whatever else names that visit
    a visit, or what stands of it   by `rollup`, with its hour; and the days of what names it
    the end of a visit              the visit's day
    a member is erased, or turns    the days on which the member was there
      out to be known elsewhere
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Column, Connection, bindparam, delete, false, select, type_coerce
from sqlalchemy import literal_column as written

from cloud.boxes import zone_or_utc
from cloud.bulk import KEYS, Bulk, Question, some_at_once
from cloud.db import upsert
from cloud.hours import hour_end, local_day
from cloud.tables import daily, desk_fact, store, visit
from cloud.tally.tables import ITS_VISIT, day_tally, dirty_chain, dirty_day, subject_day

Day = tuple[str, date]
"""A shop and one of its days."""
Zones = Mapping[str, ZoneInfo]
_VISIT: Final = ("store", "box", "visit")
_COUNTING_LOCK: Final = 6_213_705  # any fixed number
_QUARTER_MS: Final = 900_000
"""No zone's day begins but at a quarter of an hour."""
_DAY: Final = timedelta(days=1)
_EPOCH: Final = date(1970, 1, 1)


def one_counts(connection: Connection) -> bool:
    """Say whether nobody else counts days until this transaction ends: on SQLite never anybody."""
    if connection.dialect.name != "postgresql":
        return True
    asked = connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({_COUNTING_LOCK})")
    return bool(asked.scalar())


def mark_days(connection: Connection, days: Iterable[Day]) -> None:
    """Mark days of shops.

    A mark that is there already is counted up, never left as it is: on a server that lets
    writers run side by side, only an update waits for a recount that is just deleting it.
    """
    _MARK.run(connection, [(shop, day.isoformat(), 1, False) for shop, day in sorted(days)])


def mark_counts(connection: Connection, days: Iterable[Day]) -> None:
    """Mark days whose counts change by what became known of others; nobody's days do."""
    _MARK_COUNTS.run(connection, [(shop, day.isoformat(), 1, True) for shop, day in sorted(days)])


def mark_chain(connection: Connection, days: Iterable[date]) -> None:
    """Mark days of the chain."""
    _MARK_CHAIN.run(connection, [(day.isoformat(), 1) for day in sorted(days)])


_MARK: Final = Bulk(
    lambda connection: upsert(connection, dirty_day).on_conflict_do_update(
        index_elements=dirty_day.primary_key.columns,
        set_={"mark": dirty_day.c.mark + written("1"), "placed": false()},
    ),
    ("store", "day", "mark", "placed"),
)
_MARK_COUNTS: Final = Bulk(
    lambda connection: upsert(connection, dirty_day).on_conflict_do_update(
        index_elements=dirty_day.primary_key.columns,
        set_={"mark": dirty_day.c.mark + written("1")},
    ),
    ("store", "day", "mark", "placed"),
)
_MARK_CHAIN: Final = Bulk(
    lambda connection: upsert(connection, dirty_chain).on_conflict_do_update(
        index_elements=dirty_chain.primary_key.columns,
        set_={"mark": dirty_chain.c.mark + written("1")},
    ),
    ("day", "mark"),
)


def day_of(milliseconds: int, zone: ZoneInfo) -> date:
    """Return the local day that holds a moment."""
    return local_day(milliseconds // 1000, zone)


def days_of_visits(
    connection: Connection, zones: Zones, visits: Collection[tuple[str, str, str]]
) -> set[Day]:
    """Return the days of visits, and those of what the desks said of them.

    Args:
        connection: of the transaction.
        zones: of the visits' shops.
        visits: shops, boxes and visits; one may not be known yet.
    """
    keys = sorted(visits)
    moments = _OPENED.ask(connection, keys) + _ABOUT.ask(connection, keys)
    return {(shop, day_of(at, zones[shop])) for shop, at in moments}


_OPENED: Final = Question(
    select(visit.c.store, visit.c.opened_at).where(KEYS, visit.c.opened_at.is_not(None)),
    [visit.c[name] for name in _VISIT],
)
_ABOUT: Final = Question(
    select(desk_fact.c.store, desk_fact.c.about).where(KEYS, desk_fact.c.visit.is_not(None)),
    [desk_fact.c[name] for name in _VISIT],
)


def days_of_hours(
    connection: Connection, store_id: str, zone: ZoneInfo, hours: Sequence[int]
) -> set[Day]:
    """Return the days of a shop's hours, and those of what a desk said of visits in them."""
    days = {local_day(hour, zone) for hour in hours}
    for hour in hours:
        span = {"of": store_id, "since": hour * 1000, "until": hour_end(hour, zone) * 1000}
        for quarter in connection.execute(_SAID_OF, span).scalars():
            days.add(day_of(quarter * _QUARTER_MS, zone))
    return {(store_id, day) for day in days}


def _ms(column: Column[Any]) -> Any:
    return type_coerce(column, BigInteger)


_SAID_OF: Final = (
    select(_ms(desk_fact.c.about) // written(str(_QUARTER_MS), BigInteger))
    .distinct()
    .select_from(visit)
    .join(desk_fact, ITS_VISIT)
    .where(visit.c.store == bindparam("of"))
    .where(_ms(visit.c.opened_at) >= bindparam("since"))
    .where(_ms(visit.c.opened_at) < bindparam("until"))
)


def mark_subjects(connection: Connection, subjects: Collection[str]) -> None:
    """Mark the days on which members were there, counted or not yet."""
    days: set[Day] = set()
    for some in some_at_once(sorted(subjects)):
        rows = connection.execute(
            select(visit.c.store, _ms(visit.c.opened_at), store.c.timezone)
            .join(store, store.c.id == visit.c.store)
            .where(visit.c.subject.in_(some), visit.c.opened_at.is_not(None))
        )
        days |= {(shop, day_of(at, zone_or_utc(zone))) for shop, at, zone in rows}
        placed = select(subject_day.c.store, subject_day.c.day)
        came = connection.execute(placed.where(subject_day.c.subject.in_(some)))
        days |= {(shop, day) for shop, day in came}
    mark_days(connection, days)


def forget_subjects(connection: Connection, subjects: Collection[str]) -> None:
    """Take members who are erased out of the days on which they came, and mark those days.

    To be called while their visits still name them.
    """
    mark_subjects(connection, subjects)
    for some in some_at_once(sorted(subjects)):
        connection.execute(delete(subject_day).where(subject_day.c.subject.in_(some)))


def days_of_shop(connection: Connection, store_id: str) -> set[Day]:
    """Return all days of a shop of which anything is known or counted, those beside them included:
    its days may begin at other moments now.
    """
    days: set[date] = set()
    for table in (day_tally, daily):
        days |= set(
            connection.execute(select(table.c.day).where(table.c.store == store_id)).scalars()
        )
    about = _ms(desk_fact.c.about) // written("86400000", BigInteger)
    told = connection.execute(select(about).distinct().where(desk_fact.c.store == store_id))
    days |= {date.fromordinal(_EPOCH.toordinal() + int(number)) for number in told.scalars()}
    return {(store_id, day + step * _DAY) for day in days for step in (-1, 0, 1)}
