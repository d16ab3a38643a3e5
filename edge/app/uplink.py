"""The uplink as the settings describe it; for the front and for a replay that publishes."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from edge.config import EdgeConfig
from edge.config_sections import UplinkSection, file_of
from edge.ports import Clock
from edge.store.outbox import Outbox
from edge.uplink.link import Broker, Condition, Identity
from edge.uplink.mqtt import MARK_EVERY_S, Uplink
from edge.wire.topics import BoxAddress
from menkou import __version__


def broker_of(section: UplinkSection, base: Path) -> Broker:
    """Return the configured broker; relative paths are taken from `base`."""
    parts = urlsplit(section.broker)
    tls = parts.scheme == "mqtts"
    key = file_of(section.key)
    return Broker(
        host=parts.hostname or "",
        port=parts.port or (8883 if tls else 1883),
        tls=tls,
        ca=base / section.ca if section.ca else None,
        cert=base / section.cert if section.cert else None,
        key=base / key if key else None,
    )


def uplink_of(
    config: EdgeConfig,
    section: UplinkSection,
    *,
    outbox: Callable[[], Outbox],
    condition: Callable[[], Condition],
    clock: Clock,
    mark_every_s: float = MARK_EVERY_S,
) -> Uplink:
    """Return the uplink to the configured broker; see there for the rest."""
    return Uplink(
        broker=broker_of(section, config.base),
        identity=Identity(
            address=BoxAddress(store=config.store.id, box=config.box.id),
            name=config.store.name,
            timezone=config.store.timezone,
            version=__version__,
        ),
        outbox=outbox,
        condition=condition,
        clock=clock,
        mark_every_s=mark_every_s,
    )
