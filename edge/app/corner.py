"""Puts the manager's corner together. Called by `edge.app.front`."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from edge.clock import SteadyClock
from edge.config import EdgeConfig
from edge.desk.corner import CornerDesk, Eyesight, Plan
from edge.desk.health import Health, Seen, disk_state
from edge.desk.means import Means
from edge.drawn import file_drawing, zone_needed
from edge.front import ShopFront
from edge.live import LiveState
from edge.modes import basis_of
from edge.store.limit import state_of
from edge.store.sales import sale_times

_RADIO: Final = {"wifi_off": "off", "wifi_starting": "starting"}


def corner_desk(
    own: EdgeConfig,
    config: EdgeConfig,
    means: Means,
    *,
    clock: SteadyClock,
    live: LiveState,
    front: ShopFront,
) -> CornerDesk:
    """Return the desk of the manager's corner.

    Args:
        own: the settings file.
        config: what holds.
        means: what every desk works with.
        clock: the clock of `means`, which says by whose word it goes.
        live: what the other parts told.
        front: what knows the uplink.
    """
    db = means.db
    return CornerDesk(
        means,
        hours=config.opening_hours,
        basis=lambda: basis_of(live.mode() or "count"),
        plans=tuple(
            Plan(
                name=camera.name,
                role=camera.role,
                drawing=file_drawing(camera),
                zone_needed=zone_needed(own, camera),
            )
            for camera in own.camera
        ),
        eyesight=Eyesight(picture=live.picture, drawn=live.drawn),
        health=Health(lambda: parts_seen(config, db(), clock, live, front), means.now),
        call_after=config.queue.call_after,
        receipts=lambda start, end: sale_times(db(), start, end),
    )


def parts_seen(
    config: EdgeConfig, db: Database, clock: SteadyClock, live: LiveState, front: ShopFront
) -> Iterable[Seen]:
    """Yield how each part of the box is now."""
    for camera in live.cameras():
        yield Seen(what="camera", name=camera.name, state=camera.state, since=camera.since)
    for part in live.parts():
        yield Seen(what="part", name=part.name, state=part.state, count=part.restarts)
    yield Seen(what="radio", name="", state=_radio_state(config, live))
    yield _uplink_seen(front)
    yield _disk_seen(config.data_dir, db)
    yield Seen(what="clock", name="", state=_clock_state(clock))


def _radio_state(config: EdgeConfig, live: LiveState) -> str:
    if not config.wifi.enabled:
        return "off"
    heard = live.radio()
    if heard is None:
        return "unknown"
    if heard.trouble is not None:
        return _RADIO.get(heard.trouble, heard.trouble)
    return "wifi_channel" if heard.fixed_channel else "ok"


def _uplink_seen(front: ShopFront) -> Seen:
    if front.uplink is None:
        return Seen(what="uplink", name="", state="none")
    backlog = front.uplink.backlog
    offline = front.uplink.state != "connected"
    since: datetime | None = backlog.oldest_at if offline else None
    return Seen(what="uplink", name="", state=front.uplink.state, since=since, count=backlog.events)


def _disk_seen(folder: Path, db: Database) -> Seen:
    state, free = disk_state(folder, state_of(db))
    return Seen(what="disk", name="", state=state, count=free)


def _clock_state(clock: SteadyClock) -> str:
    if clock.state() == "suspect":
        return "suspect"
    return "by_hand" if clock.timeline.word == "person" else "ok"
