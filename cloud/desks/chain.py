"""What the first page, today's pages, the fleet and `/api/v1/shops` ask, each by who asks.

Made by `app`; asks `cloud.queries`.
"""

from dataclasses import dataclass

from cloud.anomalies.desk import how_many, not_taken_on
from cloud.db import reading
from cloud.desks.desk import Desk
from cloud.pages.fleet import Fleet
from cloud.pages.overview import ALARMS_SHOWN, Alarms
from cloud.queries.fleet import fleet_of, silences
from cloud.queries.live import Live
from cloud.queries.morning import Mornings
from cloud.queries.morning_views import Asked, Morning
from cloud.queries.street import street_of
from cloud.queries.today import HubHealth, hub_health
from cloud.views import ChainToday, StreetMinutes, StreetToday


@dataclass(frozen=True, kw_only=True)
class ChainDesk(Desk):
    """The questions of all shops together. `mornings` reads the first page, `live` today's."""

    mornings: Mornings
    live: Live

    def shops(self, page: int | None = None) -> ChainToday:
        """Return the shops as they are now; None: all of them, and no page."""
        return self.live.today(self.scope(), self.clock(), page)

    def passers(self, page: int | None = None) -> StreetToday:
        """Return who passed by today; None: at all shops, and no page."""
        return self.live.street(self.scope(), self.clock(), page)

    def passers_of(self, store_id: str) -> StreetMinutes | None:
        """Return who passed by a shop; None: the caller sees no such shop."""
        with reading(self.engine) as connection:
            return street_of(connection, self.scope(), store_id, self.clock())

    def morning(self, asked: Asked) -> Morning:
        """Return the first page."""
        return self.mornings.read(self.scope(), asked, self.clock())

    def alarms(self) -> Alarms:
        """Return the anomalies that nobody has taken on."""
        scope = self.scope()
        with reading(self.engine) as connection:
            first = not_taken_on(connection, scope)
            count = how_many(connection, scope)[0] if first else 0
        return Alarms(count=count, first=first[:ALARMS_SHOWN])

    def fleet(self) -> Fleet:
        """Return how the boxes are."""
        now, scope = self.clock(), self.scope()
        with reading(self.engine) as connection:
            boxes = fleet_of(connection, scope, now)
            return Fleet(now=now, boxes=boxes, silences=silences(connection, scope))

    def health(self) -> HubHealth:
        """Return how the hub itself is; of this nobody sees less than all."""
        with reading(self.engine) as connection:
            return hub_health(connection, self.clock())
