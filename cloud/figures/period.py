"""Which days a page is about, from its address: `?from=2026-11-01&to=2026-11-21`, or `?days=28`.

Pure. Used by every page and route with a period.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from cloud.errors import HubFault

DAYS: Final = 28
"""Four of each weekday, unless the address says otherwise."""
DAYS_MOST: Final = 732
_EARLIEST: Final = date(2000, 1, 1)
_AHEAD: Final = timedelta(days=366)
"""What is booked is known ahead."""
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(weeks=1)
_YEAR: Final = timedelta(weeks=52)
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WHOLE: Final = re.compile(r"\d{1,4}", re.ASCII)


class PeriodFault(HubFault):
    """The address names no period. `code`: which word of `period.fault` says so on a page."""

    def __init__(self, code: Literal["day", "days", "both", "order", "long", "range"], text: str):
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days from the first to the last; both are in it."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse a period that ends before it begins."""
        if self.last < self.first:
            raise PeriodFault(
                "order", f"period: expected `to` on or after {self.first}, got {self.last}"
            )

    @property
    def length(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """The period of the same length just before."""
        return self._moved(self.length * _DAY)

    @property
    def week_ago(self) -> "Period":
        """The same days, a week before."""
        return self._moved(_WEEK)

    @property
    def year_ago(self) -> "Period":
        """The same days, 52 weeks before, so that weekdays agree."""
        return self._moved(_YEAR)

    def days(self) -> Iterator[date]:
        """Yield each day, in order."""
        return (self.first + number * _DAY for number in range(self.length))

    def __contains__(self, day: date) -> bool:
        """Say whether a day is in it."""
        return self.first <= day <= self.last

    def _moved(self, back: timedelta) -> "Period":
        return Period(first=self.first - back, last=self.last - back)


def period_of(args: Mapping[str, str], today: date) -> Period:
    """Return the period that an address asks for.

    `from` and `to` name its days; with `days` beside one of them, that many from or up to it;
    `days` alone, or nothing (`DAYS`), ends with today. `from` alone ends with today.

    Raises:
        PeriodFault: a day that is none, more than `DAYS_MOST` days, or `to` before `from`.

    >>> period = period_of({"days": "7"}, date(2026, 11, 21))
    >>> str(period.first), str(period.before.last)
    ('2026-11-15', '2026-11-14')
    """
    first, last = _day(args, "from", today), _day(args, "to", today)
    days = _days(args)
    if first and last and days:
        raise PeriodFault("both", "period: expected two of `from`, `to` and `days`, got all three")
    if first is None:
        last = last or today
        found = Period(first=last - ((days or DAYS) - 1) * _DAY, last=last)
    elif days:
        found = Period(first=first, last=first + (days - 1) * _DAY)
    else:
        found = Period(first=first, last=last or today)
    if found.length > DAYS_MOST:
        raise PeriodFault("long", f"period: expected at most {DAYS_MOST} days, got {found.length}")
    return found


def _day(args: Mapping[str, str], name: str, today: date) -> date | None:
    text = args.get(name, "")
    if not text:
        return None
    try:
        found = date.fromisoformat(text) if _ISO.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise PeriodFault("day", f"{name}: expected a day such as {today}, got {text[:32]!r}")
    if not _EARLIEST <= found <= today + _AHEAD:
        raise PeriodFault(
            "range", f"{name}: expected a day from {_EARLIEST} to {today + _AHEAD}, got {found}"
        )
    return found


def _days(args: Mapping[str, str]) -> int | None:
    text = args.get("days", "")
    if not text:
        return None
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= DAYS_MOST:
        raise PeriodFault("days", f"days: expected 1 to {DAYS_MOST}, got {text[:32]!r}")
    return int(text)
