"""Recorded files as frame sources: every frame, on the recording's own clock.

Used by a replay, and by `camera` for a file that plays as if live.
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.ports import Frame
from menkou.errors import MenkouFault

_SHORT: Final = 0.95
"""A file that ends before this share of the frames that it announces is called truncated."""
_FRAMES_PER_S: Final = 25.0
"""Assumed where a file names neither times nor a rate."""
_PAUSE_MAX_S: Final = 24 * 3600.0
"""Between two pictures. A file that tells of longer is damaged: its pictures follow at its rate."""


class CameraFault(MenkouFault):
    """A camera or recording cannot be read. Base of this package's errors."""


class RecordingTruncated(CameraFault):
    """A recording ended early; every frame before that was given."""


def quiet_opencv() -> None:
    """Keep OpenCV and FFmpeg from writing addresses with passwords to stderr, and TCP for RTSP.

    Called once by a process that reads cameras; both libraries read these lazily.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def check_image(image: object, where: str) -> NDArray[np.uint8]:
    """Return the picture if it is BGR uint8 of shape (H, W, 3).

    Raises:
        CameraFault: it is not.
    """
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3:
        return image
    got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
    raise CameraFault(f"{where}: expected colour pictures of 8 bits, got {got}")


class Recording:
    """A video file.

    Args:
        camera: the camera that it stands for.
        path: the file.
        start: the aware time of its first frame.
    """

    def __init__(self, *, camera: str, path: Path, start: datetime) -> None:
        self._camera = camera
        self._path = path
        self._start = start
        self._closed = False
        self.frames_given = 0
        if not path.is_file() and not path.is_fifo():
            raise CameraFault(f"camera {camera}: {path}: expected a video file, found none")
        # More threads decode no frame sooner and cost 40 % more of the processor.
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise CameraFault(
                f"camera {camera}: {path}: expected a video that FFmpeg can read, got something"
                " else or a damaged file; try to play it, or record it again"
            )
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.frames_announced = count if count > 0 else None
        """How many frames the file says it has; None where it does not say."""

    def frames(self) -> Iterator[Frame]:
        """Yield every frame.

        Raises:
            CameraFault: no frame, or no usable one.
            RecordingTruncated: after the last one, if the file announced many more.
        """
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        interval_s = 1 / (rate if 1 / _PAUSE_MAX_S < rate < 1000 else _FRAMES_PER_S)
        elapsed_s = -interval_s
        while not self._closed:
            given, image = self._capture.read()
            if not given:
                break
            stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # Some containers repeat or omit times; the clock of a recording only goes forward.
            told = 0 < stamp_s - elapsed_s <= _PAUSE_MAX_S
            elapsed_s = stamp_s if told else elapsed_s + interval_s
            self.frames_given += 1
            yield Frame(
                camera=self._camera,
                at=self._start + timedelta(seconds=elapsed_s),
                elapsed_s=elapsed_s,
                image=check_image(image, f"camera {self._camera}: {self._path}"),
            )
        self._capture.release()
        if not self._closed:
            self._check_end()

    def _check_end(self) -> None:
        where = f"camera {self._camera}: {self._path}"
        if self.frames_given == 0:
            raise CameraFault(f"{where}: expected frames, got none; the file may be damaged")
        announced = self.frames_announced
        if announced and self.frames_given < _SHORT * announced:
            raise RecordingTruncated(
                f"{where}: expected {announced} frames, got {self.frames_given}; the file is"
                " truncated or damaged from there on, what came before it was counted"
            )

    def close(self) -> None:
        """End `frames` after the current one."""
        self._closed = True
