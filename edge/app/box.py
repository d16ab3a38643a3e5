"""`menkou-edge run`: the supervisor of a box."""

import logging
from pathlib import Path

from edge.app.common import reading_of, run_dir, steady_clock, stop_on_signals
from edge.bus import Bus
from edge.config import EdgeConfig
from edge.store.database import StoreAway, StoreLock, connect, migrate
from edge.store.ledger import SqliteVisitLog
from edge.store.outbox import Outbox
from edge.supervisor import Supervisor, python_part
from edge.wire.messages import Health

log = logging.getLogger(__name__)


def run_box(config: EdgeConfig, config_path: Path) -> None:
    """Run the supervisor until SIGTERM.

    Raises:
        edge.store.database.StoreFault: the data directory cannot be used.
    """
    stop = stop_on_signals()
    lock = StoreLock(config.data_dir)
    db = connect(config.data_dir)
    migrate(db)
    epoch = Outbox(db).begin_epoch(steady_clock(db).now(), "run")
    visits = SqliteVisitLog(db, epoch, "run")

    def restarted(part: str) -> None:
        try:
            visits.health(
                Health(part=part, camera=None, state="restarted"), reading_of(steady_clock(db))
            )
        except StoreAway as exc:
            log.error("the restart of %s is not kept: %s", part, exc)

    common = ("--config", str(config_path), "--epoch", epoch)
    Supervisor(
        parts=[python_part("eyes", "eyes", *common), python_part("front", "front", *common)],
        bus=Bus(run_dir(config), "supervisor"),
        pass_fds=[lock.fd],
        restarted=restarted,
    ).run(stop)
