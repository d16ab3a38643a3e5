"""In how many shops the data may lack something, and which lack some of a day's.

A low figure is then never taken for a missing one. What is wrong with a box is said by
`cloud.queries.fleet`; called by `morning`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, select

from cloud.accounts.scope import Scope
from cloud.boxes import zone_or_utc
from cloud.hours import day_bounds
from cloud.queries.fleet import FleetBox, fleet_of
from cloud.queries.morning_views import DataHealth
from cloud.tables import store
from cloud.views import BACKLOG_NORMAL

TROUBLES: Final = ("silent", "never", "camera", "storage", "lagging", "missing", "clock")
"""What costs figures, or puts them into a wrong hour."""


def health_of(connection: Connection, scope: Scope, day: date, now: datetime) -> DataHealth:
    """Return how the data of somebody's shops are now, and which of them lack some of a day's.

    A shop lacks some of a day's if a box of it was last heard before that day was over, or if what
    it still holds back, or the hub asked for again, may be as old; or if it never had a box.
    """
    shops = set(connection.execute(select(store.c.id).where(scope.only(store.c.id))).scalars())
    boxes = fleet_of(connection, scope, now)
    troubles = Counter(code for _, code in set(_troubles(boxes)) if code in TROUBLES)
    unheard = shops - {one.store_id for one in boxes}
    troubles["never"] += len(unheard)
    return DataHealth(
        shops=len(shops),
        troubles={code: count for code in TROUBLES if (count := troubles[code])},
        lacking=frozenset(unheard | {one.store_id for one in boxes if _lacks(one, day)}),
        modes=Counter(one.mode or "" for one in boxes),
    )


def _troubles(boxes: Iterable[FleetBox]) -> Iterator[tuple[str, str]]:
    return ((one.store_id, code) for one in boxes for code in one.troubles)


def _lacks(one: FleetBox, day: date) -> bool:
    end = _end(day, one.timezone)
    unheard = one.state != "online" and (one.last_seen is None or one.last_seen < end)
    oldest = one.oldest_unacked_at
    # A few unsent records are on their way at any time: old ones are not.
    held = oldest < end if oldest is not None else (one.backlog or 0) > BACKLOG_NORMAL
    return unheard or one.missing > 0 or (held and bool(one.backlog))


@lru_cache(maxsize=512)
def _end(day: date, zone: str) -> datetime:
    """Return when a day was over in a zone."""
    return datetime.fromtimestamp(day_bounds(day, zone_or_utc(zone))[1], UTC)
