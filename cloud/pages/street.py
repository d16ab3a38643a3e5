"""Works out what the pages of passers-by draw: shops by basis, rates, hours, minutes. Pure.

Called by `cloud.pages`; holds codes, the templates turn them into words. What is not known is
never zero: a shop that is still learning says so, one without Wi-Fi is named as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from cloud.hours import zone_named
from cloud.views import (
    PAGE_SHOPS,
    ShopStreet,
    StreetHour,
    StreetMinutes,
    StreetToday,
    on_page,
    pages_of,
)
from menkou.rates import capture_rate
from menkou.web import chart
from menkou.web.chart import Column, Tick, columns, scale, ticks

_HEAD: Final = 22.0
_HOUR: Final = timedelta(hours=1)
_WHOLE: Final = 100
_ON_ITS_WAY: Final = 5
"""Minutes: one is told when it is over, with the box's next message."""


class StreetBar(Struct, frozen=True, kw_only=True):
    """One hour. `phase`: known | current | unknown (nothing was heard) | future."""

    hour: StreetHour
    value: int
    column: Column
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetRow:
    """One shop with Wi-Fi. `state`: known | learning | waiting (no hour has closed) | silent.

    `rate` is the capture rate in tenths of a percent; None: not known. The bars are passers-by, or
    the index where `people` are not known yet.
    """

    shop: ShopStreet
    now: datetime
    state: str
    rate: int | None
    people: bool
    peak: int
    bars: tuple[StreetBar, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetGroup:
    """Shops of one basis, whose rates may be compared; the totals are of those that know theirs."""

    basis: str
    rows: tuple[StreetRow, ...]
    known: int
    passers: int
    captured: int
    rate: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetBoard:
    """The page: groups of shops with Wi-Fi, and the names of those without."""

    now: datetime
    groups: tuple[StreetGroup, ...]
    without: tuple[ShopStreet, ...]
    page: int
    pages: int
    shops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetShop:
    """One shop's page. `level` is the last minute in percent of today's busiest, `heard_at` that
    minute; None: none was heard lately.
    """

    row: StreetRow
    drawn: chart.Minutes
    observed: int
    level: int | None
    heard_at: datetime | None


def street_board(today: StreetToday, page: int = 1) -> StreetBoard:
    """Work out the page; one that is not there is the nearest. Shops on it have their hours."""
    sensing = [shop for shop in today.shops if shop.heard_on is not None]
    places = on_page(len(sensing), page)
    listed = sensing[places.start : places.stop]
    bases = sorted({shop.basis for shop in sensing})
    first = today.shops[0].timezone if today.shops else "UTC"
    return StreetBoard(
        now=_local(today.now, first),
        groups=tuple(_group(basis, sensing, listed, today.now) for basis in bases),
        without=tuple(shop for shop in today.shops if shop.heard_on is None),
        page=places.start // PAGE_SHOPS + 1,
        pages=pages_of(len(sensing)),
        shops=len(sensing),
    )


def street_shop(found: StreetMinutes) -> StreetShop:
    """Work out the page of one shop."""
    past = int(found.now.timestamp() - found.start.timestamp()) // 60
    minutes = found.minutes
    top = max((value for value in minutes if value), default=1)
    heard = [place for place, value in enumerate(minutes[: past + 1]) if value is not None]
    last = heard[-1] if heard and heard[-1] >= past - _ON_ITS_WAY else None
    # What is still to come, or may be on its way, is not missing.
    until = past - _ON_ITS_WAY
    drawn = [value or (0 if n > until else value) for n, value in enumerate(minutes)]
    known = minutes[last] if last is not None else None
    return StreetShop(
        row=_row(found.shop, found.now),
        drawn=chart.minutes(drawn, top),
        observed=len(heard),
        level=None if known is None else round(_WHOLE * known / top),
        heard_at=None if last is None else _minutes_after(found.start, last),
    )


def _minutes_after(start: datetime, minutes: int) -> datetime:
    """Return the local time after so many minutes, also on the day on which clocks change."""
    return (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(start.tzinfo)


def _group(
    basis: str, sensing: Sequence[ShopStreet], listed: Sequence[ShopStreet], now: datetime
) -> StreetGroup:
    ours = [shop for shop in sensing if shop.basis == basis]
    known = [shop for shop in ours if shop.captured is not None and shop.passers]
    passers = sum(shop.passers or 0 for shop in known)
    captured = sum(shop.captured or 0 for shop in known)
    return StreetGroup(
        basis=basis,
        rows=tuple(_row(shop, now) for shop in listed if shop.basis == basis),
        known=len(known),
        passers=passers,
        captured=captured,
        rate=capture_rate(captured, passers),
    )


def _local(now: datetime, zone: str) -> datetime:
    try:
        return now.astimezone(zone_named(zone))
    except ValueError:
        return now


def _row(shop: ShopStreet, now: datetime) -> StreetRow:
    local = _local(now, shop.timezone)
    people = any(hour.passers is not None for hour in shop.hours)
    values = [_value(hour, people=people) for hour in shop.hours]
    lines = scale(max(values, default=0))
    drawn = columns(values, lines[-1], head=_HEAD)
    return StreetRow(
        shop=shop,
        now=local,
        state=_state(shop),
        rate=capture_rate(shop.captured, shop.passers),
        people=people,
        peak=max(values, default=0),
        bars=tuple(
            StreetBar(hour=hour, value=value, column=column, phase=_phase(hour, local))
            for hour, value, column in zip(shop.hours, values, drawn, strict=True)
        ),
        ticks=ticks(lines[-1:], head=_HEAD),
    )


def _value(hour: StreetHour, *, people: bool) -> int:
    if people:
        return hour.passers or 0
    return round(hour.footfall)


def _state(shop: ShopStreet) -> str:
    if not shop.minutes:
        return "silent"
    if shop.passers is not None:
        return "known"
    return "learning" if shop.learnt < shop.needed else "waiting"


def _phase(hour: StreetHour, now: datetime) -> str:
    if hour.start > now:
        return "future"
    if not hour.minutes:
        return "unknown"
    return "current" if now < hour.start + _HOUR else "known"
