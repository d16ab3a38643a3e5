"""The connected pieces of foreground, and the bodies in them.

Called by `sensors.motion`; calls OpenCV and sensors.silhouette. Labelled once a picture: by these
pieces bodies are boxed, and furniture is told from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.geometry import Box
from edge.sensors.silhouette import cuts_between_heads

Image = npt.NDArray[np.uint8]

PART: Final = 0.0015  # fraction of the frame; smaller specks are noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Blobs:
    """The connected pieces of foreground that are large enough.

    `labels` (h, w) names the piece of each pixel, `stats` are OpenCV's of each label, `order` are
    the large ones by falling area, `mask` is 255 on them, `outline` not 0 on the foreground before
    its gaps were closed.
    """

    labels: npt.NDArray[np.int32]
    stats: npt.NDArray[np.int32]
    order: list[int]
    mask: Image
    outline: Image

    def piece(self, label: int) -> tuple[tuple[slice, slice], npt.NDArray[np.bool_], int]:
        """(its window in the picture, where in the window it is, its area)."""
        x, y, across, down, area = (int(value) for value in self.stats[label])
        window = np.s_[y : y + down, x : x + across]
        return window, self.labels[window] == label, area

    def boxes(self) -> list[Box]:
        """The bodies, by falling area of their piece; those of one piece from left to right."""
        return [box for label in self.order for box in self._bodies(label)]

    def _bodies(self, label: int) -> list[Box]:
        high, wide = self.labels.shape
        window, body, _ = self.piece(label)
        y, x = window[0].start, window[1].start
        across = body.shape[1]
        # Who is cut off by a side of the picture has an outline that tells nothing. Valleys are
        # filled in what was joined across gaps; the outline is only cleared of a sensor's noise.
        whole = x > 0 and x + across < wide
        cuts = cuts_between_heads(body & (self.outline[window] > 0), high) if whole else []
        boxes = []
        for first, end in pairwise((0, *cuts, across)):
            rows = np.flatnonzero(body[:, first:end].any(axis=1))
            boxes.append(
                Box(
                    left=(x + first) / wide,
                    top=(y + int(rows[0])) / high,
                    right=(x + end) / wide,
                    bottom=(y + int(rows[-1]) + 1) / high,
                )
            )
        return boxes


def blobs_in(differs: Image) -> Blobs:
    """The pieces of what differs from the background: 255 where it does, (h, w)."""
    high, wide = differs.shape
    opened = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    reach = (max(3, wide // 38) | 1, max(3, high // 15) | 1)
    closed = cv2.morphologyEx(
        opened, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, reach)
    )
    outline = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= PART * high * wide
    keep[0] = False
    order = sorted(np.flatnonzero(keep), key=lambda label: -int(stats[label, cv2.CC_STAT_AREA]))
    return Blobs(
        labels=np.asarray(labels, np.int32),
        stats=np.asarray(stats, np.int32),
        order=[int(label) for label in order],
        mask=np.asarray(keep[labels] * np.uint8(255), np.uint8),
        outline=np.asarray(outline, np.uint8),
    )
