"""Counts marked days anew, from the facts. Called by the thread of `mqtt` behind `rollup`.

    dirty_day ─> place (on which days members came), all of a shop ─> count (`day`) ─> dirty_chain
                                                              dirty_chain ─> `chain`

Safe to repeat, to kill and to run several times at once. One transaction a few days: it locks the
shop, then reads the marks, counts, and deletes the marks that it read. A mark that was counted up
meanwhile stays, and its day is counted once more. On a server one process counts at a time: two
who place the same member in two shops would not see each other.

Days whose facts are past keeping are final (`retention`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    bindparam,
    delete,
    or_,
    select,
    true,
    update,
)

from cloud.aside import CHANGES, count_up
from cloud.boxes import zone_of
from cloud.db import again, reading, writing
from cloud.members import await_others
from cloud.retention import kept_from
from cloud.tables import store
from cloud.tally.chain import count_chain, marked_days
from cloud.tally.day import count_day, keep_footfall
from cloud.tally.marks import Day, mark_chain, mark_counts, one_counts
from cloud.tally.returns import fall_due, place
from cloud.tally.shop_day import ShopDay, shop_day
from cloud.tally.tables import dirty_day
from cloud.tally.visits import members_of

_DAYS_AT_ONCE: Final = 4  # a twentieth of a second's work: nothing else is written meanwhile
_PLACED_AT_ONCE: Final = 40
_MARKS_AT_ONCE: Final = 1_000
_TURN_S: Final = 0.5
_REST_S: Final = (5.0, 300.0)
_REST_EACH_S: Final = 0.15


def recount(
    engine: Engine, give_way: Callable[[], None] = lambda: None, now: datetime | None = None
) -> int:
    """Count every marked day, of shops and of the chain.

    Args:
        engine: the database.
        give_way: called between transactions.
        now: an aware moment; by default the present one. It says which days are 90 days ago.

    Returns:
        How many days were counted.

    Raises:
        sqlalchemy.exc.DBAPIError: the database cannot write now; the marks stay.
    """
    moment = datetime.now(UTC) if now is None else now
    fall_due(engine, moment)
    done = 0
    while counted := sum(1 for _ in _counted(engine, moment, give_way, lambda day: True)):
        done += counted
    for day in marked_days(engine):
        done += _add_up(engine, day, give_way)
    return done


class Counting:
    """Counts beside ingest: half a second at a time, and no day without end.

    Today changes with each guest, in thousands of shops: a day that was counted rests, for the
    longer the more days are counted, up to five minutes. What is new is counted at once.

    Args:
        engine: the database.
        clock: seconds that only rise.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._rested: dict[Day, float] = {}

    def run(self, give_way: Callable[[], None], now: datetime) -> int:
        """Count what may be counted now; return how many days.

        Args:
            give_way: called between transactions.
            now: the aware present moment.
        """
        began = self._clock()
        self._forget(began)
        rest_s = min(max(_REST_EACH_S * len(self._rested), _REST_S[0]), _REST_S[1])
        rested = {one for one, at in self._rested.items() if began - at >= rest_s}

        def may(day: Day) -> bool:
            return day not in self._rested or day in rested

        fall_due(self._engine, now)
        # The chain's days, too, while there is no end of those of shops.
        done = self._chain(give_way, may, began + _TURN_S / 2)
        for day in _counted(self._engine, now, give_way, may):
            self._rested[day] = self._clock()
            done += 1
            if self._clock() - began >= _TURN_S:
                return done
        return done + self._chain(give_way, may, began + _TURN_S)

    def _chain(self, give_way: Callable[[], None], may: Callable[[Day], bool], until: float) -> int:
        done = 0
        for day in marked_days(self._engine):
            if self._clock() >= until:
                break
            if may(("", day)):
                done += _add_up(self._engine, day, give_way)
                self._rested["", day] = self._clock()
        return done

    def _forget(self, now: float) -> None:
        self._rested = {day: at for day, at in self._rested.items() if now - at < _REST_S[1]}


def _counted(
    engine: Engine, now: datetime, give_way: Callable[[], None], may: Callable[[Day], bool]
) -> Iterator[Day]:
    """Count the marked days that may be, the newest first; yield each."""
    last: Day | None = None
    while marked := _marked(engine, last):
        last = marked[-1]
        by_shop: dict[str, list[date]] = {}
        for shop, day in filter(may, marked):
            by_shop.setdefault(shop, []).append(day)
        for shop, days in by_shop.items():
            for start in range(0, len(days), _DAYS_AT_ONCE):
                some = days[start : start + _DAYS_AT_ONCE]
                counted = _of_shop(engine, shop, some, now, give_way)
                if counted is None:
                    return  # whoever counts goes on: to ask for each shop would take minutes
                for day in counted:
                    yield shop, day


def _marked(engine: Engine, after: Day | None) -> list[Day]:
    """Return some marked days, the newest first, behind one."""
    behind: ColumnElement[bool] = true()
    if after is not None:
        shop, day = after
        behind = or_(dirty_day.c.day < day, and_(dirty_day.c.day == day, dirty_day.c.store > shop))
    question = (
        select(dirty_day.c.store, dirty_day.c.day)
        .where(behind)
        .order_by(dirty_day.c.day.desc(), dirty_day.c.store)
        .limit(_MARKS_AT_ONCE)
    )
    with reading(engine) as connection:
        return [(shop, day) for shop, day in connection.execute(question)]


def _add_up(engine: Engine, day: date, give_way: Callable[[], None]) -> bool:
    """Add up a day of the chain; return whether it was."""
    done = again(lambda: count_chain(engine, day))
    give_way()
    return done


def _of_shop(
    engine: Engine,
    shop: str,
    days: Sequence[date],
    now: datetime,
    give_way: Callable[[], None],
) -> list[date] | None:
    """Count days of a shop once all its marked days are placed; return those that were.

    None: somebody else is counting.
    """
    while True:
        turn = again(lambda: _turn(engine, shop, days, now))
        give_way()
        if turn.others:
            return None
        if not turn.placed_only:
            return turn.counted


class _Turn(NamedTuple):
    """What one transaction did: the days that it counted; or it has only placed some so far, or
    others are counting.
    """

    counted: list[date]
    placed_only: bool = False
    others: bool = False


def _turn(engine: Engine, shop: str, days: Sequence[date], now: datetime) -> _Turn:
    with writing(engine) as connection:
        locked = (
            select(store.c.id)
            .where(store.c.id == shop)
            .with_for_update(key_share=True, skip_locked=True)
        )
        if not one_counts(connection):
            return _Turn([], others=True)
        if connection.execute(locked).first() is None:
            return _Turn([])
        await_others(connection, alone=False)  # who is erased meanwhile is not named here again
        zone = zone_of(connection, shop)
        kept = kept_from(connection)
        if not _place_some(connection, shop, lambda day: shop_day(shop, day, zone), kept):
            return _Turn([], placed_only=True)
        marks = connection.execute(
            select(dirty_day.c.day, dirty_day.c.mark)
            .where(dirty_day.c.store == shop, dirty_day.c.day.in_(days))
            .order_by(dirty_day.c.day)
        ).all()
        today = now.astimezone(zone).date()
        _count_some(connection, [shop_day(shop, row.day, zone) for row in marks], kept, today)
        if marks:
            _unmark(connection, shop, [(row.day, row.mark) for row in marks])
        return _Turn([row.day for row in marks])


def _place_some(
    connection: Connection, shop: str, of: Callable[[date], ShopDay], kept: int
) -> bool:
    """Place the members of marked days of a shop; say whether those of all are placed now."""
    marks = connection.execute(
        select(dirty_day.c.day, dirty_day.c.mark)
        .where(dirty_day.c.store == shop, dirty_day.c.placed.is_(False))
        .order_by(dirty_day.c.day)
        .limit(_PLACED_AT_ONCE)
    ).all()
    if not marks:
        return True
    concerned: set[Day] = set()
    for row in marks:
        day = of(row.day)
        if day.since >= kept:
            concerned |= place(connection, day, members_of(connection, day))
    connection.execute(
        update(dirty_day)
        .where(
            dirty_day.c.store == bindparam("of"),
            dirty_day.c.day == bindparam("on"),
            dirty_day.c.mark == bindparam("read"),
        )
        .values(placed=True),
        [{"of": shop, "on": row.day, "read": row.mark} for row in marks],
    )
    mark_counts(connection, concerned)
    return len(marks) < _PLACED_AT_ONCE


def _count_some(connection: Connection, days: Sequence[ShopDay], kept: int, today: date) -> None:
    """Count days of a shop, in order; those past keeping are final."""
    concerned: set[Day] = set()
    counted: set[date] = set()
    for day in days:
        if day.since >= kept:
            concerned |= count_day(connection, day, today)
            counted.add(day.day)
        elif keep_footfall(connection, day):
            counted.add(day.day)
    # Those that follow in this very transaction know it.
    mark_counts(connection, concerned - {(day.store, day.day) for day in days})
    mark_chain(connection, counted)


def _unmark(connection: Connection, shop: str, read: Sequence[tuple[date, int]]) -> None:
    connection.execute(
        delete(dirty_day).where(
            dirty_day.c.store == bindparam("of"),
            dirty_day.c.day == bindparam("on"),
            dirty_day.c.mark == bindparam("read"),
        ),
        [{"of": shop, "on": day, "read": mark} for day, mark in read],
    )
    count_up(connection, {CHANGES: 1})
