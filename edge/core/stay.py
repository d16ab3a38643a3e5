"""When a guest who stays long is offered something: tea, then a meal. Pure.

    visit opens ──tea_after──> tea ──meal_after──> meal        stops when the visit ends

Each is offered once a visit: whatever was said to it, it is not asked again. Called by
`edge.desk.stays`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Offer = Literal["tea", "meal"]
OFFERS: Final[tuple[Offer, ...]] = ("tea", "meal")
TEA_MINUTES: Final = 20
MEAL_MINUTES: Final = 90
LEAST_MINUTES: Final = 1
MOST_MINUTES: Final = 720


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """After how many minutes each is offered; None: never."""

    tea: int | None = TEA_MINUTES
    meal: int | None = MEAL_MINUTES

    def after(self, offer: Offer) -> timedelta | None:
        """Return how long after the opening of a visit something is offered."""
        minutes = self.tea if offer == "tea" else self.meal
        return None if minutes is None else timedelta(minutes=minutes)


def due(
    opened_at: datetime, now: datetime, thresholds: Thresholds, answered: Collection[Offer]
) -> Offer | None:
    """Return what a guest is to be offered now: the later one, if both are due.

    Who has been offered a meal is not asked about tea any more.
    """
    for offer in reversed(OFFERS):
        if offer in answered:
            return None
        after = thresholds.after(offer)
        if after is not None and now - opened_at >= after:
            return offer
    return None
