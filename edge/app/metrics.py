"""The box's metrics: what the front process knows, from the store, the bus' notes and the board."""

import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from edge.app.board import temperatures
from edge.clock import SteadyClock
from edge.config import EdgeConfig
from edge.front import ShopFront
from edge.learning import learnt_hours
from edge.live import LiveState
from edge.metrics import BoxCollector, BoxFigures, CameraFigures, StreetFigures, UplinkFigures
from edge.store import consents
from edge.store.audit import Audit
from edge.store.database import FILE_NAME
from edge.store.outbound import held
from edge.store.outbox import Outbox
from edge.store.presence import last_minute_at, latest_basis
from edge.store.shares import counts
from menkou import __version__
from menkou.metrics import registry_of, serve_metrics

log = logging.getLogger(__name__)

VERIFY_EVERY_S: Final = 3600.0
"""Computing the chains anew reads two tables whole."""


class BoxMetrics:
    """Gathers the figures at each scrape, and computes the chains anew now and then.

    Args:
        config: the settings.
        db: the calling thread's connection.
        live: the notes of the other parts.
        clock: the box's clock.
        front: the page's figures and the uplink.
    """

    def __init__(
        self,
        *,
        config: EdgeConfig,
        db: Callable[[], Database],
        live: LiveState,
        clock: SteadyClock,
        front: ShopFront,
    ) -> None:
        self._config = config
        self._db = db
        self._live = live
        self._clock = clock
        self._front = front
        self._chains: Mapping[str, bool] = {}

    def threads(self) -> list[Callable[[threading.Event], None]]:
        """Return what has to run until stopped; nothing where no metrics are served."""
        listen = self._config.metrics.listen_at(self._config.base)
        if listen is None:
            return []
        registry = registry_of(BoxCollector(self.figures))
        return [partial(serve_metrics, registry, listen), self.verify]

    def verify(self, stop: threading.Event) -> None:
        """Compute the audit log's and the consents' chains anew, every hour until `stop` is set."""
        while not stop.is_set():
            verdicts = {"audit": Audit(self._db()).verify(), "consent": consents.verify(self._db())}
            for name, verdict in verdicts.items():
                if verdict.broken is not None:
                    log.error("the chain of %s is broken at row %d", name, verdict.broken)
            self._chains = {name: one.broken is None for name, one in verdicts.items()}
            stop.wait(VERIFY_EVERY_S)

    def figures(self) -> BoxFigures:
        """Return the box as it is now."""
        outbox, uplink = Outbox(self._db()), self._front.uplink
        backlog = outbox.backlog()
        condition = self._front.condition()
        shared, messages = counts(self._db()), held(self._db())
        disk = shutil.disk_usage(self._config.data_dir)
        return BoxFigures(
            store=self._config.store.id,
            box=self._config.box.id,
            version=__version__,
            now=self._clock.now(),
            committed=outbox.committed(),
            waiting=backlog.events,
            oldest_at=backlog.oldest_at,
            uplink=UplinkFigures(
                connected=uplink.state == "connected",
                sent=uplink.sent,
                acknowledged=uplink.acknowledged,
            )
            if uplink
            else None,
            refused=self._live.refused(),
            unconfirmed=self._live.unconfirmed(),
            clock_ok=self._clock.state() == "ok",
            mode=condition.mode,
            mode_wanted=condition.mode_wanted,
            cameras=tuple(
                CameraFigures(name=c.name, state=c.state, frames_per_s=c.frames_per_s)
                for c in self._live.cameras()
            ),
            parts={part.name: (part.state, part.restarts) for part in self._live.parts()},
            store_bytes=_store_bytes(self._config.data_dir),
            store_limit=self._config.box.store_limit,
            disk_free_bytes=disk.free,
            disk_bytes=disk.total,
            temperatures=temperatures(),
            chains=self._chains,
            shares={one.place: (one.shared, one.waiting, one.came) for one in shared},
            keys_refused=sum(one.key == "refused" for one in shared),
            gallery=self._front.gallery(),
            radio=self._live.radio(),
            street=self._street() if self._config.wifi.enabled else None,
            messages_waiting=messages.waiting,
            messages_lost=messages.lost,
            certificate_until=self._front.reach().expires_at,
        )

    def _street(self) -> StreetFigures:
        learnt, needed = learnt_hours(self._db(), latest_basis(self._db(), self._clock.now()))
        return StreetFigures(learnt=learnt, needed=needed, heard_at=last_minute_at(self._db()))


def _store_bytes(data_dir: Path) -> int:
    """Return the size of the database with its write-ahead log, which comes and goes."""
    files = (data_dir / FILE_NAME, data_dir / f"{FILE_NAME}-wal")
    return sum(file.stat().st_size for file in files if file.exists())
