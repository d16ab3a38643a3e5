"""What consultants did, as it is drawn: shops by their ids, colleagues by their codes. Pure.

Called by the package. Nobody is ranked: a shop's colleagues are in the order of random codes, and
what is said of each is more than expected, as expected, less, or that it cannot be said.

    ├────────┼──●──────┤      of one colleague: the interval, and the dot of what was sold beside
         the line of 1.0      what was to be expected; the scale is logarithmic, so that twice as
                              much lies as far to the right as half lies to the left
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cloud.figures.fair import Fair
from cloud.figures.metric import OF_TABLES, Sums
from cloud.figures.staff import COUNTED, SUMS, screen_of_shops, screen_of_staff
from cloud.figures.suppress import LEAST, Screen, Shown
from cloud.queries.consultants import Colleagues
from cloud.queries.hidden import ChainScreen
from cloud.views import PAGE_SHOPS, pages_of

KEYS: Final = ("greeted", "greeted_quick", "greeted_sales", "follow_ups", "greeted_wrong")
WORDS: Final = ("more", "expected", "less", "few", "alone")
_CODE: Final = 4
_REACH_LEAST: Final = math.log(1.5)
_REACH_MOST: Final = math.log(4.0)
Figures = Mapping[str, Shown]
"""By `KEYS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A comparison as it is drawn, in percent from the left. `from_x` and `to_x` are clipped."""

    x: float
    from_x: float
    to_x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """A colleague. `word`: of `WORDS`, or `hidden`; `fair` and `dot` where it is one of three."""

    code: str
    sales: Shown
    figures: Figures
    word: str
    fair: Fair | None
    dot: Dot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopLine:
    """A shop in the list; `words`: how many of its colleagues are what, or None: it is not told."""

    store_id: str
    name: str
    figures: Figures
    words: Mapping[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The page. It lists the shops from `first` to `last`, counted from 1, of all `shops`.

    `marks`: lines of the scale, as what they stand for and where they lie.
    """

    total: Figures | None
    lines: tuple[ShopLine, ...]
    colleagues: tuple[Colleague, ...]
    marks: tuple[tuple[float, float], ...]
    page: int
    pages: int
    first: int
    last: int
    shops: int


def consultant_board(told: Colleagues, least: int = LEAST) -> Board:
    """Work out the page.

    Args:
        told: what it is about.
        least: from how many people on a count is shown.
    """
    shops = shops_screen(told.shops, told.screen, least)
    listed = sorted(told.shops) if told.shop is None else [told.shop]
    reach = _reach(fair for of in told.fair.values() for fair in of.values())
    one = told.shop is not None
    return Board(
        total=_total(told, shops),
        lines=()
        if one
        else tuple(
            ShopLine(
                store_id=store_id,
                name=told.names.get(store_id, store_id),
                figures={key: shops.shown(OF_TABLES[key], store_id) for key in KEYS},
                words=_words(told.fair.get(store_id, {}).values()) if told.single else None,
            )
            for store_id in listed[told.page.start : told.page.stop]
        ),
        colleagues=_colleagues(told, shops, reach, least) if one else (),
        marks=tuple((value, _x(value, reach)) for value in _marks(reach)),
        page=told.page.start // PAGE_SHOPS + 1,
        pages=pages_of(len(listed)),
        first=told.page.start + 1,
        last=told.page.stop,
        shops=len(listed),
    )


def codes_of(staff: Iterable[str]) -> dict[str, str]:
    """Return a short code of each of a shop's random ids: their ends, as long as it takes.

    >>> codes_of(["01JD0000000000000000ABCDEF", "01JD0000000000000000ABXDEF"])
    {'01JD0000000000000000ABCDEF': 'CDEF', '01JD0000000000000000ABXDEF': 'XDEF'}
    """
    ids = sorted(staff)
    length = _CODE
    while len({one[-length:] for one in ids}) < len(ids):
        length += 1
    return {one: one[-length:] for one in ids}


def _total(told: Colleagues, shops: Screen[str]) -> Figures | None:
    """Return the figures of all shops, or of one as the list of all has them."""
    if told.shop is None:
        return {key: shops.total(OF_TABLES[key]) for key in KEYS} if told.shops else None
    if told.shop not in told.shops:
        return None
    return {key: shops.shown(OF_TABLES[key], told.shop) for key in KEYS}


def shops_screen(shops: Mapping[str, Sums], of: ChainScreen, least: int) -> Screen[str]:
    """Return what may be seen of the list of shops; `of`: what is hidden of their guests."""
    wholes = of.wholes(SUMS.values())
    hidden: list[tuple[str | None, str]] = [
        (None, own) for own, name in SUMS.items() if wholes[name]
    ]
    for own, name in SUMS.items():
        hidden += [(shop, own) for shop in of.shops_hidden(name) & shops.keys()]
    return screen_of_shops(shops, hidden, least)


def staff_screen(
    staff: Mapping[str, Sums], shops: Screen[str], shop: str, least: int
) -> Screen[str]:
    """Return what may be seen of a shop's colleagues, beside its row in the list of shops."""
    wholes = {name: shops.hides(shop, name) for name in COUNTED}
    return screen_of_staff(staff, wholes, least)


def _words(of: Iterable[Fair]) -> Mapping[str, int]:
    counted = Counter(fair.word for fair in of)
    return {word: counted[word] for word in WORDS if counted[word]}


def _colleagues(
    told: Colleagues, shops: Screen[str], reach: float, least: int
) -> tuple[Colleague, ...]:
    assert told.shop is not None
    screen = staff_screen(told.staff, shops, told.shop, least)
    codes = codes_of(told.staff)
    fair = told.fair.get(told.shop, {})
    return tuple(
        _colleague(staff, codes[staff], screen, fair.get(staff), reach)
        for staff in sorted(codes, key=lambda staff: codes[staff])
    )


def _colleague(
    staff: str, code: str, screen: Screen[str], fair: Fair | None, reach: float
) -> Colleague:
    # What was sold could be worked out from the dot.
    gone = screen.hides(staff, "sales") or screen.hides(staff, "greeted")
    shown = None if gone or fair is None or fair.ratio is None else fair
    return Colleague(
        code=code,
        sales=screen.count(staff, "sales"),
        figures={key: screen.shown(OF_TABLES[key], staff) for key in KEYS},
        word="few" if fair is None else "hidden" if gone and fair.ratio is not None else fair.word,
        fair=shown,
        dot=_dot(shown, reach) if shown else None,
    )


def _reach(fairs: Iterable[Fair]) -> float:
    """Return how far the scale reaches to both sides of 1.0, as a logarithm."""
    far = [
        abs(math.log(bound))
        for fair in fairs
        for bound in (fair.low, fair.high)
        if bound and bound < math.inf
    ]
    return min(max((*far, _REACH_LEAST)), _REACH_MOST)


def _marks(reach: float) -> list[float]:
    return [one for one in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0) if abs(math.log(one)) <= reach]


def _x(ratio: float, reach: float) -> float:
    """Return where a ratio lies; 0 and what is beyond the scale lie at its ends."""
    place = -reach if ratio <= 0 else max(-reach, min(reach, math.log(ratio)))
    return round(50 + 48 * place / reach, 2)


def _dot(fair: Fair, reach: float) -> Dot:
    assert fair.ratio is not None
    assert fair.low is not None
    assert fair.high is not None
    return Dot(x=_x(fair.ratio, reach), from_x=_x(fair.low, reach), to_x=_x(fair.high, reach))
