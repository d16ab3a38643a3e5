"""The desks of the shop, as the settings describe them: one for each topic of pages and API.

Called by `edge.app.front`. A new desk is one line in `desks_of`, and where something runs for it
beside the pages, one in `works_of`.
"""

import threading
from collections.abc import Callable
from functools import partial

from sqlite_utils import Database

from edge.app.common import timelines
from edge.app.corner import corner_desk
from edge.app.keys import keyring
from edge.app.photos import PhotoJudges
from edge.app.queue import queue_desk
from edge.app.service import service_desk
from edge.clock import SteadyClock, boot_id
from edge.config import EdgeConfig
from edge.console.api import SenderDesk, TokenDesk
from edge.console.app import Desks
from edge.console.checkin import GuestScreen
from edge.console.clock import ClockDesk
from edge.console.codes import CodeDesk
from edge.console.desk import Desk
from edge.console.devices import DeviceDesk
from edge.console.trust import Ways
from edge.desk.appointments import AppointmentDesk
from edge.desk.drop import DropFolder
from edge.desk.floor import Floor
from edge.desk.intake import ImportDesk
from edge.desk.join import JoinDesk, Responsible
from edge.desk.means import Means
from edge.desk.members import MemberDesk
from edge.desk.sources import SourceDesk
from edge.desk.till import TillDesk
from edge.front import ShopFront
from edge.live import LiveState
from edge.modes import judge
from edge.ports import Clock
from edge.store.ballast import give_up
from edge.store.devices import Devices
from edge.store.senders import Senders, secrets_root
from edge.store.switches import FACES, is_off
from edge.store.tokens import Tokens
from menkou.listen import Listen
from menkou.web.stream import Broadcast

Work = Callable[[threading.Event], None]


def desks_of(
    own: EdgeConfig,
    config: EdgeConfig,
    means: Means,
    *,
    clock: SteadyClock,
    listen: Listen,
    live: LiveState,
    front: ShopFront,
    broadcast: Broadcast,
    judges: PhotoJudges,
) -> Desks:
    """Return all desks.

    Args:
        own: the settings file.
        config: what holds.
        means: what every desk works with.
        clock: the clock of `means`, which people can set.
        listen: how the pages are served.
        live: what the other parts told.
        front: what knows the uplink.
        broadcast: reaches the open pages.
        judges: judge guests' photos.
    """
    db, now = means.db, means.now
    secrets = secrets_root(config.data_dir)
    floor = Floor(means)
    service = service_desk(config, means, floor.people)
    members = MemberDesk(means)
    return Desks(
        arrivals=Desk(
            means,
            store_id=config.store.id,
            hours=config.opening_hours,
            floor=floor,
            service=service,
            make_room=partial(give_up, config.data_dir),
            news=lambda: broadcast.number,
        ),
        devices=DeviceDesk(
            devices=lambda: Devices(db()), now=now, listen=listen, revoked=broadcast.doubt
        ),
        clock=ClockDesk(
            db=db,
            clock=clock,
            timelines=lambda: timelines(db()),
            boot=boot_id(),
            wake=means.wake,
        ),
        codes=CodeDesk(means, shop=config.store.name),
        screen=GuestScreen(
            cameras=[one.name for one in config.camera if one.role == "checkin"], told=live.prompt
        ),
        floor=floor,
        queue=queue_desk(config, means),
        appointments=AppointmentDesk(means, staff=floor.people),
        sources=SourceDesk(
            means, channels=config.channels, fixed=config.channels_fixed, staff=floor.people
        ),
        service=service,
        tokens=TokenDesk(tokens=lambda: Tokens(db()), now=now, revoked=broadcast.doubt),
        senders=SenderDesk(senders=lambda: Senders(db(), secrets), now=now, trusted=means.is_sure),
        till=TillDesk(means, store_id=config.store.id, root=secrets),
        members=members,
        imports=ImportDesk(means, register=members.register),
        join=JoinDesk(
            means,
            shop=config.store.id,
            members=members,
            responsible=lambda: responsible(config, means.db(), means.clock),
            judges=judges,
        ),
        corner=corner_desk(own, config, means, clock=clock, live=live, front=front),
        ways=Ways(
            ca=config.base / config.console.ca if config.console.ca else None,
            port=listen.port,
            has_tls=listen.has_tls,
        ),
    )


def works_of(config: EdgeConfig, desks: Desks) -> list[Work]:
    """Return what runs for the desks beside the pages, each in a thread of its own."""
    works: list[Work] = [
        desks.queue.run,
        desks.till.run,
        desks.appointments.watch.run,
        desks.corner.run,
    ]
    if config.till.drop_dir is not None:
        folder = config.base / config.till.drop_dir
        works.append(DropFolder(folder, desks.till, currency=config.till.currency).run)
    return works


def responsible(config: EdgeConfig, db: Database, clock: Clock) -> Responsible | None:
    """Return who answers for faces, as the declaration says; None where none may be read now.

    Guests are then not asked: a template that nobody may use is not to be stored.
    """
    status = judge(
        config, now=clock.now(), clock=clock.state(), faces_off=is_off(db, FACES), key=True
    )
    if status.mode == "count" or config.declaration is None:
        return None
    if keyring(config, db).published() is None:
        return None
    said = config.declaration
    return Responsible(controller=said.controller, contact=said.contact)
