"""Measures what the board of today asks of the database, and all pages. Called by `bench`.

Without a database it simulates a smaller chain in a temporary directory; with one that
`simulate --years` has filled it measures there, as of the moment at which that was filled. Each
question is asked in turns with its baseline: what slows the machine down slows both.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from flask import Flask
from sqlalchemy import Connection, Engine, func, select

from cloud.accounts.scope import EVERYTHING
from cloud.bench import served, users
from cloud.bench.timing import Ask, in_turns, results
from cloud.bench.users import Load
from cloud.command_line import opened
from cloud.db import migrate, open_engine, reading
from cloud.db_faults import shown
from cloud.errors import DatabaseFault
from cloud.hours import day_bounds, zone_named
from cloud.pages import create_pages
from cloud.queries.today import chain_today, change_token, hub_health, totals_of
from cloud.run import settle_pages
from cloud.simulate.chain import VISITS_A_SHOP, make_chain
from cloud.simulate.years import fill
from cloud.tables import box, daily, hourly, store
from cloud.views import ChainToday
from menkou.bench import Result
from menkou.listen import Listen
from menkou.progress import Progress
from menkou.web.app import dress

_SEED: Final = 20261122
SHOPS: Final = 250
"""Of the chain that is made where there is no database."""
_YEARS: Final = 0.1
_NOW: Final = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
_TO_NIGHT: Final = timedelta(hours=12)
_LAST: Final = 10**9  # the page with the highest number, whichever it is


def cases(database: str | None, load: Load | None = None) -> Iterator[Result]:
    """Measure every question, and every page; three timings each.

    Args:
        database: the address of one that `simulate --years` has filled, or None.
        load: measure the pages alone, as so many users open them.

    Raises:
        DatabaseFault: the database holds no shop, or cannot be used.
    """
    with (
        tempfile.TemporaryDirectory(prefix="menkou-bench-") as folder,
        _engine(database, Path(folder)) as engine,
    ):
        now, size = _moment(engine), _size(engine)
        if load is not None:
            yield from users.cases(engine, size, Path(folder), load)
            return
        settle_pages()
        for name, ask, baseline, before in _Questions(engine, now, Path(folder)).all():
            times, others = in_turns(ask, before)
            yield from results(f"{name}, {size}", times, baseline, others)
        yield from served.cases(engine, size, Path(folder))


@contextmanager
def _engine(database: str | None, folder: Path) -> Iterator[Engine]:
    if database is None:
        database = f"sqlite:///{folder / 'hub.db'}"
        _fill(database)
    with opened(database) as engine:
        yield engine


def _fill(url: str) -> None:
    """Make a database with a smaller chain's rollups."""
    engine = open_engine(url)
    migrate(engine)
    chain = make_chain(seed=_SEED, shops=SHOPS, visits_a_year=VISITS_A_SHOP * SHOPS)
    progress = Progress(sys.stderr)
    fill(
        engine,
        chain,
        seed=_SEED,
        years=_YEARS,
        now=_NOW,
        told=lambda done: progress.show(lambda: f"{done:,} of {len(chain):,} shops are made"),
    )
    progress.done()
    engine.dispose()


def _moment(engine: Engine) -> datetime:
    """Return when the boxes were last heard: today, as far as this database goes."""
    with reading(engine) as connection:
        last: datetime | None = connection.execute(select(func.max(box.c.last_seen))).scalar()
    if last is None:
        address = shown(engine.url)
        raise DatabaseFault(
            f"database {address}: expected one with shops, got one where no box was heard;"
            f" run `menkou-hub simulate --years 1 --database {address}` first"
        )
    return last


def _size(engine: Engine) -> str:
    with reading(engine) as connection:
        shops = connection.execute(select(func.count()).select_from(store)).scalar_one()
        days = connection.execute(select(func.count()).select_from(daily)).scalar_one()
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[engine.dialect.name]
    return f"{shops:,} shops, {days:,} days, {name}"


class _Questions:
    """What is asked, of one database as of one moment."""

    def __init__(self, engine: Engine, now: datetime, folder: Path) -> None:
        self._engine, self._now, self._folder = engine, now, folder

    def all(self) -> Iterator[tuple[str, Ask, str, Ask]]:
        """Yield name, question, name of the baseline, and the baseline."""
        shown, night = self._now, self._now + _TO_NIGHT
        everything = self._asked(lambda c: _today(c, shown))
        listed = "all shops with their hours"
        client = _app(self._engine, shown, self._folder).test_client()
        nothing = self._asked(lambda c: c.execute(select(1)).scalar())
        yield "change token", self._asked(change_token), "asking nothing", nothing
        yield "hub health", self._asked(lambda c: hub_health(c, shown)), "asking nothing", nothing
        yield (
            *("today's totals", self._asked(lambda c: totals_of(c, EVERYTHING, _dates(c, shown)))),
            *("adding up the hours", self._asked(lambda c: _added_up(c, _dates(c, shown)))),
        )
        yield (
            "first page",
            self._asked(lambda c: _today(c, shown, 1)),
            listed,
            everything,
        )
        yield (
            "last page",
            self._asked(lambda c: _today(c, shown, _LAST)),
            listed,
            everything,
        )
        yield (
            *(
                "first page, nobody came yet",
                self._asked(lambda c: _today(c, night, 1)),
            ),
            *(listed, self._asked(lambda c: _today(c, night))),
        )
        yield "first page served", lambda: client.get("/"), f"reading {listed}", everything

    def _asked(self, question: Callable[[Connection], Any]) -> Ask:
        def ask() -> Any:
            with reading(self._engine) as connection:
                return question(connection)

        return ask


_ZONES: Final = select(store.c.id, store.c.timezone)


def _dates(connection: Connection, now: datetime) -> dict[str, date]:
    """Return which day it is in each shop."""
    return {
        row.id: now.astimezone(zone_named(row.timezone)).date()
        for row in connection.execute(_ZONES)
    }


def _added_up(connection: Connection, days: Mapping[str, date]) -> list[Any]:
    """Return the totals of shops' days without the table of days."""
    zones = {row.id: row.timezone for row in connection.execute(_ZONES)}
    bounds = {
        (zones[name], day): day_bounds(day, zone_named(zones[name])) for name, day in days.items()
    }
    low, high = min(a for a, _ in bounds.values()), max(b for _, b in bounds.values())
    sums = (func.sum(hourly.c[name]) for name in ("visitors", "entered", "left", "reentries"))
    among = select(store.c.id)
    return list(
        connection.execute(
            select(hourly.c.store, *sums)
            .where(hourly.c.store.in_(among), hourly.c.hour >= low, hourly.c.hour < high)
            .group_by(hourly.c.store)
        ).all()
    )


def _today(connection: Connection, now: datetime, page: int | None = None) -> ChainToday:
    return chain_today(connection, EVERYTHING, now, page)


def _app(engine: Engine, now: datetime, folder: Path) -> Flask:
    """Return the pages as `cloud.app` makes them, at a moment of their own."""

    def today(page: int) -> ChainToday:
        with reading(engine) as connection:
            return _today(connection, now, page)

    app = Flask("cloud")
    app.register_blueprint(create_pages(today))
    app.add_url_rule("/api/v1/shops", "shops", lambda: "")  # the page links to it
    dress(app, Listen(host="127.0.0.1", port=0), secret_file=folder / "session.secret")
    return app
