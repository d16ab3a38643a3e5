"""Works out what head office's page draws from `ChainToday`: groups, totals, what is missing. Pure.

Called by `cloud.pages`; holds codes, the templates turn them into words. A figure that may be
low is told apart from a low figure: every shop has a `health`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from cloud.pages.shop_state import Fault, LoweredMode, ShopState, lowered_of, state_of, zone_of
from cloud.views import (
    BACKLOG_NORMAL,
    PAGE_SHOPS,
    ChainToday,
    HourFigures,
    ShopDay,
    on_page,
    pages_of,
)
from menkou.web.chart import Column, Tick, columns, scale, ticks

INGEST_SILENT: Final = timedelta(seconds=30)
SPARK_HEAD: Final = 22.0


class HourBar(Struct, frozen=True, kw_only=True):
    """One hour of one shop. `phase`: known | current | unknown (nobody told us) | future."""

    hour: HourFigures
    column: Column
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopRow:
    """One shop as it is drawn; see `ShopState` for what is said of its figures."""

    shop: ShopDay
    now: datetime
    health: str
    last_seen: datetime | None
    known_until: datetime | None
    has_today: bool
    faults: tuple[Fault, ...]
    lowered: tuple[LoweredMode, ...]
    peak: int
    bars: tuple[HourBar, ...]
    ticks: tuple[Tick, ...]
    elsewhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Shops whose figures may be added and compared: those of one `basis`.

    `rows` are those of them that are on the page; all else is of all `shops`.
    """

    basis: str
    rows: tuple[ShopRow, ...]
    shops: int
    visitors: int
    entered: int
    left: int
    counted: int
    incomplete: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The page. It draws the shops from `first` to `last`, counted from 1, of all `shops`."""

    now: datetime
    groups: tuple[Group, ...]
    health: dict[str, int]
    silent: tuple[ShopState, ...]
    set_aside: int
    ingest_seen_at: datetime | None
    ingest_silent: bool
    page: int
    pages: int
    first: int
    last: int
    shops: int


def board_of(today: ChainToday, page: int = 1) -> Board:
    """Work out a page. Its clock times are those of the zone that most shops are in.

    Args:
        today: all shops; those on the page have their hours.
        page: from 1; one that is not there is the nearest.
    """
    now = _page_time(today)
    bases = sorted({shop.basis for shop in today.shops})
    seen = today.ingest_seen_at
    deaf = seen is None or today.now - seen > INGEST_SILENT
    states = [state_of(shop, today.now, place) for place, shop in enumerate(today.shops)]
    places = on_page(len(states), page)
    listed = states[places.start : places.stop]
    healths = Counter(state.health for state in states)
    return Board(
        now=now,
        groups=tuple(_group(basis, states, listed, now, deaf=deaf) for basis in bases),
        health={h: healths[h] for h in ("whole", "partial", "unsure", "silent", "never")},
        silent=tuple(state for state in states if state.health in ("silent", "never")),
        set_aside=today.set_aside,
        ingest_seen_at=seen,
        ingest_silent=deaf,
        page=places.start // PAGE_SHOPS + 1,
        pages=pages_of(len(states)),
        first=places.start + 1,
        last=places.stop,
        shops=len(states),
    )


def _page_time(today: ChainToday) -> datetime:
    zones = Counter(shop.timezone for shop in today.shops)
    return today.now.astimezone(zone_of(zones.most_common(1)[0][0])) if zones else today.now


def _group(
    basis: str,
    states: Sequence[ShopState],
    listed: Sequence[ShopState],
    now: datetime,
    *,
    deaf: bool,
) -> Group:
    """Return the shops of one basis; a hub that hears nothing (`deaf`) has no complete figure."""
    ours = [state for state in states if state.shop.basis == basis]
    drawn = [state for state in listed if state.shop.basis == basis]
    lines = scale(max((h.visitors for state in drawn for h in state.shop.hours), default=0))
    told = [state.shop for state in ours if state.has_today]
    return Group(
        basis=basis,
        rows=tuple(_row(state, now, lines[-1]) for state in drawn),
        shops=len(ours),
        visitors=sum(shop.visitors for shop in told),
        entered=sum(shop.entered for shop in told),
        left=sum(shop.left for shop in told),
        counted=len(told),
        incomplete=sum(deaf or state.health not in ("whole", "unsure") for state in ours),
    )


def _row(state: ShopState, now: datetime, top: int) -> ShopRow:
    shop = state.shop
    local = now.astimezone(zone_of(shop.timezone))
    # A box that is behind sends what is new first: what it holds back is older than that.
    behind = [box for box in shop.boxes if (box.backlog or 0) > BACKLOG_NORMAL]
    waits = [box.oldest_unacked_at for box in behind if box.oldest_unacked_at]
    drawn_until = local if state.online else state.known_until
    if behind:
        drawn_until = min(filter(None, [shop.last_fact_at, *waits]), default=None)
    return ShopRow(
        shop=shop,
        now=local,
        health=state.health,
        last_seen=state.last_seen,
        known_until=state.known_until,
        has_today=state.has_today,
        faults=state.faults,
        lowered=tuple(one for box in shop.boxes if (one := lowered_of(box))),
        peak=max((hour.visitors for hour in shop.hours), default=0),
        bars=_bars(shop.hours, local, drawn_until, top),
        ticks=ticks((top,), head=SPARK_HEAD),
        elsewhere=local.utcoffset() != now.utcoffset(),
    )


def _bars(
    hours: tuple[HourFigures, ...], now: datetime, known_until: datetime | None, top: int
) -> tuple[HourBar, ...]:
    drawn = columns([hour.visitors for hour in hours], top, head=SPARK_HEAD)
    return tuple(
        HourBar(hour=hour, column=column, phase=_phase(hour, now, known_until))
        for hour, column in zip(hours, drawn, strict=True)
    )


def _phase(hour: HourFigures, now: datetime, known_until: datetime | None) -> str:
    if hour.start > now:
        return "future"
    if known_until is None or known_until < hour.start + min(timedelta(hours=1), now - hour.start):
        return "unknown"
    return "current" if now < hour.start + timedelta(hours=1) else "known"
