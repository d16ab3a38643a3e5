"""Which days are not ordinary: holidays, the days around them, weekend days that are worked.

Read from a file (`calendars/cn.toml`, or one that head office names). Used by `learn` and `model`;
calls nothing.

    name of a day:   ""                   an ordinary one
                     "national_day+2"     the third day of it (of its anchor)
                     "spring_festival-5"  the fifth before the lunar new year
                     "work"               a weekend day that is worked for a holiday
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

WORKED: Final = "work"
CHINA: Final = Path(__file__).parent / "calendars" / "cn.toml"
_DAYS_MOST: Final = 31
_REQUIRED: Final = ("name", "first", "last")
_KEYS: Final = (*_REQUIRED, "anchor", "before", "after", "work")
_DAY: Final = timedelta(days=1)


class CalendarFault(ValueError):
    """A file of holidays cannot be used; says every fault, each with its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The days that are not ordinary, by name; `free` are those of them that nobody works."""

    named: Mapping[date, str]
    free: frozenset[date]

    def name(self, day: date) -> str:
        """Return what a day is called, "" if it is an ordinary one."""
        return self.named.get(day, "")


EMPTY: Final = Calendar(named={}, free=frozenset())


def read_calendar(path: Path = CHINA) -> Calendar:
    """Read a file of holidays.

    Raises:
        CalendarFault: it is not there, is no TOML, or says what no holiday can be.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as exc:
        raise CalendarFault(f"{path}: expected a file of [[holiday]] in TOML: {exc}") from exc
    holidays = told.get("holiday")
    if not isinstance(holidays, list) or set(told) != {"holiday"}:
        raise CalendarFault(f"{path}: expected [[holiday]] and nothing else, got {sorted(told)}")
    faults = [f"{path}: holiday {n}: {why}" for n, why in _faults(holidays)]
    if faults:
        raise CalendarFault("\n".join(faults))
    return _calendar(holidays)


def _faults(holidays: list[Any]) -> Iterator[tuple[int, str]]:
    for number, one in enumerate(holidays, start=1):
        if not isinstance(one, dict):
            yield number, f"expected a table, got {one!r}"
            continue
        for key in sorted(set(one) - set(_KEYS)):
            yield number, f"{key}: expected one of {', '.join(_KEYS)}"
        for key in sorted(set(_REQUIRED) - set(one)):
            yield number, f"{key}: is missing"
        for key in ("first", "last", "anchor"):
            if key in one and not _is_day(one[key]):
                yield number, f"{key}: expected a date such as 2026-10-01, got {one[key]!r}"
        for key in ("before", "after"):
            if not _few(one.get(key, 0)):
                yield number, f"{key}: expected 0 to {_DAYS_MOST} days, got {one[key]!r}"
        work = one.get("work", [])
        if not isinstance(work, list) or not all(map(_is_day, work)):
            yield number, f"work: expected dates, got {work!r}"
        yield from ((number, why) for why in _wrong(one))


def _wrong(one: Mapping[str, Any]) -> Iterator[str]:
    name, first, last = (one.get(key) for key in _REQUIRED)
    if "name" in one and not (isinstance(name, str) and name.isidentifier() and len(name) <= 24):
        yield f"name: expected letters, digits and _ (24 at most), got {name!r}"
    if not (isinstance(first, date) and isinstance(last, date) and _is_day(first)):
        return
    if _is_day(last) and not 0 <= (last - first).days < _DAYS_MOST:
        yield f"last: expected up to {_DAYS_MOST} days from {first}, got {last}"


def _is_day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _few(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _DAYS_MOST


def _calendar(holidays: list[dict[str, Any]]) -> Calendar:
    around: dict[date, str] = {}
    inside: dict[date, str] = {}
    worked: dict[date, str] = {}
    for one in holidays:
        first, last = one["first"], one["last"]
        anchor, day = one.get("anchor", first), first - one.get("before", 0) * _DAY
        while day <= last + one.get("after", 0) * _DAY:
            part = inside if first <= day <= last else around
            part[day] = f"{one['name']}{(day - anchor).days:+d}"
            day += _DAY
        worked |= dict.fromkeys(one.get("work", ()), WORKED)
    return Calendar(named={**around, **worked, **inside}, free=frozenset(inside))
