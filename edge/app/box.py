"""`menkou-edge run`: the supervisor of a box."""

import logging
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from edge import fdstore
from edge.app.common import (
    kept_clock,
    reading_of,
    run_dir,
    settings_in_force,
    steady_clock,
    stop_on_signals,
    timelines,
)
from edge.app.keys import keyring
from edge.app.papers import why_not
from edge.bus import Bus
from edge.capabilities import lay_aside
from edge.clock import boot_id
from edge.config import EdgeConfig
from edge.hardening import seal_process
from edge.keys.handover import Handover, KeySlot
from edge.keys.roots import Part
from edge.memory import STRANGERS_BYTES, MemoryFault, SecretMemory, reserve
from edge.modes import declared, judge
from edge.store import switches
from edge.store.appointments import forget_past
from edge.store.ballast import lay_up
from edge.store.database import StoreAway, StoreLock, connect, fitting, migrate, transaction
from edge.store.endings import tidy
from edge.store.joining import profiles_wanted
from edge.store.ledger import SqliteVisitLog
from edge.store.limit import Bounds
from edge.store.orders import key_wanted
from edge.store.outbox import Outbox
from edge.store.people import StoredChecks
from edge.supervisor import Supervisor, python_part
from edge.wire.messages import Health

log = logging.getLogger(__name__)

TIDY_EVERY_S: Final = 60.0
STRANGERS: Final = "strangers"
"""The name under which systemd keeps their memory over a restart of the service."""


def run_box(config: EdgeConfig, config_path: Path) -> None:
    """Run the supervisor until SIGTERM.

    Raises:
        edge.store.database.StoreFault: the data directory cannot be used.
    """
    seal_process()
    lay_aside()
    stop = stop_on_signals()
    lock = StoreLock(config.data_dir)
    db = connect(config.data_dir)
    migrate(db)
    clock = steady_clock(config, db)
    epoch = Outbox(db).begin_epoch(clock.now(), "run", boot_id())
    visits = SqliteVisitLog(db, epoch, "run")
    visits.begin()

    def restarted(part: str) -> None:
        try:
            visits.health(
                Health(part=part, camera=None, state="restarted"),
                reading_of(steady_clock(config, db)),
            )
        except StoreAway as exc:
            log.error("the restart of %s is not kept: %s", part, exc)

    slots = key_slots(config)
    strangers = strangers_memory(settings_in_force(config, db), clock.now())
    eyes_fds = {"--strangers-fd": strangers.fd} if strangers else {}
    if "template" in slots:
        eyes_fds["--template-key-fd"] = slots["template"].fd
    front_fds = {"--profile-key-fd": slots["profile"].fd} if "profile" in slots else {}
    keys = key_handover(config, slots, strangers)
    # A daemon: a TPM or a hub that takes its time must not hold up the end.
    threading.Thread(target=keys.run, args=(stop,), name="keys", daemon=True).start()
    threading.Thread(target=keep_tidy, args=(config, epoch, stop), name="tidy", daemon=True).start()
    common = ("--config", str(config_path), "--epoch", epoch)
    parts = [
        python_part("eyes", *common, fds=eyes_fds),
        python_part("front", *common, fds=front_fds),
    ]
    if config.wifi.enabled:
        parts.append(python_part("radio", *common, fds={}, rights=True))
    Supervisor(
        parts=parts,
        bus=Bus(run_dir(config), "supervisor"),
        pass_fds=[lock.fd],
        restarted=restarted,
    ).run(stop)


def key_slots(config: EdgeConfig) -> Mapping[Part, KeySlot]:
    """Return an empty slot for each root that this box may ever need; none where none can be had.

    A box that is to count has no place for the template key at all.
    """
    parts: list[Part] = ["profile"] if config.privacy.mode == "count" else ["profile", "template"]
    try:
        return {part: KeySlot.create() for part in parts}
    except MemoryFault as exc:
        log.error("no key can be handed over, the box counts: %s", exc)
        return {}


def key_handover(
    config: EdgeConfig, slots: Mapping[Part, KeySlot], strangers: SecretMemory | None = None
) -> Handover:
    """Return what keeps the slots filled as members and mode need it.

    The profile key is for boxes with members, the template key for a mode that reads faces.
    """
    db = connect(config.data_dir)
    members = StoredChecks(db)

    def needed() -> list[Part]:
        wanted = (
            members.in_use("profile")
            or key_wanted(db)
            or profiles_wanted(db)
            or why_not(config) is None
        )
        parts: list[Part] = ["profile"] if wanted else []
        faces_off = switches.is_off(db, switches.FACES)
        # Whether the clock is trusted is for the eyes to say; it comes and goes.
        now = steady_clock(config, db).now()
        in_force = settings_in_force(config, db)
        status = judge(in_force, now=now, clock="ok", faces_off=faces_off, key=True)
        if strangers is not None and not status.everybody:
            strangers.wipe()  # also if the eyes hang or are being restarted
        return parts if status.mode == "count" else [*parts, "template"]

    return Handover(slots=slots, root=keyring(config, db).root, needed=needed)


def keep_tidy(config: EdgeConfig, epoch: str, stop: threading.Event) -> None:
    """See to it that the store stays small, and that nothing of what was erased is left in it.

    Here and not in the eyes: to write tables anew or to delete much takes its time on a small box.
    """
    db = connect(config.data_dir)
    kernel, clock = kept_clock(config), steady_clock(config, db)
    bounds = Bounds(
        db,
        epoch=epoch,
        limit_bytes=lambda: fitting(config.data_dir, config.box.store_limit),
        zone=config.store.zone,
        sends=config.uplink is not None,
        clock=clock,
        going=lambda: not stop.is_set(),
    )
    lay_up(config.data_dir)
    while not stop.wait(TIDY_EVERY_S):
        lay_up(config.data_dir)
        clock.take(timelines(db).follow(kernel))
        try:
            tidy(db)
            if clock.state() == "ok":
                with transaction(db):
                    forget_past(db, clock.now())
            bounds.look()
        except StoreAway as exc:
            log.warning("what was erased or is old is cleared away later: %s", exc)


def strangers_memory(config: EdgeConfig, now: datetime) -> SecretMemory | None:
    """Return the memory of strangers: the one that systemd kept, or an empty one.

    None where settings or declaration do not allow it; what systemd kept is overwritten then.
    What is in it is the eyes' business: they overwrite it when it is not allowed any more.
    """
    kept = _kept_memory()
    if not declared(config, now).everybody:
        if kept is not None:
            _give_up(kept)
        return None
    if kept is not None and kept.size == STRANGERS_BYTES:
        return kept
    if kept is not None:
        _give_up(kept)
    try:
        memory = SecretMemory(reserve(STRANGERS_BYTES))
    except MemoryFault as exc:
        log.error("strangers are not remembered: %s", exc)
        return None
    if memory.secret:
        fdstore.keep(STRANGERS, memory.fd)
    else:
        # While nobody has it mapped, this kernel could swap it out.
        log.info("this kernel has no memfd_secret: a restart of the service forgets strangers")
    return memory


def _kept_memory() -> SecretMemory | None:
    fd = fdstore.given_back().get(STRANGERS)
    if fd is None:
        return None
    try:
        return SecretMemory(fd)
    except MemoryFault as exc:
        log.error("what systemd kept of strangers cannot be used: %s", exc)
        fdstore.drop(STRANGERS)
        return None


def _give_up(memory: SecretMemory) -> None:
    memory.wipe()
    memory.close()
    fdstore.drop(STRANGERS)
