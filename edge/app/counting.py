"""The counting rules of a shop, as its settings describe them; for the eyes and for a replay."""

from collections.abc import Container
from datetime import datetime

from ulid import ULID

from edge.config import EdgeConfig
from edge.core.visit import VisitBook
from edge.pipeline import Counting, Door
from edge.ports import VisitLog
from edge.sensors.motion import MotionDetector


def new_visit_id(at: datetime) -> str:
    """Return a ULID whose time is the visit's."""
    return str(ULID.from_datetime(at))


def counting_of(config: EdgeConfig, cameras: Container[str], going_on: VisitLog | None) -> Counting:
    """Return the rules for the named cameras; only those at an entrance count crossings.

    `going_on` holds the visits and the occupancy that go on; None begins with an empty shop.
    """
    doors = [
        Door(camera=c.name, line=c.counting_line, staff_zone=c.staff_polygon)
        for c in config.camera
        if c.role == "entrance" and c.name in cameras
    ]
    book = VisitBook(
        hours=config.opening_hours,
        new_id=new_visit_id,
        open_visits=going_on.open_visits() if going_on else (),
        occupancy=going_on.occupancy() if going_on else None,
    )
    return Counting(doors=doors, finder=MotionDetector, book=book)
