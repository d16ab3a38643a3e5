"""The radio process: probe requests in, minutes of presence out. The supervisor starts it, `app`
puts it together.

One loop hands frames from the kernel's ring to the counter, and finished minutes to the store. No
queue lies between: an address never gets further than `sensors.radio.frames`. When the interface
goes, is taken down, leaves monitor mode or goes deaf, that is told, and it is taken up again; the
minutes meanwhile are not observed, which is another thing than nobody there.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from edge.bus import Bus, Note, RadioNote
from edge.core.presence import PresenceMinute
from edge.ports import Clock
from edge.sensors.radio.capture import Capture
from edge.sensors.radio.errors import CaptureFault
from edge.sensors.radio.frames import DROPPED
from edge.sensors.radio.hopping import Hopper
from edge.sensors.radio.interface import Interface, State
from edge.sensors.radio.minutes import Minutes
from edge.sensors.radio.watchdog import Watchdog
from edge.store.database import StoreAway, StoreFull

log = logging.getLogger(__name__)

WAIT_S: Final = 0.25
LOOK_EVERY_S: Final = 1.0
BACKOFF_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses before an interface is taken up again; one that was heard for `STEADY_S` begins anew."""
STEADY_S: Final = 60.0
HELD_MOST: Final = 24 * 60
"""Minutes that wait in memory while the store cannot be written: a day."""


class PresenceKeeper(Protocol):
    """Where finished minutes are kept, with what the hub is to be told."""

    def keep(self, minutes: Sequence[PresenceMinute]) -> int:
        """Keep all or none of them. Raises `edge.store.database.StoreAway`."""
        ...


class Held:
    """Finished minutes on their way into the store.

    Args:
        log: where they are kept.
        kept: told when some were.
    """

    def __init__(self, keeper: PresenceKeeper, kept: Callable[[], None]) -> None:
        self._keeper = keeper
        self._kept = kept
        self._minutes: list[PresenceMinute] = []
        self.refused = 0
        self.disk_full = False

    def add(self, minutes: Sequence[PresenceMinute]) -> None:
        """Keep minutes, now or as soon as the store lets one."""
        self._minutes += minutes
        self.flush()

    def flush(self) -> None:
        """Try to keep what waits."""
        if not self._minutes:
            return
        try:
            news = self._keeper.keep(self._minutes)
        except StoreAway as exc:
            self.disk_full = isinstance(exc, StoreFull)
            log.warning("%d minutes of Wi-Fi have to wait: %s", len(self._minutes), exc)
            over = len(self._minutes) - HELD_MOST
            if over > 0:
                self.refused += over
                del self._minutes[:over]
            return
        self._minutes.clear()
        self.disk_full = False
        if news:
            self._kept()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._minutes)


class Radio:
    """Listens to one interface until told to stop.

    Args:
        interface: the monitor interface, which may come and go.
        listen: opens a capture of it; raises CaptureFault.
        put_back: tries to put it back into monitor mode; says whether it did.
        minutes: counts the frames.
        held: where finished minutes wait for the store.
        hopper: sets the channels.
        bus: this part's place on the bus.
        clock: the box's clock.
        wanted: whether Wi-Fi may be listened to now; asked every second.
        keep_health: keeps a change of the radio's state for the hub: ok or lost.
        follow_time: makes the clock step where the box's time does.
    """

    def __init__(
        self,
        *,
        interface: Interface,
        listen: Callable[[], Capture],
        put_back: Callable[[], bool],
        minutes: Minutes,
        held: Held,
        hopper: Hopper,
        bus: Bus,
        clock: Clock,
        wanted: Callable[[], bool],
        keep_health: Callable[[str], None],
        follow_time: Callable[[], None],
    ) -> None:
        self._interface = interface
        self._listen = listen
        self._put_back = put_back
        self._minutes = minutes
        self._held = held
        self._hopper = hopper
        self._bus = bus
        self._clock = clock
        self._wanted = wanted
        self._keep_health = keep_health
        self._follow_time = follow_time
        self._capture: Capture | None = None
        self._watchdog: Watchdog | None = None
        self._trouble: str | None = "wifi_starting"
        self._told_health: str | None = None
        self._failures = 0
        self._since = 0.0
        self._again_at = 0.0
        self._was_heard = False
        self._state_then: State = "ok"
        self._lost = 0

    def run(self, stop: threading.Event) -> None:
        """Listen until `stop` is set; then the day's key is destroyed."""
        looked = float("-inf")
        try:
            while not stop.is_set():
                mono = self._clock.mono()
                if mono - looked >= LOOK_EVERY_S:
                    looked = mono
                    self._look(mono)
                if self._capture is None:
                    stop.wait(WAIT_S)
                else:
                    self._hopper.step(mono)
                    self._drain(self._capture)
        finally:
            self._minutes.finish()
            self._held.flush()
            self._stop_listening()
            self._hopper.close()
            if len(self._held):
                log.error("%d minutes of Wi-Fi could not be kept before the end", len(self._held))

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _drain(self, capture: Capture) -> None:
        try:
            capture.drain(self._minutes.begin, self._minutes.take, WAIT_S)
        except CaptureFault as exc:
            self._give_up(exc.code, str(exc))
        else:
            self._minutes.begin(self._now_s())

    def _look(self, mono: float) -> None:
        """Do what is due every second."""
        self._follow_time()
        self._held.flush()
        if not self._wanted():
            self._rest()
        elif self._capture is None:
            self._minutes.expire(self._now_s())
            self._wait(mono)
        elif self._watchdog is not None:
            code = self._watchdog.look(mono, self._minutes.reader.probes)
            if code is not None:
                self._give_up(code, "so the watchdog found it")
            elif mono - self._since > STEADY_S:
                self._failures = 0
        self._tell()

    def _wait(self, mono: float) -> None:
        """Begin again after the pause, or as soon as what kept us from listening is over."""
        state, before = self._interface.state(), self._state_then
        if mono >= self._again_at or (state == "ok" and before != "ok"):
            self._begin(mono)
        elif state != before and state != "ok":
            self._state_then = state
            self._say(f"wifi_{state}", "so the watchdog found it")

    def _rest(self) -> None:
        """Head office has turned Wi-Fi off: hold nothing."""
        if self._capture is not None or self._trouble != "wifi_off":
            log.info("Wi-Fi is turned off")
            self._stop_listening()
            self._minutes.finish()
            self._told_health = None  # to be told anew: of this hour, part will be counted twice
        self._trouble = "wifi_off"

    def _begin(self, mono: float) -> None:
        astray = self._interface.state() in ("not_monitor", "down")
        if self._was_heard and (astray or self._trouble == "wifi_silent"):
            self._put_back()
        try:
            self._capture = self._listen()
        except CaptureFault as exc:
            self._give_up(exc.code, str(exc))
            return
        self._watchdog = Watchdog(self._interface, mono)
        self._hopper.begin()
        self._was_heard = True
        self._since = mono
        self._trouble = None
        log.info("listening to probe requests on %s", self._interface.name)

    def _give_up(self, code: str, why: str) -> None:
        """Stop listening for now, and say so once; try again after a pause that grows."""
        self._stop_listening()
        self._say(code, why)
        self._state_then = self._interface.state()
        pause_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        self._again_at = self._clock.mono() + pause_s

    def _say(self, code: str, why: str) -> None:
        if code != self._trouble:
            log.warning("Wi-Fi is not heard (%s): %s", code.removeprefix("wifi_"), why)
        self._trouble = code

    def _stop_listening(self) -> None:
        if self._capture is not None:
            self._lost += self._capture.lost()
            self._capture.close()
        self._capture = self._watchdog = None

    def _tell(self) -> None:
        reader = self._minutes.reader
        lost = self._lost + (self._capture.lost() if self._capture else 0)
        dropped = {**{str(why): reader.dropped[why] for why in DROPPED}, "no_room": lost}
        note = Note(
            sender="radio",
            disk_full=self._held.disk_full,
            refused=self._held.refused,
            radio=RadioNote(
                trouble=self._trouble,
                fixed_channel=self._hopper.refused is not None,
                probes=reader.probes,
                dropped=dropped,
                frequencies={str(mhz): n for mhz, n in reader.frequencies.items()},
            ),
        )
        self._bus.send("front", note)
        self._bus.send("supervisor", Note(sender="radio"))
        health = "ok" if self._trouble is None else "lost"
        if health != self._told_health and self._trouble not in ("wifi_off", "wifi_starting"):
            try:
                self._keep_health(health)
                self._told_health = health
            except StoreAway as exc:
                log.error("the state of the radio is not kept: %s", exc)
