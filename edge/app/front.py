"""The front process: the box's pages and the uplink."""

import logging
import threading
from dataclasses import replace
from functools import partial

from edge.app.board import hardware
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
from edge.app.desks import desks_of, works_of
from edge.app.keys import keyring
from edge.app.local import shop_local
from edge.app.metrics import BoxMetrics
from edge.app.named import local_name, reach
from edge.app.orders import HeadOffice
from edge.app.outbound import messages_out
from edge.app.photos import PhotoJudges
from edge.app.uplink import uplink_of
from edge.bus import Bus, Note
from edge.clock import boot_id, marks_of
from edge.config import EdgeConfig
from edge.console.access import Access
from edge.console.app import create_console
from edge.console.shared import Shared
from edge.desk.means import Means
from edge.front import FrontProcess, PerThread, Shop, ShopFront
from edge.hardening import seal_process
from edge.keys.handover import KeySlot
from edge.live import LiveState
from edge.store.database import connect
from edge.store.desk_facts import Teller
from edge.store.outbox import Outbox
from edge.uplink.down import Down
from menkou.web.app import dress
from menkou.web.certificate import Certificate
from menkou.web.stream import Broadcast

log = logging.getLogger(__name__)


def run_front_process(config: EdgeConfig, epoch: str, profile_key_fd: int | None = None) -> None:
    """Run the front process until SIGTERM.

    Args:
        config: the box's settings.
        epoch: the epoch of this start.
        profile_key_fd: the slot of the profiles' key (`edge.keys.handover`); None: names are
            locked.

    Raises:
        menkou.web.errors.WebError: the page cannot be served as configured.
    """
    seal_process(quietly=True)  # the supervisor, under the same limits, has told what is refused
    stop = stop_on_signals()
    slot = KeySlot(profile_key_fd) if profile_key_fd is not None else None
    data_dir = config.data_dir
    db = PerThread(lambda: connect(data_dir))
    own, config = config, settings_in_force(config, db())
    kernel, clock = kept_clock(config), steady_clock(config, db())
    live = LiveState(tuple(camera.name for camera in config.camera))
    bus, broadcast = Bus(run_dir(config), "front"), Broadcast()

    def wake() -> None:
        bus.send("eyes", Note(sender="front", new=True))
        broadcast.publish()
        if front.uplink is not None:
            front.uplink.nudge()

    means = Means(
        db=db,
        clock=clock,
        mark=marks_of(clock, boot_id()),
        zone=config.store.zone,
        profile_root=slot.root if slot else lambda: None,
        teller=Teller(epoch=epoch, reading=lambda: reading_of(clock)),
        wake=wake,
    )
    shop = Shop(
        store_id=config.store.id,
        store_name=config.store.name,
        box_id=config.box.id,
        mode_wanted=config.privacy.mode,
        key_in_file=config.key_kind == "file",
        wifi=config.wifi.enabled,
        hours=config.opening_hours,
        gallery=config.faces.gallery,
        fpir=config.faces.fpir,
        controller=config.declaration.answering if config.declaration else None,
    )
    listen = config.console.listen_at(config.base)
    if config.till.ca is not None:
        listen = replace(listen, client_ca=config.base / config.till.ca)
    certificate = Certificate(listen) if listen.has_tls else None
    name = local_name(config, listen, broadcast.publish)
    front = ShopFront(
        shop=shop,
        db=db,
        live=live,
        clock=clock,
        follow_time=lambda: clock.take(timelines(db()).follow(kernel)),
        names_locked=means.names_locked,
        reach=partial(reach, config, name, certificate),
    )
    anew = threading.Event()

    def changed() -> None:
        anew.set()
        stop.set()

    def orders() -> Down:
        return HeadOffice(
            config=own,
            db=connect(data_dir),
            epoch=epoch,
            clock=clock,
            changed=changed,
            wake=wake,
            profile_root=means.profile_root,
        ).down()

    if config.uplink is not None:
        front.uplink = uplink_of(
            config,
            config.uplink,
            outbox=lambda: Outbox(connect(data_dir)),
            condition=front.condition,
            clock=clock,
            hardware=partial(hardware, data_dir),
            orders=orders,
        )
    judges = PhotoJudges(
        data_dir=data_dir,
        precision=config.faces.precision,
        public=lambda: keyring(config, db()).published(),
    )
    desks = desks_of(
        own,
        config,
        means,
        clock=clock,
        listen=listen,
        live=live,
        front=front,
        broadcast=broadcast,
        judges=judges,
    )
    view = Shared(front.view, lambda: broadcast.number)
    app = create_console(view, desks)
    door = Access(
        devices=desks.devices.devices, now=clock.now, listen=listen, revoked=broadcast.doubt
    )
    dress(app, listen, secret_file=config.data_dir / "console.secret", door=door)
    metrics = BoxMetrics(config=config, db=db, live=live, clock=clock, front=front)
    FrontProcess(
        app=app,
        listen=listen,
        front=front,
        live=live,
        bus=bus,
        broadcast=broadcast,
        beside=[
            *metrics.threads(),
            *shop_local(config, front, db),
            *messages_out(config, means, ended=broadcast.publish),
            *works_of(config, desks),
            *([name.run] if name else []),
        ],
        certificate=certificate,
    ).run(stop, ready=lambda url: log.info("the shop's page is open at %s", url))
    judges.close()
    if anew.is_set():
        begin_anew("head office has laid over other settings; the front begins anew")
