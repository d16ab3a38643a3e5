"""How sure a shop's figures are: what of it is silent, behind or lost. Pure.

Called by `board`, for every shop at each change. A figure that may be low is told apart from a low
figure.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from cloud.hours import day_bounds, zone_named
from cloud.views import BACKLOG_NORMAL, CAMERA_FAULTS, PAGE_SHOPS, BoxView, ShopDay


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


class ShopState(Struct, frozen=True, kw_only=True):
    """How sure a shop's figures are. `health`: whole | partial | unsure | silent | never.

    `known_until` is set for a silent shop: up to then its figures are right. `has_today` is
    false if that was before today, so that there is no figure at all. `page` shows the shop.
    """

    shop: ShopDay
    page: int
    health: str
    last_seen: datetime | None
    known_until: datetime | None
    online: bool
    has_today: bool
    faults: tuple[Fault, ...]


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    """Return a shop's zone; one that is not known here is counted in UTC, as everywhere."""
    try:
        return zone_named(name)
    except ValueError:
        return zone_named("UTC")


@lru_cache(maxsize=4_096)
def _starts(day: date, zone: str) -> datetime:
    return datetime.fromtimestamp(day_bounds(day, zone_of(zone))[0], UTC)


def state_of(shop: ShopDay, now: datetime, place: int) -> ShopState:
    """Return how sure the figures of the shop at a place of the list are."""
    # Asked of every shop at each change: most have one box, and nothing is wrong with it.
    online, last_seen, faults = False, None, []
    for box in shop.boxes:
        online = online or box.state == "online"
        last_seen = _later(last_seen, box.last_seen)
    for box in shop.boxes:
        faults += _faults(box, alone=not online)
    heard = _later(last_seen, shop.last_fact_at)
    known_until = None if online else heard
    # A clock that nobody set puts people into a wrong hour, but loses nobody.
    lacking = any(fault.code != "clock" for fault in faults)
    health = "partial" if lacking else "unsure" if faults else "whole"
    if not online:
        health = "silent" if heard else "never"
    starts = _starts(shop.day, shop.timezone)
    return ShopState(
        shop=shop,
        page=place // PAGE_SHOPS + 1,
        health=health,
        last_seen=last_seen,
        known_until=known_until,
        online=online,
        has_today=online or bool(known_until and known_until >= starts),
        faults=tuple(faults),
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


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
        if state in CAMERA_FAULTS and box.state == "online":
            found.append(Fault(code=f"camera_{state}", box_id=box.box_id, name=name))
    return found


def lowered_of(box: BoxView) -> LoweredMode | None:
    """Return in which lower mode a box runs; None: in the one that its settings ask for."""
    if box.mode is None or box.mode_wanted is None or box.mode == box.mode_wanted:
        return None
    return LoweredMode(
        box_id=box.box_id, mode=box.mode, wanted=box.mode_wanted, why=box.mode_why or "unknown"
    )
