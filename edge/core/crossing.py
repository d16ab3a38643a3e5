"""Decides from tracks who came in and who went out.

Called by core.counting; calls core.geometry and reads core.tracking's records.

Without a line a body comes in where it appears at the frame's border and moves away from it, and
goes out where it was last seen at the border. With a line it crosses when its middle goes from one
side to the other. The middle, not the foot: feet are the first to be cut off by the frame, by a
counter or by a shadow, people stop short of a line with their feet and lean over it with their
heads, and whoever walks through passes with head, middle and foot alike, wherever the line is
drawn. A body that appeared at the border came from beyond it, and one that vanished there went
beyond it: so a line close to the border counts as well, though nobody is ever seen behind it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from edge.core.geometry import Line, Point, Polygon, Side
from edge.core.matching import BORDER
from edge.core.sides import (
    certainty_depth,
    point_beyond,
    side_of_arrival,
    sides_near,
    speed_towards,
)
from edge.core.tracking import OWN_S, Track

Direction = Literal["in", "out"]

LIVES_S: Final = 0.6  # a body is one after it was seen for so long
TURN_BACK_S: Final = 10.0  # DESIGN section 6: back within 10 s is no visitor
START_S: Final = 0.3  # who is there when the stream begins did not come in
TRAVEL: Final = 0.1  # how far a body comes away from the side where it appeared
DEEP: Final = 0.25  # the same for one that stays in touch with it: a door swings less far
PROMPT_S: Final = 4.0  # and how soon it does so
COMPANION: Final = 0.33  # of the area of the body that it came off: less is a piece or a shadow
STRAY_TRAVEL: Final = 0.15  # how far one moves whose arrival nobody saw, to count when it leaves
CORNER: Final = 0.95  # the same for one cut off by two sides at once
LATELY_S: Final = 3.0  # time constant at which a body's former size is forgotten
STUMP: Final = 0.6  # of its area of late: less than that, at the border, tells nothing of a body
LEAVING_S: Final = 1.5  # a body last seen in pieces left by the side that it touched so recently
CONTACT_S: Final = 0.4  # a gap so short does not interrupt a contact
HEADING_S: Final = 1.0  # a body's heading is taken over so long
LINE_SLACK: Final = 0.05  # a line reaches so much further than it is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A body came in or went out at `at_s` (seconds on the stream's clock).

    `track` is the body's id. `staff`: it was born in the staff zone. `turned_back`: this is its
    second crossing, back over the line or by the same side of the frame within 10 s of its first.
    """

    at_s: float
    direction: Direction
    track: int
    staff: bool
    turned_back: bool


@dataclass(frozen=True, slots=True)
class _Contact:
    """A body at a side of the frame: since and until when, and where it was going before."""

    since_s: float
    until_s: float
    heading: Point


@dataclass(slots=True)
class _Walk:
    """What one body has done so far."""

    host: _Walk | None  # the body that it came off
    staff: bool
    good: Track  # when it was last seen whole enough to tell where it is
    measured_s: float
    largest: float = 0.0
    lately: float = 0.0
    touched: dict[Side, _Contact] = field(default_factory=dict)
    way: list[tuple[float, Point]] = field(default_factory=list)  # its last second, seen well
    judged: bool = False  # whether it is known where it came from
    came: Side | None = None
    inside: bool | None = None
    before: Point | None = None  # the last point on the side where it now counts as being
    passed_at_s: float | None = None
    last: tuple[Direction, float] | None = None  # its last crossing


def is_staff(track: Track, zone: Polygon | None) -> bool:
    """Say whether a body appeared in the staff zone, if there is one."""
    return zone is not None and (zone.contains(track.born.centre) or zone.contains(track.born.foot))


class CrossingCounter:
    """Tracks in, crossings out, each once. Deterministic; keeps nothing of bodies that are gone."""

    def __init__(self, *, line: Line | None = None, staff_zone: Polygon | None = None) -> None:
        self._line = line
        self._zone = staff_zone
        self._walks: dict[int, _Walk] = {}
        self._started_s: float | None = None

    def update(self, live: Iterable[Track], ended: Iterable[Track], at_s: float) -> list[Crossing]:
        """The crossings that became certain at `at_s` (seconds), oldest body first."""
        if self._started_s is None:
            self._started_s = at_s
        found: list[Crossing | None] = []
        for track in live:
            walk = self._walk(track)
            if track.seen_at_s == at_s:
                _measure(walk, track)
                found.append(self._judge(walk, track))
                if self._line is not None:
                    found.append(self._over(walk, track, self._line))
        for track in ended:
            walk = self._walk(track)
            if self._line is None:
                found.append(self._left_apart(walk, track))
            found.append(self._left(walk, track))
            del self._walks[track.id]
        return [crossing for crossing in found if crossing is not None]

    def _walk(self, track: Track) -> _Walk:
        if track.id not in self._walks:
            staff = is_staff(track, self._zone)
            host = self._walks.get(track.split_from) if track.split_from is not None else None
            self._walks[track.id] = _Walk(
                host=host, staff=staff, good=track, measured_s=track.seen_at_s
            )
        return self._walks[track.id]

    def _judge(self, walk: _Walk, track: Track) -> Crossing | None:
        """Find out, once the body lives, where it came from."""
        if walk.judged or not _lives(walk, track):
            return None
        if track.split_from is not None and self._line is None:
            return self._emerged(walk, track)
        came, progress = side_of_arrival(track)
        clear = came is not None and came not in track.seen.touches(BORDER)
        prompt = track.seen_at_s - track.born_at_s <= PROMPT_S
        needed = TRAVEL if clear and not track.shared else DEEP if prompt else math.inf
        present = self._was_present(track)
        if came is not None and progress >= needed and not present:
            walk.judged, walk.came = True, came
            if self._line is None:
                return self._record(walk, track, "in", track.born_at_s)
        if self._line is not None and (came is None or present or progress >= needed):
            walk.judged = True
            origin = track.born.centre if walk.came is None else point_beyond(track.born, walk.came)
            depth = self._line.depth(origin)
            if walk.came is not None or abs(depth) > certainty_depth(track.born, self._line):
                walk.inside = depth > 0
            walk.before = origin
            walk.passed_at_s = track.born_at_s
        return None

    def _was_present(self, track: Track) -> bool:
        return self._started_s is None or track.born_at_s - self._started_s < START_S

    def _emerged(self, walk: _Walk, track: Track) -> Crossing | None:
        """A body that came off another one, if it proves to be one: it came in with that one."""
        host = walk.host
        (x0, y0), (x1, y1) = track.born.centre, walk.good.box.centre
        moved = max(abs(x1 - x0), abs(y1 - y0)) >= STRAY_TRAVEL
        if host is None or not _lives(walk, track) or track.seen_s < OWN_S:
            return None
        if track.shared or not moved:
            return None
        return self._came_with(host, walk, track)

    def _left_apart(self, walk: _Walk, track: Track) -> Crossing | None:
        """A body that came off another one and left by a side where that one was not, while that
        one was in view: two bodies, and neither's pieces."""
        host, went = walk.host, _went(walk, track)
        if walk.came is not None or host is None or went is None or not _lives(walk, track):
            return None
        here = (
            side for side, contact in walk.touched.items() if _is_recent(contact, track, CONTACT_S)
        )
        there = any(
            side in host.touched and _is_recent(host.touched[side], track, CONTACT_S)
            for side in here
        )
        if there or track.seen_at_s - host.measured_s > CONTACT_S:
            return None
        return self._came_with(host, walk, track)

    def _came_with(self, host: _Walk, walk: _Walk, track: Track) -> Crossing | None:
        """Two who were one when they came in: the second came when the first did."""
        entries = [
            side
            for side, contact in host.touched.items()
            if contact.since_s <= track.born_at_s <= contact.until_s + LEAVING_S
        ]
        came = host.came or next(iter(entries), None)
        if came is None:
            return None
        walk.judged, walk.came = True, came
        at_s = host.last[1] if host.last is not None else track.born_at_s
        return self._record(walk, track, "in", at_s)

    def _over(self, walk: _Walk, track: Track, line: Line) -> Crossing | None:
        """Whether the body is now certainly on the other side of the line."""
        if not walk.judged or walk.good is not track:
            return None
        point = track.box.centre
        depth = line.depth(point)
        if walk.inside is None or walk.before is None:
            if abs(depth) > certainty_depth(track.box, line):
                walk.inside, walk.before = depth > 0, point
            return None
        if (depth > 0) == walk.inside:
            walk.before, walk.passed_at_s = point, None
            return None
        if walk.passed_at_s is None:
            walk.passed_at_s = track.seen_at_s
        if abs(depth) < certainty_depth(track.box, line):
            return None
        return self._flip(walk, track, line, point, walk.passed_at_s)

    def _flip(
        self, walk: _Walk, track: Track, line: Line, point: Point, at_s: float
    ) -> Crossing | None:
        before, walk.before = walk.before, point
        walk.inside = not walk.inside
        walk.passed_at_s = None
        if before is None or not line.passes(before, point, slack=LINE_SLACK):
            return None
        return self._record(walk, track, "in" if walk.inside else "out", at_s)

    def _left(self, walk: _Walk, track: Track) -> Crossing | None:
        """What the end of a body says: it went out, or only out of sight."""
        if not _lives(walk, track):
            return None
        went = _went(walk, track)
        if went is None:
            return None
        if self._line is not None:
            point = point_beyond(walk.good.box, went)
            if walk.inside is None or self._line.is_inside(point) == walk.inside:
                return None
            return self._flip(walk, track, self._line, point, track.seen_at_s)
        if walk.came is None:
            (x0, y0), (x1, y1) = track.born.centre, walk.good.box.centre
            stray = max(abs(x1 - x0), abs(y1 - y0)) < STRAY_TRAVEL
            piece = walk.host is not None and walk.host.came is not None
            # Who shows at a border and is gone by it before coming away from it was never in.
            never_in = went in track.born.touches(BORDER) and not self._was_present(track)
            if stray or piece or never_in:
                return None
        same = walk.came == went
        return self._record(walk, track, "out", track.seen_at_s, back=same)

    def _record(
        self, walk: _Walk, track: Track, direction: Direction, at_s: float, *, back: bool = True
    ) -> Crossing:
        last = walk.last
        turned = back and last is not None and last[0] != direction
        soon = last is not None and at_s - last[1] <= TURN_BACK_S
        # A turn settles the pair: who comes in after all, after a turn, is a visitor again.
        walk.last = None if turned and soon else (direction, at_s)
        return Crossing(
            at_s=at_s,
            direction=direction,
            track=track.id,
            staff=walk.staff,
            turned_back=turned and soon,
        )


def _is_recent(contact: _Contact, track: Track, limit_s: float) -> bool:
    return track.seen_at_s - contact.until_s <= limit_s


def _measure(walk: _Walk, track: Track) -> None:
    walk.largest = max(walk.largest, track.seen.area)
    sides = track.seen.touches(BORDER)
    since_s = track.seen_at_s - walk.measured_s
    walk.lately = max(track.seen.area, walk.lately * math.exp(-since_s / LATELY_S))
    walk.measured_s = track.seen_at_s
    stump = STUMP if len(sides) < 2 else CORNER
    whole = not sides or track.seen.area >= stump * walk.lately
    if whole:
        walk.good = track
        walk.way = [step for step in walk.way if track.seen_at_s - step[0] <= HEADING_S]
        walk.way.append((track.seen_at_s, track.box.centre))
    (x0, y0), (x1, y1) = walk.way[0][1], walk.way[-1][1]
    for side in sides:
        known = walk.touched.get(side)
        if known is None or track.seen_at_s - known.until_s > CONTACT_S:
            known = _Contact(track.seen_at_s, track.seen_at_s, (x1 - x0, y1 - y0))
        walk.touched[side] = replace(known, until_s=track.seen_at_s)


def _lives(walk: _Walk, track: Track) -> bool:
    if walk.host is not None and walk.largest < COMPANION * walk.host.largest:
        return False
    return track.seen_s >= LIVES_S and track.grown


def _went(walk: _Walk, track: Track) -> Side | None:
    """The side of the frame by which a body that is gone has left; None if it did not."""
    sides = set(sides_near(track.seen, track.velocity, track.interval_s))
    recent = {
        side: contact
        for side, contact in walk.touched.items()
        if track.seen_at_s - contact.until_s <= LEAVING_S
        and (side in sides or speed_towards(walk.good.velocity, side) > 0)
    }
    sides |= set(recent)
    heading = walk.good.velocity
    if recent:
        # Once a body is cut off by two sides its box moves as the cut does: ask where it was
        # going when the second one came into play.
        heading = max(recent.values(), key=lambda contact: contact.since_s).heading
    return max(((speed_towards(heading, side), side) for side in sides), default=(0.0, None))[1]
