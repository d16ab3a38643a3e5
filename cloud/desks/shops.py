"""What the rooms of shops and of the funnel ask, each question by who opens the page.

Made by `app`, which gives its two `Asking`s to the rooms; asks `cloud.queries`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from cloud.accounts.scope import Scope
from cloud.db import reading
from cloud.desks.desk import Desk
from cloud.figures.accuracy import Accuracy
from cloud.figures.period import Period
from cloud.figures.suppress import LEAST
from cloud.memo import Memo
from cloud.pages.funnel import Asking as FunnelAsking
from cloud.pages.funnel import Funnel
from cloud.pages.shops import Asking as ShopsAsking
from cloud.queries.channels import Asked, channels_page
from cloud.queries.counting import accuracy_of, accuracy_of_all
from cloud.queries.funnel import (
    due_of,
    funnel_of_shops,
    funnel_sums,
    screens_of,
    shops_knowing,
)
from cloud.queries.shop import ShopPeriod, shop_period
from cloud.queries.shops import Named, ShopList, Wanted, found, listed
from cloud.queries.today import chain_today
from cloud.views import ChainToday


@dataclass(frozen=True, kw_only=True)
class ShopDesk(Desk):
    """The questions of shops and the funnel; `least`: from how many people on a count is shown."""

    least: int = LEAST
    orders: Memo = field(default_factory=Memo)

    def shops(self) -> ShopsAsking:
        """Return what the room of shops asks."""
        return ShopsAsking(
            today=self.today,
            listed=self.listed,
            one=self.one,
            states=self.states,
            measured=self.measured,
        )

    def funnel(self) -> FunnelAsking:
        """Return what the room of the funnel asks."""
        return FunnelAsking(
            today=self.today,
            shops=self.named,
            counted=self.counted,
            channels=self.channels,
            least=self.least,
            measured=self.measured_all,
        )

    def listed(self, wanted: Wanted) -> ShopList:
        """Return a page of the list of shops."""
        with reading(self.engine) as connection:
            return listed(connection, self.scope(), wanted, self.clock(), self.orders, self.least)

    def named(self) -> tuple[Named, ...]:
        """Return all shops by their names."""
        with reading(self.engine) as connection:
            return found(connection, self.scope())

    def one(self, store_id: str, period: Period, day: date) -> ShopPeriod | None:
        """Return what is known of a shop."""
        due = due_of(period, self.today(store_id))
        with reading(self.engine) as connection:
            return shop_period(connection, self.scope(), store_id, period, day, due, self.least)

    def states(self, ids: Collection[str]) -> ChainToday:
        """Return some shops as they are now, without their hours."""
        scope = self.scope()
        seen = frozenset(ids) if scope.shops is None else scope.shops & frozenset(ids)
        with reading(self.engine) as connection:
            few = Scope(shops=seen, names=False)
            return chain_today(connection, few, self.clock(), hours=False)

    def counted(self, period: Period, one: str | None, here: Collection[str]) -> Funnel:
        """Return what is counted of the funnel."""
        scope, shops = self.scope(), None if one is None else (one,)
        due = due_of(period, self.today(one))
        with reading(self.engine) as connection:
            on, knowing = shops_knowing(connection, scope, period, shops)
            return Funnel(
                sums=funnel_sums(connection, scope, period, due, shops),
                of_shops=funnel_of_shops(connection, scope, period, due, here),
                knowing=knowing,
                screens=screens_of(connection, scope, period, due, self.least),
                on=on,
                due=due,
            )

    def channels(self, period: Period, one: str | None) -> Asked | None:
        """Return what the page of channels shows."""
        with reading(self.engine) as connection:
            about = (connection, self.scope(), period, one, self.clock())
            return channels_page(*about, self.least)

    def measured(self, ids: Collection[str]) -> Mapping[str, Accuracy]:
        """Return how right some shops were found to count."""
        with reading(self.engine) as connection:
            return accuracy_of(connection, self.scope(), self.clock(), ids)

    def measured_all(self, one: str | None) -> Accuracy | None:
        """Return how right a shop was found to count; None: all of them together."""
        if one is not None:
            return self.measured([one]).get(one)
        with reading(self.engine) as connection:
            return accuracy_of_all(connection, self.scope(), self.clock())
