"""The addresses of head office's pages, as one database fills them. Used by `served` and `users`.

All places that the app has, and one shop's page: that of the shop with the most guests. Periods end
with the last day that the database holds, whenever that was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from flask import Flask, url_for
from sqlalchemy import Engine, func, select

from cloud.app import create_app
from cloud.config import load
from cloud.db import reading
from cloud.db_faults import shown
from cloud.errors import DatabaseFault
from cloud.pages.places import PLACES
from cloud.tables import daily

_PERIODS: Final = (28, 365)
_TIMELESS: Final = frozenset({"today", "street", "fleet", "glossary"})
"""Places that show no period."""
_SHOP: Final = "/shops/<"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: its name for people, with the period that it shows, and its address."""

    name: str
    path: str
    days: int
    last: date


def app_of(engine: Engine, folder: Path) -> Flask:
    """Return head office's app on a database, as `serve` has it on loopback without accounts.

    Args:
        engine: the database.
        folder: for the sessions' key.
    """
    return create_app(load(None, {"MENKOU_DATA_DIR": str(folder)}), engine)


def last_day(engine: Engine) -> date:
    """Return the last day of which anything was counted.

    Raises:
        DatabaseFault: there is none.
    """
    with reading(engine) as connection:
        last: date | None = connection.execute(select(func.max(daily.c.day))).scalar()
    if last is None:
        raise DatabaseFault(f"database {shown(engine.url)}: expected one with days, got none")
    return last


def pages_of(app: Flask, engine: Engine) -> list[Page]:
    """Return the pages that an app has, each for a month and for a year."""
    last = last_day(engine)
    with app.test_request_context():
        paths = list(_paths(app, _largest_shop(engine, last)))
    pages = []
    for name, path in paths:
        for days in _PERIODS[:1] if name in _TIMELESS else _PERIODS:
            first = last - timedelta(days=days - 1)
            words = name if name in _TIMELESS else f"{name}, {days} days"
            pages.append(
                Page(name=words, path=f"{path}?from={first}&to={last}", days=days, last=last)
            )
    return pages


def _paths(app: Flask, shop: str) -> Iterator[tuple[str, str]]:
    for endpoint, name in PLACES:
        if endpoint in app.view_functions:
            yield name, url_for(endpoint)
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(_SHOP) and rule.rule.count("/") == 2:
            (argument,) = rule.arguments
            of_shop: dict[str, Any] = {argument: shop}
            yield "a shop", url_for(rule.endpoint, **of_shop)


def _largest_shop(engine: Engine, last: date) -> str:
    """Return the shop that most guests came to; of those with a desk if there are any."""
    guests = func.sum(daily.c.visitors)
    with reading(engine) as connection:
        return str(
            connection.execute(
                select(daily.c.store)
                .where(daily.c.day > last - timedelta(days=28))
                .group_by(daily.c.store)
                .order_by(func.max(daily.c.members) == 0, guests.desc(), daily.c.store)
                .limit(1)
            ).scalar_one()
        )
