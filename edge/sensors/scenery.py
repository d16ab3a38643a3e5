"""Learns the empty scene before a camera: the picture on which the manager draws.

Made by `edge.app.counting` around the body finder, whose learnt background it samples. DESIGN
section 2: never a live frame, and nobody in it. What sees to that, each by itself:

- No frame is ever looked at, only the background that the counter has learnt, which bodies do not
  teach (`sensors.motion`).
- It is sampled only when nothing at all has moved for `QUIET_S`, and rarely. Of many samples
  each point has the median: whoever is to show must have melted into the background, which takes
  150 s without the slightest movement, and then stay so, at one place, in half of the samples.
- It is made so coarse that a head which fills a tenth of the picture's height is nine points high,
  and blurred by about the distance of the two eyes in it: a shape at most, and no face.

It is held in memory only, here and in the front, and never written anywhere.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.geometry import Box
from edge.ports import BodyFinder

Image = NDArray[np.uint8]
SIDE: Final = 160
"""Longer side of the picture."""
SAMPLES: Final = 16
FIRST_EVERY_S: Final = 30.0
"""While there is no picture yet: an installer has one after ten quiet minutes."""
EVERY_S: Final = 120.0
QUIET_S: Final = 10.0
BLUR: Final = 1.3
"""Standard deviation in points."""
DARK: Final = 24.0
"""Mean grey level of a shop whose lights are out: there is nothing to draw on."""
_QUALITY: Final = 80


class Scenery:
    """ports.BodyFinder that also learns the empty scene.

    Args:
        finder: finds the bodies.
        background: the scene as the finder has learnt it, BGR uint8; any size.
    """

    def __init__(self, finder: BodyFinder, background: Callable[[], Image]) -> None:
        self._finder = finder
        self._background = background
        self._samples: deque[Image] = deque(maxlen=SAMPLES)
        self._picture: bytes | None = None
        self._moved_s = self._sampled_s = self._seen_s = float("-inf")

    def detect(self, image: Image, at_s: float) -> list[Box]:
        """See ports.BodyFinder."""
        boxes = self._finder.detect(image, at_s)
        if boxes or at_s < self._seen_s or self._moved_s == float("-inf"):
            self._moved_s = at_s
        if at_s < self._seen_s:
            self._sampled_s = at_s
        self._seen_s = at_s
        every_s = EVERY_S if len(self._samples) == SAMPLES else FIRST_EVERY_S
        if at_s - self._moved_s >= QUIET_S and at_s - self._sampled_s >= every_s:
            self._sampled_s = at_s
            self._sample()
        return boxes

    def backdrop(self) -> bytes | None:
        """See ports.Backdrop."""
        return self._picture

    def _sample(self) -> None:
        learnt = self._background()
        shrink = SIDE / max(learnt.shape[:2])
        size = tuple(max(8, round(shrink * side)) for side in learnt.shape[1::-1])
        small = np.asarray(cv2.resize(learnt, size, interpolation=cv2.INTER_AREA), np.uint8)
        if float(small.mean()) < DARK:
            return
        if self._samples and self._samples[-1].shape != small.shape:
            self._samples.clear()  # another camera: what was learnt is of no use
            self._picture = None
        self._samples.append(small)
        if len(self._samples) == SAMPLES:
            middle = np.median(np.stack(self._samples), axis=0).astype(np.uint8)
            blurred = cv2.GaussianBlur(middle, (0, 0), BLUR)
            done, jpeg = cv2.imencode(".jpg", blurred, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            self._picture = jpeg.tobytes() if done else None
