"""Follows several bodies from picture to picture by their boxes alone.

Called by core.counting; calls core.matching. A box may be a whole body, a part of one, or several
bodies that overlap: a body keeps the extent that it has shown, and bodies that share one box go on
as each went before, inside that box, until it comes apart again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.core.geometry import Box, Point
from edge.core.matching import (
    BORDER,
    assign,
    covered,
    grouped,
    is_body_sized,
    share,
    whole_body,
    within,
)

LOST_S: Final = 1.0  # a body unseen for so long is gone
LEFT_S: Final = 0.4  # the same for one whose way led out of the frame
STEADY_S: Final = 0.3  # time constant of the velocity
COAST_S: Final = 1.5  # time constant at which an unseen velocity fades
YOUNG_S: Final = 0.5  # so long head and legs may find each other
OWN_S: Final = 1.5  # what came off a body is one itself after it went its own way for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One body; boxes in fractions of the frame, velocity in frames a second, times in seconds.

    `box` is the whole body as far as it is known and may reach out of the frame; `seen` is the
    last box that was really seen of it; `shared` tells that `seen` held other bodies as well;
    `grown` tells that it was once, by itself, large enough for a body: what was not is a stain.
    `born` is the first box, `seen_s` for how long it was seen since, `interval_s` the time between
    pictures at its birth, `split_from` the id of the body that it came off.
    """

    id: int
    box: Box
    seen: Box
    velocity: Point
    born: Box
    born_at_s: float
    seen_at_s: float
    seen_s: float
    interval_s: float
    shared: bool
    grown: bool
    split_from: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """The bodies after a picture: those in view, and those that have just gone."""

    live: tuple[Track, ...]
    ended: tuple[Track, ...]


class Tracker:
    """Boxes in, tracks out. Deterministic; times must not run backwards (ValueError)."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._next_id = 1
        self._at_s = -math.inf

    @property
    def live(self) -> tuple[Track, ...]:
        """The bodies in view or only just lost from view, oldest first."""
        return tuple(self._tracks)

    @property
    def at_s(self) -> float:
        """The time of the last picture, in seconds; minus infinity before the first."""
        return self._at_s

    def update(self, boxes: Sequence[Box], at_s: float) -> Tracked:
        """Take the boxes of the picture at `at_s` (seconds)."""
        if at_s < self._at_s:
            raise ValueError(f"at_s: expected {self._at_s} or later, got {at_s}")
        elapsed_s = at_s - self._at_s if self._tracks or self._at_s > -math.inf else 0.0
        self._at_s = at_s
        ahead = [_predict(track, elapsed_s) for track in self._tracks]
        young = frozenset(i for i, track in enumerate(self._tracks) if track.seen_s < YOUNG_S)
        stains = frozenset(
            i for i, track in enumerate(self._tracks) if not track.grown and i not in young
        )
        owners, rest = assign(ahead, boxes, young, stains, elapsed_s)
        holders = share(ahead, boxes, owners, stains)
        for index, track in enumerate(self._tracks):
            # A young piece that melts back into a body was never one of its own.
            if track.split_from is not None and track.seen_s < OWN_S and index not in owners:
                holders.pop(index, None)
        kept, ended = [], []
        for index, box in enumerate(ahead):
            track = self._tracks[index]
            if index in holders:
                kept.append(self._seen(index, ahead, boxes, holders, elapsed_s))
            elif track.split_from is not None and track.seen_s < OWN_S and covered(box, boxes):
                continue
            elif at_s - track.seen_at_s > (LEFT_S if _outside(box) else LOST_S):
                ended.append(track)
            else:
                kept.append(replace(track, box=box, velocity=_fade(track.velocity, elapsed_s)))
        newborn = [self._born(box, at_s, elapsed_s) for box in grouped([boxes[i] for i in rest])]
        self._tracks = kept + newborn
        return Tracked(live=tuple(self._tracks), ended=tuple(ended))

    def end(self) -> tuple[Track, ...]:
        """Forget all bodies and return them: the stream is over."""
        gone, self._tracks = tuple(self._tracks), []
        return gone

    def _seen(
        self,
        index: int,
        ahead: Sequence[Box],
        boxes: Sequence[Box],
        holders: dict[int, tuple[int, ...]],
        elapsed_s: float,
    ) -> Track:
        track, mine = self._tracks[index], holders[index]
        seen = boxes[mine[0]]
        for part in mine[1:]:
            seen = seen.union(boxes[part])
        fellows = [i for i, parts in holders.items() if parts[0] == mine[0]]
        if len(fellows) > 1:
            box = within(index, {i: ahead[i] for i in fellows}, seen)
        else:
            box = whole_body(ahead[index], seen, elapsed_s)
        return replace(
            track,
            box=box,
            seen=seen,
            velocity=_velocity(track, box, elapsed_s, shared=len(fellows) > 1),
            seen_at_s=self._at_s,
            seen_s=track.seen_s + elapsed_s,
            shared=len(fellows) > 1,
            grown=track.grown or (len(fellows) == 1 and is_body_sized(seen)),
        )

    def _born(self, box: Box, at_s: float, elapsed_s: float) -> Track:
        track = Track(
            id=self._next_id,
            box=box,
            seen=box,
            velocity=(0.0, 0.0),
            born=box,
            born_at_s=at_s,
            seen_at_s=at_s,
            seen_s=0.0,
            interval_s=min(elapsed_s, 1.0),
            shared=False,
            grown=is_body_sized(box),
            split_from=self._source(box),
        )
        self._next_id += 1
        return track

    def _source(self, box: Box) -> int | None:
        """The body that a new box has probably come off: a close one, not clear of its side."""
        sides = box.touches(BORDER)
        near = box.grown(0.04, 0.04)
        best, most = None, 0.0
        for track in self._tracks:
            alone = sides and not sides & track.seen.touches(BORDER)
            own = track.split_from is None or track.seen_s >= OWN_S
            if own and not alone and track.seen_s > STEADY_S:
                common = near.overlap(track.seen.union(track.box))
                if common > most:
                    best, most = track.id, common
        return best


def _predict(track: Track, elapsed_s: float) -> Box:
    return track.box.shifted(track.velocity[0] * elapsed_s, track.velocity[1] * elapsed_s)


def _fade(velocity: Point, elapsed_s: float) -> Point:
    keep = math.exp(-elapsed_s / COAST_S)
    return velocity[0] * keep, velocity[1] * keep


def _velocity(track: Track, box: Box, elapsed_s: float, *, shared: bool) -> Point:
    if shared or elapsed_s <= 0:
        # Where a body stands inside a common box is a guess: go on as before, a little slower.
        return _fade(track.velocity, elapsed_s)
    weight = 1 - math.exp(-elapsed_s / STEADY_S)
    before = track.box
    dx = _moved(box.left - before.left, box.right - before.right)
    dy = _moved(box.top - before.top, box.bottom - before.bottom)
    vx, vy = track.velocity
    return vx + weight * (dx / elapsed_s - vx), vy + weight * (dy / elapsed_s - vy)


def _moved(low: float, high: float) -> float:
    """How far a body has moved whose two ends did so: as far as both.

    What one end moves further than the other is more or less of the body that is seen, or another
    one beside it.
    """
    return min(low, high, key=abs) if (low > 0) == (high > 0) else 0.0


def _outside(box: Box) -> bool:
    x, y = box.centre
    return not (0 < x < 1 and 0 < y < 1)
