"""Visitors of a period beside those of the same days a year ago. Pure.

Days of which nothing is known are not days without visitors: what is compared is visitors per
counted day, and only where most days are counted.
"""

from typing import Final

_MOST: Final = 0.5


def yearly(
    visitors: int | None, days: int, before: int | None, days_before: int, of: int
) -> float | None:
    """Return by which share visitors per counted day differ from those of the year before.

    Args:
        visitors: how many in this period.
        days: how many of its days are counted.
        before: how many in the same days a year ago, by the same basis.
        days_before: how many of those days were counted.
        of: how many days the period has.

    None: in one of the two years fewer than half of the days are counted, or nobody came then.

    >>> yearly(120, 2, 200, 4, 4)
    0.2
    """
    if not visitors and visitors != 0:
        return None
    if not before or min(days, days_before) < max(1.0, _MOST * of):
        return None
    now, then = visitors * days_before, before * days
    return (now - then) / then
