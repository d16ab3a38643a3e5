"""The shop's rules as its settings describe them; for the eyes and for a replay."""

import logging
from collections.abc import Callable, Container
from datetime import datetime

from ulid import ULID

from edge.config import EdgeConfig
from edge.core.book import VisitBook
from edge.core.occupancy import Balance
from edge.pipeline import Counting, Door
from edge.ports import VisitLog
from edge.recognition import Recognition
from edge.sensors.halving import Halving
from edge.sensors.motion import MotionDetector
from edge.sensors.scenery import Scenery
from edge.store.database import StoreFault

log = logging.getLogger(__name__)


def new_visit_id(at: datetime) -> str:
    """Return a ULID whose time is the visit's."""
    return str(ULID.from_datetime(at))


def book_of(
    config: EdgeConfig,
    visits: VisitLog,
    now: datetime,
    *,
    goes_on: bool,
    in_doubt: Callable[[], bool] = lambda: False,
) -> VisitBook:
    """Return the shop's book; who may return is known in any case.

    `goes_on`: the open visits and the occupancy of the living shop go on; a recording begins with
    an empty shop. `in_doubt`: whether nobody vouches for the time; a recording's is certain.
    """
    window = config.dedup.span
    return VisitBook(
        hours=config.opening_hours,
        new_id=new_visit_id,
        window=window,
        open_visits=visits.open_visits() if goes_on else (),
        recent=visits.recent_visits(now, window.length),
        alerted=visits.alerted(now, window.length),
        vetoes=visits.vetoes(now, window.length),
        occupancy=visits.occupancy() if goes_on else None,
        balance=lambda closing: _balance(visits, closing),
        foreign=visits.foreign(now, window.length),
        in_doubt=in_doubt,
    )


def _balance(visits: VisitLog, closing: datetime) -> Balance | None:
    """Return what the closed days say; None while the store is away: counting goes on."""
    try:
        return visits.balance(closing)
    except StoreFault as exc:
        log.warning("exits stay worth what they were: %s", exc)
        return None


def counting_of(
    config: EdgeConfig, cameras: Container[str], book: VisitBook, faces: Recognition | None
) -> Counting:
    """Return the rules for the named cameras; only those at an entrance count crossings."""
    doors = [
        Door(camera=c.name, line=c.counting_line, staff_zone=c.staff_polygon)
        for c in config.camera
        if c.role == "entrance" and c.name in cameras
    ]
    return Counting(doors=doors, finder=_finder, book=book, faces=faces)


def _finder() -> Scenery:
    """Return what finds the bodies before one camera, and learns the scene without them."""
    motion = MotionDetector()
    return Scenery(Halving(motion), motion.background)
