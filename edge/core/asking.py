"""Who is asked to greet a member who has just come in, and when. Pure.

    0 s               10 s              20 s              30 s
    own consultant ── the floor ─────── the manager ───── nobody any more: it is in the list
    nobody's own: the floor at once; an empty floor: the manager at once

Called by `edge.desk.floor`, once for each screen that is drawn.
"""

from dataclasses import dataclass
from typing import Final, Literal

OWN_FIRST_S: Final = 10.0
"""How long the member's own consultant is asked alone (issue 7)."""
FLOOR_FIRST_S: Final = 10.0
"""How long the floor is asked before the manager is, too."""
ASKED_FOR_S: Final = 30.0
"""What is older is listed, never popped up (issue 7)."""

Place = Literal["own", "floor", "manager"]
"""Who stands before a screen: the member's own consultant, another one, a manager."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """Who could be asked: whether somebody of each place has a screen in use just now."""

    own: bool
    floor: bool


def asked_after_s(place: Place, present: Present) -> float:
    """Return how many seconds after the alert somebody of a place is asked."""
    if place == "own":
        return 0.0
    floor_s = OWN_FIRST_S if present.own else 0.0
    if place == "floor":
        return floor_s
    return floor_s + FLOOR_FIRST_S if present.floor else floor_s


def is_asked(place: Place, present: Present, since_s: float) -> bool:
    """Say whether somebody is asked now, `since_s` seconds after the alert."""
    return asked_after_s(place, present) <= since_s < ASKED_FOR_S


def changes_in_s(place: Place, present: Present, since_s: float) -> float | None:
    """Return after how many seconds `is_asked` says otherwise; None: it never will."""
    begins_s = asked_after_s(place, present)
    if since_s < begins_s:
        return begins_s - since_s
    return ASKED_FOR_S - since_s if since_s < ASKED_FOR_S else None
