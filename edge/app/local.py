"""The shop's own broker as the settings describe it; for the front process."""

import logging
import threading
from collections.abc import Callable

from sqlite_utils import Database

from edge.app.uplink import host_and_port
from edge.config import EdgeConfig
from edge.config_outlets import ShopLocalSection
from edge.config_sections import file_of
from edge.front import ShopFront
from edge.local.discovery import discovery_of
from edge.local.publisher import Account, LocalPublisher
from edge.local.state import alert_of, state_of
from edge.local.topics import LocalTopics
from edge.uplink.link import Broker, UplinkFault
from edge.wire.topics import BoxAddress
from menkou.settings import read_secret

log = logging.getLogger(__name__)


def shop_local(
    config: EdgeConfig, front: ShopFront, db: Callable[[], Database]
) -> list[Callable[[threading.Event], None]]:
    """Return what tells the shop's own broker until stopped; nothing where none is set.

    A password or certificates that cannot be used are logged: the page and the uplink go on.
    """
    if config.shop_local is None:
        return []
    try:
        return [_publisher(config, config.shop_local, front, db).run]
    except UplinkFault as exc:
        log.error("the shop's own broker is told nothing: %s", exc)
        return []


def _publisher(
    config: EdgeConfig,
    section: ShopLocalSection,
    front: ShopFront,
    db: Callable[[], Database],
) -> LocalPublisher:
    base = config.base
    host, port, tls = host_and_port(section.broker)
    key = file_of(section.key)
    topics = LocalTopics(
        address=BoxAddress(store=config.store.id, box=config.box.id), prefix=section.discovery
    )
    account = None
    if section.username is not None and section.password is not None:
        try:
            password = read_secret(section.password, base)
        except ValueError as exc:
            raise UplinkFault(f"[shop_local] password: {exc}") from None
        account = Account(username=section.username, password=password)
    return LocalPublisher(
        broker=Broker(
            host=host,
            port=port,
            tls=tls,
            ca=base / section.ca if section.ca else None,
            cert=base / section.cert if section.cert else None,
            key=base / key if key else None,
        ),
        account=account,
        topics=topics,
        discovery=discovery_of(
            topics,
            shop_name=config.store.name,
            cameras=[camera.name for camera in config.camera],
            language=section.language,
        ),
        state=lambda: state_of(front.view()),
        alert=alert_of,
        db=db,
    )
