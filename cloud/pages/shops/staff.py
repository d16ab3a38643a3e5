"""Who served the guests of a shop, as its page says it: random ids as short codes. Pure.

Beside `board`. Counts of few people are hidden, and those by which they could be worked out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud.figures.suppress import Hidden, Screen, suppress_rows
from cloud.queries.shop import StaffSums

_CODE: Final = 4
SUMS: Final[Mapping[str, str]] = {
    "greeted": "served",
    "greeted_30s": "greeted_30s",
    "members": "served_members",
}
"""What the counts of all of them come to in the shop's day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRow:
    """What one of the staff did; None: hidden, because it is of few people."""

    code: str
    greeted: int | None
    members: int | None
    sales: int | None
    share: float | None


def staff_rows(
    found: Sequence[StaffSums], least: int, hidden: Collection[str] = ()
) -> tuple[StaffRow, ...]:
    """Return what each did, who greeted most first.

    `hidden`: counts of which the shop's own sum is hidden, to which all of them add up.
    """
    rows = {
        one.staff: {
            "greeted": one.greeted,
            "greeted_30s": one.greeted_30s,
            "members": one.members,
            "sales": one.sales,
        }
        for one in found
    }
    screen: Screen[str] = suppress_rows(rows, least=least, hidden=[(None, name) for name in hidden])
    codes = short_codes(tuple(rows))
    top = max((one.greeted for one in found), default=0)

    def count(staff: str, name: str) -> int | None:
        value = screen.count(staff, name)
        return None if isinstance(value, Hidden) else value

    return tuple(
        StaffRow(
            code=codes[staff],
            greeted=(greeted := count(staff, "greeted")),
            members=count(staff, "members"),
            sales=count(staff, "sales"),
            share=None if greeted is None or not top else greeted / top,
        )
        for staff in rows
    )


def short_codes(ids: Sequence[str]) -> dict[str, str]:
    """Return the last letters of random ids, as many as tell them apart, and at least four.

    >>> short_codes(("01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"))
    {'01ARZ3NDEKTSV4RRFFQ69G5FAV': '5FAV', '01ARZ3NDEKTSV4RRFFQ69G5FAW': '5FAW'}
    """
    longest = max((len(one) for one in ids), default=_CODE)
    for length in range(_CODE, longest):
        if len({one[-length:] for one in ids}) == len(ids):
            return {one: one[-length:] for one in ids}
    return {one: one for one in ids}
