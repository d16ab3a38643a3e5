"""The seams between the box's rules and the world, as Protocols.

`pipeline` speaks only through these; `app` decides what stands behind them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge.core.geometry import Box
from edge.core.occupancy import Balance
from edge.core.presentation import Prompt, Verdict, Why
from edge.core.timeline import Timeline
from edge.core.tracking import Track
from edge.core.visit import Chain, Change, Occupied, Visit

Vector = NDArray[np.float32]
"""A face's descriptor: float32 (128,), length 1. Biometric: it lives in memory only."""
ClockState = Literal["ok", "suspect"]
CameraStateCode = Literal["ok", "connecting", "lost", "frozen", "ended", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One picture. `image` is BGR uint8 of shape (H, W, 3); it lives in memory only.

    `at` is aware; `elapsed_s` is seconds since the source began, for motion and tracking. One that
    is not `whole` was made small while it waited: it is counted, and no face is read in it.
    """

    camera: str
    at: datetime
    elapsed_s: float
    image: NDArray[np.uint8]
    whole: bool = True


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


@runtime_checkable
class Backdrop(Protocol):
    """Knows the empty scene before a camera, beside finding bodies in it."""

    def backdrop(self) -> bytes | None:
        """Return the empty scene as a small JPEG; None: it is not settled yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sighting:
    """What one face track is known by so far: the mean descriptor of its best frames.

    `face` numbers the face tracks of a watcher, `body` is the body track that it belongs to
    (DESIGN section 6), `frames` how many frames agree in `vector`; after `ended` nothing more
    comes of this track. `early`: only who is beyond doubt may be named on it. `presentation`:
    whether it is a head, where that is checked, and if it is refused, `why`.
    """

    face: int
    body: int | None
    at_s: float
    vector: Vector = field(repr=False)
    frames: int
    ended: bool
    early: bool = False
    presentation: Verdict = "off"
    why: Why | None = None


class FaceWatcher(Protocol):
    """Watches the faces in the pictures of one camera."""

    def look(
        self,
        image: NDArray[np.uint8],
        *,
        bodies: Sequence[Track],
        moving: Sequence[Box],
        at_s: float,
    ) -> list[Sighting]:
        """Return the tracks of which enough more is known now; most pictures give none.

        `image` is BGR uint8 (H, W, 3) taken at `at_s` seconds of the stream, `bodies` the bodies
        in view, `moving` where something moves: faces are searched there, and where one was a
        moment ago.
        """
        ...

    def finish(self) -> list[Sighting]:
        """End the stream: return what is known of the tracks that were still open."""
        ...

    @property
    def embedded(self) -> int:
        """How many face chips were embedded so far."""
        ...

    @property
    def prompt(self) -> Prompt | None:
        """What the guest before the camera is asked just now; None: nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A member found in the gallery. `distance` is Euclidean, between unit vectors."""

    subject: str
    distance: float
    sure: bool


class Gallery(Protocol):
    """The templates of the members who agreed to be recognised."""

    def match(self, vector: Vector, frames: int) -> Match | None:
        """Return the member whose face this is, or None; `frames` went into the mean."""
        ...

    def note_stranger(self, vector: Vector, frames: int) -> None:
        """Count how near somebody came who matched nobody; nothing of the vector is kept."""
        ...

    def wipe(self) -> None:
        """Overwrite all templates."""
        ...


class Strangers(Protocol):
    """Vectors of people who matched nobody, within the window; empty where there is no basis."""

    def find(self, vector: Vector, within: float | None = None) -> str | None:
        """Return the first visit of the stranger whose face this is, or None.

        `within` is the distance below which it counts, None for what was set for two looks at the
        same stranger.
        """
        ...

    def __len__(self) -> int:
        """Return how many are remembered."""
        ...

    def keep(self, chain: Chain, vector: Vector | None) -> None:
        """Remember a stranger's visits under `chain.first_visit`; None keeps the known vector."""
        ...

    def forget(self, first_visit: str) -> None:
        """Overwrite what is held of a stranger."""
        ...

    def forget_before(self, moment: datetime, since: Literal["last_seen", "first_seen"]) -> None:
        """Overwrite everybody who was last (or first) seen before `moment`."""
        ...

    def rebase(self, zero: datetime) -> None:
        """Move all times to a clock whose second 0 is now at `zero`."""
        ...

    def chains(self) -> list[Chain]:
        """Return what is known of the strangers' visits."""
        ...

    def wipe(self) -> None:
        """Overwrite everybody."""
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
    """A change to be kept, with the clocks' readings when it became known.

    `timeline` is what its times were dated by; None: by a recording.
    """

    change: Change
    mono: float
    clock: ClockState
    timeline: Timeline | None = None


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

    def recent_visits(self, now: datetime, window: timedelta) -> list[Visit]:
        """Return visits before `now` whose visitors may return or be corrected."""
        ...

    def alerted(self, now: datetime, window: timedelta) -> Mapping[str, tuple[datetime, str]]:
        """Return when each member's arrival was last told, and of which visit, by subject."""
        ...

    def vetoes(self, now: datetime, window: timedelta) -> Mapping[tuple[str, str], datetime]:
        """Return when a person said of a visit that it is not a member's, by visit and subject."""
        ...

    def occupancy(self) -> Occupied | None:
        """Return the last known occupancy."""
        ...

    def balance(self, closing: datetime) -> Balance:
        """Return what the doors counted of guests on the days before a closing.

        Raises `edge.store.database.StoreFault` when the store cannot be read now.
        """
        ...

    def foreign(self, now: datetime, window: timedelta) -> Collection[datetime]:
        """Return the moments among all these that another start of the machine dated."""
        ...
