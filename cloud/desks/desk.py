"""What every desk of the pages has: a database, who asks, and the time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Engine

from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.db import reading
from cloud.queries.shops import main_zone, one_shop


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The questions over a database; `scope`: what the caller sees, asked at each question."""

    engine: Engine
    scope: Callable[[], Scope]
    clock: Callable[[], datetime] = _now

    def today(self, store_id: str | None = None) -> date:
        """Return which day it is in a shop; None: where most of the shops are."""
        with reading(self.engine) as connection:
            shop = one_shop(connection, self.scope(), store_id) if store_id else None
            zone = shop.timezone if shop else main_zone(connection, self.scope())
        return self.clock().astimezone(zone_or_utc(zone)).date()
