"""Draws the hour that is to be counted. Pure; called by `checks`.

By chance, so that nobody picks an hour that went well: but the camera that was looked at least
comes first, and of it by turns a busy and a quiet hour of the shop's week. The seed is kept with
the draw, before anybody counts: whoever doubts it can draw it again.

    slots    an hour of the week: how many came in then, in the weeks before
    hours    those that may be drawn: in the days before (video) or after (at the door) now,
             of slots in which anybody ever came in, whether somebody came in just then or not:
             an hour in which a camera saw nobody must not be left out
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final, Literal
from zoneinfo import ZoneInfo

from cloud.hours import hours_of_day

Way = Literal["video", "door"]
Stratum = Literal["busy", "quiet"]
STRATA: Final[tuple[Stratum, Stratum]] = ("busy", "quiet")
REACH: Final = timedelta(days=7)
"""How far back a shop may still have its video, and how far ahead somebody can plan."""
Camera = tuple[str, str]
"""A box and one of its cameras."""
Slot = tuple[int, int]
"""A weekday (Monday is 0) and the hour of its clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What was drawn. `hour` is the UTC second at which it begins, `among` how many it was of."""

    camera: Camera
    hour: int
    stratum: Stratum
    among: int


def hours_between(
    first: date, last: date, zone: ZoneInfo, since: int, until: int
) -> dict[int, Slot]:
    """Return the hours of some days that begin and end within moments, with their slots."""
    found: dict[int, Slot] = {}
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for start in hours_of_day(day, zone):
            if since <= start and start + 3600 <= until:
                found[start] = (day.weekday(), datetime.fromtimestamp(start, zone).hour)
    return found


def draw(
    cameras: Mapping[Camera, Mapping[Stratum, int]],
    hours: Mapping[int, Slot],
    usual: Mapping[Slot, int],
    taken: Callable[[Camera, int], bool],
    seed: str,
) -> Drawn | None:
    """Draw an hour.

    Args:
        cameras: those that may be drawn, and how often each was, by stratum.
        hours: those that may be drawn, with their slots.
        usual: how many came in in each slot of the week lately; slots with none are not open.
        taken: whether a camera's hour was drawn before.
        seed: of the chance; the same draws the same.

    Returns:
        The draw; None: there is nothing that could be drawn.
    """
    open_slots = {slot: count for slot, count in usual.items() if count > 0}
    if not open_slots:
        return None
    middle = median(open_slots.values())
    order = sorted(cameras, key=lambda one: (sum(cameras[one].values()), _chance(seed, one), one))
    for camera in order:
        done = cameras[camera]
        strata = sorted(STRATA, key=lambda one: (done.get(one, 0), _chance(seed, camera, one)))
        for stratum in strata:
            among = [
                hour
                for hour, slot in sorted(hours.items())
                if slot in open_slots
                and (open_slots[slot] >= middle) == (stratum == "busy")
                and not taken(camera, hour)
            ]
            if among:
                hour = among[_chance(seed, camera, stratum, "hour") % len(among)]
                return Drawn(camera=camera, hour=hour, stratum=stratum, among=len(among))
    return None


def _chance(seed: str, *about: object) -> int:
    """Return a number that nobody can foresee who does not know the seed."""
    return int.from_bytes(hashlib.sha256(repr((seed, *about)).encode()).digest()[:8], "big")


def strata_of(drawn: Sequence[tuple[Camera, Stratum]]) -> dict[Camera, dict[Stratum, int]]:
    """Return how often each camera was drawn, by stratum."""
    found: dict[Camera, dict[Stratum, int]] = {}
    for camera, stratum in drawn:
        of = found.setdefault(camera, {})
        of[stratum] = of.get(stratum, 0) + 1
    return found
