"""The radio process: capture, the day's key, counting by the minute, and the store."""

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from edge.app.common import (
    kept_clock,
    reading_of,
    run_dir,
    settings_in_force,
    steady_clock,
    stop_on_signals,
    timelines,
)
from edge.bus import Bus, Note
from edge.capabilities import DAC_OVERRIDE, NET_ADMIN, NET_RAW, keep_only
from edge.clock import boot_id
from edge.config import EdgeConfig
from edge.config_sections import WifiSection
from edge.core.presence import MinuteCounter
from edge.core.pseudonym import KEY_BYTES, Pseudonyms
from edge.hardening import seal_process
from edge.learning import LearningLog
from edge.memory import SecretMemory, fill_randomly, reserve
from edge.radio import Held, Radio
from edge.sensors.radio.capture import Capture, listen
from edge.sensors.radio.hopping import Hopper, iw_command, put_back
from edge.sensors.radio.interface import Interface
from edge.sensors.radio.minutes import Minutes
from edge.store.database import connect, fitting
from edge.store.ledger import SqliteVisitLog
from edge.store.presence import PresenceLog
from edge.wire.messages import Health

log = logging.getLogger(__name__)


def counter_of(wifi: WifiSection) -> MinuteCounter:
    """Return an empty counter with the thresholds of the settings."""
    return MinuteCounter(near_dbm=wifi.near_dbm, far_dbm=wifi.far_dbm)


def _rights(config: EdgeConfig) -> list[int]:
    """Return the capabilities that the radio needs, of those that it is given."""
    rights = [NET_RAW]
    if config.wifi.channels:
        rights.append(NET_ADMIN)  # for `iw`, which this process runs
    if os.geteuid() == 0 and config.data_dir.stat().st_uid != 0:
        rights.append(DAC_OVERRIDE)  # root runs a service's box by hand: its store is another's
    return rights


def live_counter_of(config: EdgeConfig, now: datetime) -> MinuteCounter:
    """Return an empty counter that knows the shop's clock hours, and when it is shut."""
    wifi, hours = config.wifi, config.opening_hours
    local = now.astimezone(config.store.zone)

    def shut_at(minute_s: int) -> bool:
        return not hours.is_open(datetime.fromtimestamp(minute_s, UTC))

    return MinuteCounter(
        near_dbm=wifi.near_dbm,
        far_dbm=wifi.far_dbm,
        hour_at_s=int(local.replace(minute=0, second=0, microsecond=0).timestamp()),
        shut_at=None if hours.by_weekday is None else shut_at,
    )


def pseudonyms_of(config: EdgeConfig) -> Pseudonyms:
    """Return pseudonyms whose key lives in memory that is neither swapped nor dumped.

    Raises:
        edge.memory.MemoryFault: no such memory can be had.
    """
    memory = SecretMemory(reserve(KEY_BYTES))
    return Pseudonyms(memory.view[:KEY_BYTES], fill_randomly, config.store.zone)


def run_radio(
    config: EdgeConfig,
    epoch: str,
    *,
    listening: Callable[[], None] = lambda: None,
    live: bool = True,
) -> None:
    """Run the radio process until SIGTERM.

    Args:
        config: the box's settings.
        epoch: the epoch of this start.
        listening: told each time that an interface is listened to.
        live: False: minutes that were begun count, as in a recording; a benchmark is shorter.

    Raises:
        edge.memory.MemoryFault: there is no safe place for the day's key.
    """
    keep_only(_rights(config))
    # The supervisor, under the same limits, has told what is refused; but as root it may lock any
    # memory, which this process just gave up.
    seal_process(quietly=os.geteuid() != 0)
    stop = stop_on_signals()
    db = connect(config.data_dir, limit_bytes=config.box.store_limit)
    kernel, clock = kept_clock(config), steady_clock(config, db)
    bus = Bus(run_dir(config), "radio")
    visits = SqliteVisitLog(db, epoch, "run", boot=boot_id())
    minutes = PresenceLog(
        db,
        epoch,
        "run",
        reading=lambda: reading_of(clock),
        limit_bytes=lambda: fitting(config.data_dir, config.box.store_limit),
    )
    keeper = LearningLog(
        minutes,
        db,
        epoch,
        hours=lambda: settings_in_force(config, db).opening_hours,
        cameras=[one.name for one in config.camera if one.role == "entrance"],
        reading=lambda: reading_of(clock),
        dwell=lambda: counted.dwell,
    )
    held = Held(keeper, kept=lambda: tell_new(bus))
    interface = Interface(config.wifi.interface)
    iw = iw_command()

    def begin() -> Capture:
        capture = listen(interface, lambda: clock.now().timestamp())
        listening()
        return capture

    counted = Minutes(
        counter=lambda: live_counter_of(settings_in_force(config, db), clock.now()),
        pseudonyms=pseudonyms_of(config),
        done=held.add,
        mono=clock.mono,
        live=live,
    )
    Radio(
        interface=interface,
        listen=begin,
        put_back=partial(put_back, interface, iw),
        minutes=counted,
        held=held,
        hopper=Hopper(interface, config.wifi.channels, iw),
        bus=bus,
        clock=clock,
        wanted=lambda: settings_in_force(config, db).wifi.enabled,
        keep_health=lambda state: visits.health(
            Health(part="radio", camera=None, state=state), reading_of(clock)
        ),
        follow_time=lambda: clock.take(timelines(db).follow(kernel)),
    ).run(stop)


def tell_new(bus: Bus) -> None:
    """Say that there is something new in the store."""
    bus.send("front", Note(sender="radio", new=True))
