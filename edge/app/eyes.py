"""The eyes process: cameras, counting, recognition where the mode reads faces, and the store."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlite_utils import Database

from edge.app.common import (
    begin_anew,
    kept_clock,
    reading_of,
    run_dir,
    settings_in_force,
    steady_clock,
    stop_on_signals,
    timelines,
)
from edge.app.counting import book_of, counting_of
from edge.app.errands import StoreErrands
from edge.app.papers import Papers, why_not
from edge.app.sharing import Sharing, own_model
from edge.app.timekeeper import StoreTimekeeper
from edge.bus import Bus, Note
from edge.clock import SteadyClock, boot_id
from edge.config import EdgeConfig
from edge.core.book import VisitBook
from edge.desired import same_for_the_eyes
from edge.eyes import Eyes
from edge.hardening import seal_process
from edge.keys.handover import KeySlot
from edge.memory import MemoryFault, SecretMemory
from edge.modes import ModeStatus, basis_of, judge
from edge.pipeline import Recorder
from edge.ports import CameraStateCode, Fact
from edge.recognition import Recognition
from edge.sensors.camera import LiveCamera
from edge.sensors.mailbox import Mailbox
from edge.sensors.recording import quiet_opencv
from edge.store.clockfix import ClockFix
from edge.store.database import connect, fitting
from edge.store.drawing import drawings
from edge.store.ledger import SqliteVisitLog
from edge.store.switches import FACES, is_off
from edge.store.watched import Watched
from edge.threads import one_thread
from edge.wire.messages import Health
from menkou.errors import MenkouFault

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What the supervisor hands to the eyes: descriptors, None for what there is not."""

    template_key: int | None = None
    strangers: int | None = None


class Permission:
    """Which mode may run now, as far as this process can know.

    Args:
        config: the settings.
        clock: the box's clock.
        db: the box's database.
        slot: where the supervisor puts the template key; None where it has none to give.
    """

    def __init__(
        self, config: EdgeConfig, clock: SteadyClock, db: Database, slot: KeySlot | None
    ) -> None:
        self._config = config
        self._clock = clock
        self._db = db
        self._slot = slot
        self.models = True
        self._began = clock.mono()

    def root(self) -> bytes | None:
        """Return the template root, None while there is none."""
        return self._slot.root() if self._slot else None

    def __call__(self) -> ModeStatus:
        """Judge the mode of this moment."""
        return judge(
            self._config,
            now=self._clock.now(),
            clock=self._clock.state(),
            faces_off=is_off(self._db, FACES),
            key=self.root() is not None,
            models=self.models,
        )

    def keeps_strangers(self) -> bool:
        """Say whether strangers may be remembered, whatever is missing only for the moment.

        A key or a clock that comes late after a restart takes nothing away, unless it stays away
        for a whole window: in `count` nobody lets go of those whose time is over.
        """
        whole = judge(
            self._config,
            now=self._clock.now(),
            clock="ok",
            faces_off=is_off(self._db, FACES),
            key=True,
        )
        blind = self().mode == "count"
        waited_s = self._clock.mono() - self._began
        return whole.everybody and not (
            blind and waited_s >= self._config.dedup.window.total_seconds()
        )


def run_eyes(config: EdgeConfig, epoch: str, handed: Handed) -> None:
    """Run the eyes process until SIGTERM; it replaces itself when another mode is due.

    Raises:
        edge.eyes.CameraStuck: a driver hangs; the supervisor starts the process anew.
    """
    seal_process()
    quiet_opencv()
    one_thread()
    stop = stop_on_signals()
    db = connect(config.data_dir, limit_bytes=config.box.store_limit)
    own, config = config, settings_in_force(config, db)
    drawn = _revs(db)
    clock = steady_clock(config, db)
    boot = boot_id()
    time = StoreTimekeeper(
        kernel=kept_clock(config),
        clock=clock,
        timelines=timelines(db),
        fix=ClockFix(db, epoch, config.opening_hours, lambda: reading_of(clock)),
    )
    time.mend_first()
    slot = _opened(KeySlot, handed.template_key)
    strangers = _opened(SecretMemory, handed.strangers)
    due = Permission(config, clock, db, slot)
    status = due()
    errands = StoreErrands(db, epoch, clock)
    known = SqliteVisitLog(db, epoch, "run", boot=boot)
    book = book_of(
        config, known, clock.now(), goes_on=True, in_doubt=lambda: clock.state() == "suspect"
    )
    faces = _recognition(config, status, due, book, db, strangers)
    if faces is None and status.mode != "count":
        status = due()  # without models: this process counts
    if faces is not None:
        faces.rebase(clock.timeline.zero)
    errands.note_mode(status)
    visits = SqliteVisitLog(
        db,
        epoch,
        "run",
        basis=basis_of(status.mode),
        named=errands.note_match,
        boot=boot,
        limit_bytes=lambda: fitting(config.data_dir, config.box.store_limit),
    )
    bus = Bus(run_dir(config), "eyes")

    def kept(facts: Sequence[Fact]) -> None:
        bus.send("front", Note(sender="eyes", new=True, mode=status.mode, why=status.why))

    def keep_health(camera: str, state: CameraStateCode) -> None:
        visits.health(Health(part="camera", camera=camera, state=state), reading_of(clock))

    def cameras(
        mailbox: Mailbox, on_state: Callable[[str, CameraStateCode, str], None]
    ) -> list[LiveCamera]:
        return [
            LiveCamera(
                name=section.name,
                source=section.address(config.base),
                loop=section.loop,
                clock=clock,
                mailbox=mailbox,
                on_state=on_state,
            )
            for section in config.camera
        ]

    counting = counting_of(config, {c.name for c in config.camera}, book, faces)
    errands.correct = counting.wrong_person
    errands.let_in = counting.code_shown
    errands.end = counting.end_visit
    errands.mark = counting.was_staff
    _share(own, epoch, clock, due.root, stop)

    def due_now() -> ModeStatus:
        if strangers is not None and not due.keeps_strangers():
            strangers.wipe()
        return due()

    end = Eyes(
        cameras=cameras,
        counting=counting,
        recorder=Recorder(log=visits, clock=clock, kept=kept, timeline=lambda: clock.timeline),
        bus=bus,
        clock=clock,
        keep_health=keep_health,
        status=status,
        due=due_now,
        errands=errands,
        changed=lambda: (
            not same_for_the_eyes(config, settings_in_force(own, db)) or drawn != _revs(db)
        ),
        time=time,
        watched=_watched(config, db, clock),
        drawn=drawn,
    ).run(stop)
    if end == "mode":
        # Whatever it knew of faces is gone with its memory.
        begin_anew("another mode or other settings are due; the eyes begin anew")


def _revs(db: Database) -> dict[str, int]:
    """Return the revision of each camera's drawing."""
    return {name: one.rev for name, one in drawings(db).items()}


def _watched(
    config: EdgeConfig, db: Database, clock: SteadyClock
) -> Callable[[Mapping[str, str]], None]:
    """Return what notes how long all cameras at the doors work, by a time that is sure."""
    doors = [camera.name for camera in config.camera if camera.role == "entrance"]
    watched = Watched(db)

    def note(states: Mapping[str, str]) -> None:
        works = bool(doors) and all(states.get(door) == "ok" for door in doors)
        watched.note(works=works and clock.state() == "ok", at=clock.now(), mono=clock.mono())

    return note


def _share(
    config: EdgeConfig,
    epoch: str,
    clock: SteadyClock,
    root: Callable[[], bytes | None],
    stop: threading.Event,
) -> None:
    """Start what shares templates with other boxes, where this box has a certificate."""
    if config.uplink is None or why_not(config) is not None:
        return
    place = f"{config.store.id}/{config.box.id}"
    sharing = Sharing(
        place=place,
        db=connect(config.data_dir, limit_bytes=config.box.store_limit),
        papers=Papers(place, config.uplink, config.base).read,
        root=root,
        model=own_model,
        epoch=epoch,
        clock=clock,
    )
    # A daemon: it keeps nothing that a power cut would not find again.
    threading.Thread(target=sharing.run, args=(stop,), name="sharing", daemon=True).start()


def _opened(kind: Callable[[int], T], descriptor: int | None) -> T | None:
    """Return what is behind an inherited descriptor; without it the box counts."""
    if descriptor is None:
        return None
    try:
        return kind(descriptor)
    except MemoryFault as exc:
        log.error("%s", exc)
        return None


def _recognition(
    config: EdgeConfig,
    status: ModeStatus,
    due: Permission,
    book: VisitBook,
    db: Database,
    strangers: SecretMemory | None,
) -> Recognition | None:
    """Return the recognition that the mode allows; None: this process loads no face model."""
    root = due.root()
    if status.mode == "count" or root is None:
        return None
    from edge.app.faces import recognition_of  # loads the face models: never in `count`

    try:
        return recognition_of(
            config,
            status,
            cameras={c.name for c in config.camera},
            book=book,
            db=db,
            root=root,
            strangers=strangers if status.everybody else None,
        )
    except MenkouFault as exc:
        log.error("faces cannot be read: %s", exc)
        due.models = False
        return None
