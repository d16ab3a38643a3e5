"""Follows several bodies from picture to picture by their boxes alone.

Called by core.counting; calls core.geometry. A box may be a whole body, a part of one, or several
bodies that overlap: a body keeps the extent that it has shown, and bodies that share one box go on
as each went before, inside that box, until it comes apart again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.core.geometry import Box, Point

LOST_S: Final = 1.0  # a body unseen for so long is gone
LEFT_S: Final = 0.4  # the same for one whose way led out of the frame
FASTEST: Final = 1.6  # frames a second; nobody crosses the picture quicker
STEADY_S: Final = 0.3  # time constant of the velocity
COAST_S: Final = 1.5  # time constant at which an unseen velocity fades
SCRAP: Final = 0.35  # of a body's area: a piece beside it that is larger is a body itself
YOUNG_S: Final = 0.5  # so long head and legs may find each other
OWN_S: Final = 1.5  # what came off a body is one itself after it went its own way for so long
WHOLE: Final = 0.75  # of the known extent: a box that shows so much shows all of it
EXTENT_S: Final = 2.0  # time constant at which a body's extent may shrink
BORDER: Final = 0.02  # a box so near to a side touches it


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One body; boxes in fractions of the frame, velocity in frames a second, times in seconds.

    `box` is the whole body as far as it is known and may reach out of the frame; `seen` is the
    last box that was really seen of it; `shared` tells that `seen` held other bodies as well.
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
        owners, rest = _assign(ahead, boxes, young, elapsed_s)
        holders = _share(ahead, boxes, owners)
        for index, track in enumerate(self._tracks):
            # A young piece that melts back into a body was never one of its own.
            if track.split_from is not None and track.seen_s < OWN_S and index not in owners:
                holders.pop(index, None)
        kept, ended = [], []
        for index, box in enumerate(ahead):
            track = self._tracks[index]
            if index in holders:
                kept.append(self._seen(index, ahead, boxes, holders, elapsed_s))
            elif track.split_from is not None and track.seen_s < OWN_S and _covered(box, boxes):
                continue
            elif at_s - track.seen_at_s > (LEFT_S if _outside(box) else LOST_S):
                ended.append(track)
            else:
                kept.append(replace(track, box=box, velocity=_fade(track.velocity, elapsed_s)))
        newborn = [self._born(box, at_s, elapsed_s) for box in _grouped([boxes[i] for i in rest])]
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
            box = _within(index, {i: ahead[i] for i in fellows}, seen)
        else:
            box = _whole(ahead[index], seen, elapsed_s)
        return replace(
            track,
            box=box,
            seen=seen,
            velocity=_velocity(track, box, elapsed_s, shared=len(fellows) > 1),
            seen_at_s=self._at_s,
            seen_s=track.seen_s + elapsed_s,
            shared=len(fellows) > 1,
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
            if track.split_from is None and not alone and track.seen_s > STEADY_S:
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
    (x, y), (x0, y0) = box.centre, track.box.centre
    vx, vy = track.velocity
    return (
        vx + weight * ((x - x0) / elapsed_s - vx),
        vy + weight * ((y - y0) / elapsed_s - vy),
    )


def _outside(box: Box) -> bool:
    x, y = box.centre
    return not (0 < x < 1 and 0 < y < 1)


def _assign(
    ahead: Sequence[Box], boxes: Sequence[Box], young: frozenset[int], elapsed_s: float
) -> tuple[dict[int, tuple[int, ...]], list[int]]:
    """(boxes of each body, the likeliest first; boxes that are nobody's yet)."""
    pairs = sorted(
        (cost, body, part)
        for body, box in enumerate(ahead)
        for part, seen in enumerate(boxes)
        if (cost := _cost(box, seen, elapsed_s)) < 1
    )
    owners: dict[int, tuple[int, ...]] = {}
    taken: set[int] = set()
    for _, body, part in pairs:
        if body not in owners and part not in taken:
            owners[body] = (part,)
            taken.add(part)
    rest = []
    for part in (i for i in range(len(boxes)) if i not in taken):
        parent = _parent(part, ahead, boxes, owners)
        if parent is None:
            limbs = (
                body
                for body, parts in owners.items()
                if body in young and _stacked(boxes[parts[0]], boxes[part])
            )
            parent = next(limbs, None)
        if parent is None:
            rest.append(part)
        else:
            owners[parent] = (*owners[parent], part)
    return owners, rest


def _cost(box: Box, seen: Box, elapsed_s: float) -> float:
    """How badly a box suits a body, 0 to 1; 1 and more cannot be."""
    (x, y), (x1, y1) = box.centre, seen.centre
    reach = FASTEST * elapsed_s
    wide, high = (box.width + seen.width) / 2, (box.height + seen.height) / 2
    distance = math.hypot((x1 - x) / (0.6 * wide + reach), (y1 - y) / (0.6 * high + reach))
    smaller = min(box.area, seen.area)
    covered = box.overlap(seen) / smaller if smaller > 0 else 0.0
    if distance >= 1 and covered < 0.5:
        return math.inf
    return min(0.99, 0.4 * min(distance, 1.5) + 0.4 * (1 - covered))


def _parent(
    part: int, ahead: Sequence[Box], boxes: Sequence[Box], owners: dict[int, tuple[int, ...]]
) -> int | None:
    """The body that a spare box is a piece of: one that spans it, or whose other piece it nears."""
    piece = boxes[part]
    best, best_share = None, 0.6
    for body, parts in owners.items():
        held = boxes[parts[0]]
        whole = _whole(ahead[body], held, 0.0).union(held)
        span = whole.grown(0.02 + 0.1 * whole.width, 0.02 + 0.1 * whole.height)
        share = span.overlap(piece) / piece.area if piece.area > 0 else 0.0
        abreast = piece.area > SCRAP * held.area and not _in_column(piece, held)
        if share > best_share and not abreast:
            best, best_share = body, share
    return best


def _share(
    ahead: Sequence[Box], boxes: Sequence[Box], owners: dict[int, tuple[int, ...]]
) -> dict[int, tuple[int, ...]]:
    """Let a body without a box of its own live on in the box that covers where it must be."""
    holders = dict(owners)
    for body, box in enumerate(ahead):
        if body in owners or box.area <= 0:
            continue
        covered, part = max(
            ((box.overlap(boxes[parts[0]]) / box.area, parts[0]) for parts in owners.values()),
            default=(0.0, -1),
        )
        if covered > 0.4:
            holders[body] = (part,)
    return holders


def _covered(box: Box, boxes: Sequence[Box]) -> bool:
    return any(box.overlap(other) > 0.4 * box.area for other in boxes)


def _whole(ahead: Box, seen: Box, elapsed_s: float) -> Box:
    """The body around what is seen of it: it does not shrink at once when a part is hidden."""
    left, right = _span(ahead.left, ahead.right, seen.left, seen.right, elapsed_s)
    top, bottom = _span(ahead.top, ahead.bottom, seen.top, seen.bottom, elapsed_s)
    return Box(left=left, top=top, right=right, bottom=bottom)


def _span(
    low: float, high: float, seen_low: float, seen_high: float, elapsed_s: float
) -> tuple[float, float]:
    """One axis: keep the known extent, held by the end that moved as expected.

    An end at the frame's side tells nothing, for the body goes on beyond it.
    """
    known, shown = high - low, seen_high - seen_low
    if shown >= WHOLE * known:
        return seen_low, seen_high
    extent = shown + (known - shown) * math.exp(-elapsed_s / EXTENT_S)
    cut_low, cut_high = seen_low <= BORDER, seen_high >= 1 - BORDER
    by_low = cut_high
    if cut_low == cut_high:
        by_low = abs(seen_low - low) <= abs(seen_high - high)
    return (seen_low, seen_low + extent) if by_low else (seen_high - extent, seen_high)


def _within(body: int, ahead: dict[int, Box], seen: Box) -> Box:
    """A body that shares a box: moved into it, and to its edge if nobody else can be there."""
    box = ahead[body]
    dx = _shift(box.left, box.right, seen.left, seen.right)
    dy = _shift(box.top, box.bottom, seen.top, seen.bottom)
    others = [other for index, other in ahead.items() if index != body]
    if all(box.left <= other.left for other in others) and box.left > seen.left:
        dx = seen.left - box.left
    elif all(box.right >= other.right for other in others) and box.right < seen.right:
        dx = seen.right - box.right
    return box.shifted(dx, dy)


def _shift(low: float, high: float, outer_low: float, outer_high: float) -> float:
    """The least movement that puts [low, high] inside [outer_low, outer_high], or centres it."""
    if high - low >= outer_high - outer_low:
        return (outer_low + outer_high - low - high) / 2
    return max(0.0, outer_low - low) - max(0.0, high - outer_high)


def _in_column(box: Box, other: Box) -> bool:
    """Whether one stands above the other."""
    wide = min(box.right, other.right) - max(box.left, other.left)
    return wide > 0.5 * min(box.width, other.width)


def _stacked(box: Box, other: Box) -> bool:
    """Whether one stands above the other, near enough to be head and legs of one body."""
    gap = max(box.top, other.top) - min(box.bottom, other.bottom)
    return gap < max(box.height, other.height) and _in_column(box, other)


def _grouped(boxes: Sequence[Box]) -> list[Box]:
    """Join unknown boxes that stand one above the other: pieces of one upright body."""
    groups: list[Box] = []
    for box in boxes:
        for index, other in enumerate(groups):
            if _stacked(box, other):
                groups[index] = other.union(box)
                break
        else:
            groups.append(box)
    return groups
