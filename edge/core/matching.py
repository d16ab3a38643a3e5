"""Which box belongs to which body: the geometry of bodies that split, hide and overlap.

Called by core.tracking; calls core.geometry. Pure functions of boxes; nothing is remembered here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from edge.core.geometry import Box

FASTEST: Final = 1.6  # frames a second; nobody crosses the picture quicker
SCRAP: Final = 0.35  # of a body's area: a piece beside it that is larger is a body itself
WHOLE: Final = 0.75  # of the known extent: a box that shows so much shows all of it
EXTENT_S: Final = 2.0  # time constant at which a body's extent may shrink
SMALLEST: Final = 0.004  # fraction of the frame that a body's box covers at least once
LOWEST: Final = 0.1  # fraction of the frame's height that a body has at least once
CRUMB: Final = 0.4  # cost of a piece too small for a body: as much as no overlap at all
GROWTH: Final = 4.0  # times its area to which nothing grows from one picture to the next
BORDER: Final = 0.02  # a box so near to a side touches it


def is_body_sized(box: Box) -> bool:
    """Whether a box is large enough for a body, however far away."""
    return box.area >= SMALLEST and box.height >= LOWEST


def assign(
    ahead: Sequence[Box],
    boxes: Sequence[Box],
    young: frozenset[int],
    stains: frozenset[int],
    elapsed_s: float,
) -> tuple[dict[int, tuple[int, ...]], list[int]]:
    """(boxes of each body, the likeliest first; boxes that are nobody's yet).

    `stains` never were large enough for a body: who walks over one does not continue it.
    """
    pairs = sorted(
        (cost, body, part)
        for body, box in enumerate(ahead)
        for part, seen in enumerate(boxes)
        if not (body in stains and is_body_sized(seen) and seen.area > GROWTH * box.area)
        and (cost := _cost(box, seen, elapsed_s)) < 1
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
    # Twice the way between the middles, and the sum of the sides; most pairs lie far apart, and
    # there are hundreds a picture.
    across = abs(seen.left + seen.right - box.left - box.right)
    down = abs(seen.top + seen.bottom - box.top - box.bottom)
    wide = box.right - box.left + seen.right - seen.left
    high = box.bottom - box.top + seen.bottom - seen.top
    reach = 2 * FASTEST * elapsed_s
    apart = across >= wide or down >= high
    if apart and (across >= 0.6 * wide + reach or down >= 0.6 * high + reach):
        return math.inf
    distance = math.hypot(across / (0.6 * wide + reach), down / (0.6 * high + reach))
    smaller = min(box.area, seen.area)
    covered = box.overlap(seen) / smaller if smaller > 0 else 0.0
    if distance >= 1 and covered < 0.5:
        return math.inf
    crumb = CRUMB if is_body_sized(box) and not is_body_sized(seen) else 0.0
    return min(0.99, 0.4 * min(distance, 1.5) + 0.4 * (1 - covered) + crumb)


def _parent(
    part: int, ahead: Sequence[Box], boxes: Sequence[Box], owners: dict[int, tuple[int, ...]]
) -> int | None:
    """The body that a spare box is a piece of: one that spans it, or whose other piece it nears."""
    piece = boxes[part]
    best, best_share = None, 0.6
    for body, parts in owners.items():
        held = boxes[parts[0]]
        whole = whole_body(ahead[body], held, 0.0).union(held)
        span = whole.grown(0.02 + 0.1 * whole.width, 0.02 + 0.1 * whole.height)
        share = span.overlap(piece) / piece.area if piece.area > 0 else 0.0
        abreast = piece.area > SCRAP * held.area and not _in_column(piece, held)
        if share > best_share and not abreast:
            best, best_share = body, share
    return best


def share(
    ahead: Sequence[Box],
    boxes: Sequence[Box],
    owners: dict[int, tuple[int, ...]],
    stains: frozenset[int],
) -> dict[int, tuple[int, ...]]:
    """Let a body without a box of its own live on in the box that covers where it must be.

    A stain does not: it has no way of its own on which it could go along.
    """
    holders = dict(owners)
    for body, box in enumerate(ahead):
        if body in owners or body in stains or box.area <= 0:
            continue
        covered, part = max(
            ((box.overlap(boxes[parts[0]]) / box.area, parts[0]) for parts in owners.values()),
            default=(0.0, -1),
        )
        if covered > 0.4:
            holders[body] = (part,)
    return holders


def covered(box: Box, boxes: Sequence[Box]) -> bool:
    return any(box.overlap(other) > 0.4 * box.area for other in boxes)


def whole_body(ahead: Box, seen: Box, elapsed_s: float) -> Box:
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


def within(body: int, ahead: dict[int, Box], seen: Box) -> Box:
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


def grouped(boxes: Sequence[Box]) -> list[Box]:
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
