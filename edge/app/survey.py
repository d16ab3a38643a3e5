"""The walk through the shop: says where to stand, listens there, and shows how loud the phone is.

    live      hopping over the channels of the settings; each spot begins when Enter is pressed
    recorded  the frames of files, as many seconds of them a spot

What is heard is hashed with a key of this walk alone, which is gone when it ends. Of all phones
only the one held beside the box is looked at. Called by `menkou-edge wifi survey`.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from edge.app.radio import pseudonyms_of
from edge.config import EdgeConfig
from edge.core.survey import (
    BESIDE_DBM,
    SAMPLES_NEEDED,
    SPOTS,
    Heard,
    Sample,
    Spot,
    Suggestion,
    heard_of,
    own_phone,
    suggest,
)
from edge.sensors.radio.capture import listen
from edge.sensors.radio.frames import ProbeReader
from edge.sensors.radio.hopping import Hopper, iw_command
from edge.sensors.radio.interface import Interface
from edge.sensors.radio.pcap import probe_frames
from menkou.errors import MenkouFault

Say = Callable[[str], None]
_WAIT_S: Final = 0.25
_TRIES: Final = 3
_WHERE: Final[dict[Spot, str]] = {
    "box": "BESIDE THE BOX: hold the phone within an arm's length of its antenna",
    "door": "AT THE DOOR, inside: stand on the mat",
    "wall": "AT THE FAR WALL: stand where the shop is furthest from the box",
    "pavement": "OUTSIDE ON THE PAVEMENT: stand where people walk past",
}
_HOW: Final = "Screen on, in the phone's Wi-Fi settings; pull the list of networks down."
_WIDTH: Final = 40
_DIGITS: Final = {
    "0": "███ █ █ █ █ █ █ ███",
    "1": " █  ██   █   █  ███",
    "2": "███   █ ███ █   ███",
    "3": "███   █ ███   █ ███",
    "4": "█ █ █ █ ███   █   █",
    "5": "███ █   ███   █ ███",
    "6": "███ █   ███ █ █ ███",
    "7": "███   █   █   █   █",
    "8": "███ █ █ ███ █ █ ███",
    "9": "███ █ █ ███   █ ███",
    "-": "        ███        ",
}
_ROWS: Final = 5


class SurveyFault(MenkouFault):
    """The walk cannot be finished; the text says where, and what to do."""


class Ear(Protocol):
    """Hears probe requests at a spot."""

    def ready(self, where: str, say: Say) -> None:
        """Wait until the person stands there."""
        ...

    def hear(self, see: Callable[[Sample], None]) -> None:
        """Hand on what is heard there, for as long as a spot takes."""
        ...

    def close(self) -> None:
        """End, and hold nothing."""
        ...

    @property
    def again(self) -> bool:
        """Whether a spot can be heard once more."""
        ...


class Walk:
    """A walk over all spots.

    Args:
        ear: hears.
    """

    def __init__(self, ear: Ear) -> None:
        self._ear = ear

    def go(self, say: Say) -> Suggestion:
        """Walk; return the thresholds.

        Raises:
            SurveyFault: the phone was not heard at a spot.
        """
        try:
            phone = self._phone(say)
            heard = {spot: self._spot(spot, phone, say) for spot in SPOTS[1:]}
        finally:
            self._ear.close()
        found = suggest(heard)
        for spot, one in heard.items():
            say(f"{spot:<9} {one.middle_dbm} dBm  {bar(one.middle_dbm)}")
        say(f"near from {found.near_dbm} dBm on, far from {found.far_dbm} dBm on")
        return found

    def _phone(self, say: Say) -> int:
        for _ in range(_TRIES):
            samples = self._listen("box", say)
            if (phone := own_phone(samples)) is not None:
                own = heard_of(samples, phone)
                say(big(own.middle_dbm) if own else "")
                return phone
            loudest = max((sample.signal_dbm for sample in samples), default=None)
            got = "nothing" if loudest is None else f"{loudest} dBm at most"
            fault = (
                f"beside the box: expected {SAMPLES_NEEDED} frames of a phone at {BESIDE_DBM} dBm"
                f" or louder, got {got} in {len(samples)} frames; hold it at the antenna. {_HOW}"
            )
            if not self._ear.again:
                break
            say(fault)
        raise SurveyFault(fault)

    def _spot(self, spot: Spot, phone: int, say: Say) -> Heard:
        for _ in range(_TRIES):
            samples = self._listen(spot, say)
            if (heard := heard_of(samples, phone)) is not None:
                say(big(heard.middle_dbm))
                say(f"{heard.frames} frames, {heard.weak_dbm} to {heard.loud_dbm} dBm")
                return heard
            got = sum(sample.cls == phone for sample in samples)
            fault = (
                f"{spot}: expected {SAMPLES_NEEDED} frames of the phone, got {got}; stay longer"
                f" (--seconds), or move the antenna. {_HOW}"
            )
            if not self._ear.again:
                break
            say(fault)
        raise SurveyFault(fault)

    def _listen(self, spot: Spot, say: Say) -> list[Sample]:
        samples: list[Sample] = []
        self._ear.ready(_WHERE[spot], say)
        self._ear.hear(samples.append)
        return samples


def bar(signal_dbm: int) -> str:
    """Return a signal as a bar: empty at -100 dBm, full at -20."""
    filled = round(_WIDTH * min(max(signal_dbm + 100, 0), 80) / 80)
    return "█" * filled + "░" * (_WIDTH - filled)


def big(signal_dbm: int) -> str:
    """Return a signal in digits that can be read from a ladder, with its bar below."""
    shown = [_DIGITS[digit].ljust(4 * _ROWS - 1) for digit in str(signal_dbm)]
    rows = ["  ".join(digit[4 * row : 4 * row + 3] for digit in shown) for row in range(_ROWS)]
    return "\n".join(["", *(f"   {row}" for row in rows), f"   {bar(signal_dbm)} dBm", ""])


class _Reading:
    """Reads frames with a key of this walk."""

    def __init__(self, config: EdgeConfig) -> None:
        self._pseudonyms = pseudonyms_of(config)
        self._pseudonyms.begin(datetime.now(UTC), time.monotonic())
        self._see: Callable[[Sample], None] = lambda sample: None
        self._reader = ProbeReader(self._pseudonyms, self._seen)

    def to(self, see: Callable[[Sample], None]) -> Callable[[bytes, float], None]:
        """Return what takes frames, for a spot."""
        self._see = see
        return self._reader.take

    def _seen(self, at_s: float, cls: int, who: int, signal_dbm: int | None) -> None:
        if signal_dbm is not None:
            self._see(Sample(cls, signal_dbm))

    def forget(self) -> None:
        """Destroy the key, and what was made with it."""
        self._reader.forget()
        self._pseudonyms.destroy()


class _RecordedEar:
    """Plays a recorded walk: so many seconds of it are a spot."""

    again = False

    def __init__(self, config: EdgeConfig, paths: Sequence[Path], spot_s: float) -> None:
        self._frames: Iterator[tuple[float, bytes]] = probe_frames(paths)
        self._reading = _Reading(config)
        self._spot_s = spot_s
        self._next = next(self._frames, None)
        self._until = (self._next[0] if self._next else 0.0) + spot_s

    def ready(self, where: str, say: Say) -> None:
        """Say where this part of the recording was made."""
        say(f"\n{where}")

    def hear(self, see: Callable[[Sample], None]) -> None:
        """Take the frames of one spot."""
        take = self._reading.to(see)
        while self._next is not None and self._next[0] < self._until:
            take(self._next[1], self._next[0])
            self._next = next(self._frames, None)
        self._until += self._spot_s

    def close(self) -> None:
        """Destroy the key."""
        self._reading.forget()


class _LiveEar:
    """Listens to the radio of the settings."""

    again = True

    def __init__(self, config: EdgeConfig, spot_s: float) -> None:
        interface = Interface(config.wifi.interface)
        self._capture = listen(interface, time.time)
        self._hopper = Hopper(interface, config.wifi.channels, iw_command())
        self._reading = _Reading(config)
        self._spot_s = spot_s
        self._shown = sys.stderr.isatty()

    def ready(self, where: str, say: Say) -> None:
        """Wait for Enter, and leave out what was heard on the way."""
        say(f"\n{where}\n{_HOW}\nPress Enter when you stand there.")
        sys.stdin.readline()
        self._capture.drain(lambda at_s: None, lambda frame, at_s: None, 0.0)

    def hear(self, see: Callable[[Sample], None]) -> None:
        """Listen, and show the loudest of each second as it comes."""
        heard: list[int] = []

        def take(sample: Sample) -> None:
            heard.append(sample.signal_dbm)
            see(sample)

        frame = self._reading.to(take)
        end = time.monotonic() + self._spot_s
        told = time.monotonic() + 1
        while (now := time.monotonic()) < end:
            self._hopper.step(now)
            self._capture.drain(lambda at_s: None, frame, _WAIT_S)
            if self._shown and now >= told:
                told = now + 1
                loudest = max(heard, default=-100)
                sys.stderr.write(f"\r{end - now:4.0f} s  {bar(loudest)} {loudest:4d} dBm ")
                sys.stderr.flush()
                heard.clear()

    def close(self) -> None:
        """Stop listening, and destroy the key."""
        self._capture.close()
        self._hopper.close()
        self._reading.forget()


def recorded_walk(config: EdgeConfig, paths: Sequence[Path], spot_s: float) -> Walk:
    """Return a walk that was recorded, `spot_s` seconds at each spot.

    Raises:
        edge.sensors.radio.errors.ProbesFault: a file cannot be read.
    """
    return Walk(_RecordedEar(config, paths, spot_s))


def live_walk(config: EdgeConfig, spot_s: float) -> Walk:
    """Return a walk that is heard as it is made.

    Raises:
        edge.sensors.radio.errors.CaptureFault: the radio cannot be listened to.
    """
    return Walk(_LiveEar(config, spot_s))
