"""Counts bodies: joins the tracker and the crossing counter behind one call.

Called by the pipeline with the boxes of sensors.motion (or of any detector); calls core.tracking
and core.crossing.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.core.crossing import Crossing, CrossingCounter
from edge.core.geometry import Box, Line, Polygon
from edge.core.tracking import Track, Tracker


class BodyCounter:
    """One camera's counter. Deterministic; a pure function of what it was given.

    `line` is the counting line, None to count at the frame's border; bodies born in `staff_zone`
    are staff.
    """

    def __init__(self, *, line: Line | None = None, staff_zone: Polygon | None = None) -> None:
        self._tracker = Tracker()
        self._crossings = CrossingCounter(line=line, staff_zone=staff_zone)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The bodies in view, oldest first, those only just lost from view included."""
        return self._tracker.live

    def update(self, bodies: Sequence[Box], at_s: float) -> list[Crossing]:
        """Take the boxes of the picture at `at_s` (seconds); return what became certain.

        Raises ValueError when the time runs backwards.
        """
        tracked = self._tracker.update(bodies, at_s)
        return self._crossings.update(tracked.live, tracked.ended, at_s)

    def flush(self, at_s: float) -> list[Crossing]:
        """End the stream at `at_s`: who was already out of sight has left, who is in view has not.

        Raises ValueError when the time runs backwards.
        """
        last_s = self._tracker.at_s
        if at_s < last_s:
            raise ValueError(f"at_s: expected {last_s} or later, got {at_s}")
        gone = [track for track in self._tracker.end() if track.seen_at_s < last_s]
        return self._crossings.update((), gone, at_s)
