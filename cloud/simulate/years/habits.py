"""What is usual in each simulated shop: its desk, its till, its guests' ways. Pure; drawn by seed.

Of a source of its own: the visits of a chain are the same whatever is usual at its desks. The
figures are ours, chosen for a plausible chain of jewellers, not measured. A few shops are in
trouble: fewer people come since some days, fewer than usual book.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Final

from cloud.figures.bins import EDGES
from cloud.simulate.chain import Shop
from cloud.simulate.desk.guests import SOURCES
from cloud.simulate.desk.shop import currency_of, has_desk, has_till, staff_of
from cloud.simulate.years.chance import bins_of

_DECLINE_SHARE: Final = 0.03
_DECLINE: Final = 0.6
_CAMERA_SEES: Final = 0.7
_FEWER_BOOKINGS_SHARE: Final = 0.08
_VALUES: Final = {"CNY": 320_000, "HKD": 350_000, "MOP": 360_000, "JPY": 680_000}  # minor units
_ABROAD: Final = ("深圳", "珠海", "广州")
"""Where some pay in the money of Hong Kong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """Somebody who works at a desk: how much is taken on, how quickly, and what comes of it.

    Each is a factor of what is usual in the shop.
    """

    id: str
    takes: float
    quick: float
    sells: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is usual in a shop. Shares are fractions of 1, times seconds.

    `declines`: for so many days, today included, `sees` of the usual number came; 0: it is well.
    `waits`, `dwells`, `queues`: the shares of times by the bins of `cloud.figures.bins`.
    `books`: appointments of an average day; `fewer_since`: days since when a third of them is gone.
    `sources`: weights of the channels, in the order of `SOURCES`.
    """

    desk: bool
    till: bool
    declines: int
    sees: float
    members: float
    back: float
    returns: float
    members_served: float
    others_served: float
    quick: float
    asked: float
    queues_share: float
    queue_leaves: float
    buys_served: float
    buys_else: float
    currency: str
    abroad: str
    value: int
    books: float
    fewer_since: int
    no_show: float
    late: float
    sources: tuple[float, ...]
    colleagues: tuple[Colleague, ...]
    waits: tuple[float, ...]
    dwells: tuple[float, ...]
    queues: tuple[float, ...]


def habits_of(seed: int, shop: Shop) -> Habits:
    """Return what is usual in a shop.

    Args:
        seed: of the chain.
        shop: the shop.
    """
    random = Random(f"{seed}/habits/{shop.id}")
    desk = has_desk(shop)
    declines, sees = _trouble(Random(f"{seed}/trouble/{shop.id}"), shop)
    currency = currency_of(shop)
    waits = tuple(bins_of(EDGES["wait"], 18 * random.lognormvariate(0, 0.3), 0.9))
    return Habits(
        desk=desk,
        till=has_till(seed, shop),
        declines=declines,
        sees=sees,
        members=_near(random, 0.09, 0.2),
        back=_near(random, 0.42, 0.15),
        returns=_near(random, 0.36, 0.15),
        members_served=min(0.95, _near(random, 0.8, 0.06)),
        others_served=_near(random, 0.25, 0.2),
        quick=sum(waits[:3]),
        asked=_near(random, 0.16, 0.4),
        queues_share=_near(random, 0.02, 0.5),
        queue_leaves=_near(random, 0.15, 0.3),
        buys_served=_near(random, 0.3, 0.18),
        buys_else=_near(random, 0.03, 0.3) if desk else _near(random, 0.12, 0.25),
        currency=currency,
        abroad="HKD" if currency == "CNY" and shop.name.startswith(_ABROAD) else "",
        value=round(_VALUES[currency] * random.lognormvariate(0, 0.25)),
        books=shop.visits_a_day * 0.018 * random.lognormvariate(0, 0.3),
        fewer_since=random.randint(4, 9) if random.random() < _FEWER_BOOKINGS_SHARE else 0,
        no_show=_near(random, 0.14, 0.3),
        late=_near(random, 0.2, 0.25),
        sources=tuple(random.lognormvariate(0, 0.4) for _ in SOURCES),
        colleagues=tuple(_colleague(random, one) for one in staff_of(seed, shop)),
        waits=waits,
        dwells=tuple(bins_of(EDGES["dwell"], 560 * random.lognormvariate(0, 0.2), 0.8)),
        queues=tuple(bins_of(EDGES["queue"], 1_500 * random.lognormvariate(0, 0.25), 0.5)),
    )


def _trouble(random: Random, shop: Shop) -> tuple[int, float]:
    chance, days = random.random(), random.randint(2, 10)
    if any(box.fault == "camera" for box in shop.boxes):
        return min(days, 3), _CAMERA_SEES
    return (days, _DECLINE) if chance < _DECLINE_SHARE else (0, 1.0)


def _near(random: Random, value: float, spread: float) -> float:
    return value * math.exp(random.gauss(0, spread))


def _colleague(random: Random, name: str) -> Colleague:
    return Colleague(
        id=name,
        takes=random.uniform(0.6, 1.4),
        quick=random.uniform(0.8, 1.15),
        sells=random.lognormvariate(0, 0.25),
    )
