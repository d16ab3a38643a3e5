"""What the rooms of channels and of consultants ask, each question by who opens the page.

Made by `app`; asks `cloud.queries`. A year of all shops' consultants takes seconds to add up:
answers are kept for some minutes, the same for whoever sees the same shops.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cloud.db import reading
from cloud.desks.desk import Desk
from cloud.figures.metric import Sums
from cloud.figures.period import Period
from cloud.figures.suppress import LEAST
from cloud.memo import Memo
from cloud.queries.channels import Asked, channels_page
from cloud.queries.consultants import Colleagues, by_shop, consultants_page

KEPT_S: Final = 300


@dataclass(frozen=True, kw_only=True)
class GuestDesk(Desk):
    """The questions of guests; `memo` keeps the answers; `least`: from how many people on a count
    is shown.
    """

    least: int = LEAST
    memo: Memo = field(default_factory=Memo)

    def channels(self, period: Period, shop: str | None) -> Asked | None:
        """Return what is asked of channels and bookings."""
        scope, now = self.scope(), self.clock()

        def work() -> Asked | None:
            with reading(self.engine) as connection:
                return channels_page(connection, scope, period, shop, now, self.least)

        return self.memo.get(("channels", scope, period, shop, _tick(now)), work)

    def consultants(self, period: Period, shop: str | None, page: int | None) -> Colleagues | None:
        """Return what is asked of consultants."""
        scope, tick = self.scope(), _tick(self.clock())

        def summed() -> dict[str, Sums]:
            with reading(self.engine) as connection:
                return by_shop(connection, scope, period.first, period.last)

        def work() -> Colleagues | None:
            told = self.memo.get(("shops", scope, period, tick), summed)
            with reading(self.engine) as connection:
                return consultants_page(connection, scope, period, shop, page, told, self.least)

        return self.memo.get(("consultants", scope, period, shop, page, tick), work)


def _tick(now: datetime) -> int:
    return int(now.timestamp()) // KEPT_S
