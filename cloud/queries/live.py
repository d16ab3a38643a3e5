"""The live boards' questions, worked out once for all who see the same shops.

At each change every open board asks anew, all at the same moment (`cloud.run.watch`). What they get
is kept until something changes (`today.change_token`), and no longer than a second: a box falls
silent, and a clock goes on, without any change. Members are hidden as `hidden` decides.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from msgspec import structs
from sqlalchemy import Connection, Engine

from cloud.accounts.scope import Scope
from cloud.db import reading
from cloud.figures.suppress import LEAST, small
from cloud.memo import Memo
from cloud.queries.hidden import chain_screen
from cloud.queries.street import street_today
from cloud.queries.today import chain_today, change_token
from cloud.views import ChainToday, ShopDay, StreetToday

Answer = TypeVar("Answer")
Question = Callable[[Connection, Scope, datetime, int | None], Answer]


class Live:
    """The questions over a database. Any thread may ask."""

    def __init__(self, engine: Engine, least: int = LEAST) -> None:
        self._engine = engine
        self._least = least
        self._memo = Memo()

    def today(self, scope: Scope, now: datetime, page: int | None) -> ChainToday:
        """Return all shops today (`today.chain_today`); few members are hidden."""
        return self._asked(self._today, scope, now, page)

    def street(self, scope: Scope, now: datetime, page: int | None) -> StreetToday:
        """Return all shops' passers-by today (`street.street_today`)."""
        return self._asked(street_today, scope, now, page)

    def _today(
        self, connection: Connection, scope: Scope, now: datetime, page: int | None
    ) -> ChainToday:
        found = chain_today(connection, scope, now, page)
        hidden = {
            day: chain_screen(connection, scope, day, day, self._least).shops_hidden("members")
            for day in {shop.day for shop in found.shops}
        }

        def seen(shop: ShopDay) -> ShopDay:
            # What has become few since the days were counted is hidden for itself.
            few = shop.members and small(shop.members, self._least)
            if not few and shop.store_id not in hidden[shop.day]:
                return shop
            return structs.replace(shop, members=None)

        return replace(found, shops=tuple(map(seen, found.shops)))

    def _asked(
        self, ask: Question[Answer], scope: Scope, now: datetime, page: int | None
    ) -> Answer:
        with reading(self._engine) as connection:
            token = change_token(connection), int(now.timestamp())
            return self._memo.get(
                (ask.__name__, scope, page, token), lambda: ask(connection, scope, now, page)
            )
