"""A camera that is watched live: reads in a thread of its own, reconnects, keeps the newest frame.

Used by the eyes process. A file plays at its own pace, so that a demonstration is a live shop.

    source -> reader thread -> Mailbox (newest frame of each camera) -> counting
                  └─ connecting, ok, lost, frozen, ended, unreadable
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config_values import is_device, is_file
from edge.ports import CameraStateCode, Clock, Frame
from edge.sensors.mailbox import Mailbox, Pace
from edge.sensors.recording import CameraFault, Recording, RecordingTruncated, check_image

FROZEN_S: Final = 60.0
"""Pictures that are equal to the last bit for this long come from a camera that hangs: a real
sensor's noise changes some of them, and a video stream sends a fresh key frame within seconds."""
SILENT_S: Final = 10.0
"""A live camera sends several frames a second; after this long without one it is lost."""
STUCK_S: Final = 120.0
"""A driver that has not returned for this long will not; only a new process helps."""
_BACKOFF_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_TIMEOUT_MS: Final = 8000
_ROUND_S: Final = 1.0
"""A file that is played over and over takes so long at least: one that breaks off after its first
picture would take a whole core, and every other camera's frames with it."""
log = logging.getLogger(__name__)


class CameraLost(CameraFault):
    """The camera cannot be reached, or its stream broke off."""


def shown_source(source: str) -> str:
    """Return a source for logs: of an address only scheme and host.

    User, password, path and query are left out: cheap cameras take the password in any of them.
    """
    scheme, separator, _ = source.partition("://")
    if not separator:
        return source
    try:
        host = urlsplit(source).hostname
    except ValueError:
        host = None
    return f"{scheme}://{host or '...'}/..."


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraReport:
    """A camera's state since when, its pace, and how many frames nobody had time for."""

    name: str
    state: CameraStateCode
    since: datetime
    frames_per_s: float
    dropped: int


class LiveCamera:
    """One camera, read until `close`.

    Args:
        name: its name in the settings.
        source: an RTSP or HTTP address, a device number, or a file.
        loop: play a file over and over.
        clock: the box's clock.
        mailbox: where its frames go.
        on_state: told of each change of state, from the reader's thread.
    """

    def __init__(
        self,
        *,
        name: str,
        source: str,
        loop: bool,
        clock: Clock,
        mailbox: Mailbox,
        on_state: Callable[[str, CameraStateCode, str], None],
        frozen_s: float = FROZEN_S,
    ) -> None:
        self.name = name
        self._source = source
        self._loop = loop
        self._clock = clock
        self._mailbox = mailbox
        self._on_state = on_state
        self._frozen_s = frozen_s
        self._stop = threading.Event()
        self._state: CameraStateCode = "connecting"
        self._since = clock.now()
        self._last_frame = clock.mono()
        self._last_change = clock.mono()
        self._last_look: bytes = b""
        self._dropped = 0
        self._pace = Pace()
        self._accelerated = not is_device(source)
        self._decoded = ""
        self._began = clock.mono()
        self._thread = threading.Thread(target=self._run, name=f"camera-{name}", daemon=True)
        self.crash: BaseException | None = None

    @property
    def began(self) -> float:
        """The monotonic second that its frames count from."""
        return self._began

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading; waits a moment for the driver to return."""
        self._stop.set()
        self._thread.join(timeout=2)

    def report(self) -> CameraReport:
        """Return how the camera is; notices a stream that went silent inside the driver."""
        now = self._clock.mono()
        if self._state in ("ok", "frozen") and now - self._last_frame > SILENT_S:
            self._enter("lost", "no picture for a while")
        return CameraReport(
            name=self.name,
            state=self._state,
            since=self._since,
            frames_per_s=round(self._pace.per_s(now), 1),
            dropped=self._dropped,
        )

    @property
    def stuck(self) -> bool:
        """Whether the driver has not returned for so long that only a new process helps."""
        return (
            self._state != "ended"
            and self._thread.is_alive()
            and self._clock.mono() - self._last_frame > STUCK_S
        )

    def _enter(self, state: CameraStateCode, why: str) -> None:
        if state == self._state:
            return
        self._state = state
        self._since = self._clock.now()
        self._on_state(self.name, state, why)

    def _run(self) -> None:
        try:
            self._read_for_ever()
        except BaseException as exc:
            self.crash = exc  # the eyes' loop raises it: a crash ends the process, loudly
            self._mailbox.close()
            raise

    def _read_for_ever(self) -> None:
        failures = 0
        while not self._stop.is_set():
            given = 0
            try:
                for image in self._pictures():
                    given += 1
                    self._deliver(image)
                if self._stop.is_set():
                    return
                if is_file(self._source):
                    self._enter("ended", "the file has been played")
                    return
                raise CameraLost(f"camera {self.name}: the stream ended")
            except CameraLost as exc:
                self._enter("lost", str(exc))
            except RecordingTruncated as exc:
                self._enter("ended", str(exc))
                return
            except CameraFault as exc:
                self._enter("unreadable", str(exc))
            failures = 0 if given else failures + 1
            pause_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)] * random.uniform(0.8, 1.2)
            self._last_frame = self._clock.mono()  # waiting is not being stuck
            self._stop.wait(pause_s)

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        if is_file(self._source):
            yield from self._paced_file()
        else:
            yield from self._stream()

    def _paced_file(self) -> Iterator[NDArray[np.uint8]]:
        """Play the file at its own pace; over and over if asked."""
        said = False
        while not self._stop.is_set():
            began = time.monotonic()
            recording = Recording(
                camera=self.name, path=Path(self._source), start=datetime.now(UTC)
            )
            try:
                for frame in recording.frames():
                    if self._stop.wait(max(0.0, began + frame.elapsed_s - time.monotonic())):
                        return
                    yield frame.image
            except RecordingTruncated as exc:
                if not self._loop:
                    raise
                if not said:
                    log.warning("%s", exc)
                said = True
            if not self._loop or self._stop.wait(max(0.0, began + _ROUND_S - time.monotonic())):
                return

    def _stream(self) -> Iterator[NDArray[np.uint8]]:
        capture, image = self._first_picture()
        try:
            while image is not None and not self._stop.is_set():
                yield image
                image = self._read(capture)
        finally:
            capture.release()

    def _first_picture(self) -> tuple[cv2.VideoCapture, NDArray[np.uint8] | None]:
        """Open the source, by the machine's video decoder if that works, and read once.

        Raises CameraLost. The picture is None where the source gives none.
        """
        for accelerated in (True, False) if self._accelerated else (False,):
            capture = self._opened(accelerated)
            image = self._read(capture) if capture.isOpened() else None
            if image is not None:
                self._say_how(capture, accelerated)
                return capture, image
            if accelerated and capture.isOpened():
                # It answers, but the decoder gives nothing: never again for this camera.
                self._accelerated = False
            elif not capture.isOpened():
                capture.release()
                raise CameraLost(
                    f"camera {self.name}: {shown_source(self._source)}: no answer; check power,"
                    " cable, address, and that the password file is right"
                )
            capture.release()
        return capture, None

    def _read(self, capture: cv2.VideoCapture) -> NDArray[np.uint8] | None:
        given, image = capture.read()
        return check_image(image, f"camera {self.name}") if given else None

    def _opened(self, accelerated: bool) -> cv2.VideoCapture:
        if is_device(self._source):
            capture = cv2.VideoCapture(int(self._source), cv2.CAP_V4L2)
            # Raw pictures of a large format do not fit through USB 2 fifteen times a second; a
            # camera that knows no JPEG stays as it is.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            return capture
        options = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS),
            *(cv2.CAP_PROP_N_THREADS, 1),  # a thread a camera; more only add delay
        ]
        if accelerated:
            # FFmpeg itself falls back when there is no such decoder, OpenCV when it cannot begin.
            options += [cv2.CAP_PROP_HW_ACCELERATION, cv2.VIDEO_ACCELERATION_ANY]
        return cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, options)

    def _say_how(self, capture: cv2.VideoCapture, accelerated: bool) -> None:
        kind = int(capture.get(cv2.CAP_PROP_HW_ACCELERATION)) if accelerated else 0
        how = "by the machine's video decoder" if kind > 0 else "by the processor"
        if how != self._decoded:
            self._decoded = how
            log.info("camera %s: its pictures are decoded %s", self.name, how)

    def _deliver(self, image: NDArray[np.uint8]) -> None:
        now = self._clock.mono()
        self._last_frame = now
        self._pace.tick(now)
        look = image[::8, ::8].tobytes()
        if look != self._last_look:
            self._last_look = look
            self._last_change = now
            self._enter("ok", "pictures arrive")
        elif now - self._last_change > self._frozen_s:
            self._enter("frozen", f"the same picture for {self._frozen_s:.0f} s")
        else:
            self._enter("ok", "pictures arrive")  # it was away, and nothing has moved
        frame = Frame(
            camera=self.name,
            at=self._clock.now(),
            elapsed_s=now - self._began,
            image=image,
        )
        self._dropped += self._mailbox.put(frame)
