"""Tells BI tools of whole weeks what the pages tell of the same days: fills the tables of `told`.

Run by the thread that counts, behind `tally`. What is hidden is decided where the pages' is, by
`queries.hidden` of all the chain's shops and by the boards of the channels' page; so a view gives
no count that a page hides of that week. Only weeks that are over for two days are told: of one that
is under way each look would tell of those who came since the last one.

A week is told anew once one of its days was counted anew (`told.untell`), or `[hub] suppress_below`
has changed. One at a time, with rests between: it takes a third of a second of all shops' days.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select

from cloud.accounts.scope import EVERYTHING
from cloud.db import again, reading, writing
from cloud.figures.cells import sums_of
from cloud.figures.metric import Sums
from cloud.figures.suppress import HIDDEN, PEOPLE, Hidden
from cloud.pages.channels.board import channel_board
from cloud.pages.channels.bookings import ways_of
from cloud.queries.bookings import by_way
from cloud.queries.channels import Asked, brought
from cloud.queries.days import by_shop
from cloud.queries.hidden import ChainScreen, screen_of
from cloud.queries.kept import RESTLESS
from cloud.tally.marks import one_counts
from cloud.tally.tables import BOOKINGS, BROUGHT, COUNTS, chain_tally, dirty_chain
from cloud.tally.told import told_booking, told_channel, told_week, untell, week_of

_IDLE_S: Final = 60.0
_LAST: Final = timedelta(days=6)
_REST: Final = 10
"""How many times longer it rests than it worked: nothing else is written meanwhile."""
Row = dict[str, Any]


class Telling:
    """Tells one week at a time.

    Args:
        engine: the database.
        least: from how many people on a count is told.
        clock: seconds that only rise.
    """

    def __init__(
        self, engine: Engine, least: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._least, self._clock = engine, least, clock
        self._rests_until = clock()

    def run(self, give_way: Callable[[], None], now: datetime) -> int:
        """Tell the newest week that is to be told; return whether there was one.

        Args:
            give_way: called behind the transaction.
            now: the aware present moment.
        """
        began = self._clock()
        if began < self._rests_until:
            return 0
        weeks = untold(self._engine, self._least, now)
        done = bool(weeks) and again(lambda: tell(self._engine, weeks[0], self._least))
        worked = self._clock() - began
        self._rests_until = began + worked + (_REST * worked if weeks else _IDLE_S)
        give_way()
        return int(done)


def untold(engine: Engine, least: int, now: datetime) -> list[date]:
    """Return the Mondays of the weeks that are to be told, the newest first."""
    over = now.astimezone(UTC).date() - RESTLESS
    with reading(engine) as connection:
        days = connection.execute(select(chain_tally.c.day).distinct()).scalars()
        weeks = {week for day in days if (week := week_of(day)) + _LAST < over}
        behind = connection.execute(select(dirty_chain.c.day)).scalars()
        weeks -= {week_of(day) for day in behind}
        told = select(told_week.c.week).where(told_week.c.store == "", told_week.c.least == least)
        weeks -= set(connection.execute(told).scalars())
    return sorted(weeks, reverse=True)


def tell(engine: Engine, week: date, least: int) -> bool:
    """Tell a week in a transaction of its own; return whether it could be told."""
    with writing(engine) as connection:
        marked = select(dirty_chain.c.day).where(dirty_chain.c.day.between(week, week + _LAST))
        if not one_counts(connection) or connection.execute(marked).first() is not None:
            return False
        untell(connection, [week])
        found = by_shop(connection, EVERYTHING, week, week + _LAST)
        screen = screen_of(found, least)
        shops = [*_of_shops(found, screen), *_of_all(found, screen)]
        for table, rows in (
            (told_week, [{"week": week, "least": least, **row} for row in shops]),
            *_by_channel(connection, week, screen),
        ):
            if rows:
                connection.execute(insert(table), rows)
        return True


def _of_shops(found: Mapping[tuple[str, str], Sums], screen: ChainScreen) -> Iterator[Row]:
    for (shop, basis), sums in found.items():
        hidden = {name for name in PEOPLE if shop in screen.hidden.get((basis, name), ())}
        yield {"store": shop, "basis": basis, "shops": 1, **_told(sums, hidden)}


def _of_all(found: Mapping[tuple[str, str], Sums], screen: ChainScreen) -> Iterator[Row]:
    for basis in sorted({basis for _, basis in found}):
        of = {shop: sums for (shop, by), sums in found.items() if by == basis}
        hidden = {name for name in PEOPLE if (basis, name) in screen.totals_hidden}
        yield {"store": "", "basis": basis, "shops": len(of), **_told(sums_of(of), hidden)}


def _told(sums: Sums, hidden: set[str]) -> Row:
    # What was sold to a guest or two is hidden with how many they are.
    gone = hidden | ({"items"} if "sales" in hidden else set())
    return {name: None if name in gone else sums[name] for name in COUNTS}


def _by_channel(
    connection: Connection, week: date, screen: ChainScreen
) -> Iterator[tuple[Any, list[Row]]]:
    about = (connection, EVERYTHING, week, week + _LAST)
    asked = Asked(
        shop=None,
        name="",
        choices={},
        screen=screen,
        desks={},
        brought=brought(*about),
        called={},
        takings={},
        ways=by_way(*about),
        reasons={},
        weeks={},
    )
    lines = channel_board(asked, screen.least).lines
    yield (
        told_channel,
        [
            {"week": week, "channel": line.channel, "advert": line.advert}
            | {name: _seen(getattr(line, name)) for name in BROUGHT}
            for whole in lines
            for line in (whole, *(advert for advert in whole.adverts if advert.advert))
        ],
    )
    ways = ways_of(asked, screen.least)
    yield (
        told_booking,
        [
            {"week": week, "channel": way}
            | {name: _seen(ways.count(way, name)) for name in BOOKINGS}
            for way in asked.ways
        ],
    )


def _seen(count: float | Hidden | None) -> int | None:
    return None if count is HIDDEN or count is None else int(count)
