"""Who served the guests of a shop, as its page says it: random ids as short codes. Pure.

Beside `board`. Counts of few people are hidden, and those by which they could be worked out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud.figures.staff import screen_of_sums
from cloud.figures.suppress import Hidden
from cloud.queries.shop import StaffSums

_CODE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRow:
    """What one of the staff did; None: hidden, because it is of few people."""

    code: str
    greeted: int | None
    members: int | None


def staff_rows(
    found: Sequence[StaffSums], wholes: Mapping[str, bool], least: int
) -> tuple[StaffRow, ...]:
    """Return what each did, who greeted most first; those of whom it is hidden by their codes.

    `wholes`: of each of `figures.staff.SUMS` whether the shop's own is hidden.
    """
    rows = {
        one.staff: {
            "greeted": one.greeted,
            "greeted_30s": one.greeted_30s,
            "members": one.members,
        }
        for one in found
    }
    screen = screen_of_sums(rows, wholes, least)
    codes = short_codes(tuple(rows))

    def count(staff: str, name: str) -> int | None:
        value = screen.count(staff, name)
        return None if isinstance(value, Hidden) else value

    told = [
        StaffRow(
            code=codes[staff], greeted=count(staff, "greeted"), members=count(staff, "members")
        )
        for staff in rows
    ]
    return tuple(sorted(told, key=lambda one: (one.greeted is None, -(one.greeted or 0), one.code)))


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
