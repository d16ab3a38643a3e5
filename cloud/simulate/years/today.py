"""A shop's day while its tables are made: what is known of it so far. Used by the rooms beside."""

from dataclasses import dataclass, field
from datetime import date
from random import Random

from cloud.simulate.chain import Shop
from cloud.simulate.years.habits import Habits
from cloud.simulate.years.rows import Rows
from cloud.tally.tables import COUNTS, day_tally


@dataclass(slots=True, kw_only=True)
class Today:
    """A day of a shop.

    `ago`: how many days ago it was, 0: it goes on, below 0: it is to come. `over`: the share of its
    open hours that has passed. `visitors` by the starts of the hours in which anybody came.
    """

    shop: Shop
    habits: Habits
    day: date
    ago: int
    over: float
    random: Random
    rows: Rows
    visitors: dict[int, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def tally(self, basis: str | None) -> None:
        """Add the day's own row; what nobody counted is not known."""
        known = self.counts.get
        row = (self.shop.id, self.day, basis, *[known(name) for name in COUNTS])
        self.rows.of(day_tally).append(row)
