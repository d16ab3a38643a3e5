"""The uplink as the settings describe it; for the front and for a replay that publishes."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from edge.config import EdgeConfig
from edge.config_sections import UplinkSection, file_of
from edge.ports import Clock
from edge.store.outbox import Outbox
from edge.uplink.down import Down
from edge.uplink.link import Broker, Condition, Hardware, Identity
from edge.uplink.mqtt import MARK_EVERY_S, Uplink
from edge.wire.topics import BoxAddress
from menkou import __version__


def host_and_port(url: str) -> tuple[str, int, bool]:
    """Split a checked address of a broker into host, port, and whether it speaks TLS."""
    parts = urlsplit(url)
    tls = parts.scheme == "mqtts"
    return parts.hostname or "", parts.port or (8883 if tls else 1883), tls


def broker_of(section: UplinkSection, base: Path) -> Broker:
    """Return the configured broker; relative paths are taken from `base`."""
    host, port, tls = host_and_port(section.broker)
    key = file_of(section.key)
    return Broker(
        host=host,
        port=port,
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
    hardware: Callable[[], Hardware] = Hardware,
    orders: Callable[[], Down] | None = None,
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
        hardware=hardware,
        orders=orders,
        mark_every_s=mark_every_s,
    )
