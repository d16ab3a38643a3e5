"""The seams between the box's rules and the world, as Protocols.

`pipeline` speaks only through these; `app` decides what stands behind them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.core.geometry import Box
from edge.core.visit import Change, Occupied, Visit

ClockState = Literal["ok", "suspect"]
CameraStateCode = Literal["ok", "connecting", "lost", "frozen", "ended", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One picture. `image` is BGR uint8 of shape (H, W, 3); it lives in memory only.

    `at` is aware; `elapsed_s` is seconds since the source began, for motion and tracking.
    """

    camera: str
    at: datetime
    elapsed_s: float
    image: NDArray[np.uint8]


class FrameSource(Protocol):
    """Gives frames until it ends or is closed."""

    def frames(self) -> Iterator[Frame]:
        """Yield frames, oldest first. Raises `edge.sensors.camera.CameraFault`."""
        ...

    def close(self) -> None:
        """Let go of the device or stream; `frames` then ends. Safe from another thread."""
        ...


class BodyFinder(Protocol):
    """Finds people's bodies in the pictures of one camera; remembers its background."""

    def detect(self, image: NDArray[np.uint8], at_s: float) -> list[Box]:
        """Return the bodies in a picture taken at `at_s` seconds of the stream."""
        ...


class Clock(Protocol):
    """The time, as far as the box knows it."""

    def now(self) -> datetime:
        """Return the aware time in UTC."""
        ...

    def mono(self) -> float:
        """Return seconds of a clock that never steps, from any origin."""
        ...

    def state(self) -> ClockState:
        """Say whether the wall time can be trusted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A change to be kept, with the clocks' readings when it became known."""

    change: Change
    mono: float
    clock: ClockState


class VisitLog(Protocol):
    """Where facts are kept, together with what the hub is to be told of them."""

    def commit(self, facts: Sequence[Fact]) -> None:
        """Keep the facts and their outbox rows in one transaction.

        Raises `edge.store.database.StoreAway` when there is no room now; nothing is kept then.
        """
        ...

    def open_visits(self) -> list[Visit]:
        """Return the visits that have neither ended nor been voided."""
        ...

    def occupancy(self) -> Occupied | None:
        """Return the last known occupancy."""
        ...
