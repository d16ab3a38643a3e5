"""What may be seen of consultants: each shop's sums, and each colleague's. Pure.

Called by the page of consultants, the shop's page and the API. How many guests a shop's colleagues
greeted stands on the shop's own pages as the shop's guests (`SUMS`): what is hidden of it is
decided there, and no page hides more or less of it. The other counts are screened beside it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from cloud.figures.cells import Link, Row
from cloud.figures.metric import Sums
from cloud.figures.splits import split_rows
from cloud.figures.suppress import Screen, suppress_rows

SUMS: Final[Mapping[str, str]] = {
    "greeted": "served",
    "greeted_30s": "greeted_30s",
    "members": "served_members",
}
"""What the counts of all colleagues come to in the shop's day."""
_REST: Final = ("sales", "wrong_person", "follow_ups")
COUNTED: Final = (*SUMS, *_REST)
_OF_SUMS: Final = tuple(
    Link(whole="greeted", parts=(part, f"greeted-{part}")) for part in ("greeted_30s", "members")
)
_BESIDE: Final = (Link(whole="greeted", parts=("sales", "greeted-sales")),)


def screen_of_shops(
    shops: Mapping[Row, Sums], hidden: Collection[tuple[Row | None, str]], least: int
) -> Screen[Row]:
    """Return what may be seen of shops' sums; `hidden`: what is of `SUMS`, by shop (None: of all).

    A sum of shops whose days are of several bases is hidden where that of one basis is.
    """
    return suppress_rows(shops, least=least, links=_BESIDE, hidden=hidden, settled=SUMS)


def screen_of_sums(
    staff: Mapping[Row, Sums], wholes: Mapping[str, bool], least: int
) -> Screen[Row]:
    """Return what may be seen of what a shop's colleagues did, of `SUMS` alone.

    Args:
        staff: the counts of each.
        wholes: of each of `SUMS` whether the shop's own is hidden.
        least: from how many people on a count is shown.
    """
    rows = {one: {name: sums[name] for name in SUMS} for one, sums in staff.items()}
    return split_rows(rows, {name: wholes[name] for name in SUMS}, least, links=_OF_SUMS)


def screen_of_staff(
    staff: Mapping[Row, Sums], wholes: Mapping[str, bool], least: int
) -> Screen[Row]:
    """Return what may be seen of what a shop's colleagues did; `wholes`: of every count."""
    sums = screen_of_sums(staff, wholes, least)
    gone: Sequence[tuple[Row | None, str]] = [
        *((one, name) for name, of in sums.hidden.items() if name in SUMS for one in of),
        *((None, name) for name in sums.totals_hidden if name in SUMS),
    ]
    rest = {name: wholes[name] for name in _REST}
    return split_rows(staff, rest, least, links=_BESIDE, hidden=gone, settled=SUMS)
