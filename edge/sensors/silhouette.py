"""Tells two people who walk side by side from one: by the heads of their common outline.

Called by `sensors.motion` with what it found in front of the background; calls nothing.

      _   _           Seen from above, column by column, an outline rises to a head and falls to
     / \\ / \\          the shoulders. Two heads are two rises of about the same height and width
    |   v   |         with a valley between, and about as much of the body below either. A raised
    |       |         hand, a bag or a leg that strides out is narrow, or has little below it.
    |___|___|
        cut           (Haritaoglu, Harwood, Davis: Hydra, ICIAP 1999, who count heads so.)
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

LEAST_HIGH: Final = 0.18  # of the picture's height: a smaller body has no outline of a head
VALLEY_PX: Final = 4  # depth between two heads, in pixels of the working picture: less is noise
VALLEY: Final = 0.035  # the same as a share of the body's height
LEVEL: Final = 0.15  # of that height by which two heads may differ: grown people, abreast
HEAD_PX: Final = 5  # least width of a head
UPRIGHT: Final = 1.5  # times its width that each of the two is high: of one who is cut off below,
# and is about three times as high as wide, head and shoulders are then to be seen
ALIKE: Final = 2.5  # times that one head may be as wide as the other
SHARE: Final = 0.3  # of the area that each of the two has at least


def cuts_between_heads(body: Mask, picture_high: int) -> list[int]:
    """Return the columns of a connected body (h, w) that part people side by side, left to right.

    `picture_high` is the height in pixels of the picture that the body was cut out of.
    """
    high, wide = body.shape
    if high < LEAST_HIGH * picture_high or wide < 2 * HEAD_PX:
        return []
    cut = _cut(body)
    if cut is None:
        return []
    left = cuts_between_heads(body[:, :cut], picture_high)
    right = cuts_between_heads(body[:, cut:], picture_high)
    return [*left, cut, *(cut + column for column in right)]


def _cut(body: Mask) -> int | None:
    """The middle of the deepest valley of the outline, if there is a head on either side."""
    high, wide = body.shape
    top = np.where(body.any(axis=0), body.argmax(axis=0), high)
    left_head, right_head = np.minimum.accumulate(top), np.minimum.accumulate(top[::-1])[::-1]
    lower_head = np.maximum(left_head, right_head)
    depth = top - lower_head
    first = last = int(depth.argmax())
    deepest = int(depth[first])
    if deepest < max(VALLEY_PX, VALLEY * high):
        return None
    while last + 1 < wide and depth[last + 1] >= deepest - 1:
        last += 1
    cut = (first + last) // 2
    if abs(int(left_head[cut]) - int(right_head[cut])) > LEVEL * high:
        return None
    is_head = top <= lower_head[cut] + depth[cut] / 2
    narrow, broad = sorted((int(is_head[:cut].sum()), int(is_head[cut:].sum())))
    if high < UPRIGHT * max(cut, wide - cut):
        return None
    share = float(body[:, :cut].sum() / body.sum())
    if narrow < HEAD_PX or broad > ALIKE * narrow or min(share, 1 - share) < SHARE:
        return None
    return cut
