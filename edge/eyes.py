"""The eyes process: cameras in, facts out. The supervisor starts it, `app` puts it together.

One loop counts the frames of every camera and, where the mode allows it, reads the faces of its
newest; a thread a camera brings them. The loop ends when another mode is due: `app` then puts a new
process in this one's place, so that no face outlives the permission to read it.
"""

import logging
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, Protocol

from edge.bus import Bus, CameraNote, Note, PictureNote, PromptNote
from edge.core.timeline import Moved, Timeline
from edge.core.visit import Change
from edge.modes import ModeStatus
from edge.pipeline import Counting, Recorder
from edge.ports import CameraStateCode, Clock
from edge.sensors.camera import LiveCamera
from edge.sensors.mailbox import Mailbox
from edge.sensors.motion import FrameUnreadable
from edge.store.database import StoreAway, StoreFull
from edge.wire.codec import utc_text

log = logging.getLogger(__name__)

NOTE_EVERY_S: Final = 1.0
TICK_EVERY_S: Final = 5.0
SHOW_EVERY_S: Final = 15.0
"""How often the front is given the cameras' empty scenes: it keeps them in memory only."""
LOOK_EVERY_S: Final = 0.2
"""How often the store is looked at: a change of the gallery is in force within a second."""
End = Literal["stopped", "mode"]


class CameraStuck(Exception):
    """A driver does not return; the process ends so that a new one can try."""


class Errands(Protocol):
    """What people in the shop and the passing of time ask of the eyes."""

    def open(self) -> Sequence[Change]:
        """Return what follows from what was asked since the last call."""
        ...

    def done(self) -> None:
        """Note that what `open` returned is kept."""
        ...


class Timekeeper(Protocol):
    """Whether the box's clock has moved, and what was dated wrongly before."""

    def look(self) -> tuple[Moved, Timeline] | None:
        """Return how the clock has moved, and to what, since the last call; mostly not at all."""
        ...

    def at(self, mono: float) -> datetime:
        """Return the wall time of a monotonic second, as the clock stands now."""
        ...

    def mend(self) -> None:
        """Put some of what was dated wrongly right, if there is any."""
        ...


class Eyes:
    """Watches all cameras of the box until told to stop.

    Args:
        cameras: makes a camera that delivers to the mailbox and reports its states.
        counting: the rules.
        recorder: where facts go.
        bus: this part's place on the bus.
        clock: the box's clock.
        keep_health: keeps a camera's change of state for the hub.
        status: the mode that this process runs.
        due: judges which mode is to run now.
        errands: what is asked of the eyes.
        changed: whether other settings hold than those that this process began with.
        time: keeps the clock.
        watched: told each second which camera works how.
        drawn: the revision of each camera's drawing that is counted by.
    """

    def __init__(
        self,
        *,
        cameras: Callable[[Mailbox, Callable[[str, CameraStateCode, str], None]], list[LiveCamera]],
        counting: Counting,
        recorder: Recorder,
        bus: Bus,
        clock: Clock,
        keep_health: Callable[[str, CameraStateCode], None],
        status: ModeStatus,
        due: Callable[[], ModeStatus],
        errands: Errands,
        time: Timekeeper,
        changed: Callable[[], bool] = lambda: False,
        watched: Callable[[Mapping[str, str]], None] = lambda states: None,
        drawn: Mapping[str, int] | None = None,
    ) -> None:
        self._mailbox = Mailbox()
        self._news: list[tuple[str, CameraStateCode]] = []
        self._news_lock = threading.Lock()
        self._cameras: Sequence[LiveCamera] = cameras(self._mailbox, self._on_state)
        self._counting = counting
        self._recorder = recorder
        self._bus = bus
        self._clock = clock
        self._keep_health = keep_health
        self._status = status
        self._due = due
        self._errands = errands
        self._changed = changed
        self._time = time
        self._watched = watched
        self._drawn = drawn or {}
        self._prompted: Mapping[str, str] = {}
        self._began = {camera.name: camera.began for camera in self._cameras}

    def _on_state(self, camera: str, state: CameraStateCode, why: str) -> None:
        log.log(
            logging.INFO if state in ("ok", "ended") else logging.WARNING,
            "camera %s is %s: %s",
            camera,
            state,
            why,
        )
        with self._news_lock:
            self._news.append((camera, state))

    def run(self, stop: threading.Event) -> End:
        """Count until `stop` is set, or another mode or other settings are due; say which.

        Raises:
            CameraStuck: a driver hangs.
        """
        for camera in self._cameras:
            camera.start()
        noted = ticked = looked = showed = float("-inf")
        try:
            while not stop.is_set():
                self._count()
                self._recorder.flush_if_due()
                if self._counting.prompts != self._prompted:
                    self._tell()  # a guest waits
                now = self._clock.mono()
                if now - looked >= LOOK_EVERY_S:
                    looked = now
                    self._keep_time()
                    self._look()
                if now - ticked >= TICK_EVERY_S:
                    ticked = now
                    self._recorder.add(self._counting.tick(self._clock.now()))
                if now - noted >= NOTE_EVERY_S:
                    noted = now
                    self._time.mend()
                    self._keep_news()
                    if self._another_mode():
                        return "mode"
                    self._tell()
                    self._check()
                if now - showed >= SHOW_EVERY_S:
                    showed = now
                    self._show()
            return "stopped"
        finally:
            for camera in self._cameras:
                camera.close()
            self._recorder.flush()
            if self._recorder.held:
                log.error("%d facts could not be kept before the end", self._recorder.held)

    def _keep_time(self) -> None:
        """Take a step of the clock in one place, so that nothing is dated half and half."""
        if (step := self._time.look()) is not None:
            moved, timeline = step
            self._recorder.add(self._counting.clock_moved(moved, timeline, self._clock.now()))

    def _look(self) -> None:
        """Take up what others wrote into the store: requests, members, consents."""
        self._recorder.add(self._counting.refresh(self._clock.now()))
        try:
            asked = self._errands.open()
            if asked:
                self._recorder.add(asked)
                self._recorder.flush()
            if self._recorder.away is None:
                self._errands.done()
        except StoreAway as exc:  # asked again at the next look; counting goes on
            log.warning("what was asked of the eyes has to wait: %s", exc)

    def _another_mode(self) -> bool:
        """Say whether this process has the wrong mode; a new reason for the same one is told."""
        due = self._due()
        before, self._status = self._status, due
        another = (due.mode, due.everybody) != (before.mode, before.everybody)
        return another or self._changed()

    def _count(self) -> None:
        """Count what has come, then read the faces before one camera: all in turn."""
        for frame in self._mailbox.take(0.0 if self._counting.unseen else 0.2):
            # Dated anew: between the camera's thread and this one the clock may have been set.
            at = self._time.at(self._began[frame.camera] + frame.elapsed_s)
            try:
                self._recorder.add(self._counting.count(replace(frame, at=at)))
            except FrameUnreadable as exc:
                log.warning("camera %s: a picture is passed over: %s", frame.camera, exc)
        self._recorder.add(self._counting.look())

    def _keep_news(self) -> None:
        with self._news_lock:
            news, self._news = self._news, []
        for camera, state in news:
            try:
                self._keep_health(camera, state)
            except StoreAway as exc:
                log.error("the state of camera %s is not kept: %s", camera, exc)

    def _show(self) -> None:
        """Give the front what the scenes look like with nobody in them."""
        for camera, jpeg in self._counting.backdrops.items():
            picture = PictureNote(camera=camera, jpeg=b64encode(jpeg).decode())
            self._bus.send("front", Note(sender="eyes", picture=picture))

    def _tell(self) -> None:
        self._prompted = self._counting.prompts
        reports = [camera.report() for camera in self._cameras]
        self._watched({report.name: report.state for report in reports})
        note = Note(
            sender="eyes",
            disk_full=isinstance(self._recorder.away, StoreFull),
            refused=self._recorder.refused,
            mode=self._status.mode,
            why=self._status.why,
            cameras=tuple(
                CameraNote(
                    name=r.name,
                    state=r.state,
                    since=utc_text(r.since),
                    frames_per_s=r.frames_per_s,
                    dropped=r.dropped,
                )
                for r in reports
            ),
            prompts=tuple(PromptNote(camera=c, told=told) for c, told in self._prompted.items()),
            unconfirmed=self._counting.unconfirmed,
            mirrored=self._counting.mirrored,
            drawn=self._drawn,
        )
        self._bus.send("front", note)
        self._bus.send("supervisor", Note(sender="eyes"))

    def _check(self) -> None:
        for camera in self._cameras:
            if camera.crash is not None:
                raise camera.crash
            if camera.stuck:
                raise CameraStuck(
                    f"camera {camera.name}: its driver has not answered for minutes;"
                    " the eyes start anew"
                )
