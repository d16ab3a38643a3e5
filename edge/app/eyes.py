"""The eyes process: cameras, counting, and the store."""

from collections.abc import Callable, Sequence

from edge.app.common import reading_of, run_dir, steady_clock, stop_on_signals
from edge.app.counting import counting_of
from edge.bus import Bus, Note
from edge.config import EdgeConfig
from edge.core.visit import time_of
from edge.eyes import Eyes
from edge.pipeline import Recorder
from edge.ports import CameraStateCode, Fact
from edge.sensors.camera import LiveCamera
from edge.sensors.mailbox import Mailbox
from edge.sensors.recording import quiet_opencv
from edge.store.database import connect
from edge.store.ledger import SqliteVisitLog
from edge.wire.messages import Health


def run_eyes(config: EdgeConfig, epoch: str) -> None:
    """Run the eyes process until SIGTERM.

    Raises:
        edge.eyes.CameraStuck: a driver hangs; the supervisor starts the process anew.
    """
    quiet_opencv()
    stop = stop_on_signals()
    db = connect(config.data_dir)
    clock = steady_clock(db)
    visits = SqliteVisitLog(db, epoch, "run")
    bus = Bus(run_dir(config), "eyes")

    def kept(facts: Sequence[Fact]) -> None:
        clock.raise_floor(max(time_of(fact.change) for fact in facts))
        bus.send("front", Note(sender="eyes", new=True))

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

    Eyes(
        cameras=cameras,
        counting=counting_of(config, {c.name for c in config.camera}, visits),
        recorder=Recorder(log=visits, clock=clock, kept=kept),
        bus=bus,
        clock=clock,
        keep_health=keep_health,
    ).run(stop)
