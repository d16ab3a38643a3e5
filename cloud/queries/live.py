"""The live boards' questions, worked out once for all who see the same shops.

At each change every open board asks anew, all at the same moment (`cloud.run.watch`). What they get
is kept until something changes (`today.change_token`), and no longer than a second: a box falls
silent, and a clock goes on, without any change.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine

from cloud.accounts.scope import Scope
from cloud.db import reading
from cloud.memo import Memo
from cloud.queries.street import street_today
from cloud.queries.today import chain_today, change_token
from cloud.views import ChainToday, StreetToday

Answer = TypeVar("Answer")
Question = Callable[[Connection, Scope, datetime, int | None], Answer]


class Live:
    """The questions over a database. Any thread may ask."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._memo = Memo()

    def today(self, scope: Scope, now: datetime, page: int | None) -> ChainToday:
        """Return all shops today (`today.chain_today`)."""
        return self._asked(chain_today, scope, now, page)

    def street(self, scope: Scope, now: datetime, page: int | None) -> StreetToday:
        """Return all shops' passers-by today (`street.street_today`)."""
        return self._asked(street_today, scope, now, page)

    def _asked(
        self, ask: Question[Answer], scope: Scope, now: datetime, page: int | None
    ) -> Answer:
        with reading(self._engine) as connection:
            token = change_token(connection), int(now.timestamp())
            return self._memo.get(
                (ask.__name__, scope, page, token), lambda: ask(connection, scope, now, page)
            )
