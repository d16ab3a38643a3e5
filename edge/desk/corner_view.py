"""What the manager's corner shows, as records; made by `edge.desk.corner`."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from edge.core.drawing import Drawing, Flaw
from edge.core.weekday import LeftOut, Usual
from edge.store.staffed import Entry
from edge.store.waits import Waits

Kept = Literal["kept", "moved", "unknown"] | tuple[Flaw, ...]
"""What became of a drawing: kept; somebody else drew since it was opened; no such camera; or why it
cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """Today beside what is usual on its weekday. `minute`: so many of the day have passed.

    `conversion` is receipts in percent of visitors, None without a till or a visitor. `hours` are
    the visitors of the wall clock's 24 hours. `redrawn`: days of `usual` before this one were
    counted by another line or another staff area.
    """

    day: date
    minute: int
    visitors: int
    members: int
    people: int
    conversion: float | None
    hours: tuple[int, ...]
    usual: Usual
    redrawn: date | None
    waits: Waits | None
    waits_before: Waits | None
    call_after_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutStaff:
    """Staff who are in no figure of visitors today.

    `crossings` appeared in the staff's area, `marked` visits are staff's by somebody's word.
    `entries`: who came in without a name, the newest first.
    """

    crossings: int
    marked: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraDrawing:
    """One camera and what is drawn on its picture.

    `rev` 0: nothing was ever drawn. `by_file`: the settings file says it; `file` is what it says.
    `in_force`: people are counted by it; None: the counting part has not been heard.
    """

    camera: str
    role: str
    rev: int
    by_file: bool
    at: datetime | None
    drawing: Drawing
    file: Drawing
    zone_needed: bool
    has_picture: bool
    in_force: bool | None


Level = Literal["ok", "wait", "care", "fault", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How one part of the box is. `what` is camera, part, radio, uplink, disk or clock.

    `name` is the camera's or part's, `state` a code of `what`, `since` when that began as far as is
    known; `count`: what waits, or percent that are free.
    """

    what: str
    name: str
    state: str
    level: Level
    since: datetime | None
    count: int = 0


__all__ = [
    "CameraDrawing",
    "Condition",
    "Kept",
    "LeftOut",
    "LeftOutStaff",
    "Level",
    "Today",
]
