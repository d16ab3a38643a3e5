"""What the shop's page says of Wi-Fi today. Called by the front process; writes nothing.

An hour whose passers-by and visitors are both known makes the capture rate; hours of two bases
make none.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from edge.console.view import StreetHourView, StreetView
from edge.core.hours import OpeningHours
from edge.learning import learnt_hours
from edge.store.figures import local_hours
from edge.store.presence import Hour, hours_between, latest_basis, minutes_between

_MINUTE: Final = timedelta(minutes=1)


def street_view(db: Database, hours: OpeningHours, now: datetime) -> StreetView:
    """Return what is known of the local day that holds `now`."""
    spans = local_hours(now.astimezone(hours.zone).date(), hours)
    start, end = spans[0][0], spans[-1][1]
    found = {one.minute_s: one.classes for one in minutes_between(db, start, now + _MINUTE)}
    first, count = int(start.timestamp()) // 60, (end - start) // _MINUTE
    closed = hours_between(db, start, end)
    known = [one for one in closed if one.passers is not None and one.visitors is not None]
    one_basis = len({one.basis for one in known}) == 1
    learnt, needed = learnt_hours(db, latest_basis(db, now))
    return StreetView(
        start=start.astimezone(hours.zone),
        minutes=tuple(found.get((first + number) * 60) for number in range(count)),
        hours=tuple(_shown(one, hours.zone) for one in closed),
        passers=sum(one.passers or 0 for one in known) if known else None,
        captured=sum(one.visitors or 0 for one in known) if one_basis else None,
        error=max((one.error for one in known if one.error is not None), default=None),
        learnt=learnt,
        needed=needed,
        stays=next(
            ((one.stays.count, *one.stays.percent) for one in reversed(closed) if one.stays), ()
        ),
    )


def _shown(one: Hour, zone: ZoneInfo) -> StreetHourView:
    return StreetHourView(
        start=one.start.astimezone(zone),
        minutes=one.minutes,
        passers=one.passers,
        visitors=one.visitors,
    )
