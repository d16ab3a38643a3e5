"""The front process: the shop's page and the uplink."""

import logging

from edge.app.common import run_dir, steady_clock, stop_on_signals
from edge.app.uplink import uplink_of
from edge.bus import Bus
from edge.config import EdgeConfig, effective_mode
from edge.console.app import create_console
from edge.front import FrontProcess, Shop, ShopFront
from edge.live import LiveState
from edge.store.database import connect
from edge.store.ledger import BASIS
from edge.store.outbox import Outbox
from menkou.web.app import dress

log = logging.getLogger(__name__)


def run_front_process(config: EdgeConfig) -> None:
    """Run the front process until SIGTERM.

    Raises:
        menkou.web.errors.WebError: the page cannot be served as configured.
    """
    stop = stop_on_signals()
    db = connect(config.data_dir)
    clock = steady_clock(db)
    live = LiveState(tuple(camera.name for camera in config.camera))
    shop = Shop(
        store_id=config.store.id,
        store_name=config.store.name,
        box_id=config.box.id,
        mode=effective_mode(config),
        mode_wanted=config.privacy.mode,
        wifi_wanted=config.wifi.enabled,
        basis=BASIS,
        hours=config.opening_hours,
    )
    front = ShopFront(shop=shop, connect=lambda: connect(config.data_dir), live=live, clock=clock)
    if config.uplink is not None:
        front.uplink = uplink_of(
            config,
            config.uplink,
            outbox=lambda: Outbox(connect(config.data_dir)),
            condition=front.condition,
            clock=clock,
        )
    listen = config.console.listen_at(config.base)
    app = create_console(front.view)
    dress(app, listen, secret_file=config.data_dir / "console.secret")
    FrontProcess(
        app=app, listen=listen, front=front, live=live, bus=Bus(run_dir(config), "front")
    ).run(stop, ready=lambda url: log.info("the shop's page is open at %s", url))
