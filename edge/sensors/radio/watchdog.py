"""Whether the radio still hears: boxes lose monitor mode now and then (scapy #3712).

Asked by `edge.radio` every second, while it captures. Pure but for what it asks of the interface.
"""

from typing import Final, Protocol

from edge.sensors.radio.interface import State

DEAF_S: Final = 120.0
"""So long without a frame of any kind is no quiet street, it is a radio that hears nothing: access
points call ten times a second."""


class Watched(Protocol):
    """What is asked of an interface."""

    def state(self) -> State:
        """Say whether it can be listened to now."""
        ...

    def index(self) -> int | None:
        """Return its number; None: it is not there."""
        ...

    def received(self) -> int:
        """Return how many frames of any kind it has received since it is there."""
        ...


class Watchdog:
    """Watches an interface from when capture began on it at `mono` seconds."""

    def __init__(self, interface: Watched, mono: float) -> None:
        self._interface = interface
        self._index = interface.index()
        self._received = (interface.received(), 0)
        self._heard = mono

    def look(self, mono: float, probes: int) -> str | None:
        """Return what is wrong as the code of a notice; None: the radio hears.

        `probes`: how many probe requests were captured so far; not every driver counts the rest.
        """
        if self._interface.index() != self._index:
            return "wifi_gone"  # perhaps there again, but capture listens to the one before
        if (state := self._interface.state()) != "ok":
            return f"wifi_{state}"
        received = (self._interface.received(), probes)
        if received != self._received:
            self._received, self._heard = received, mono
        return "wifi_silent" if mono - self._heard >= DEAF_S else None
