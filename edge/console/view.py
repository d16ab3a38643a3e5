"""What the shop's page shows, as records. Built by `edge.store.figures` and the front process,
rendered by `edge.console.app`; holds no text in any language, only figures and codes.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HourFigures:
    """One local hour of today. `start` is aware, in the shop's zone."""

    start: datetime
    visitors: int
    entered: int
    left: int
    open: bool
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraView:
    """One camera: its state is a code of `edge.wire.messages.CameraState`."""

    name: str
    state: str
    since: datetime | None
    frames_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """One process of the box: `running`, `restarting` or `silent`, with its restarts today."""

    name: str
    state: str
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopView:
    """Everything on the shop's page at one moment.

    `notices` are codes that want a person's attention: `mode_lowered`, `clock_suspect`,
    `disk_full`, `facts_refused`, `wifi_absent`, `hub_unreachable`.
    """

    store_id: str
    store_name: str
    box_id: str
    now: datetime
    mode: str
    basis: str
    notices: tuple[str, ...]
    minute_entered: int
    minute_left: int
    visitors: int
    entered: int
    left: int
    occupancy: int
    turned_back: int
    staff: int
    outside_hours: int
    always_open: bool  # no opening hours are set; `opens` and `closes` are then None
    opens: datetime | None
    closes: datetime | None
    hours: tuple[HourFigures, ...]
    cameras: tuple[CameraView, ...]
    parts: tuple[PartView, ...]
    uplink: str  # connected | offline | none
    backlog: int
    last_crossing: datetime | None
