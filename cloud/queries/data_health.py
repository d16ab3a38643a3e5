"""In how many shops the data may lack something: boxes silent, behind, blind or unsure of the time.

A low figure is then never taken for a missing one. Reads the rows of boxes; called by `morning`.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Text, cast, select

from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.hours import day_bounds
from cloud.queries.morning_views import DataHealth
from cloud.queries.today import SILENT_AFTER
from cloud.tables import INCOMPLETE, box, epoch, store

BACKLOG_NORMAL: Final = 50
"""So many unsent records come and go within a heartbeat of a busy shop."""
_BLIND: Final = frozenset({"lost", "frozen", "unreadable", "ended"})
_BOXES: Final = select(
    *(box.c.store, box.c.state, box.c.last_seen, box.c.last_fact_at, box.c.mode, box.c.clock),
    *(box.c.backlog, box.c.oldest_unacked_at, box.c.storage, cast(box.c.cameras, Text)),
)


@dataclass(slots=True)
class _Wrong:
    """Shops' ids by what is wrong there."""

    silent: set[str] = field(default_factory=set)
    never: set[str] = field(default_factory=set)
    lagging: set[str] = field(default_factory=set)
    cameras: set[str] = field(default_factory=set)
    clocks: set[str] = field(default_factory=set)
    storage: set[str] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)


def health_of(connection: Connection, scope: Scope, day: date, now: datetime) -> DataHealth:
    """Return how the data of somebody's shops are now, and which of them lack some of a day's.

    A shop lacks some of a day's if a box of it was last heard before that day was over, or if what
    it still holds back, or the hub asked for again, may be as old.
    """
    shops = connection.execute(
        select(store.c.id, store.c.timezone).where(scope.only(store.c.id))
    ).all()
    ends = _ends(day, {zone for _, zone in shops})
    end_of = {shop: ends[zone] for shop, zone in shops}
    wrong, modes, seen = _Wrong(), Counter[str](), set()
    for one in connection.execute(_BOXES.where(scope.only(box.c.store))).all():
        seen.add(one[0])
        modes[one[4] or ""] += 1
        _look(one, end_of[one[0]], now, wrong)
    gaps = select(epoch.c.store).where(INCOMPLETE, scope.only(epoch.c.store))
    holes = set(connection.execute(gaps).scalars())
    wrong.lagging |= holes
    wrong.lacking |= holes  # of which day they are, nobody knows
    unheard = end_of.keys() - seen
    return DataHealth(
        shops=len(shops),
        silent=len(wrong.silent),
        never=len(wrong.never | unheard),
        lagging=len(wrong.lagging),
        cameras=len(wrong.cameras),
        clocks=len(wrong.clocks),
        storage=len(wrong.storage),
        lacking=frozenset(wrong.lacking | unheard),
        boxes=sum(modes.values()),
        modes=modes,
    )


def _ends(day: date, zones: Collection[str]) -> Mapping[str, datetime]:
    return {name: _end(day, name) for name in zones}


@lru_cache(maxsize=512)
def _end(day: date, zone: str) -> datetime:
    return datetime.fromtimestamp(day_bounds(day, zone_or_utc(zone))[1], UTC)


def _look(one: Any, end: datetime, now: datetime, wrong: _Wrong) -> None:
    """Note what is wrong with a box; `end`: when the day that is looked at was over there."""
    shop, state, seen, fact_at, _, clock, backlog, oldest, storage, cameras = one
    heard = max(filter(None, (seen, fact_at)), default=None)
    if state != "online" or seen is None or seen < now - SILENT_AFTER:
        (wrong.silent if heard else wrong.never).add(shop)
        if heard is None or heard < end:
            wrong.lacking.add(shop)
    elif _blind(cameras):
        wrong.cameras.add(shop)
    if backlog is not None and backlog > BACKLOG_NORMAL:
        wrong.lagging.add(shop)
        if oldest is None or oldest < end:
            wrong.lacking.add(shop)
    if clock == "suspect":
        wrong.clocks.add(shop)
    if storage == "refused":
        wrong.storage.add(shop)


@lru_cache(maxsize=4_096)  # nearly all boxes have one camera at the door, and it is well
def _blind(cameras: str) -> bool:
    return any(state in _BLIND for _, state in json.loads(cameras))
