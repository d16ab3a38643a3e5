"""Works out what the page of the counting audit draws. Pure; called by the page beside it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cloud.boxes import zone_or_utc
from cloud.counting.desk import Audited
from cloud.figures.accuracy import Accuracy
from cloud.queries.counting import CameraAccuracy, Check
from cloud.views import PAGE_SHOPS, on_page, pages_of

_HOUR: Final = timedelta(hours=1)
SHOWN: Final = 20
"""Checks that are listed below the cameras."""
LISTED: Final = 60
"""Up to so many shops are offered to choose from; of more, one is named."""
_LEFT, _RIGHT = 0.5, 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An interval on a scale from half to one and a half, in percent of its width."""

    low: float
    width: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRow:
    """One camera; `drawn` is None where nothing can be said."""

    camera: CameraAccuracy
    drawn: Drawn | None
    old: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One check; its times are its shop's. `over`: the hour can be counted now."""

    check: Check
    now: datetime
    start: datetime
    end: datetime
    over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingBoard:
    """The page. `shop`: the one that it is about, None for all; `never`: shops nobody checked."""

    now: datetime
    shop: tuple[str, str] | None
    all: Accuracy | None
    drawn: Drawn | None
    old: bool
    shops: tuple[tuple[str, str], ...]
    choose: bool
    checked: int
    never: int
    dropped: int
    open: tuple[CheckRow, ...]
    done: tuple[CheckRow, ...]
    rows: tuple[CameraRow, ...]
    cameras: int
    first: int
    last: int
    page: int
    pages: int


def board_of(audited: Audited, shop: str | None, page: int) -> CountingBoard:
    """Work out the page; one that is not there is the nearest."""
    places = on_page(len(audited.cameras), page)
    listed = audited.cameras[places.start : places.stop]
    checked = len({one.store_id for one in audited.cameras})
    zones = Counter(one.timezone for one in (*audited.open, *audited.done)).most_common(1)
    named = dict(audited.shops)
    return CountingBoard(
        now=audited.now.astimezone(zone_or_utc(zones[0][0])) if zones else audited.now,
        shop=(shop, named[shop]) if shop in named else None,
        all=audited.all,
        drawn=drawn_of(audited.all),
        old=audited.all is not None and audited.all.is_old(audited.now),
        shops=tuple(audited.shops),
        choose=len(audited.shops) <= LISTED,
        checked=checked,
        never=len(audited.shops) - checked,
        dropped=audited.dropped,
        open=tuple(_check(one, audited.now) for one in reversed(audited.open)),
        done=tuple(_check(one, audited.now) for one in audited.done[:SHOWN]),
        rows=tuple(
            CameraRow(camera=one, drawn=drawn_of(one.entered), old=one.entered.is_old(audited.now))
            for one in listed
        ),
        cameras=len(audited.cameras),
        first=places.start + 1,
        last=places.stop,
        page=places.start // PAGE_SHOPS + 1,
        pages=pages_of(len(audited.cameras)),
    )


def drawn_of(found: Accuracy | None) -> Drawn | None:
    """Return how an interval is drawn; what is off the scale ends at its edge."""
    if found is None or found.ratio is None or found.low is None or found.high is None:
        return None
    low, at, high = (_percent(value) for value in (found.low, found.ratio, found.high))
    return Drawn(low=low, width=max(0.5, high - low), at=at)


def _percent(value: float) -> float:
    inside = min(max(value, _LEFT), _RIGHT)
    return round(100 * (inside - _LEFT) / (_RIGHT - _LEFT), 2)


def _check(one: Check, now: datetime) -> CheckRow:
    local = now.astimezone(zone_or_utc(one.timezone))
    start = one.hour.astimezone(local.tzinfo)
    end = (one.hour + _HOUR).astimezone(local.tzinfo)
    return CheckRow(check=one, now=local, start=start, end=end, over=end <= local)
