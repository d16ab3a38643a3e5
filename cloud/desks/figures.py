"""What `/api/v1/figures` asks: each table by its name, of what the caller sees.

Made by `app`; asks `cloud.queries`, and `guests` for what stands on the pages of guests.
"""

from dataclasses import dataclass
from typing import Final

from cloud.db import reading
from cloud.desks.desk import Desk
from cloud.desks.guest_tables import bookings_table, channels_table, consultants_table
from cloud.desks.guests import GuestDesk
from cloud.queries import consultants, figures
from cloud.queries.figures import Figures, Wanted
from cloud.queries.hidden import chain_screen

_OF_GUESTS: Final = {"channels": channels_table, "bookings": bookings_table}
_QUESTIONS: Final = {
    "figures": figures.whole,
    "days": figures.by_days,
    "shops": figures.by_shops,
    "times": figures.times,
}


@dataclass(frozen=True, kw_only=True)
class FiguresDesk(Desk):
    """The tables; `guests`: who is asked for those of guests."""

    guests: GuestDesk

    def table(self, name: str, wanted: Wanted) -> Figures | None:
        """Return a table; None: it is of one shop that the caller does not see."""
        if name in _OF_GUESTS:
            asked = self.guests.channels(wanted.period, wanted.one_shop)
            return None if asked is None else _OF_GUESTS[name](asked, wanted.least)
        scope = self.scope()
        with reading(self.engine) as connection:
            if name == "fleet":
                return figures.fleet(connection, scope, wanted, self.clock())
            if name != "consultants":
                return _QUESTIONS[name](connection, scope, wanted)
            about = (connection, scope, wanted.period.first, wanted.period.last)
            shops = consultants.by_shop(*about)
            shop = wanted.one_shop
            staff = consultants.by_colleague(*about, shop) if shop is not None else {}
            screen = chain_screen(*about, wanted.least)
            return consultants_table(shops, staff, screen, wanted)
