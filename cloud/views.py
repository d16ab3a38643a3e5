"""What head office's page and its JSON show, as records. Filled by `queries` from rollups,
rendered by `pages` and `api`; holds no text in any language, only figures and codes. What there
is one or more of for each shop of a chain is a msgspec record: made in a fifth of the time.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from msgspec import Struct

PAGE_SHOPS: Final = 50
"""Shops on one page: what a browser draws anew at each change, and a person looks through."""

BACKLOG_NORMAL: Final = 50
"""So many unsent records come and go within a heartbeat of a busy shop."""
CAMERA_FAULTS: Final = frozenset({"lost", "frozen", "unreadable", "ended"})
"""States of a camera in which nobody is counted by it."""


class HourFigures(Struct, frozen=True, kw_only=True):
    """One local hour of a shop's day. `start` is aware, in the shop's zone.

    `reentries` are no visitors. Of members nothing is told by the hour: they are few.
    """

    start: datetime
    visitors: int
    entered: int
    left: int
    reentries: int = 0


class BoxView(Struct, frozen=True, kw_only=True):
    """One box as the hub last heard it. `state`: online | offline | silent.

    `mode_why` is the wire's code for why `mode` is lower than `mode_wanted`.
    """

    box_id: str
    state: str
    last_seen: datetime | None
    version: str | None
    mode: str | None
    clock: str | None
    backlog: int | None
    missing: int
    cameras: tuple[tuple[str, str], ...]
    mode_wanted: str | None = None
    mode_why: str | None = None
    storage: str | None = None  # ok | early | hourly | refused
    oldest_unacked_at: datetime | None = None  # what it holds back is of this moment or later


class ShopDay(Struct, frozen=True, kw_only=True):
    """One shop today, in its own zone. `basis`: crossings | distinct (never compared).

    `members`: visits of members that are no re-entries; None: hidden, few people. `hours` is empty
    for a shop that is not on the page that was asked for.
    """

    store_id: str
    name: str
    timezone: str
    day: date
    basis: str
    visitors: int
    entered: int
    left: int
    hours: tuple[HourFigures, ...]  # 24, 23 or 25 of them
    last_fact_at: datetime | None
    boxes: tuple[BoxView, ...]
    reentries: int = 0
    members: int | None = 0
    hourly_until: date | None = None  # older days, up to this one, are known by the hour only


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainToday:
    """The first page: all shops, sorted by id, and what the hub itself has to say."""

    now: datetime
    shops: tuple[ShopDay, ...]
    set_aside: int  # malformed messages kept for inspection
    ingest_seen_at: datetime | None  # when the ingest process last said it is alive


class StreetHour(Struct, frozen=True, kw_only=True):
    """One local hour of a shop's Wi-Fi. `start` is aware, in the shop's zone.

    `minutes` of it were observed: 0 is unknown, not empty. `footfall` is the index of the hour,
    good for comparing a shop with itself only; `passers` came by, `captured` of them came in; both
    are None where they are not known.
    """

    start: datetime
    minutes: int
    footfall: float
    passers: int | None
    captured: int | None


class ShopStreet(Struct, frozen=True, kw_only=True):
    """One shop's passers-by today, in its own zone, as far as its hours have closed.

    `captured` were counted by `basis`; `error` is the passers-by's, in percent. Both None: they are
    not known, because the box has learnt from `learnt` of `needed` hours only, or no hour is
    complete. `heard_on`: the last day on which Wi-Fi was observed; None: never lately, or there
    is none.
    """

    store_id: str
    name: str
    timezone: str
    day: date
    basis: str
    passers: int | None
    captured: int | None
    error: int | None
    learnt: int
    needed: int
    minutes: int
    heard_on: date | None
    hours: tuple[StreetHour, ...]
    stays: tuple[int, ...] = ()  # how many are known, then the percentages by length (`STAYS`)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetToday:
    """The passers-by of all shops, sorted by id; those without Wi-Fi are in it as such."""

    now: datetime
    shops: tuple[ShopStreet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetMinutes:
    """One shop's Wi-Fi today by the minute: kinds of phones heard, None: not observed."""

    shop: ShopStreet
    now: datetime
    start: datetime
    minutes: tuple[int | None, ...]


def pages_of(shops: int) -> int:
    """Return how many pages so many shops take; at least one."""
    return max(1, -(-shops // PAGE_SHOPS))


def on_page(shops: int, page: int) -> range:
    """Return the places of the shops on a page, from 0; a page that is not there is the nearest.

    >>> on_page(250, 3)
    range(100, 150)
    """
    first = (min(max(page, 1), pages_of(shops)) - 1) * PAGE_SHOPS
    return range(first, min(first + PAGE_SHOPS, shops))
