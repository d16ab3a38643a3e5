"""Works out what head office's page draws from `ChainToday`: groups, totals, what is missing. Pure.

Called by `cloud.pages`; holds codes, the templates turn them into words. A figure that may be
low is told apart from a low figure: every shop has a `health`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cloud.views import BoxView, ChainToday, HourFigures, ShopDay
from menkou.web.chart import Column, Tick, columns, scale, ticks

BACKLOG_NORMAL: Final = 50
"""So many unsent records come and go within a heartbeat of a busy shop."""
INGEST_SILENT: Final = timedelta(seconds=30)
SPARK_HEAD: Final = 22.0
_CAMERA_FAULTS: Final = frozenset({"lost", "frozen", "unreadable", "ended"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HourBar:
    """One hour of one shop. `phase`: known | current | unknown (nobody told us) | future."""

    hour: HourFigures
    column: Column
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a shop's figure may be low; `code` is a key of the catalogue."""

    code: str
    box_id: str = ""
    name: str = ""
    count: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredMode:
    """A box that runs in a lower mode than its settings ask for: it counts, and says why not more.

    `why` is the wire's code, or `unknown` for a box of an older release. No figure is low by it.
    """

    box_id: str
    mode: str
    wanted: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopRow:
    """One shop. `health`: whole | partial | silent | never.

    `known_until` is set for a silent shop: up to then its figures are right. `has_today` is
    false if that was before today, so that there is no figure at all.
    """

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
    """Shops whose figures may be added and compared: those of one `basis`."""

    basis: str
    rows: tuple[ShopRow, ...]
    visitors: int
    entered: int
    left: int
    counted: int
    incomplete: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The whole page."""

    now: datetime
    groups: tuple[Group, ...]
    health: dict[str, int]
    silent: tuple[ShopRow, ...]
    set_aside: int
    ingest_seen_at: datetime | None
    ingest_silent: bool


def board_of(today: ChainToday) -> Board:
    """Work out the page. Its clock times are those of the zone that most shops are in."""
    now = _page_time(today)
    bases = sorted({shop.basis for shop in today.shops})
    seen = today.ingest_seen_at
    deaf = seen is None or today.now - seen > INGEST_SILENT
    groups = tuple(_group(basis, today.shops, now, deaf=deaf) for basis in bases)
    rows = [row for group in groups for row in group.rows]
    return Board(
        now=now,
        groups=groups,
        health={
            h: sum(r.health == h for r in rows)
            for h in ("whole", "partial", "unsure", "silent", "never")
        },
        silent=tuple(row for row in rows if row.health in ("silent", "never")),
        set_aside=today.set_aside,
        ingest_seen_at=seen,
        ingest_silent=deaf,
    )


def _page_time(today: ChainToday) -> datetime:
    zones = Counter(shop.hours[0].start.tzinfo for shop in today.shops if shop.hours)
    return today.now.astimezone(zones.most_common(1)[0][0]) if zones else today.now


def _group(basis: str, shops: Sequence[ShopDay], now: datetime, *, deaf: bool) -> Group:
    """Return the shops of one basis; a hub that hears nothing (`deaf`) has no complete figure."""
    ours = [shop for shop in shops if shop.basis == basis]
    lines = scale(max((hour.visitors for shop in ours for hour in shop.hours), default=0))
    rows = tuple(_row(shop, now, lines[-1]) for shop in ours)
    told = [row for row in rows if row.has_today]
    return Group(
        basis=basis,
        rows=rows,
        visitors=sum(row.shop.visitors for row in told),
        entered=sum(row.shop.entered for row in told),
        left=sum(row.shop.left for row in told),
        counted=len(told),
        incomplete=sum(deaf or row.health not in ("whole", "unsure") for row in rows),
    )


def _row(shop: ShopDay, now: datetime, top: int) -> ShopRow:
    local = now.astimezone(shop.hours[0].start.tzinfo) if shop.hours else now
    last_seen = max((box.last_seen for box in shop.boxes if box.last_seen), default=None)
    heard = [moment for moment in (last_seen, shop.last_fact_at) if moment]
    online = any(box.state == "online" for box in shop.boxes)
    known_until = None if online else max(heard, default=None)
    # A box that is behind sends what is new first: what it holds back is older than that.
    behind = [box for box in shop.boxes if (box.backlog or 0) > BACKLOG_NORMAL]
    waits = [box.oldest_unacked_at for box in behind if box.oldest_unacked_at]
    drawn_until = local if online else known_until
    if behind:
        drawn_until = min(filter(None, [shop.last_fact_at, *waits]), default=None)
    faults = tuple(fault for box in shop.boxes for fault in _faults(box, alone=not online))
    # A clock that nobody set puts people into a wrong hour, but loses nobody.
    lacking = any(fault.code != "clock" for fault in faults)
    health = "partial" if lacking else "unsure" if faults else "whole"
    if not online:
        health = "silent" if heard else "never"
    start = shop.hours[0].start if shop.hours else None
    return ShopRow(
        shop=shop,
        now=local,
        health=health,
        last_seen=last_seen,
        known_until=known_until,
        has_today=online or bool(known_until and start and known_until >= start),
        faults=faults,
        lowered=tuple(one for box in shop.boxes if (one := _lowered(box))),
        peak=max((hour.visitors for hour in shop.hours), default=0),
        bars=_bars(shop.hours, local, drawn_until, top),
        ticks=ticks((top,), head=SPARK_HEAD),
        elsewhere=local.utcoffset() != now.utcoffset(),
    )


def _faults(box: BoxView, *, alone: bool) -> list[Fault]:
    """Return what makes a box's figures doubtful; `alone`: the whole shop is known to be silent."""
    found = []
    if box.state != "online" and not alone:
        code = "box_silent" if box.last_seen else "box_never"
        found.append(Fault(code=code, box_id=box.box_id, since=box.last_seen))
    if box.backlog is not None and box.backlog > BACKLOG_NORMAL:
        found.append(Fault(code="backlog", box_id=box.box_id, count=box.backlog))
    if box.missing:
        found.append(Fault(code="missing", box_id=box.box_id, count=box.missing))
    if box.clock == "suspect":
        found.append(Fault(code="clock", box_id=box.box_id))
    if box.storage == "refused":
        found.append(Fault(code="storage", box_id=box.box_id))
    for name, state in box.cameras:
        if state in _CAMERA_FAULTS and box.state == "online":
            found.append(Fault(code=f"camera_{state}", box_id=box.box_id, name=name))
    return found


def _lowered(box: BoxView) -> LoweredMode | None:
    if box.mode is None or box.mode_wanted is None or box.mode == box.mode_wanted:
        return None
    return LoweredMode(
        box_id=box.box_id, mode=box.mode, wanted=box.mode_wanted, why=box.mode_why or "unknown"
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
